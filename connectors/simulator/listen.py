"""A loopback port for an application: inside a running loop, in a thread beside a test, or until a signal.

Owns the socket and ends quickly: a request that is being stalled does not hold it up.
"""

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import TypeVar

from aiohttp import web

Running = TypeVar("Running")


@asynccontextmanager
async def listening(app: web.Application, port: int) -> AsyncIterator[str]:
    """Serve an application on 127.0.0.1 and give its address; port 0 is any free one."""
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.05)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        host, bound = runner.addresses[0][:2]
        yield f"http://{host}:{bound}"
    finally:
        await runner.cleanup()


@contextmanager
def in_thread(serving: AbstractAsyncContextManager[Running]) -> Iterator[Running]:
    """Run what serves with its loop in a thread. Its tables have locks; the log is copied when it is read."""
    started: Future[tuple[Running, Callable[[], None]]] = Future()

    async def live() -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        async with serving as running:
            started.set_result((running, lambda: (loop.call_soon_threadsafe(stop.set), None)[1]))
            await stop.wait()

    def run() -> None:
        try:
            asyncio.run(live())
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)

    thread = threading.Thread(target=run, name="simulator", daemon=True)
    thread.start()
    running, stop = started.result()
    try:
        yield running
    finally:
        stop()
        thread.join()


def until_signal(serving: AbstractAsyncContextManager[Running], announce: Callable[[Running], None]) -> int:
    """Run what serves until SIGINT or SIGTERM, and give that signal's number. `announce` once it listens."""

    async def live() -> int:
        stopped: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def stop(number: int) -> None:
            if not stopped.done():
                stopped.set_result(number)

        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop, number)
        async with serving as running:
            announce(running)
            return await stopped

    return asyncio.run(live())
