"""What a source may do at its worst moment, P1-P11 and P14 of the table of failures, each as a sync of its own.

The outcome is the source's own table, or an *unproven* that says so. The same under random churn: test_moving_source.py
and test_moving_sync.py. How a source may read our requests, P12 to P19: test_source_readings.py.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import lab
import pytest

from connectors.simulator.log import Arrival
from connectors.simulator.script import Churn, Fault, Mutation, Script, purging
from connectors.simulator.switches import DOCUMENTED
from connectors.simulator.world import World
from pipeline.config import Config
from pipeline.receipt import StreamReceipt

SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)


def at_turn(turn: int, change: Callable[[], object]) -> Mutation:
    """One change before one list request."""

    def mutation(now: int, _: Arrival) -> None:
        if now == turn:
            change()

    return mutation


def every_turn(change: Callable[[int], object]) -> Mutation:
    return lambda turn, _: (change(turn), None)[1]


def equal(to: Config, world: World, receipt: StreamReceipt) -> None:
    """The sync is proven, and the warehouse is the source's table as far as the window goes."""
    assert (receipt.outcome, receipt.error) == ("ok", None)
    assert receipt.window is not None
    assert lab.within(lab.loaded(to), receipt.window) == lab.present(world, receipt.window)


def delete(world: World, *row_ids: str) -> None:
    for row_id in row_ids:
        world.delete(row_id)


def ids_by_age(world: World) -> list[str]:
    return [row["id"] for row in world.rows()]


# -- the source moves ------------------------------------------------------------------------------


async def test_p1_inserts_at_the_head(tmp_path: Path) -> None:
    world, calendar = lab.table(300), lab.Calendar(step=SECOND)
    script = Script(before=[Churn(world, 1, (lab.NOW - HOUR, lab.NOW), now=calendar, inserts=6)])
    async with lab.source(world, tmp_path, script=script, calendar=calendar, page_size=20) as (_, to):
        equal(to, world, await lab.sync_only(to))


async def test_p2_deletes_at_the_head_and_in_the_middle(tmp_path: Path) -> None:
    """Kills: a pass by page number (each delete shifts a row behind the page that is asked next)."""
    world = lab.table(300)
    order = ids_by_age(world)
    script = Script(before=[every_turn(lambda turn: delete(world, order[turn], order[-turn]))])
    async with lab.source(world, tmp_path, script=script, page_size=20) as (_, to):
        await lab.sync_only(to)
        assert lab.ids(lab.present(world)) <= lab.ids(lab.loaded(to))
        script.before.clear()
        equal(to, world, await lab.sync_only(to, full=True))
        assert lab.loaded(to) == lab.present(world)


async def test_p3_a_total_that_never_moves(tmp_path: Path) -> None:
    """Before each request a row that is read goes and one comes behind. Kills: proven by the total alone."""
    world = lab.table(300)
    order, first = ids_by_age(world), set(ids_by_age(world))

    def swap(turn: int) -> None:
        world.delete(order[turn])
        world.insert(lab.NOW - 2 * HOUR - turn * SECOND, rating=5)

    script = Script(before=[every_turn(swap)])
    async with lab.source(world, tmp_path, script=script, page_size=20) as (_, to):
        receipt = await lab.sync_only(to)
        assert first & world.ids() <= lab.ids(lab.loaded(to))
        if receipt.outcome == "ok":
            equal(to, world, receipt)
        script.before.clear()
        equal(to, world, await lab.sync_only(to, full=True))


@pytest.mark.parametrize("order", ["stable", "by_id_desc", "shuffled"])
async def test_p4_a_tie_of_250_rows(order: Any, tmp_path: Path) -> None:
    """Kills: strict `>` after the last second of a page; pages of a tie without a count of what came."""
    world = lab.table(150)
    world.tie_burst(lab.NOW - HOUR, 250)
    switches = replace(DOCUMENTED, tie_order=order)
    async with lab.source(world, tmp_path, switches=switches, page_size=40) as (
        _,
        to,
    ):  # its second page ends in it
        equal(to, world, await lab.sync_only(to))
        assert lab.loaded(to) == lab.present(world)
        # One pass has them all: the proof would have healed a walk that leaves some of them out.
        assert len(list((to.data_dir / "state" / "packages").glob("demo/evaluations/*/pass.json"))) == 1


