"""One package into the warehouse: all of it once, and the newest version of each row (tombstones: test_tombstones.py).

Kills: append in place of merge; last write wins; letters that never heal; a commit without the fence.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import duckdb
import pytest
from loading import ALL, HOUR, NOON, NOW, Row, everything, letters, package, put, ratings, row, tile

from pipeline.destinations.load import load
from pipeline.destinations.loaded import Loaded
from schemas.errors import LoadError


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
