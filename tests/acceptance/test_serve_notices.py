"""What a service tells by itself: a run that failed, and a copy that grows old.

How a notice is delivered: test_notify.py. Kills: a service that tells nobody; a failed run that ends it; a night that
never comes, and says so every five minutes.
"""

import asyncio
from collections import Counter
from pathlib import Path

from aiohttp import web
from remains import home, month, source
from serving import runs, schedule

from connectors.clock import system_clock
from connectors.simulator.script import Fault, Script
from pipeline.config import load
from pipeline.progress import Lines
from pipeline.service import Service, sync_aside

SEVERAL = 5  # looks at the age after the first notice of it


async def test_a_failed_run_and_a_stale_copy_are_told_once(tmp_path: Path) -> None:
    told, both, later = Counter[str](), asyncio.Event(), asyncio.Event()

    async def receive(request: web.Request) -> web.Response:
        notice = await request.json()
        told[notice["event"]] += 1
        if {"failed", "stale"} <= told.keys():
            both.set()
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", receive)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    [(host, port)] = runner.addresses

    with source(month(9, 20), Script(faults=[Fault(403)])) as simulator:
        at = home(tmp_path / "home", simulator, 0)
        schedule(at, "{every: 1d}")
        hook = f"notify: {{url: 'http://{host}:{port}/hook', secret: a-long-shared-secret}}\n"
        at.config.write_text(at.config.read_text() + hook)
        looks = 0

        async def sleep(seconds: float) -> None:
            nonlocal looks
            looks += both.is_set()
            if looks > SEVERAL:
                later.set()
            await asyncio.sleep(min(seconds, 0.2))

        clock = system_clock()
        clock = type(clock)(wall=clock.wall, steady=clock.steady, sleep=sleep, boot=clock.boot)
        one = Service(lambda: load(at.config, {}), sync_aside(Lines), clock, asyncio.Event())
        await one.use(load(at.config, {}))
        living = asyncio.create_task(one.live())
        await asyncio.wait_for(later.wait(), 60)
        one.stop.set()
        await living
        assert [run["outcome"] for run in runs(at)] == ["failed"]
        assert told == {"failed": 1, "stale": 1}
    await runner.cleanup()