@pytest.mark.parametrize("lookback", ["0s", "2d"])
async def test_p5_a_row_at_the_watermark_comes_after_the_run(lookback: str, tmp_path: Path) -> None:
    """Kills: strict `>` at the watermark."""
    world, calendar = lab.table(30), lab.Calendar()
    async with lab.source(world, tmp_path, calendar=calendar, lookback=lookback) as (_, to):
        first = await lab.sync_only(to)
        assert first.watermark is not None
        world.insert(first.watermark, rating=1)
        calendar.at += HOUR
        equal(to, world, await lab.sync_only(to))
        assert lab.loaded(to) == lab.present(world)


async def test_p6_late_rows_inside_and_outside_of_the_lookback(tmp_path: Path) -> None:
    """Kills: no lookback. A row too late for it is found by reading everything, and called what it is till then."""
    world, calendar = lab.table(30), lab.Calendar()
    async with lab.source(world, tmp_path, calendar=calendar) as (_, to):
        await lab.sync_only(to)
        inside = world.insert(lab.NOW - 2 * DAY + HOUR)
        outside = world.insert(lab.NOW - 3 * DAY)
        receipt = await lab.sync_only(to)
        equal(to, world, receipt)
        assert inside in lab.ids(lab.loaded(to))
        assert outside not in lab.ids(lab.loaded(to))
        assert receipt.window is not None
        assert receipt.window.lower > lab.NOW - 3 * DAY  # the proof says nothing about that day
        equal(to, world, await lab.sync_only(to, full=True))
        assert outside in lab.ids(lab.loaded(to))


@pytest.mark.parametrize("minutes", [-10, 0, 10])
async def test_p7_clocks_that_differ(minutes: int, tmp_path: Path) -> None:
    """The window ends behind the source's clock, not ours. Kills: watermark = our now."""
    theirs = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=minutes)
    world = lab.table(50, until=theirs, step=SECOND)
    for age in range(12):
        world.insert(theirs - age * SECOND)
    async with lab.source(world, tmp_path, page_size=20) as (_, to):
        receipt = await lab.sync_only(to)
        equal(to, world, receipt)
        assert receipt.watermark == theirs - 5 * SECOND


async def test_p8_a_loaded_row_changes(tmp_path: Path) -> None:
    world = lab.table(30)
    async with lab.source(world, tmp_path) as (_, to):
        await lab.sync_only(to)
        world.edit(ids_by_age(world)[7], rating=1, comment="Mudei de ideia")
        receipt = await lab.sync_only(to)
        equal(to, world, receipt)
        assert (receipt.loaded.updated, receipt.loaded.inserted) == (1, 0)


async def test_p9_a_stale_answer_after_a_newer_one(tmp_path: Path) -> None:
    """Within a walk and between runs. Kills: the last write wins."""
    world, calendar = lab.table(30), lab.Calendar()
    order = ids_by_age(world)
    for row_id in order:
        world.edit(row_id, comment="Velho")
    stale = world.snapshot()
    for row_id in order:
        world.edit(row_id, comment="Novo")
    script = Script(
        before=[every_turn(lambda turn: setattr(calendar, "at", lab.NOW - HOUR * (turn == 2)))],
        faults=[Fault("stale", match="list", at=frozenset({2}), snapshot=stale)],
    )
    async with lab.source(world, tmp_path, script=script, calendar=calendar, page_size=10) as (_, to):
        await lab.sync_only(to)
        shared = {row["id"]: row["comment"] for row in lab.loaded(to)}
        assert (
            shared[order[8]] == shared[order[9]] == "Novo"
        )  # the tenth came twice, the second time as it was
        script.before.clear()
        script.faults.clear()
        for row_id in order:
            world.edit(row_id, comment="Mais novo")
        calendar.at = lab.NOW + HOUR
        equal(to, world, await lab.sync_only(to))
        script.faults.append(Fault("stale", match="list", snapshot=stale))
        calendar.at = lab.NOW + HOUR / 2
        await lab.sync_only(to)
        assert {row["comment"] for row in lab.loaded(to)} == {"Mais novo"}


