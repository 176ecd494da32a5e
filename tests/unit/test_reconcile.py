"""What counts as proven, and where two tables differ.

Kills: an average that decides; a total that is missing taken for zero; dead letters that are forgotten; figures of
deleted rows, of another tenant or of the bounds' wrong side; a search that stops at the first half that differs;
a search without an end.
"""

from datetime import UTC, datetime

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loading import STREAM

from connectors.source import SECOND, SourceTotals, Window
from pipeline.reconcile import ROUNDING, Figure, Loaded, Proof, compare, loaded_figures

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
DERIVED = frozenset({"average_rating"})
RATINGS = (1, 2, 3, 4, 5)


def window(lower: int, upper: int) -> Window:
    return Window(BEGIN + lower * SECOND, BEGIN + upper * SECOND)


def totals(total: int | None, **figures: float | None) -> SourceTotals:
    return SourceTotals(total, {"total": total, **figures}, DERIVED)


def loaded(total: int, quarantined: int = 0, **figures: float | None) -> Loaded:
    return Loaded({"total": total, **figures}, quarantined)


def judge(source: SourceTotals, ours: Loaded, listed: int | None = None) -> Proof:
    return compare(window(0, 9), source, listed, ours, BEGIN)


def test_proven_is_every_independent_figure_compared_and_equal() -> None:
    proof = judge(totals(3, rating_5=2, with_comments=1), loaded(3, rating_5=2, with_comments=1, more=7), 3)
    assert (proof.state, proof.reason, proof.source_total, proof.loaded_total) == ("proven", None, 3, 3)
    assert proof.figures.keys() == {"total", "rating_5", "with_comments", "listed"}
    assert judge(totals(0), loaded(0), 0).state == "proven"


@pytest.mark.parametrize(
    ("source", "ours", "listed", "named"),
    [
        (totals(4), loaded(3), None, "total"),
        (totals(3), loaded(4), None, "total"),
        (totals(3), loaded(3), 4, "listed"),
        (totals(3, rating_5=2), loaded(3, rating_5=1), 3, "rating_5"),
        (totals(3, rating_5=None), loaded(3, rating_5=0), 3, "rating_5"),
        (
            totals(3, something_new=1),
            loaded(3),
            3,
            "something_new",
        ),  # a figure that we do not have is not equal
    ],
)
def test_any_difference_is_unproven_and_named(
    source: SourceTotals, ours: Loaded, listed: int | None, named: str
) -> None:
    proof = judge(source, ours, listed)
    assert (proof.state, proof.reason) == ("unproven", f"differs in {named}")
    assert proof.differences() == [named]


def test_without_a_total_nothing_is_proven() -> None:
    proof = judge(totals(None), loaded(0), 0)
    assert (proof.state, proof.source_total) == ("not_comparable", None)


def test_a_dead_letter_in_the_window_is_a_row_that_is_missing() -> None:
    proof = judge(totals(3), loaded(3, quarantined=1), 3)
    assert proof.state == "unproven"
    assert "dead-letters" in str(proof.reason)


def test_derived_figures_are_shown_and_never_decide() -> None:
    """The documentation's own example has a mean that does not follow from its counts."""
    proof = judge(totals(3, average_rating=4.9), loaded(3, average_rating=1.0), 3)
    assert (proof.state, proof.differences()) == ("proven", [])
    assert proof.figures["average_rating"] == Figure(4.9, 1.0, derived=True)
    assert not proof.figures["average_rating"].equal


@given(value=st.floats(0, 100))
def test_a_derived_figure_may_be_rounded_to_a_tenth_and_a_count_may_not(value: float) -> None:
    assert Figure(round(value, 1), value, derived=True).equal
    assert not Figure(round(value, 1) + 2 * ROUNDING, value, derived=True).equal
    assert not Figure(value + 0.01, value).equal


# -- figures of the warehouse ------------------------------------------------------------------------


def insert(
    db: duckdb.DuckDBPyConnection,
    second: int,
    rating: int,
    *,
    owner: str = "demo/norte",
    deleted: bool = False,
) -> None:
    at = BEGIN + second * SECOND
    db.execute(
        "INSERT INTO core.evaluations BY NAME SELECT $source AS source, $tenant AS tenant, $id AS evaluation_id,"
        " $rating AS rating, $rating > 2 AS has_comment, $at AS created_at, $at AS _first_loaded_at,"
        " $at AS _loaded_at, $at AS _observed_at, 'run' AS _run_id, $gone AS _deleted_at",
        {
            "source": owner.partition("/")[0],
            "tenant": owner.partition("/")[2],
            "id": f"{second}/{rating}/{owner}/{deleted}",
            "rating": rating,
            "at": at,
            "gone": at if deleted else None,
        },
    )


def test_figures_are_of_the_window_and_of_the_rows_that_are_there(db: duckdb.DuckDBPyConnection) -> None:
    for second, rating in ((10, 5), (11, 4), (12, 2), (19, 2)):
        insert(db, second, rating)
    for second in (9, 20):  # [10, 20): the bounds' other sides
        insert(db, second, 1)
    insert(db, 11, 1, deleted=True)
    insert(db, 11, 1, owner="demo/sul")
    insert(db, 11, 1, owner="other/norte")
    for key, cursor in (("in", 10), ("out", 20), ("no place", None)):
        at = None if cursor is None else BEGIN + cursor * SECOND
        db.execute(
            "INSERT INTO meta.dead_letters VALUES ('demo', 'evaluations', ?, 'r', '/p', '{}', ?, now(), now(), 'r')",
            [key, at],
        )
    found = loaded_figures(db, "demo", "norte", STREAM, window(10, 20))
    spread = {"rating_1": 0, "rating_2": 2, "rating_3": 0, "rating_4": 1, "rating_5": 1}
    derived = {"average_rating": 13 / 4, "satisfaction_rate": 50.0}
    assert dict(found.figures) == {"total": 4, "with_comments": 2, **spread, **derived}
    assert found.quarantined == 2  # one whose place cannot be read may be anywhere


def test_an_empty_window_has_no_mean_and_is_no_error(db: duckdb.DuckDBPyConnection) -> None:
    found = loaded_figures(db, "demo", "norte", STREAM, window(0, 9))
    assert found.figures["total"] == 0
    assert found.figures["average_rating"] is None
