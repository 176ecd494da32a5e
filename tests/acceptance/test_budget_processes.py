"""Eight real processes on one ledger, killed at random, against a real server that notes every arrival.

The minute is two seconds long here; everything else is as in a nightly run. This file is also the worker:
`python test_budget_processes.py LEDGER URL`.
"""

import asyncio
import os
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path
from random import Random

import aiohttp
from aiohttp import web
from rate_oracle import most_in_window

from connectors.budget import Budget
from connectors.clock import system_clock
from connectors.source import Limit

LIMIT, MINUTE, HOLD = 50, 2.0, 2.5
PROCESSES, TASKS, KILLS, SECONDS = 8, 2, 10, 12.0
ROOT = Path(__file__).parents[2]


def open_budget(ledger: Path) -> Budget:
    limits = {"list": Limit(per_minute=LIMIT, per_day=1_000_000)}
    return Budget(ledger, system_clock(), limits, key="key", place_source="demo", hold=HOLD, minute=MINUTE)


async def work(ledger: Path, url: str) -> None:
    """Send as fast as the budget allows, until killed."""

    async def requests(session: aiohttp.ClientSession, budget: Budget) -> None:
        while True:
            grant = await budget.grant("list")
            left = grant.until - system_clock().steady()
            with suppress(TimeoutError):
                async with asyncio.timeout(left), session.get(url) as answer:
                    await answer.read()
            await budget.release(grant)

    with closing(open_budget(ledger)) as budget:
        async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as tasks:
            for _ in range(TASKS):
                tasks.create_task(requests(session, budget))


def start(ledger: Path, url: str) -> "subprocess.Popen[bytes]":
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    return subprocess.Popen(
        [sys.executable, __file__, str(ledger), url],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


async def run_and_kill(ledger: Path, url: str, random: Random) -> int:
    """Keep eight workers alive for a while, killing one now and then; how many died by themselves."""
    workers = [start(ledger, url) for _ in range(PROCESSES)]
    failed = 0
    try:
        await asyncio.sleep(SECONDS / 4)
        for _ in range(KILLS):
            await asyncio.sleep(random.random() * 1.5 * SECONDS / KILLS)
            victim = random.randrange(PROCESSES)
            failed += workers[victim].poll() is not None
            workers[victim].kill()
            workers[victim].wait()
            workers[victim] = start(ledger, url)
    finally:
        for worker in workers:
            failed += worker.poll() is not None
            worker.kill()
            worker.wait()
    return failed


async def test_eight_processes_and_random_kills_stay_within_the_limit(tmp_path: Path) -> None:
    """Mutants: a counter in memory; a grant stored after the answer; slots that run from the send."""
    random, arrivals = Random(5), list[float]()

    async def answer(_: web.Request) -> web.Response:
        arrivals.append(time.monotonic())
        await asyncio.sleep(random.random() * 0.1)
        return web.json_response({})

    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        failed = await run_and_kill(tmp_path / "budget.sqlite", f"http://127.0.0.1:{port}/", random)
    finally:
        await runner.cleanup()
    assert failed == 0
    assert most_in_window(arrivals, MINUTE) == LIMIT
    # Each kill may leave TASKS slots in use for HOLD too long; apart from that the limit is used.
    possible = LIMIT * (1 + (arrivals[-1] - arrivals[0]) / MINUTE)
    assert len(arrivals) >= possible / 2


if __name__ == "__main__":
    asyncio.run(work(Path(sys.argv[1]), sys.argv[2]))
