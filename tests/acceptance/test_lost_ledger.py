"""A ledger of requests that is lost, or replaced by an older copy, never gives a day's budget twice.

Virtual time and whole runs; the source's own log is the judge. After the loss a run waits, and says until when: a
day after the last request that is known of, or a day from the loss where nothing is known.
Kills: a new file that begins with a whole budget; a number of grants that is noted only when a run ends well; an
older copy that is taken for the newest; a lost file's journal that comes back with the new one.
"""

import asyncio
import os
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from crash import Nursery, Order, Step
from rate_oracle import most_in_window
from remains import assert_whole, home, month, source
from shell import document, evalsync
from virtual_time import run_virtual, virtual_clock

from connectors.simulator.server import serve
from connectors.simulator.year import generate
from connectors.source import EPOCH
from pipeline.config import parse
from pipeline.run import run

PER_DAY, DAY, HOUR = 30, 86_400.0, 3_600.0
CONFIG = """
version: 1
sources:
  - name: demo
    system: voki
    base_url: {url}
    tenant: demo
    streams: [evaluations]
    page_size: 20
    budget: {{per_minute: 100, per_day: {per_day}}}
    auth: {{token: secret}}
"""


def deleted(state: Path, _: Path) -> None:
    (state / "budget.sqlite").unlink()


def older(state: Path, before: Path) -> None:
    """As it was when a fifth of the day's requests were sent."""
    shutil.copy(before, state / "budget.sqlite")


def both(state: Path, _: Path) -> None:
    """The packages alone tell that there were requests."""
    for path in state.glob("*.sqlite*"):
        path.unlink()


@pytest.mark.parametrize("loss", [deleted, older, both])
def test_a_day_is_never_granted_twice(tmp_path: Path, loss: Callable[[Path, Path], None]) -> None:
    async def scenario() -> tuple[list[float], list[Any]]:
        clock = virtual_clock()
        async with serve(generate(3, 2500), tokens={"secret": "demo"}, steady=clock.steady) as simulator:

            async def sync(per_day: int = PER_DAY) -> Any:
                text = CONFIG.format(url=simulator.base_url, per_day=per_day)
                return await run(parse(text, {}, tmp_path / "config.yaml", now=EPOCH), clock=clock)

            state, before = tmp_path / "data" / "state", tmp_path / "before.sqlite"
            await sync(PER_DAY // 5)
            shutil.copy(state / "budget.sqlite", before)
            receipts = [await sync()]
            sent = clock.now()
            await asyncio.sleep(HOUR)
            loss(state, before)
            await asyncio.sleep(20 * HOUR)
            receipts.append(await sync())
            resume_at = receipts[-1].streams[0].resume_at
            latest = sent + timedelta(seconds=DAY * 1.01 + (21 * HOUR if loss is both else 0))
            assert sent + timedelta(seconds=DAY) <= resume_at <= latest
            await asyncio.sleep((resume_at - clock.now()).total_seconds() + 1)
            receipts.append(await sync())
            return [one.at for one in simulator.arrivals if one.endpoint.endswith("evaluations")], receipts

    (arrivals, receipts), _ = run_virtual(scenario())
    assert [one.outcome for one in receipts] == ["paused"] * 3
    assert most_in_window(arrivals, DAY) == PER_DAY
    assert len(arrivals) == 2 * PER_DAY
    for one in receipts[1:2]:
        assert "the ledger of requests was lost" in one.streams[0].error
        assert {(left.minute_left, left.day_left) for left in one.budgets} == {(0, 0)}


def test_a_run_that_was_killed_has_noted_that_it_sent(births: Nursery, tmp_path: Path) -> None:
    """And the way out, for who knows better; then everything comes."""
    with source(month(5, 150)) as simulator:
        at = home(tmp_path / "home", simulator, 0)
        assert births.run(Order(at.config, step=Step("package.seal call", 1))).code == -9
        os.unlink(at.state / "budget.sqlite")  # noqa: PTH108 - its journal stays, as after a kill
        waits = births.run(Order(at.config))
        assert (waits.code, waits.receipt["outcome"]) == (0, "paused")
        assert len(at.lists()) == 1
        found = document(evalsync(at.folder, "status", "--json"))["budgets"]
        assert found
        assert all(one["day_left"] in (0, None) and one["resume_at"] for one in found)
        assert "nothing is sent before" in evalsync(at.folder, "status").stdout
        refused = evalsync(at.folder, "check")
        assert refused.returncode == 2
        assert "the ledger of requests was lost" in refused.stdout
        accepted = evalsync(at.folder, "check", "--accept-lost-budget")
        assert accepted.returncode == 0, accepted.stdout
        assert births.run(Order(at.config)).code == 0
        assert_whole(at, simulator.world)
