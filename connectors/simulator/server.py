"""The simulator on a loopback port: inside a running loop, in a thread beside a test, or for a person.

Owns the socket and ends quickly: a request that is being stalled does not hold it up.
"""

import asyncio
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from connectors.simulator.clock import Now, Steady, running_from
from connectors.simulator.limits import Windows
from connectors.simulator.log import Arrival, Log
from connectors.simulator.script import Script
from connectors.simulator.switches import DOCUMENTED, Switches
from connectors.simulator.tokens import Gate, User
from connectors.simulator.voki import Site, application
from connectors.simulator.world import World


@dataclass(frozen=True, slots=True)
class Simulator:
    """A running simulator: where it listens, and what a test looks at or changes."""

    base_url: str
    site: Site

    @property
    def worlds(self) -> dict[str, World]:
        return self.site.worlds

    @property
    def world(self) -> World:
        """The only (or first) tenant's table."""
        return next(iter(self.site.worlds.values()))

    @property
    def script(self) -> Script:
        return self.site.script

    @property
    def switches(self) -> Switches:
        return self.site.switches

    @property
    def log(self) -> Log:
        return self.site.log

    @property
    def arrivals(self) -> list[Arrival]:
        return self.site.log.arrivals


@asynccontextmanager
async def serve(
    worlds: World | Mapping[str, World],
    *,
    switches: Switches = DOCUMENTED,
    script: Script | None = None,
    tokens: Mapping[str, str] | None = None,
    users: Iterable[User] = (),
    now: Now | None = None,
    steady: Steady = time.monotonic,
    port: int = 0,
    log_file: Path | None = None,
) -> AsyncIterator[Simulator]:
    """Serve one world or several by tenant on 127.0.0.1. `tokens` are fixed API tokens: token -> tenant.

    Without `now` the calendar starts where the newest world ends and goes on in real time.
    """
    tables = {worlds.tenant: worlds} if isinstance(worlds, World) else dict(worlds)
    calendar = now or running_from(max(world.until for world in tables.values()), steady)
    log = Log(calendar, steady, log_file)
    site = Site(
        worlds=tables,
        gate=Gate(users, tokens or {}, calendar),
        switches=switches,
        script=script or Script(),
        log=log,
        now=calendar,
        windows=Windows(steady),
    )
    runner = web.AppRunner(
        application(site), access_log=None, handler_cancellation=True, shutdown_timeout=0.05
    )
    await runner.setup()
    try:
        listener = web.TCPSite(runner, "127.0.0.1", port)
        await listener.start()
        host, bound = runner.addresses[0][:2]
        yield Simulator(f"http://{host}:{bound}", site)
    finally:
        await runner.cleanup()
        log.close()


@contextmanager
def serve_in_thread(worlds: World | Mapping[str, World], **options: Any) -> Iterator[Simulator]:
    """`serve`, with its loop in a thread: for tests that run the product as another process.

    The tables have a lock of their own; the log is copied when it is read.
    """
    started: Future[tuple[Simulator, Callable[[], None]]] = Future()

    async def live() -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        async with serve(worlds, **options) as simulator:
            started.set_result((simulator, lambda: (loop.call_soon_threadsafe(stop.set), None)[1]))
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
    simulator, stop = started.result()
    try:
        yield simulator
    finally:
        stop()
        thread.join()


def run_forever(
    worlds: World | Mapping[str, World], *, announce: Callable[[Simulator], None], **options: Any
) -> int:
    """Serve until SIGINT or SIGTERM, and give that signal's number. `announce` is called once it listens."""

    async def live() -> int:
        stopped: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def stop(number: int) -> None:
            if not stopped.done():
                stopped.set_result(number)

        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop, number)
        async with serve(worlds, **options) as simulator:
            announce(simulator)
            return await stopped

    return asyncio.run(live())