# -- rows that go ----------------------------------------------------------------------------------


async def test_p10_a_purge_under_a_declared_retention_is_no_deletion(tmp_path: Path) -> None:
    """Kills: tombstones for what retention took; a proof that counts on rows which the source has purged."""
    world = lab.table(300, step=6 * HOUR)
    async with lab.source(world, tmp_path, retention="30d") as (_, to):
        equal(to, world, await lab.sync_only(to))
        before = lab.loaded(to)
        assert world.purge(lab.NOW - 30 * DAY) > 100
        receipt = await lab.sync_only(to, full=True)
        assert lab.loaded(to, deleted=True) == []
        assert lab.loaded(to) == before
        assert (receipt.outcome, receipt.error) == ("ok", None)


async def test_p10_a_purge_without_a_retention_is_not_believed(tmp_path: Path) -> None:
    """More than a hundred rows and a fifth of them: they stay, and the run says what to declare."""
    world = lab.table(300, step=6 * HOUR)
    async with lab.source(world, tmp_path) as (_, to):
        await lab.sync_only(to)
        before = lab.loaded(to)
        world.purge(lab.NOW - 30 * DAY)
        receipt = await lab.sync_only(to, full=True)
        assert receipt.outcome == "unproven"
        assert "retention" in (receipt.error or "")
        assert lab.loaded(to) == before


async def test_p10_a_purge_in_mid_walk(tmp_path: Path) -> None:
    world = lab.table(300, step=6 * HOUR)
    script = Script(before=[purging(world, lab.NOW - 30 * DAY, 4)])
    async with lab.source(world, tmp_path, script=script, page_size=20, retention="30d") as (_, to):
        await lab.sync_only(to)
        assert lab.ids(lab.present(world)) <= lab.ids(lab.loaded(to))
        equal(to, world, await lab.sync_only(to))


async def test_p11_a_deletion_inside_the_window_and_one_outside(tmp_path: Path) -> None:
    """Kills: tombstones by absence alone; no tombstones; tombstones outside of what was read."""
    world = lab.table(200, step=HOUR)
    async with lab.source(world, tmp_path, page_size=20) as (_, to):
        await lab.sync_only(to)
        order = ids_by_age(world)
        for row_id in (order[-2], order[-30], order[3]):
            world.delete(row_id)
        receipt = await lab.sync_only(to)
        equal(to, world, receipt)
        assert lab.ids(lab.loaded(to, deleted=True)) == {order[-2], order[-30]}
        assert receipt.loaded.deleted == 2
        assert order[3] in lab.ids(lab.loaded(to))
        equal(to, world, await lab.sync_only(to, full=True))
        assert lab.ids(lab.loaded(to, deleted=True)) == {order[-2], order[-30], order[3]}


async def test_p11_a_row_that_comes_back_is_present_again(tmp_path: Path) -> None:
    world = lab.table(20)
    gone = world.rows()[5]
    async with lab.source(world, tmp_path) as (_, to):
        await lab.sync_only(to)
        world.delete(gone["id"])
        await lab.sync_only(to)
        assert lab.ids(lab.loaded(to, deleted=True)) == {gone["id"]}
        world.insert_raw(datetime.fromisoformat(gone["inserted_at"]), gone)
        equal(to, world, await lab.sync_only(to))
        assert lab.loaded(to, deleted=True) == []


@pytest.mark.parametrize("page_size", [20, 100])
async def test_p14_the_total_shrinks_and_grows_in_mid_walk(page_size: int, tmp_path: Path) -> None:
    """Kills: as many pages as page 1 says."""
    world = lab.table(300)
    order = ids_by_age(world)
    script = Script(
        before=[
            at_turn(2, lambda: delete(world, *order[:40])),
            at_turn(3, lambda: world.tie_burst(lab.NOW - 5 * 60 * SECOND, 130)),
        ]
    )
    async with lab.source(world, tmp_path, script=script, page_size=page_size) as (_, to):
        await lab.sync_only(to)
        assert lab.ids(lab.present(world)) <= lab.ids(lab.loaded(to))
        equal(to, world, await lab.sync_only(to))
        assert lab.loaded(to) == lab.present(world)
