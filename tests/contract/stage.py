"""What every system sets up for the cases: one stream of it, the table behind that stream, and time to move.

A stage module, `contract.<system>_stage`, has `OPTIONS` (what the connector's streams need to know of an account)
and `open_scene(stream, folder)`. Everything is real: sockets, client, budget, files. Only clocks are arguments.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

from lab import FREE, NOW, Calendar, query

from connectors.clock import Clock, system_clock
from connectors.registry import Connector
from connectors.simulator.log import Arrival, Log
from connectors.simulator.script import Fault, Script
from connectors.source import Account, Stream, Window
from pipeline.accounts import account_of
from pipeline.config import Config, parse
from pipeline.destinations.warehouse import connect
from pipeline.folders import Folders
from pipeline.lease import hold
from pipeline.package import Pass, Sealed, sealed
from pipeline.receipt import Receipt, StreamReceipt
from pipeline.run import Request, Unwatched, _job, run
from pipeline.sources import open_source
from pipeline.sync import sync_stream

PAGE = 4  # rows; small, so that a few rows are several pages
PACE = 30.0  # how much faster than ours the product's clock goes: no case waits for a back-off
STEP = timedelta(seconds=37)  # between two rows
EARLIER = timedelta(hours=3)  # the first row, before the calendar begins
BUDGET = "{per_minute: 1000000, per_day: 100000000, force: true}"


@dataclass(frozen=True, slots=True)
class Rows:
    """The table behind a stream. `insert` puts one plausible row there; `delete` and `edit` go by its key."""

    insert: Callable[[datetime], Any]
    edit: Callable[..., None]  # the key, then fields by name
    delete: Callable[[str], None]
    every: Callable[[], Sequence[Mapping[str, Any]]]
    column: str  # a text that may change, called the same at the source and in the warehouse
    bad: Mapping[str, Any]  # a field with a value that the contract refuses
    children: Callable[[], set[str]] = set  # keys of the rows that come inside of these

    def true(self) -> dict[str, Any]:
        """What the warehouse has to hold: key -> the text that may change."""
        return {str(row["id"]): row.get(self.column) for row in self.every()}

    def keys(self) -> list[str]:
        return list(self.true())


@dataclass(slots=True)
class Time:
    """The source's calendar and the product's clock, which is in a hurry; `pass_by` moves both."""

    calendar: Calendar = field(default_factory=lambda: Calendar(NOW))
    ahead: float = 0.0
    born: float = field(default_factory=lambda: system_clock().steady())

    def pass_by(self, span: timedelta) -> None:
        self.calendar.at += span
        self.ahead += span.total_seconds()

    def clock(self) -> Clock:
        ours = system_clock()

        def gained() -> float:
            return (ours.steady() - self.born) * (PACE - 1) + self.ahead

        return Clock(
            wall=lambda: ours.wall() + gained(),
            steady=lambda: ours.steady() + gained(),
            sleep=lambda seconds: asyncio.sleep(seconds / PACE),
            boot=ours.boot,
        )


@dataclass(slots=True)
class Scene:
    """A running source with one stream in view, and the product that copies it."""

    config: Config
    connectors: Mapping[str, Connector]
    rows: Rows
    endpoint: str  # the stream's list, as the simulator calls it
    path: str  # and where it is
    script: Script
    log: Log
    time: Time
    command: Sequence[str]  # a run of the product as a process of its own
    placed: int = 0

    def __post_init__(self) -> None:
        self.script.moments = frozenset({self.endpoint})

    def add(self, n: int, at: datetime | None = None) -> None:
        """Rows one after the other, or all at one moment."""
        for _ in range(n):
            self.rows.insert(at or NOW - EARLIER + self.placed * STEP)
            self.placed += 1

    def fail(self, kind: Any, **how: Any) -> None:
        """From now on, and until `heal`, the list's answers are struck so. `at` counts from here."""
        self.script.faults[:] = [Fault(kind, match=self.endpoint, **how)]

    def heal(self) -> None:
        self.script.faults.clear()
        self.script.before.clear()

    @property
    def stream(self) -> Stream:
        [source] = self.config.sources
        [stream] = self.connectors[source.system].streams(account_of(source, self.connectors))
        return stream

    async def sync(self) -> StreamReceipt:
        """From the source to the proof, without marts and snapshot."""
        [source] = self.config.sources
        async with (
            hold(self.config, self.time.clock(), asyncio.Event()) as held,
            open_source(
                source, held.folders, held.clock, stop=held.stop, connectors=self.connectors
            ) as opened,
        ):
            [stream] = opened.streams
            return await sync_stream(_job(held, Request(), opened, stream, Unwatched()))

    async def run(self) -> Receipt:
        """A whole run."""
        return await run(self.config, clock=self.time.clock(), connectors=self.connectors)

    def held(self, *, deleted: bool = False) -> list[dict[str, Any]]:
        """The warehouse's rows: `key`, `text`, `extra`."""
        contract, state = self.stream.contract, "NOT NULL" if deleted else "NULL"
        return query(
            self.config,
            f"SELECT {contract.key} AS key, {self.rows.column} AS text, extra"  # noqa: S608
            f" FROM core.{contract.table} WHERE _deleted_at IS {state}",
        )

    def held_children(self) -> set[str]:
        child = self.stream.contract.child
        if child is None:
            return set()
        sql = f"SELECT {child.contract.key} AS key FROM core.{child.contract.table} WHERE _deleted_at IS NULL"  # noqa: S608
        return {row["key"] for row in query(self.config, sql)}

    def pages(self) -> list[Sealed]:
        """The answers that are kept on the disk."""
        [source] = self.config.sources
        folder = Folders(self.config.data_dir).of_stream(source.name, self.stream.name)
        nothing = Window(NOW, NOW)
        passes = [Pass(place.name, place, nothing, advances=False) for place in sorted(folder.glob("*/"))]
        return [page for one in passes for page in sealed(one)]

    def letters(self) -> int:
        return len(query(self.config, "FROM meta.dead_letters"))

    def asked(self) -> list[Arrival]:
        """The requests for the list; whatever else the stream asks for has other paths."""
        return [one for one in self.log.arrivals if one.path == self.path]


