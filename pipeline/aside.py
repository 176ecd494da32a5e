"""A run beside an event loop: in a thread with a loop of its own, so that it never holds up who serves readers.

Promises that a stop and a cancellation reach it, and that it has ended when `aside` returns.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")


async def aside(work: Callable[[asyncio.Event], Coroutine[Any, Any, T]], stop: asyncio.Event) -> T:
    """What `work` comes to; it is given a stop of its own, which is set when `stop` is."""
    here = asyncio.get_running_loop()
    there: asyncio.Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[T], asyncio.Event]] = (
        here.create_future()
    )

    async def main() -> T:
        halt = asyncio.Event()
        task = asyncio.create_task(work(halt))
        here.call_soon_threadsafe(there.set_result, (asyncio.get_running_loop(), task, halt))
        return await task

    async def pass_on() -> None:
        loop, _, halt = await there
        await stop.wait()
        with suppress(RuntimeError):  # its loop has ended
            loop.call_soon_threadsafe(halt.set)

    thread = asyncio.ensure_future(asyncio.to_thread(asyncio.run, main()))
    passing_on = asyncio.create_task(pass_on())
    try:
        return await asyncio.shield(thread)
    except asyncio.CancelledError:
        loop, task, _ = await there
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(task.cancel)
        await asyncio.wait([thread])
        if not thread.cancelled():
            thread.exception()  # it was asked to end: how it did is of no use
        raise
    finally:
        passing_on.cancel()
