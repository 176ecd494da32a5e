"""Virtual time itself: a test that passes in a loop which skips work would prove nothing."""

import asyncio
import time

import aiohttp
from aiohttp import web
from aiolimiter import AsyncLimiter
from virtual_time import run_virtual, virtual_clock


def test_waiting_costs_nothing_and_is_counted() -> None:
    async def scenario() -> float:
        clock = virtual_clock(wall=1000.0)
        await clock.sleep(86_400)
        return clock.wall()

    wall, elapsed = run_virtual(scenario())
    assert 86_400 <= elapsed < 86_400.01
    assert 87_400 <= wall < 87_400.01


def test_time_stands_still_while_a_thread_works() -> None:
    async def scenario() -> None:
        timer = asyncio.create_task(asyncio.sleep(1_000))
        await asyncio.to_thread(time.sleep, 0.05)
        assert not timer.done()
        timer.cancel()

    _, elapsed = run_virtual(scenario())
    assert elapsed < 1


def test_a_limiter_does_not_spin_on_a_rounding() -> None:
    async def scenario() -> None:
        limiter = AsyncLimiter(7, 60)
        for _ in range(70):
            await limiter.acquire()

    _, elapsed = run_virtual(scenario())
    assert 540 <= elapsed < 540.1


def test_real_sockets_take_part() -> None:
    async def slow(_: web.Request) -> web.Response:
        await asyncio.sleep(1_800)
        return web.Response(text="late")

    async def scenario() -> list[str]:
        app = web.Application()
        app.router.add_get("/", slow)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        timeout = aiohttp.ClientTimeout(total=3_600)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            answers = [await (await session.get(url)).text() for _ in range(3)]
        await runner.cleanup()
        return answers

    answers, elapsed = run_virtual(scenario())
    assert answers == ["late"] * 3
    assert 5_400 <= elapsed < 5_401
