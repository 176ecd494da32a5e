"""A laboratory: a source that moves, the product on real sockets and files, and what it then holds.

Nothing here stands in for a part of the product: a walk uses its client, its budget file and its stream, a sync is
the whole run. The tables of `connectors.simulator` say what is true.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from connectors.budget import Budget
from connectors.clock import system_clock
from connectors.http import Ceiling, HttpClient, Retries
from connectors.paging import Ask, open_window, seek
from connectors.registry import SOURCES
from connectors.simulator.script import Script
from connectors.simulator.server import Simulator, serve
from connectors.simulator.switches import DOCUMENTED, Switches
from connectors.simulator.world import Wire, World
from connectors.source import Account, Limit, Page, Stream, Window, subtract
from pipeline.config import Config, parse
from pipeline.destinations.warehouse import connect, rows
from pipeline.job import Asked, Job
from pipeline.lease import hold
from pipeline.receipt import StreamReceipt
from pipeline.run import Request, Unwatched, _job, run
from pipeline.sources import OpenSource, open_source
from pipeline.sync import sync_stream

TOKEN = "secret"
TOKENS = {TOKEN: "demo"}
NOW = datetime(2026, 1, 1, tzinfo=UTC)  # where a calendar starts unless said otherwise
FREE = Limit(per_minute=1_000_000, per_day=100_000_000)


@dataclass(slots=True)
class Calendar:
    """The source's clock; goes on by `step` whenever it is read, and wherever a test puts it."""

    at: datetime = NOW
    step: timedelta = timedelta()

    def __call__(self) -> datetime:
        self.at += self.step
        return self.at


def table(n: int, *, step: timedelta = timedelta(seconds=37), until: datetime = NOW, seed: int = 0) -> World:
    """N rows, evenly spaced, the newest a minute old."""
    chance = random.Random(seed)
    world = World(until=until)
    for place in range(n):
        at = until - timedelta(minutes=1) - step * (n - 1 - place)
        world.insert(at, rating=chance.randint(1, 5), comment=f"Linha {place}" if place % 3 else None)
    return world


@asynccontextmanager
async def source(
    world: World,
    folder: Path,
    *,
    switches: Switches = DOCUMENTED,
    script: Script | None = None,
    calendar: Calendar | None = None,
    **keys: Any,
) -> AsyncIterator[tuple[Simulator, Config]]:
    """A simulator and a config.yaml that names it; `keys` are further keys of the source."""
    now = calendar or Calendar(world.until)
    async with serve(world, tokens=TOKENS, switches=switches, script=script, now=now) as simulator:
        yield simulator, config(simulator.base_url, folder, **keys)


# -- one walk --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Bench:
    """A stream of a simulator, and the client that asks it."""

    stream: Stream
    client: HttpClient
    ask: Ask

    def with_assumptions(self, account: Account) -> "Bench":
        """A fresh stream: a real one remembers the page size that the source gives."""
        stream = SOURCES["voki"].streams(account)[0]
        return _bench(stream, self.client)


def _bench(stream: Stream, client: HttpClient) -> Bench:
    return Bench(stream, client, lambda query: stream.ask(client, query))


@asynccontextmanager
async def bench(base_url: str, folder: Path, **assume: Any) -> AsyncIterator[Bench]:
    """The Voki stream through the real client; nothing but its budget and its patience is lifted."""
    account = voki_account(base_url, **assume)
    voki, clock = SOURCES["voki"], system_clock()
    budget = Budget(folder / "budget.sqlite", clock, voki.limits(account), key="key", place_source="demo")
    client = HttpClient(
        "demo", base_url, None, budget, clock, headers=voki.headers(account), retries=Retries(first=0.001)
    )
    client.auth = voki.auth(account, client, clock)
    try:
        [stream] = voki.streams(account)
        yield _bench(stream, client)
    finally:
        await client.close()
        budget.close()


def voki_account(base_url: str, **assume: Any) -> Account:
    return Account(
        name="demo",
        system="voki",
        base_url=base_url,
        tenant="demo",
        credentials={"token": SecretStr(TOKEN)},
        streams=("evaluations",),
        page_size=100,
        limit=FREE,
        assume=assume,
    )


@dataclass(slots=True)
class Walked:
    """What a walk brought."""

    window: Window
    pages: list[Page] = field(default_factory=list)

    def ids(self) -> set[str]:
        return {record["id"] for page in self.pages for record in page.answer.records}

    def covers(self) -> list[Window]:
        return [page.covers for page in self.pages if page.covers]

    def gaps(self) -> list[Window]:
        return subtract(self.window, self.covers())


async def walk(
    one: Bench,
    lower: datetime,
    page_size: int,
    *,
    lanes: int = 2,
    stop: asyncio.Event | None = None,
) -> Walked:
    """Open a window and walk it, as a pass does."""
    window, first = await open_window(one.stream, one.ask, lower, page_size)
    walked = Walked(window, [first])
    await go_on(one, walked, page_size, lanes=lanes, stop=stop)
    return walked