class Stage(Protocol):
    """What a stage module offers."""

    OPTIONS: Mapping[str, Any]

    def open_scene(self, stream: str, folder: Path) -> AbstractAsyncContextManager[Scene]: ...


def configured(folder: Path, *lines: str) -> tuple[Config, Path]:
    """A config.yaml with one source of these lines; it and its place."""
    head = ["version: 1", "data_dir: ./data", "sources:", "  - name: demo", f"    budget: {BUDGET}"]
    place = folder / "config.yaml"
    place.write_text("\n".join([*head, *(f"    {line}" for line in lines)]))
    config = parse(place.read_text(), {}, place, now=datetime.now(UTC))
    folders = Folders(config.data_dir)
    folders.make()
    if not folders.warehouse.exists():
        folders.warehouse.write_bytes(_empty_warehouse())
    return config, place


@cache
def _empty_warehouse() -> bytes:
    """As a first run makes it; made once, because every case begins with one."""
    with TemporaryDirectory() as folder:
        with connect(Path(folder) / "warehouse.duckdb"):
            pass
        return (Path(folder) / "warehouse.duckdb").read_bytes()


def streams_of(system: str, connector: Connector, stage: Stage) -> list[str]:
    """The names of all streams that the connector has."""
    account = Account(
        name="demo",
        system=system,
        base_url="http://127.0.0.1:1",
        tenant="demo",
        credentials={},
        streams=(),
        page_size=PAGE,
        limit=FREE,
        options=stage.OPTIONS,
    )
    return [stream.name for stream in connector.streams(account)]
