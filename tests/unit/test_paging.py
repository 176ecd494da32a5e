"""Walks over a window, one property at a time, through the real client against the simulator.

Kills: a gap between two tiles · a bound that is believed · a stop in mid-page · pages lost with the other lane's
error · an endless walk where the source answers with what lies before the window · one lane only.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import lab
import pytest

from connectors.paging import open_window, seek
from connectors.simulator.script import Fault, Script
from connectors.simulator.server import Simulator, serve
from connectors.simulator.switches import DOCUMENTED
from connectors.simulator.world import World
from connectors.source import Answer, Page, Query, Window, subtract
from schemas.errors import DriftError, FatalSourceError, RetryableSourceError

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
Start = Callable[..., Any]


class Stand:
    """A simulator that can be set up anew, and the bench in front of it."""

    def __init__(self, simulator: Simulator, bench: lab.Bench) -> None:
        self.simulator, self.bench = simulator, bench

    def set_up(self, world: World, *, script: Script | None = None, **switches: Any) -> lab.Bench:
        site = self.simulator.site
        site.worlds["demo"], site.script = world, script or Script()
        site.switches = replace(DOCUMENTED, **switches)
        return self.bench.with_assumptions(lab.voki_account(""))

    def assuming(self, **assume: Any) -> lab.Bench:
        return self.bench.with_assumptions(lab.voki_account("", **assume))

    def asked(self) -> int:
        return len(self.simulator.arrivals)


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[Stand]:
    async with (
        serve(World(until=lab.NOW), tokens=lab.TOKENS, now=lambda: lab.NOW) as simulator,
        lab.bench(simulator.base_url, tmp_path) as bench,
    ):
        yield Stand(simulator, bench)


async def first_page(bench: lab.Bench) -> tuple[Window, list[Page]]:
    window, page = await open_window(bench.stream, bench.ask, lab.NOW - 9 * HOUR, 20)
    return window, [page]


def window_ids(world: World, window: Window) -> set[str]:
    return lab.ids(world.rows(window.lower, window.upper))


def assert_tiles(walked: lab.Walked) -> None:
    """The pages cover the window, and two claims meet in at most one unit."""
    assert walked.gaps() == []
    tiles = sorted(walked.covers())
    assert tiles[0].lower <= walked.window.lower
    assert all(later.lower <= earlier.upper for earlier, later in pairwise(tiles))
    assert all(page.certain is None or page.covers is not None for page in walked.pages)


@pytest.mark.parametrize("rows", [0, 1, 19, 20, 21, 40, 41, 137])
@pytest.mark.parametrize("step", [SECOND / 3, SECOND, HOUR])
async def test_the_pages_tile_the_window(stand: Stand, rows: int, step: timedelta) -> None:
    world = lab.table(rows, step=step)
    bench = stand.set_up(world)
    walked = await lab.walk(bench, lab.NOW - 400 * HOUR, 20)
    assert_tiles(walked)
    assert window_ids(world, walked.window) <= walked.ids()


async def test_the_window_ends_behind_the_clock_of_the_source(stand: Stand) -> None:
    bench = stand.set_up(lab.table(5))
    window, _ = await open_window(bench.stream, bench.ask, lab.NOW - HOUR, 20)
    assert window == Window(lab.NOW - HOUR, lab.NOW - 5 * SECOND)
    window, _ = await open_window(bench.stream, bench.ask, lab.NOW - HOUR, 20, lab.NOW - 20 * SECOND)
    assert window.upper == lab.NOW - 20 * SECOND
    window, first = await open_window(bench.stream, bench.ask, lab.NOW, 20)
    assert window.empty
    assert first.covers is None


@pytest.mark.parametrize("at", range(1, 12))
async def test_a_walk_goes_on_where_it_was_left(stand: Stand, at: int) -> None:
    """Any error at any request: what came is kept, and only the rest is asked for. Kills: a claim too wide."""
    world = lab.table(150)
    world.tie_burst(lab.NOW - HOUR, 45)
    bench = stand.set_up(world, tie_order="shuffled")
    walked = lab.Walked(*await first_page(bench))
    stand.simulator.site.script.faults.append(Fault(403, match="list", at=frozenset({at})))
    with pytest.raises(Exception, match="403"):
        await lab.go_on(bench, walked, 20)
    covered, came = walked.covers(), len(walked.pages)
    await lab.go_on(bench, walked, 20)
    assert_tiles(walked)
    assert window_ids(world, walked.window) <= walked.ids()
    later = [page.covers for page in walked.pages[came:] if page.covers]
    assert all(subtract(tile, covered) == [tile] for tile in later)


@pytest.mark.parametrize("after", [1, 3, 5])
async def test_a_stop_ends_a_walk_at_the_edge_of_a_page(stand: Stand, after: int) -> None:
    world = lab.table(150)
    bench = stand.set_up(world)
    walked, stop = lab.Walked(*await first_page(bench)), asyncio.Event()
    before = stand.asked()
    walk = seek(bench.stream, bench.ask, walked.window, walked.covers(), 20, stop)
    async for page in walk:
        walked.pages.append(page)
        if len(walked.pages) == after + 1:
            stop.set()
    assert stand.asked() - before == after
    assert walked.gaps()
    await lab.go_on(bench, walked, 20)
    assert_tiles(walked)
    assert window_ids(world, walked.window) <= walked.ids()


async def test_a_slow_source_is_read_from_both_ends(stand: Stand) -> None:
    """Kills: one lane only; pages that meet twice."""
    world = lab.table(200)
    bench = stand.set_up(world, script=Script(latency=lambda: 0.2))
    before = stand.asked()
    walked = await lab.walk(bench, lab.NOW - 9 * HOUR, 20)
    orders = [one.query["sort_order"] for one in stand.simulator.arrivals[before:]]
    assert orders.count("desc") >= 3
    assert len(orders) <= 200 // 20 + 4
    assert_tiles(walked)
    assert window_ids(world, walked.window) <= walked.ids()


async def test_one_lane_fails_and_the_page_of_the_other_is_kept(stand: Stand) -> None:
    world = lab.table(300)
    bench = stand.set_up(world)
    failed, walked = asyncio.Event(), lab.Walked(*await first_page(bench))

    async def ask(query: Query) -> Answer:
        """The descending lane fails; the second page of the other comes a while after that."""
        if query.descending:
            failed.set()
            raise RetryableSourceError("the connection failed")
        answer = await bench.ask(query)
        if len(walked.pages) == 2:
            await failed.wait()
            await asyncio.sleep(0.01)
        return answer

    with pytest.raises(RetryableSourceError):
        await lab.go_on(replace(bench, ask=ask), walked, 20)
    assert len(walked.pages) == 3
    assert walked.pages[2].covers is not None


# -- answers that are not what was asked for -------------------------------------------------------


async def test_filters_that_are_ignored_are_drift(stand: Stand) -> None:
    bench = stand.set_up(lab.table(300), script=Script(faults=[Fault("ignore_dates", match="list")]))
    with pytest.raises(DriftError, match="outside of the asked range"):
        await lab.walk(bench, lab.NOW - HOUR, 20)


async def test_an_order_that_is_ignored_is_drift(stand: Stand) -> None:
    bench = stand.set_up(lab.table(300), sortable=frozenset({"rating"}), bad_sort="ignore")
    world = World(until=lab.NOW)
    for place in (5, 3, 9, 1, 7):
        at = lab.NOW - timedelta(minutes=place)
        world.insert_raw(
            lab.NOW - place * SECOND, {"id": str(place), "inserted_at": at.strftime("%Y-%m-%dT%H:%M:%SZ")}
        )
    for place in range(10, 40):
        at = lab.NOW - timedelta(minutes=(place * 17) % 40)
        world.insert_raw(
            lab.NOW - place * SECOND, {"id": str(place), "inserted_at": at.strftime("%Y-%m-%dT%H:%M:%SZ")}
        )
    stand.simulator.site.worlds["demo"] = world
    with pytest.raises(DriftError, match="asked order"):
        await lab.walk(bench, lab.NOW - HOUR, 20)


async def test_a_page_without_a_time_has_no_place(stand: Stand) -> None:
    world = lab.table(40)
    for row in world.rows():
        world.edit(row["id"], inserted_at="yesterday")
    with pytest.raises(DriftError, match="inserted_at"):
        await lab.walk(stand.set_up(world), lab.NOW - HOUR, 20)


async def test_some_rows_without_a_time_do_not_hide_others(stand: Stand) -> None:
    world = lab.table(120)
    for row in world.rows()[::7]:
        world.edit(row["id"], inserted_at=None)
    walked = await lab.walk(stand.set_up(world), lab.NOW - 9 * HOUR, 20)
    assert_tiles(walked)
    assert window_ids(world, walked.window) <= walked.ids()


async def test_ids_that_come_twice_do_not_hide_others(stand: Stand) -> None:
    world = lab.table(120)
    for row in world.rows()[::5]:
        world.insert_raw(lab.NOW - HOUR, row | {"inserted_at": stamp(lab.NOW - HOUR)})
    walked = await lab.walk(stand.set_up(world), lab.NOW - 9 * HOUR, 50)
    assert_tiles(walked)
    assert window_ids(world, walked.window) <= walked.ids()


@pytest.mark.parametrize(("rows", "tie"), [(100, 0), (100, 45), (0, 45)])
async def test_bounds_that_leave_out_rows_are_named(stand: Stand, rows: int, tie: int) -> None:
    """Kills: links that no row has to prove; a whole tie that is taken for empty."""
    world = lab.table(rows, step=SECOND)
    world.tie_burst(lab.NOW - HOUR, tie)
    bench = stand.set_up(world, date_from="exclusive")
    with pytest.raises(FatalSourceError, match=r"assume\.date_from"):
        await lab.walk(bench, lab.NOW - 2 * HOUR, 20)
    walked = await lab.walk(stand.assuming(date_from="exclusive"), lab.NOW - 2 * HOUR, 20)
    assert window_ids(world, walked.window) <= walked.ids()


async def test_a_bound_that_gives_too_much_is_named_and_ends(stand: Stand) -> None:
    """Declared exclusive, and it is not: a tie that fills pages before the bound. Kills: an endless walk."""
    world = lab.table(100)
    world.tie_burst(lab.NOW - HOUR, 45)
    stand.set_up(world)
    before = stand.asked()
    with pytest.raises(FatalSourceError, match=r"assume\.date_unit and assume\.date_from"):
        await lab.walk(stand.assuming(date_from="exclusive"), lab.NOW - 2 * HOUR, 20)
    assert stand.asked() - before < 30


async def test_a_row_at_the_edge_that_goes_is_no_wrong_filter(stand: Stand) -> None:
    """The shared row is deleted between two pages: the walk goes on, and asks one unit earlier."""
    world = lab.table(100)
    order = [row["id"] for row in world.rows()]

    def drop(turn: int, _: object) -> None:
        if turn == 2:
            world.delete(order[19])

    walked = await lab.walk(stand.set_up(world, script=Script(before=[drop])), lab.NOW - 9 * HOUR, 20)
    assert_tiles(walked)
    assert set(order) - {order[19]} <= walked.ids()
    assert all(isinstance(page, Page) for page in walked.pages)


async def test_a_count_that_is_right_by_accident(stand: Stand) -> None:
    """A page has no room for the second row of its last moment; before the next request a row comes in behind. The
    count is as expected. Later another change is seen: the moments that only counts linked are read again.

    Kills: counts that are trusted for good; moves that are not noticed.
    """
    before = stand.asked()
    still = lab.table(700)
    await lab.walk(stand.set_up(still), lab.NOW - 9 * HOUR, 20)
    asked = [datetime.fromisoformat(one.query["date_from"]) for one in stand.simulator.arrivals[before:]]
    moments = {row["inserted_at"] for row in still.rows()}
    counted = [
        turn for turn, at in enumerate(asked, 1) if stamp(at) not in moments and stamp(at - SECOND) in moments
    ]
    assert len(counted) > 5  # a source that stands still is linked by counts in the end

    world, link = lab.table(700), counted[-4]
    last = asked[link - 1] - SECOND
    twin = world.insert(last, id="zz")

    def change(turn: int, _: object) -> None:
        if turn == link:
            world.insert(lab.NOW - 30 * SECOND)
        if turn == link + 2:
            world.delete(world.rows()[-1]["id"])

    walked = await lab.walk(stand.set_up(world, script=Script(before=[change])), lab.NOW - 9 * HOUR, 20)
    assert twin in walked.ids()


def stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
