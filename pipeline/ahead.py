"""Reading that goes on while what was read is worked on.

Promises the same items in the same order, and an error where it came, behind all that was read before it. Never reads
more than so many items ahead, and nothing any more once nobody asks.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import aclosing
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


async def ahead(items: AsyncGenerator[T], most: int) -> AsyncGenerator[T]:
    """The items, while up to `most` more of them are read."""
    read: asyncio.Queue[tuple[T] | None] = asyncio.Queue()
    room = asyncio.Semaphore(most)
    reading = asyncio.create_task(_read(items, read, room))
    reading.add_done_callback(lambda _: read.put_nowait(None))
    try:
        while (one := await read.get()) is not None:
            room.release()
            yield one[0]
        reading.result()  # its error, where it has one
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


async def _read(
    items: AsyncGenerator[T], read: "asyncio.Queue[tuple[T] | None]", room: asyncio.Semaphore
) -> None:
    async with aclosing(items) as source:
        async for item in source:
            await room.acquire()
            read.put_nowait((item,))


def one_ahead(items: Iterable[T], work: Callable[[T], R]) -> Generator[R]:
    """What `work` makes of each item, on a thread that makes the next one meanwhile. Close it."""
    with ThreadPoolExecutor(1) as thread:
        coming: deque[Future[R]] = deque()
        for item in items:
            coming.append(thread.submit(work, item))
            if len(coming) > 1:
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()
