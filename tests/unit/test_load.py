"""One package into the warehouse: all of it once, the newest version of each row, and tombstones only on proof.

Kills: append in place of merge; last write wins; a tombstone for what was merely not seen, for what retention has
purged, or for a fifth of everything at once; a tombstone that no row comes back from; letters that never heal; a
commit without the fence.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from connectors.source import EPOCH, Stream, key_of
from connectors.voki.streams import cursor_of
from pipeline.destinations.load import MANY, Package, Tile, load
from pipeline.destinations.loaded import Loaded
from pipeline.destinations.warehouse import connect
from pipeline.privacy import Privacy
from pipeline.validate import judge, newest
from schemas.errors import LoadError
from schemas.voki import EVALUATIONS

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
NOW = NOON + timedelta(hours=1)
HOUR = timedelta(hours=1)
Row = dict[str, Any]


async def never(*_: Any) -> Any:
    raise AssertionError("a load asks no source")


STREAM = Stream("evaluations", EVALUATIONS, "evaluations", never, None, lambda _: [], cursor_of, key_of)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with connect(tmp_path / "warehouse.duckdb") as connection:
        yield connection


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


def test_a_package_is_loaded_once_however_often_it_comes(db: duckdb.DuckDBPyConnection) -> None:
    one = package([row("a"), row("b", rating=9), row("a", rating=4)], watermark=NOON, tiles=[ALL])
    counts = Loaded(fetched=3, inserted=1, dead_letters=1, duplicates=1)
    assert put(db, one) == counts
    before = everything(db)
    assert put(db, one, NOW + HOUR) == Loaded()
    assert put(db, replace(one, run_id="another run"), NOW + HOUR) == Loaded()
    assert everything(db) == before
    assert ratings(db) == {"a": 4}


def test_what_was_loaded_is_counted_as_new_changed_or_the_same(db: duckdb.DuckDBPyConnection) -> None:
    put(db, package([row("same"), row("changed"), row("other")]))
    rows = [row("same"), row("changed", comment="agora"), row("new")]
    result = put(db, package(rows, page=2, observed=NOON + HOUR), NOW + HOUR)
    assert result == Loaded(fetched=3, inserted=1, updated=1, unchanged=1)
    times = dict(
        db.execute("SELECT evaluation_id, (_first_loaded_at, _loaded_at) FROM core.evaluations").fetchall()
    )
    assert times["same"] == times["other"] == (NOW, NOW)
    assert times["changed"] == (NOW, NOW + HOUR)
    assert times["new"] == (NOW + HOUR, NOW + HOUR)


@pytest.mark.parametrize(
    "change",
    [
        {"rating": 1},
        {"comment": ""},
        {"comment": None},
        {"call_id": "c"},
        {"customer_name": "Ana"},
        {"user_name": "Rui"},
        {"department_name": "Suporte"},
        {"inserted_at": (NOON - 2 * HOUR).isoformat()},
        {"channel": "voz"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_change_of_any_field_is_seen(db: duckdb.DuckDBPyConnection, change: Row) -> None:
    """Also from null, to null and in fields that the contract does not know."""
    put(db, package([row("a", comment="antes")]))
    assert put(db, package([row("a", comment="antes") | change], page=2)).updated == 1
    assert put(db, package([row("a", comment="antes") | change], page=3)).unchanged == 1


def test_the_newest_version_stays_whatever_comes_later(db: duckdb.DuckDBPyConnection) -> None:
    put(db, package([row("a", rating=3)], observed=NOON))
    stale = put(db, package([row("a", rating=1)], page=2, observed=NOON - timedelta(seconds=1)))
    assert (stale.updated, stale.unchanged, ratings(db)) == (0, 1, {"a": 3})
    put(db, package([row("a", rating=2)], page=3, observed=NOON))  # of the same second: the later answer
    assert ratings(db) == {"a": 2}


def test_keys_are_unique_within_a_source_and_tenant_only(db: duckdb.DuckDBPyConnection) -> None:
    put(db, package([row("a", rating=1)]))
    put(db, package([row("a", rating=2)], tenant="sul", page=2))
    put(db, package([row("a", rating=3)], source="other"))
    put(db, package([], tiles=[ALL], page=3))  # the first tenant's row is gone, and nobody else's
    found = db.execute(
        "SELECT source, tenant, rating, _deleted_at IS NULL FROM core.evaluations ORDER BY rating"
    )
    assert found.fetchall() == [
        ("demo", "norte", 1, False),
        ("demo", "sul", 2, True),
        ("other", "norte", 3, True),
    ]


def test_only_a_proven_range_makes_tombstones(db: duckdb.DuckDBPyConnection) -> None:
    """[from, to) of an answer that is newer than the row: everything else was merely not seen."""
    moments = {"before": -3, "first": -2, "inside": -1, "end": 0, "after": 1}
    put(db, package([row(key, NOON + timedelta(minutes=minutes)) for key, minutes in moments.items()]))
    swept = tile(NOON - timedelta(minutes=2), NOON, NOON + HOUR)
    result = put(db, package([], page=2, tiles=[swept]))
    assert (result.deleted, gone(db)) == (2, {"first", "inside"})
    assert put(db, package([], page=3, tiles=[swept])).deleted == 0  # once


def test_a_row_between_two_proven_ranges_was_not_swept(db: duckdb.DuckDBPyConnection) -> None:
    put(db, package([row("a", NOON - 3 * HOUR), row("hole", NOON - 2 * HOUR), row("b", NOON - HOUR)]))
    tiles = [tile(NOON - 4 * HOUR, NOON - 2 * HOUR), tile(NOON - 2 * HOUR + timedelta(seconds=1), NOON)]
    put(db, package([], page=2, tiles=tiles))
    assert gone(db) == {"a", "b"}


def test_a_stale_answer_deletes_nothing_that_came_after_it(db: duckdb.DuckDBPyConnection) -> None:
    put(db, package([row("a")], observed=NOON))
    assert (
        put(db, package([], page=2, tiles=[replace(ALL, observed_at=NOON - timedelta(seconds=1))])).deleted
        == 0
    )
    assert put(db, package([], page=3, tiles=[replace(ALL, observed_at=NOON)])).deleted == 1


def test_rows_of_the_answer_are_there_and_dead_letters_too(db: duckdb.DuckDBPyConnection) -> None:
    put(db, package([row("good"), row("turned bad"), row("gone")]))
    result = put(db, package([row("good"), row("turned bad", rating=77)], page=2, tiles=[ALL]))
    assert (result.deleted, result.dead_letters, gone(db)) == (1, 1, {"gone"})
    assert set(ratings(db)) == {"good", "turned bad"}


def test_what_retention_has_purged_is_kept_as_history(db: duckdb.DuckDBPyConnection) -> None:
    put(db, package([row("old", NOON - timedelta(days=400)), row("new", NOON - timedelta(days=300))]))
    result = put(db, package([], page=2, tiles=[ALL], oldest=NOON - timedelta(days=365)))
    assert (result.deleted, gone(db)) == (1, {"new"})


@pytest.mark.parametrize(
    ("there", "vanished", "believed"),
    [
        (MANY, MANY, True),
        (MANY + 1, MANY + 1, False),
        (5 * (MANY + 1), MANY + 1, True),
        (5 * MANY + 4, MANY + 1, False),
    ],
)
def test_too_many_at_once_are_kept_and_counted(
    db: duckdb.DuckDBPyConnection, there: int, vanished: int, believed: bool
) -> None:
    """More than a hundred, and more than a fifth of what the range holds: a broken answer is likelier."""
    rows = [row(f"r{number}") for number in range(there)]
    put(db, package(rows))
    result = put(db, package(rows[vanished:], page=2, tiles=[ALL]))
    assert (result.deleted, result.withheld) == ((vanished, 0) if believed else (0, vanished))
    assert len(ratings(db)) == (there - vanished if believed else there)


def test_a_row_that_comes_back_is_alive_again(db: duckdb.DuckDBPyConnection) -> None:
    put(db, package([row("a")]))
    put(db, package([], page=2, tiles=[ALL]))
    assert put(db, package([row("a")], page=3, observed=NOON - HOUR)).updated == 0  # older than what is known
    assert gone(db) == {"a"}
    assert put(db, package([row("a")], page=4, observed=NOON + HOUR)).updated == 1
    assert (gone(db), ratings(db)) == (set(), {"a": 5})


def test_dead_letters_are_seen_again_healed_or_swept_away(db: duckdb.DuckDBPyConnection) -> None:
    bad = [row(key, rating=0) for key in ("stays", "heals", "goes")]
    outside = row("outside", NOON - timedelta(days=9), rating=0)
    put(db, package([*bad, outside]))
    assert letters(db) == dict.fromkeys(("stays", "heals", "goes", "outside"), "/rating")
    swept = tile(NOON - timedelta(days=1), NOON)
    put(db, package([row("stays", rating="x"), row("heals")], page=2, tiles=[swept]), NOW + HOUR)
    assert letters(db) == {"stays": "/rating", "outside": "/rating"}
    assert ratings(db) == {"heals": 5}
    put(
        db, package([row("outside", NOON - timedelta(days=9))], page=3)
    )  # valid now, though no range is proven
    assert letters(db) == {"stays": "/rating"}
    seen = db.execute(
        "SELECT first_seen_at, last_seen_at FROM meta.dead_letters WHERE record_key = 'stays'"
    ).fetchall()
    assert seen == [(NOW, NOW + HOUR)]


@pytest.mark.parametrize("moved", [timedelta(days=-400), timedelta(days=400)])
def test_a_row_whose_time_has_changed_is_there_once(db: duckdb.DuckDBPyConnection, moved: timedelta) -> None:
    """What is there is looked for where it stands, not where it goes; the ends of that time belong to it."""
    old, new = NOON - 1000 * HOUR, NOON - HOUR
    put(db, package([row("first", old), row("kept", old + HOUR), row("last", new)]))
    later = NOON + HOUR
    again = [row("first", old + moved, rating=1), row("kept", old + HOUR), row("last", new + moved, rating=2)]
    assert put(db, package(again, page=2, observed=later)).updated == 2
    assert ratings(db) == {"first": 1, "kept": 5, "last": 2}
    looked = "SELECT min(_checked_at), count(*) FROM core.evaluations"
    assert db.execute(looked).fetchall() == [(later, 3)]
    ended = "SELECT evaluation_id, created_at FROM core.evaluations_history ORDER BY ALL"
    assert db.execute(ended).fetchall() == [("first", old), ("last", new)]


def test_the_watermark_moves_with_the_load_and_never_back(db: duckdb.DuckDBPyConnection) -> None:
    for page, moment in enumerate((NOON, NOON + HOUR, None, NOON - HOUR), start=1):
        put(db, package([], page=page, watermark=moment))
    assert db.execute("SELECT watermark FROM meta.watermarks").fetchall() == [(NOON + HOUR,)]


def test_without_the_lease_nothing_of_a_package_is_there(db: duckdb.DuckDBPyConnection) -> None:
    put(db, package([row("a"), row("b", rating=0)], watermark=NOON))
    before = everything(db)

    @contextmanager
    def lost() -> Iterator[None]:
        raise LoadError("lost")
        yield

    one = package([row("c"), row("d", rating=0)], page=2, tiles=[ALL], watermark=NOON + HOUR)
    with pytest.raises(LoadError, match="lost"):
        load(db, one, NOW, lost)
    assert everything(db) == before
    assert put(db, one).inserted == 1  # the connection is still good
