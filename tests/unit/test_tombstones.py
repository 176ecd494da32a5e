"""Rows that are gone at the source: marked on proof, kept, and alive again when they come back.

Kills: a tombstone for what was merely not seen, for what retention has purged, or for a fifth of everything at once; a
tombstone that no row comes back from.
"""

from dataclasses import replace
from datetime import timedelta

import duckdb
import pytest
from loading import ALL, HOUR, NOON, gone, package, put, ratings, row, tile

from pipeline.destinations.load import MANY


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
