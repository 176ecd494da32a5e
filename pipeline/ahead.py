"""Reading that goes on while what was read is worked on.

Promises the same items in the same order, and an error where it came, behind all that was read before it. Never reads
more than so many items ahead, and nothing any more once nobody asks.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TypeVar

T = TypeVar("T")


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
