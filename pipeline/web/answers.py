"""Answers that are kept: the last few, each made once however many ask for it at the same time.

Promises: a reader whom nobody came just before gets the newest version. Under constant reading an answer may be
`behind` seconds past its version, or sixty times what its making took (30 seconds at most), and only then is the next
one made: so many readers do not wait when a new snapshot comes, and making one answer again and again takes little of
the time (a sixtieth where it takes up to half a second).
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

T = TypeVar("T")

REST = 60  # times as long as the making,
LONGEST = 30.0  # seconds at most


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    content: T
    version: Hashable
    newest_at: float  # when it was last known to be the newest
    made_at: float
    took: float


class Kept(Generic[T]):
    """Owns at most `most` answers by key, and the work on the next ones. A failure is not kept."""

    def __init__(self, most: int, steady: Callable[[], float], *, behind: float = 0.0) -> None:
        self._most = most
        self._steady = steady
        self._behind = behind
        self._answers: OrderedDict[Hashable, Answer[T]] = OrderedDict()
        self._making: dict[Hashable, asyncio.Task[T]] = {}

    async def get(self, key: Hashable, version: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        """The answer of this key in this version."""
        found, now = self._answers.get(key), self._steady()
        if found is not None and found.version == version:
            self._keep(key, replace(found, newest_at=now))
            return found.content
        if found is not None and now - found.newest_at < self._patience(found):
            if now - found.made_at >= _rest(found):
                self._begin(key, version, make)
            return found.content
        # One who stops waiting does not take it from the others.
        return await asyncio.shield(self._begin(key, version, make))

    def _begin(self, key: Hashable, version: Hashable, make: Callable[[], Awaitable[T]]) -> "asyncio.Task[T]":
        """The work on the next answer, which may be under way already."""
        work = self._making.get(key)
        if work is None:
            work = self._making[key] = asyncio.create_task(self._made(key, version, make))
            work.add_done_callback(lambda done: done.cancelled() or done.exception())  # all may have left
        return work

    def _patience(self, found: Answer[T]) -> float:
        return max(self._behind, _rest(found)) if self._behind else 0.0

    async def _made(self, key: Hashable, version: Hashable, make: Callable[[], Awaitable[T]]) -> T:
        began = self._steady()
        try:
            content = await make()
            ended = self._steady()
            self._keep(key, Answer(content, version, began, ended, ended - began))
            return content
        finally:
            del self._making[key]

    def _keep(self, key: Hashable, answer: Answer[T]) -> None:
        self._answers[key] = answer
        self._answers.move_to_end(key)
        while len(self._answers) > self._most:
            self._answers.popitem(last=False)


def _rest(found: Answer[T]) -> float:
    return min(REST * found.took, LONGEST)
