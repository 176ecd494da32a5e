"""Where two tables differ, found by halving: every difference, no more requests than allowed, one for each step.

Kills: a half that is dropped · a second half that is asked for · a part returned that is equal · a search that goes
on without requests · figures of the second half that are not the rest of the whole.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.source import SECOND, SourceTotals, Window
from pipeline.reconcile import Loaded
from pipeline.search import halves, independent, search, to_read

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
RATINGS = (1, 2, 3, 4, 5)


def window(begin: int, end: int) -> Window:
    return Window(BEGIN + timedelta(seconds=begin), BEGIN + timedelta(seconds=end))


Table = Counter[tuple[int, int]]  # (second, rating) -> rows
SPAN = 64


def figures(table: Table, part: Window) -> dict[str, float | None]:
    lower, upper = (int((edge - BEGIN).total_seconds()) for edge in (part.lower, part.upper))
    inside = {key: count for key, count in table.items() if lower <= key[0] < upper}
    spread = {f"rating_{rating}": sum(n for (_, r), n in inside.items() if r == rating) for rating in RATINGS}
    return {"total": sum(inside.values()), **spread}


def found_by(theirs: Table, ours: Table, page_size: int, requests: int) -> tuple[list[Window], int]:
    """The parts found, and the requests spent on them."""
    spent = 0

    async def ask(part: Window) -> SourceTotals:
        nonlocal spent
        spent += 1
        found = figures(theirs, part)
        return SourceTotals(int(found["total"] or 0), found)

    async def look(part: Window) -> Loaded:
        return Loaded(figures(ours, part), 0)

    whole = window(0, SPAN)
    source = figures(theirs, whole)
    return to_read(asyncio.run(search(whole, source, SECOND, page_size, ask, look, requests))), spent


keys = st.tuples(st.integers(0, SPAN - 1), st.sampled_from(RATINGS))
tables = st.lists(keys, min_size=30, max_size=120).map(Counter)


@given(ours=tables, missing=st.lists(keys, min_size=1, max_size=5), page_size=st.integers(0, 10))
def test_the_parts_found_are_exactly_those_that_differ(
    ours: Table, missing: list[tuple[int, int]], page_size: int
) -> None:
    found, _ = found_by(ours + Counter(missing), ours, page_size, 10_000)
    seconds = {second for second, _ in missing}
    parts = [
        set(range(int((part.lower - BEGIN).total_seconds()), int((part.upper - BEGIN).total_seconds())))
        for part in found
    ]
    assert seconds <= set().union(*parts)
    assert all(part & seconds for part in parts)  # nothing is read again for nothing
    assert sum(map(len, parts)) == len(set().union(*parts))
    for part in found:
        assert (figures(ours, part)["total"] or 0) <= page_size or part.upper - part.lower == SECOND


@given(theirs=tables, ours=tables, requests=st.integers(0, 12))
def test_a_search_spends_no_more_than_it_may_and_drops_no_difference(
    theirs: Table, ours: Table, requests: int
) -> None:
    """What it has no requests left for is found whole; what it leaves out is equal in every figure."""
    found, spent = found_by(theirs, ours, 3, requests)
    assert spent <= requests
    left_out = [part for part in gaps(found) if figures(theirs, part) != figures(ours, part)]
    assert left_out == []


def gaps(parts: list[Window]) -> Iterator[Window]:
    edge = BEGIN
    for part in sorted(parts):
        if part.lower > edge:
            yield Window(edge, part.lower)
        edge = part.upper
    if edge < BEGIN + SPAN * SECOND:
        yield Window(edge, BEGIN + timedelta(seconds=SPAN))


def test_a_range_is_halved_at_midnight() -> None:
    first, second = halves(Window(BEGIN, BEGIN + timedelta(days=1095, hours=5)), SECOND)
    assert first.upper == second.lower == BEGIN + timedelta(days=547)
    hours, _ = halves(Window(BEGIN, BEGIN + timedelta(days=1)), SECOND)
    assert hours.upper == BEGIN + timedelta(hours=12)


@pytest.mark.parametrize("seconds", [2, 3, 86_399, 86_401, 2 * 86_400, 10**8])
def test_both_halves_are_smaller(seconds: int) -> None:
    first, second = halves(window(0, seconds), SECOND)
    assert first.lower < first.upper == second.lower < second.upper


def test_a_dead_letter_is_a_row_that_the_source_counts() -> None:
    """Else its part would be read again in every search."""

    async def one(theirs: dict[str, float | None], ours: Loaded) -> int:
        async def never(_: Window) -> SourceTotals:
            raise AssertionError

        async def look(_: Window) -> Loaded:
            return ours

        return len(to_read(await search(window(0, 9), theirs, SECOND, 100, never, look, 0)))

    ours = Loaded({"total": 4, "rating_5": 4}, quarantined=1)
    assert asyncio.run(one({"total": 5, "rating_5": 4}, ours)) == 0
    assert asyncio.run(one({"total": 6, "rating_5": 5}, ours)) == 1


def test_averages_are_not_halved() -> None:
    totals = SourceTotals(4, {"total": 4, "average_rating": 3.5, "listed": 4}, frozenset({"average_rating"}))
    assert independent(totals) == {"total": 4}
