"""The toy's simulator: two tables behind an aiohttp application. Imports nothing of the connector."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from aiohttp import web

from connectors.simulator.clock import Now, read_time, stamp
from connectors.simulator.exchange import exchange
from connectors.simulator.listen import listening
from connectors.simulator.log import Arrival, Log
from connectors.simulator.script import Fault, Script
from connectors.simulator.table import Label, Table
from connectors.simulator.wire import Answer

TOKEN = "open-sesame"


def _everything(_: Mapping[str, Any]) -> Iterator[Label]:
    yield "all"


def _note(row_id: str, at: int) -> dict[str, Any]:
    return {"id": row_id, "text": f"Recado {row_id[:4]}", "inserted_at": stamp(at), "read_at": stamp(at)}


def _guest(row_id: str, _: int) -> dict[str, Any]:
    return {"id": row_id, "name": "Visita"}


@dataclass(slots=True)
class GuestBook:
    """The running source."""

    now: Now
    log: Log
    script: Script
    notes: Table = field(default_factory=lambda: Table("toy/notes", _note, _everything))
    guests: Table = field(default_factory=lambda: Table("toy/guests", _guest, _everything))
    base_url: str = ""


@asynccontextmanager
async def serve(script: Script, now: Now) -> AsyncIterator[GuestBook]:
    book = GuestBook(now, Log(now, monotonic), script)
    app = web.Application()
    for name, table in (("notes", book.notes), ("guests", book.guests)):
        app.router.add_get(f"/{name}", _responder(book, name, table))
    async with listening(app, 0) as book.base_url:
        yield book


def _responder(book: GuestBook, name: str, table: Table) -> Any:
    async def respond(request: web.Request) -> web.StreamResponse:
        def answering(_body: bytes, fault: Fault | None, _arrival: Arrival) -> Answer:
            if request.headers.get("Authorization") != f"Bearer {TOKEN}":
                return Answer(401, {"error": "who are you?"})
            page = _page(table, request)
            if fault and fault.kind == "foreign_next":
                page["next"] = fault.location
            return Answer(200, page)

        return await exchange(book, (name, f"/{name}"), "toy", request, answering)

    return respond


def _page(table: Table, request: web.Request) -> dict[str, Any]:
    query = request.query
    keys, low, high = table.span(_seconds(query.get("since")), _seconds(query.get("before")))
    found = keys[low:high][::-1] if query.get("order") == "desc" else keys[low:high]
    number, size = int(query.get("page", "1")), int(query.get("size", "20"))
    items = [table.row(key) for key in found[(number - 1) * size : number * size]]
    more = number * size < len(found)
    following = str(request.rel_url.update_query(page=str(number + 1))) if more else None
    return {"items": items, "count": len(found), "next": following}


def _seconds(text: str | None) -> int | None:
    moment = read_time(text) if text else None
    return int(moment.timestamp()) if moment is not None and hasattr(moment, "timestamp") else None
