"""What must not refill a budget: a restart, a crash, a wall clock that is set, midnight, a reboot."""

import asyncio
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rate_oracle import most_in_window
from virtual_time import run_virtual, virtual_clock

from connectors.budget import DAY, MINUTE, Budget
from connectors.clock import Clock
from connectors.source import Limit
from schemas.errors import BudgetExhausted

HOUR = 3_600.0


@contextmanager
def opened(path: Path, clock: Clock, limit: Limit) -> Iterator[Budget]:
    with closing(
        Budget(path / "budget.sqlite", clock, {"list": limit}, key="key", place_source="demo", hold=30.0)
    ) as budget:
        yield budget


async def use(budget: Budget, count: int) -> None:
    for _ in range(count):
        await budget.release(await budget.grant("list"))


async def waited(budget: Budget) -> float:
    """How long the next grant takes, or would take where it is further away than patience."""
    loop = asyncio.get_running_loop()
    started, wall = loop.time(), budget._clock.wall()
    try:
        await use(budget, 1)
    except BudgetExhausted as stop:
        assert stop.resume_at is not None  # noqa: PT017 - not what is tested here
        return stop.resume_at.timestamp() - wall
    return loop.time() - started


def test_a_crash_loop_stays_within_the_minute(tmp_path: Path) -> None:
    """Ten lives of five seconds on one file. Mutant: a counter in memory (1,080 in a minute)."""
    arrivals: list[float] = []

    async def life() -> None:
        with opened(tmp_path, virtual_clock(), Limit(100)) as budget:
            while True:
                grant = await budget.grant("list")
                arrivals.append(asyncio.get_running_loop().time())
                await budget.release(grant)

    async def scenario() -> None:
        for _ in range(10):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(life(), 5)
        await asyncio.sleep(10)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(life(), 5)

    run_virtual(scenario())
    assert most_in_window(arrivals, MINUTE) == 100
    assert len(arrivals) == 200


def test_a_grant_is_on_disk_before_it_is_given_out(tmp_path: Path) -> None:
    """A process that dies with its request out leaves the slot in use. Mutant: stored on release."""

    async def scenario() -> float:
        with opened(tmp_path, virtual_clock(), Limit(1)) as dies:
            grant = await dies.grant("list")
            assert grant.until == pytest.approx(asyncio.get_running_loop().time() + 30, abs=0.1)
        with opened(tmp_path, virtual_clock(), Limit(1)) as heir:
            return await waited(heir)

    wait, _ = run_virtual(scenario())
    assert 30 + MINUTE <= wait < 30 + MINUTE + 0.1  # it may have arrived until the end of its hold


def test_a_late_release_counts_from_the_release(tmp_path: Path) -> None:
    """Mutant: a release that can only shorten."""

    async def scenario() -> float:
        with opened(tmp_path, virtual_clock(), Limit(1)) as budget:
            grant = await budget.grant("list")
            await asyncio.sleep(80)
            await budget.release(grant)
            return await waited(budget)

    wait, _ = run_virtual(scenario())
    assert MINUTE <= wait < MINUTE + 0.1


@pytest.mark.parametrize("jump", [-25 * HOUR, -HOUR, HOUR, 25 * HOUR])
@pytest.mark.parametrize("restart", [False, True])
def test_setting_the_wall_clock_changes_nothing(tmp_path: Path, jump: float, restart: bool) -> None:
    """Mutant: windows that are judged by the wall clock."""

    async def scenario() -> tuple[float, float]:
        clock = virtual_clock()
        skew = [0.0]
        jumped = replace(clock, wall=lambda: clock.wall() + skew[0])
        with opened(tmp_path, jumped, Limit(5, 10)) as budget:
            await use(budget, 5)
            skew[0] = jump
            if not restart:
                return await waited(budget), await fill_the_day(budget)
        with opened(tmp_path, jumped, Limit(5, 10)) as budget:
            return await waited(budget), await fill_the_day(budget)

    async def fill_the_day(budget: Budget) -> float:
        await use(budget, 4)
        return await waited(budget)

    (minute, day), _ = run_virtual(scenario())
    assert MINUTE <= minute < MINUTE + 0.1
    assert DAY - MINUTE - 1 <= day < DAY + 100


def test_midnight_is_no_new_day(tmp_path: Path) -> None:
    """Mutant: a calendar day, which would allow twice the limit around midnight."""
    before_midnight = datetime(2025, 6, 15, 23, 59, 50, tzinfo=UTC).timestamp()

    async def scenario() -> float:
        with opened(tmp_path, virtual_clock(wall=before_midnight), Limit(per_day=50)) as budget:
            await use(budget, 50)
            await asyncio.sleep(20)
            return await waited(budget)

    wait, _ = run_virtual(scenario())
    assert DAY - 21 <= wait < DAY + 100


