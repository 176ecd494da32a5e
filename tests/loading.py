"""Loads as the tests make them: a source's rows, the package that a page of them becomes, and what is there after."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb

from connectors.source import EPOCH, Stream, key_of
from connectors.voki.streams import cursor_of
from pipeline.destinations.load import Package, Tile, load
from pipeline.destinations.loaded import Loaded
from pipeline.privacy import Privacy
from pipeline.validate import judge, newest
from schemas.voki import EVALUATIONS

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
NOW = NOON + timedelta(hours=1)
HOUR = timedelta(hours=1)
Row = dict[str, Any]


async def never(*_: Any) -> Any:
    raise AssertionError("a load asks no source")


STREAM = Stream("evaluations", EVALUATIONS, "evaluations", never, None, lambda _: [], cursor_of, key_of)


def row(key: str, at: datetime = NOON - HOUR, rating: Any = 5, **more: Any) -> Row:
    return {"id": key, "rating": rating, "inserted_at": at.isoformat(), **more}


def package(
    rows: Sequence[Row], page: int = 1, observed: datetime = NOON, tiles: Sequence[Tile] = (), **more: Any
) -> Package:
    """What a page of these rows becomes."""
    valid = newest(EVALUATIONS, [judge(STREAM, page, observed, rows, Privacy())])
    made = Package(
        source="demo",
        tenant="norte",
        stream="evaluations",
        contract=EVALUATIONS,
        pass_id="pass",
        run_id="run",
        first_page=page,
        last_page=page,
        fetched=valid.fetched,
        duplicates=valid.duplicates,
        table=valid.rows,
        child=None,
        dead=valid.dead,
        tiles=tiles,
        oldest=EPOCH,
        watermark=None,
    )
    return replace(made, **more)


def tile(begin: datetime, end: datetime, observed: datetime = NOON) -> Tile:
    return Tile(begin, end, observed)


ALL = tile(EPOCH, NOON)


@contextmanager
def open_fence() -> Iterator[None]:
    yield


def put(db: duckdb.DuckDBPyConnection, one: Package, now: datetime = NOW) -> Loaded:
    return load(db, one, now, open_fence)


def ratings(db: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """The rows that are there and not deleted."""
    return dict(
        db.execute("SELECT evaluation_id, rating FROM core.evaluations WHERE _deleted_at IS NULL").fetchall()
    )


def gone(db: duckdb.DuckDBPyConnection) -> set[str]:
    found = db.execute("SELECT evaluation_id FROM core.evaluations WHERE _deleted_at IS NOT NULL").fetchall()
    return {key for (key,) in found}


def letters(db: duckdb.DuckDBPyConnection) -> dict[str, str]:
    return dict(db.execute("SELECT record_key, pointer FROM meta.dead_letters").fetchall())


def everything(db: duckdb.DuckDBPyConnection) -> list[Any]:
    tables = ("core.evaluations", "meta.loads", "meta.watermarks", "meta.dead_letters")
    return [db.execute(f"SELECT * FROM {table} ORDER BY ALL").fetchall() for table in tables]  # noqa: S608
