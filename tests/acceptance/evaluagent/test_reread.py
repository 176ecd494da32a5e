"""Edits and deletions that no cursor shows, found by looking again: within the nights that the budget of it gives.

Kills: newest days first; the same days every night; more requests than `reread`; requests that the next night needs; a
row that is unchanged and not noted as looked at; a part that a stop leaves half read and calls done.
"""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import lab
import pytest
import quality_lab as quality
from hypothesis import given
from hypothesis import strategies as st
from quality_lab import EVALUATIONS, NOW

from connectors.budget import Left
from connectors.simulator.log import Arrival
from connectors.source import DAY, Window
from pipeline.config import Config
from pipeline.destinations.warehouse import connect
from pipeline.receipt import StreamReceipt
from pipeline.reread import allowance
from pipeline.run import Request, run
from pipeline.stretches import Checked, chosen, most_pages, stretches

ROWS, SIZE, REREAD = 300, 20, 8
# A stretch is some pages and two requests beside them: of REREAD requests at least half are pages.
NIGHTS = math.ceil(ROWS / SIZE / (REREAD / 2)) + 1


@dataclass
class Nights:
    """One account, night after night."""

    to: Config
    calendar: lab.Calendar

    async def pass_one(self) -> StreamReceipt:
        receipt = await run(self.to, Request())
        assert receipt.outcome == "ok", receipt
        self.calendar.at += DAY
        return quality.of(receipt)

    def oldest_look(self) -> datetime:
        sql = "SELECT min(_checked_at) AS at FROM core.quality_evaluations WHERE _deleted_at IS NULL"
        found = quality.query(self.to, sql)[0]["at"]
        assert isinstance(found, datetime)
        return found


async def test_everything_is_looked_at_again_within_some_nights(tmp_path: Path) -> None:
    """An edit, a deletion and a purge of contacts, all of months ago."""
    world, calendar = quality.table(ROWS, step=timedelta(hours=7)), lab.Calendar()
    keys: dict[str, Any] = {
        "streams": [EVALUATIONS],
        "reread": REREAD,
        "assume": {"paging": {"page_size": SIZE}},
    }
    async with quality.contract(world, tmp_path, calendar=calendar, **keys) as (simulator, to):
        one = Nights(to, calendar)
        first = await one.pass_one()
        changed_at, rows = calendar.at, world.rows()
        for place in (2, 150, 280):
            world.edit(rows[place]["id"], outcome="Fail", score=0.25)
        for place in (5, 200):
            world.delete(rows[place]["id"])
        world.purge(evaluated=NOW - timedelta(days=60))
        looks = [one.oldest_look()]
        for _ in range(NIGHTS):
            before = len(simulator.arrivals)
            receipt = await one.pass_one()
            assert 0 < receipt.reread <= REREAD
            assert receipt.requests == len(simulator.arrivals) - before
            looks.append(one.oldest_look())
            if looks[-1] >= changed_at:
                break
        assert looks == sorted(looks)  # oldest look first
        assert looks[-1] >= changed_at
        quality.assert_equal(to, world, [EVALUATIONS, "quality_contacts"])
        assert len(quality.loaded(to, deleted=True)) == 2
        assert first.reread <= REREAD


async def test_nothing_is_spent_that_the_next_night_needs(tmp_path: Path) -> None:
    world, calendar = quality.table(ROWS, step=timedelta(hours=7)), lab.Calendar()
    keys: dict[str, Any] = {
        "streams": [EVALUATIONS],
        "reread": REREAD,
        "assume": {"paging": {"page_size": SIZE}},
        "budget": {"per_minute": 1000, "per_day": 40, "force": True},
    }
    async with quality.contract(world, tmp_path, calendar=calendar, **keys) as (simulator, to):
        receipt = quality.of(await run(to, Request()))
        assert (receipt.outcome, receipt.reread) == ("ok", 0)
        assert len(simulator.arrivals) == receipt.requests < 40


