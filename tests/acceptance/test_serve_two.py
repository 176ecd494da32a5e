"""Two services on one data folder: each tick is run once, and the death of one is the other's work.

Kills: a tick that both run; a look at the ledger before the lease is had and none after; a dead process's run that
counts as the night's.
"""

import asyncio
import os
import signal
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from crash import Nursery
from moments import Turnstile
from remains import Home, assert_whole, home, month, source
from serving import Serving, runs, schedule, start, until

from connectors.clock import Clock, system_clock
from connectors.simulator.script import Script
from pipeline.config import Config, load
from pipeline.lease import hold
from pipeline.ledger import Ledger
from pipeline.receipt import Receipt
from pipeline.run import Request
from pipeline.service import Service

TICKS = 30
SHORT = 3  # ticks of real processes in the suite
STEP = 2  # seconds


def ticks_of(at: Home) -> list[int]:
    return [int(run["started_at"] // STEP) for run in runs(at)]


def two_for(births: Nursery, folder: Path, many: int) -> None:
    """So many ticks by two processes; then the holder of the lease is killed in mid-run."""
    gate, world = Turnstile(shut=False), month(5, 30)
    with source(world, Script(before=[gate])) as simulator:
        at = home(folder, simulator, 0)
        schedule(at, f"{{every: {STEP}s}}")
        both: list[Serving] = [start(births, at), start(births, at)]
        try:
            until(lambda: len(both[0].address() + both[1].address()), *both)
            for number in range(1, many + 1):
                until(lambda number=number: len(runs(at)) >= number, *both)  # type: ignore[misc]
            gate.shut = True
            assert gate.reached.wait(60)
            *before, under_way = runs(at)
            assert [run["outcome"] for run in before] == ["ok"] * len(before)
            [holder] = [one for one in both if one.child.pid == under_way["pid"]]
            [heir] = [one for one in both if one is not holder]
            assert holder.end(signal.SIGKILL).code == -9
            gate.shut = False
            gate.opened.set()
            until(lambda: runs(at)[len(before) + 1 :] and runs(at)[len(before) + 1]["outcome"], heir)
            lost, taken_over, *_ = runs(at)[len(before) :]
            assert (lost["run_id"], lost["outcome"]) == (under_way["run_id"], "lost")
            assert (taken_over["pid"], taken_over["outcome"]) == (heir.child.pid, "ok")
            assert heir.end(signal.SIGTERM).code == 143
            assert_whole(at, world)
            found = ticks_of(at)
            del found[len(before)]  # the killed one's tick may be run again
            assert len(set(found)) == len(found), found
        finally:
            gate.opened.set()
            for one in both:
                if not one.child.ended.done():
                    os.kill(one.child.pid, signal.SIGKILL)
                    one.child.wait()


def test_two_processes_run_each_tick_once_and_one_outlives_the_other(births: Nursery, tmp_path: Path) -> None:
    two_for(births, tmp_path / "home", SHORT)


@pytest.mark.campaign
def test_two_processes_for_thirty_ticks(births: Nursery, tmp_path: Path) -> None:
    two_for(births, tmp_path / "home", TICKS)


@dataclass(slots=True)
class Turns:
    """A calendar that the test turns, and two services that look at the same time."""

    now: datetime

    def clock(self) -> Clock:
        return Clock(wall=self.now.timestamp, steady=self.now.timestamp, sleep=asyncio.sleep, boot="")


async def test_of_thirty_ticks_each_is_run_once_by_one_of_two(tmp_path: Path) -> None:
    """The worst moment each time: the second looked while nothing had begun, and takes the lease when all is done."""
    with source(month(5, 30)) as simulator:
        at = home(tmp_path / "home", simulator, 0)
        schedule(at, '{cron: "15 2 * * *"}')
        to, night = load(at.config, {}), datetime(2026, 10, 20, 2, 15, tzinfo=UTC)
        turns = Turns(night)
        for number in range(TICKS):
            turns.now = night + timedelta(days=number)
            looked = asyncio.Barrier(2)
            done = asyncio.Event()
            await asyncio.gather(*(look(to, turns, looked, done, number % 2 == place) for place in (0, 1)))
        begun = [datetime.fromtimestamp(run["started_at"], UTC) for run in runs(at)]
        assert begun == [night + timedelta(days=number) for number in range(TICKS)]


async def look(to: Config, turns: Turns, looked: asyncio.Barrier, done: asyncio.Event, first: bool) -> None:
    """One service's night. Its sync does nothing but to hold the lease, in the order that the test wants."""

    async def sync(config: Config, request: Request, stop: asyncio.Event) -> Receipt:
        await looked.wait()
        if not first:
            await done.wait()
        covers = request.covers(config)
        async with hold(config, turns.clock(), stop, covers=covers, claim=request.claim) as held:
            receipt = Receipt(held.run_id, "ok", held.began, held.began, None, [])
            held.receipt = receipt
        done.set()
        return receipt

    one = Service(lambda: to, sync, turns.clock(), asyncio.Event())
    one.config = to
    assert await one._night() is first


async def test_a_killed_run_is_seen_as_killed_before_anybody_takes_its_lease(tmp_path: Path) -> None:
    """Kills: an heir that waits for the lease to be asked for."""
    one = Ledger(tmp_path / "ledger.sqlite", system_clock())
    one.acquire("run-1", ["a"])
    assert [run.outcome for run in one.past()] == [None]
    clock = system_clock()
    rebooted = Clock(wall=clock.wall, steady=clock.steady, sleep=clock.sleep, boot="another")
    assert [run.outcome for run in Ledger(tmp_path / "ledger.sqlite", rebooted).past()] == ["lost"]