async def go_on(
    one: Bench, walked: Walked, page_size: int, *, lanes: int = 2, stop: asyncio.Event | None = None
) -> None:
    """Walk what the pages so far do not cover; what comes before an error is kept."""
    halt = stop or asyncio.Event()
    async for page in seek(one.stream, one.ask, walked.window, walked.covers(), page_size, halt, lanes=lanes):
        walked.pages.append(page)


# -- one sync --------------------------------------------------------------------------------------


def config(base_url: str, folder: Path, **source: Any) -> Config:
    """A config.yaml of one Voki account; `source` are further keys of it."""
    lines = [f"    {name}: {value}" for name, value in source.items()]
    text = "\n".join(
        [
            "version: 1",
            "data_dir: ./data",
            "snapshots: {keep: 3}",
            "sources:",
            "  - system: voki",
            "    name: demo",
            f"    base_url: {base_url}",
            "    tenant: demo",
            f"    auth: {{token: {TOKEN}}}",
            *([] if "streams" in source else ["    streams: [evaluations]"]),
            "    budget: {per_minute: 1000000, per_day: 100000000, force: true}",
            *([] if "audit" in source else ["    audit: 0"]),  # tests of it say so: the others count requests
            *lines,
        ]
    )
    return parse(text, {}, folder / "config.yaml", now=datetime.now(UTC))


async def sync(to: Config, **asked: Any) -> StreamReceipt:
    """One whole run; its only stream's receipt."""
    receipt = await run(to, Request(asked=Asked(**asked)))
    assert receipt.error is None, receipt.error
    [stream] = receipt.streams
    return stream


async def sync_all(to: Config, **asked: Any) -> None:
    """One whole run of several streams, all of them good."""
    receipt = await run(to, Request(asked=Asked(**asked)))
    assert (receipt.outcome, receipt.error) == ("ok", None), [one.error for one in receipt.streams]


@asynccontextmanager
async def at_work(
    to: Config, stop: asyncio.Event | None = None, most: int | None = None, **asked: Any
) -> AsyncIterator[tuple[OpenSource, Job]]:
    """The only stream of a run as its parts use it, without marts and snapshot: a tenth of a second.

    `most` requests are sent.
    """
    ceiling = None if most is None else Ceiling(most)
    [source] = to.sources
    async with (
        hold(to, system_clock(), stop or asyncio.Event()) as held,
        open_source(source, held.folders, held.clock, ceiling, stop=held.stop) as opened,
    ):
        [stream] = opened.streams
        yield opened, _job(held, Request(asked=Asked(**asked)), opened, stream, Unwatched())


async def sync_only(
    to: Config, *, stop: asyncio.Event | None = None, most: int | None = None, **asked: Any
) -> StreamReceipt:
    """A run's way from the source to the proof."""
    async with at_work(to, stop, most, **asked) as (_, job):
        return await sync_stream(job)


COLUMNS: Mapping[str, str] = {  # of core.evaluations: what the wire calls them
    "evaluation_id": "id",
    "call_id": "call_id",
    "rating": "rating",
    "comment": "comment",
    "customer_name": "customer_name",
    "agent_name": "user_name",
    "department_name": "department_name",
    "created_at": "inserted_at",
}


def loaded(to: Config, *, deleted: bool = False) -> list[Wire]:
    """core.evaluations in the words of the wire, by id: what is present, or what is marked deleted."""
    state = "NOT NULL" if deleted else "NULL"
    columns = ", ".join(f"{column} AS {name}" for column, name in COLUMNS.items() if column != "created_at")
    time = "strftime(created_at, '%Y-%m-%dT%H:%M:%SZ') AS inserted_at"
    sql = (
        f"SELECT {columns}, {time} FROM core.evaluations WHERE _deleted_at IS {state} ORDER BY evaluation_id"  # noqa: S608
    )
    return query(to, sql)


def query(to: Config, sql: str) -> list[dict[str, Any]]:
    with connect(to.data_dir / "state" / "warehouse.duckdb", read_only=True) as db:
        return rows(db, sql)


def present(world: World, window: Window | None = None) -> list[Wire]:
    """The source's table, in the same form."""
    found = world.rows(window.lower, window.upper) if window else world.rows()
    rows_now = ({name: row.get(name) for name in COLUMNS.values()} for row in found)
    return sorted(rows_now, key=lambda row: str(row["id"]))


def within(found: Sequence[Wire], window: Window) -> list[Wire]:
    return [row for row in found if window.holds(datetime.fromisoformat(row["inserted_at"]))]


def ids(found: Collection[Wire]) -> set[str]:
    return {row["id"] for row in found}
