"""What is answered: the page, the JSON behind each of its panels, and each of its tables as a file."""

import asyncio
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
from aiohttp import hdrs, web

from pipeline.web.downloads import csv_file, parquet_file
from pipeline.web.filters import Filters, read
from pipeline.web.health import Health
from pipeline.web.pages import render
from pipeline.web.panels import COMMENTS_SHOWN, PANELS, Seen
from pipeline.web.reading import Reading
from pipeline.web.sections import TABLES, draw

READING = web.AppKey("reading", Reading)
LEDGERS = {"runs": "Runs", "budgets": "Budgets"}  # tables that no snapshot has
FILES = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}


async def dashboard(request: web.Request) -> web.StreamResponse:
    filters, reading = _filters(request), request.app[READING]
    state = await reading.health()
    figures = await reading.page(filters, TABLES, lambda seen: draw(seen, filters))
    page = render("page.html", health=state, figures=figures, filters=filters)
    return web.Response(text=page, content_type="text/html")


async def api_index(_: web.Request) -> web.StreamResponse:
    """What there is to ask for."""
    titles = {name: panel.title for name, panel in PANELS.items()} | LEDGERS
    return web.json_response(
        {
            "panels": [
                {"panel": name, "title": title, "path": f"/api/{name}"} for name, title in titles.items()
            ]
        }
    )


async def api(request: web.Request) -> web.StreamResponse:
    name = request.match_info["panel"]
    if name == "health":
        state = await request.app[READING].health()
        return web.json_response(_health(state))
    table, seen = await _table(request, whole=False)
    shown = table.slice(0, COMMENTS_SHOWN) if name == "comments" else table
    span = seen and seen.span
    answer = {
        "panel": name,
        "snapshot": seen and seen.snapshot,
        "from": span and span.first.isoformat(),
        "to": span and span.last.isoformat(),
        "rows": [{column: _plain(value) for column, value in row.items()} for row in shown.to_pylist()],
        "more": shown.num_rows < table.num_rows,
    }
    return web.json_response(answer)


async def download(request: web.Request) -> web.StreamResponse:
    """A table as a file, all of its rows."""
    name, kind = request.match_info["panel"], request.match_info["kind"]
    if kind not in FILES:
        raise web.HTTPNotFound
    table, _ = await _table(request, whole=True)
    content = await asyncio.to_thread(csv_file if kind == "csv" else parquet_file, table)
    headers = {
        hdrs.CONTENT_TYPE: FILES[kind],
        hdrs.CONTENT_DISPOSITION: f'attachment; filename="evalsync-{name}.{kind}"',
    }
    return web.Response(body=content, headers=headers)


async def _table(request: web.Request, *, whole: bool) -> tuple[pa.Table, Seen | None]:
    name, reading = request.match_info["panel"], request.app[READING]
    filters = _filters(request)
    if name in LEDGERS:
        return (await reading.health()).table(name), None
    if name not in PANELS:
        raise web.HTTPNotFound
    seen = await reading.tables(filters, [name], whole=whole)
    table = seen.tables.get(name) if seen else None
    return (pa.table({}) if table is None else table), seen


def _filters(request: web.Request) -> Filters:
    try:
        return read(request.query)
    except ValueError as error:
        raise web.HTTPBadRequest(text=str(error)) from None


def _health(state: Health) -> dict[str, Any]:
    """Without the places of this machine."""
    found = {name: state.found[name] for name in ("streams", "runs", "budgets")}
    return {"state": state.state, "sentence": state.sentence, "seconds_since_proven": state.seconds, **found}


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, date | datetime) else value
