"""Each stage by itself on the same pages, as the product does it and as the best way known does it.

The best ways are the probe's: Arrow reads and checks all columns at once, DuckDB merges without an index. They do less:
no letter, no history, no tombstone, no check, no manifest.
"""

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
from benchmarks import parts
from benchmarks.pages import LIST, Book, body_of
from benchmarks.rivals import probe
from benchmarks.rows import make
from lab import voki_account

from connectors.registry import SOURCES
from connectors.source import EPOCH, Answer, Page, Stream, Window
from pipeline import package, passes
from pipeline.destinations.load import Package, load
from pipeline.destinations.warehouse import connect
from pipeline.notes import Note
from pipeline.passes import packed
from pipeline.privacy import Privacy
from pipeline.statements import statement
from pipeline.validate import Judged, judge

PAGE_SIZE = 1000
TOGETHER = 50  # pages that the best way parses and merges at once
NOW = datetime(2026, 1, 2, tzinfo=UTC)
WHOLE = Window(EPOCH, NOW)
BEST = {
    "decode, validate": "Arrow: JSON of 50 pages at once, masks; it makes the columns too",
    "Arrow": "with the above",
    "package": "the same bytes, compressed alike, in one file, one fsync",
    "load": "MERGE without an index",
    "Parquet": "COPY by month, zstd",
    "marts": "three GROUP BY, no check",
}


@dataclass(slots=True)
class Bench:
    """What goes from stage to stage."""

    stream: Stream
    folder: Path
    bodies: Sequence[bytes]
    judged: list[Judged]
    packages: list[Package]
    parsed: list[Any]  # Arrow tables of the best way


def measure(rows: int) -> dict[str, Any]:
    [stream] = SOURCES["voki"].streams(voki_account("http://127.0.0.1"))
    bodies = pages(rows)
    with TemporaryDirectory(prefix="bench-") as place:
        one = Bench(stream, Path(place), bodies, [], [], [])
        found = dict(_ours(one))
        best = dict(_best(one))
        check(one, rows)
    return {
        "day": f"{datetime.now(UTC):%Y-%m-%d}",
        "stages": [
            {"stage": name, "ours": found[name], "best": best[name], "way": way} for name, way in BEST.items()
        ],
    }


def pages(rows: int) -> list[bytes]:
    """The bodies of the list, oldest first."""
    book = Book(make(rows))
    numbers = range(1, -(-rows // PAGE_SIZE) + 1)
    return [
        body_of(book.answer(f"{LIST}?sort_order=asc&page_size={PAGE_SIZE}&page={number}"))
        for number in numbers
    ]


def _ours(one: Bench) -> Iterator[tuple[str, float]]:
    yield "decode, validate", parts.seconds(lambda: _judge(one))
    yield "package", parts.seconds(lambda: _seal(one))
    yield "Arrow", parts.seconds(lambda: _pack(one))
    warehouse = one.folder / "data" / "state" / "warehouse.duckdb"
    warehouse.parent.mkdir(parents=True)
    with connect(warehouse) as db:
        db.execute(statement("load/settings"), {"timezone": "UTC", "satisfied_from": 4})
        yield "load", parts.seconds(lambda: [load(db, made, NOW, nullcontext) for made in one.packages])
    yield "marts", parts.build_marts(warehouse)
    yield "Parquet", parts.publish(one.folder / "data")


def _judge(one: Bench) -> None:
    for number, body in enumerate(one.bodies, 1):
        one.judged.append(judge(one.stream, number, NOW, one.stream.decode(body), Privacy()))


def _seal(one: Bench) -> None:
    into = package.start(one.folder, "pass", WHOLE, advances=True)
    for number, body in enumerate(one.bodies, 1):
        records = one.judged[number - 1].keys
        package.seal(
            into, number, package.draft(Page(Answer(records, None, None, NOW, body), WHOLE, WHOLE), NOW)
        )


def _pack(one: Bench) -> None:
    pages = passes.BATCH // PAGE_SIZE
    for first in range(0, len(one.judged), pages):
        judged = one.judged[first : first + pages]
        note = Note(
            *("bench", "run", "pass", first + 1, first + len(judged), len(judged)), EPOCH, EPOCH, None, NOW
        )
        one.packages.append(packed("bench", one.stream, note, judged))


def _best(one: Bench) -> Iterator[tuple[str, float | None]]:
    yield "decode, validate", parts.seconds(lambda: _parse(one))
    yield "Arrow", None
    yield "package", parts.seconds(lambda: _keep(one))
    with duckdb.connect(str(one.folder / "best.duckdb")) as db:
        db.execute("SET TimeZone = 'UTC'")
        db.execute(probe.TABLE)
        yield "load", parts.seconds(lambda: _merge(db, one.parsed))
        db.execute("CHECKPOINT")
        yield "marts", parts.seconds(lambda: [db.execute(sql) for sql in probe.MARTS])
        yield "Parquet", parts.seconds(lambda: db.execute(probe.copy(one.folder / "lake")))


def _parse(one: Bench) -> None:
    for first in range(0, len(one.bodies), TOGETHER):
        one.parsed.append(probe.parse(one.bodies[first : first + TOGETHER]))


def _keep(one: Bench) -> None:
    with (one.folder / "kept").open("wb") as file:
        for body in one.bodies:
            file.write(package._ZSTD.compress(body, asbytes=True))
        parts.sync(file)


def _merge(db: duckdb.DuckDBPyConnection, parsed: Sequence[Any]) -> None:
    for rows in parsed:
        db.register("staged", rows)
        db.execute(probe.MERGE)


def check(one: Bench, rows: int) -> None:
    """Both ways have all rows."""
    for path, table in (
        (one.folder / "data" / "state" / "warehouse.duckdb", "core.evaluations"),
        (one.folder / "best.duckdb", "evaluations"),
    ):
        with duckdb.connect(str(path), read_only=True) as db:
            assert db.execute(f"SELECT count(*) FROM {table}").fetchone() == (rows,), path  # noqa: S608