@pytest.mark.parametrize(
    ("wall_passed", "steady", "expected"),
    [
        (20.0, 3.0, 40.0),  # an honest wall clock: what is left of the minute
        (20.0, 1e7, 40.0),
        (0.0, 3.0, 60.0),
        (-HOUR, 3.0, 60.0),  # it went back: a whole minute from now, and not an hour
        (61.0, 3.0, 0.0),
    ],
)
def test_a_reboot_goes_by_the_wall_clock(
    tmp_path: Path, wall_passed: float, steady: float, expected: float
) -> None:
    """Mutants: rows of another boot forgotten; compared by a steady clock that has started anew."""

    async def scenario() -> float:
        clock = virtual_clock()
        with opened(tmp_path, replace(clock, steady=lambda: 5_000 + clock.steady()), Limit(3)) as budget:
            await use(budget, 3)
        rebooted = Clock(
            wall=lambda: clock.wall() + wall_passed,
            steady=lambda: steady + clock.steady(),
            sleep=clock.sleep,
            boot="boot-2",
        )
        with opened(tmp_path, rebooted, Limit(3)) as budget:
            return await waited(budget)

    wait, _ = run_virtual(scenario())
    assert expected <= wait <= expected + 0.1


def test_a_clock_set_before_the_reboot_does_not_count(tmp_path: Path) -> None:
    """The wall clock jumps by 25 hours, a request follows, the machine reboots. Mutant: wall time per row."""

    async def scenario() -> float:
        clock = virtual_clock()
        with opened(tmp_path, clock, Limit(5)) as budget:
            await use(budget, 4)
        ahead = replace(clock, wall=lambda: clock.wall() + 25 * HOUR)
        with opened(tmp_path, ahead, Limit(5)) as budget:
            await use(budget, 1)
        with opened(tmp_path, replace(ahead, boot="boot-2"), Limit(5)) as budget:
            return await waited(budget)

    wait, _ = run_virtual(scenario())
    assert MINUTE <= wait < MINUTE + 0.1


def test_a_clock_that_was_behind_does_not_jump_ahead(tmp_path: Path) -> None:
    """A boot that begins an hour back, as with an empty battery; the next is right. Mutant: no maximum."""

    async def scenario() -> float:
        clock = virtual_clock()
        with opened(tmp_path, clock, Limit(3)) as budget:
            await use(budget, 3)
        behind = replace(clock, wall=lambda: clock.wall() - HOUR, boot="boot-2")
        with opened(tmp_path, behind, Limit(3)) as budget:
            await budget.left()
        with opened(tmp_path, replace(clock, boot="boot-3"), Limit(3)) as budget:
            return await waited(budget)

    wait, _ = run_virtual(scenario())
    assert MINUTE <= wait < MINUTE + 0.1


def test_a_block_outlives_a_reboot(tmp_path: Path) -> None:
    async def scenario() -> float:
        clock = virtual_clock()
        with opened(tmp_path, clock, Limit(5)) as budget:
            await budget.block("list", 50)
        rebooted = Clock(lambda: clock.wall() + 20, lambda: 7 + clock.steady(), clock.sleep, "boot-2")
        with opened(tmp_path, rebooted, Limit(5)) as budget:
            return await waited(budget)

    wait, _ = run_virtual(scenario())
    assert 30 <= wait < 30.1


def test_without_a_boot_id_only_the_wall_clock_is_used(tmp_path: Path) -> None:
    """Where the platform names no boot, a steady clock may start anew unseen. Back: a whole window again."""

    async def scenario() -> tuple[float, float]:
        clock = virtual_clock(boot="")
        with opened(tmp_path, clock, Limit(3)) as budget:
            await use(budget, 3)
        on = replace(clock, wall=lambda: clock.wall() + 20, steady=lambda: 0.0)
        with opened(tmp_path, on, Limit(3)) as budget:
            first = await waited(budget)
            await use(budget, 2)
        back = replace(clock, wall=lambda: clock.wall() - HOUR, steady=lambda: 0.0)
        with opened(tmp_path, back, Limit(3)) as budget:
            return first, await waited(budget)

    (first, second), _ = run_virtual(scenario())
    assert 40 <= first < 40.1
    assert MINUTE <= second < MINUTE + 0.1