async def test_a_stop_in_the_midst_of_it_loses_nothing(tmp_path: Path) -> None:
    """Kills: a part that was begun is called done; a pass that nobody goes on with."""
    world, calendar = quality.table(ROWS, step=timedelta(hours=7)), lab.Calendar()
    keys: dict[str, Any] = {"streams": [EVALUATIONS], "reread": 60, "assume": {"paging": {"page_size": SIZE}}}
    async with quality.contract(world, tmp_path, calendar=calendar, **keys) as (simulator, to):
        await run(quality.without_reread(to), Request())
        world.edit(world.rows()[1]["id"], score=0.5)
        world.delete(world.rows()[250]["id"])
        stop, calendar.at = asyncio.Event(), calendar.at + DAY

        def halt(turn: int, _: Arrival) -> None:
            if turn == 5:
                stop.set()

        simulator.script._turns = 0
        simulator.script.before.append(halt)
        await run(to, Request(), stop=stop)
        assert quality.loaded(to) != quality.truth(world, EVALUATIONS)
        simulator.script.before.clear()
        for _ in range(2):
            calendar.at += DAY
            assert quality.of(await run(to, Request())).outcome == "ok"
        quality.assert_equal(to, world, [EVALUATIONS, "quality_contacts"])
        with connect(to.data_dir / "state" / "warehouse.duckdb", read_only=True) as db:
            [(copies,)] = db.execute(
                "SELECT count(*) - count(DISTINCT evaluation_id) FROM core.quality_evaluations"
            ).fetchall()
        assert copies == 0


# -- what is chosen ----------------------------------------------------------------------------------

START = datetime(2025, 1, 1, tzinfo=UTC)


def history(rows: Sequence[tuple[int, int, int]]) -> list[Checked]:
    """Days with rows, in order: (days since the one before, rows, hours since it was looked at)."""
    found, day = [], START
    for gap, count, age in rows:
        day += gap * DAY
        found.append(Checked(Window(day, day + DAY), count, START + 400 * DAY - timedelta(hours=age)))
    return found


histories = st.lists(st.tuples(st.integers(1, 40), st.integers(1, 500), st.integers(0, 1000)), max_size=60)


@given(histories, st.integers(1, 100), st.integers(1, 10))
def test_stretches_tile_the_whole_history(rows: list[tuple[int, int, int]], size: int, pages: int) -> None:
    """No day twice, none left out, empty ones included; no look younger than its oldest."""
    days = history(rows)
    parts = list(stretches(days, size, pages))
    assert sum(part.rows for part in parts) == sum(day.rows for day in days)
    if days:
        assert (parts[0].window.lower, parts[-1].window.upper) == (
            days[0].window.lower,
            days[-1].window.upper,
        )
    assert all(one.window.upper == other.window.lower for one, other in pairwise(parts))
    for part in parts:
        inside = [day for day in days if part.window.lower <= day.window.lower < part.window.upper]
        assert part.checked_at == min(day.checked_at for day in inside)
        assert len(inside) == 1 or part.rows <= pages * size


@given(histories, st.integers(1, 100), st.integers(0, 60))
def test_chosen_are_the_oldest_looks_that_can_be_paid(
    rows: list[tuple[int, int, int]], size: int, requests: int
) -> None:
    days = history(rows)
    found = list(chosen(days, size, requests))
    assert sum(part.requests(size) for part in found) <= requests
    everything = stretches(days, size, most_pages(requests))
    payable = sorted(part.checked_at for part in everything if part.requests(size) <= requests)
    assert [part.checked_at for part in found] == payable[: len(found)]
    assert found or not payable


@pytest.mark.parametrize(
    ("day_left", "tonight", "allowed"),
    [(None, 50, 200), (10_000, 50, 200), (250, 50, 150), (100, 50, 0), (60, 50, -40)],
)
def test_what_is_allowed(day_left: int | None, tonight: int, allowed: int) -> None:
    """Never what the next night needs, when tonight's requests still count."""
    assert allowance(200, Left("quality/evaluations", 100, day_left), tonight) == allowed
    assert allowance(200, None, tonight) == 200
