"""Looks at the newest snapshot and at the ledgers, off the event loop: few at a time, each answer kept for a while.

Promises: the newest snapshot (a page under constant reading: up to half a minute behind, see answers.py); one that is
pruned meanwhile is looked for once more; no more than `AT_ONCE` looks at a time and `WAITING` that wait for one.
"""

import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from connectors.clock import Clock
from pipeline.config import Config
from pipeline.folders import current
from pipeline.web.answers import Kept
from pipeline.web.filters import Filters
from pipeline.web.health import Health, health
from pipeline.web.panels import Seen, look
from schemas.errors import LoadError

T = TypeVar("T")

AT_ONCE = 2
WAITING = 100
PAGES_KEPT = 64
FRESH = 2.0  # seconds


def _step_back() -> None:
    """A sync on the same machine goes first: on Linux a niceness is its thread's alone."""
    if sys.platform == "linux":
        os.nice(5)


class Reading:
    """Owns the threads that read, and the answers that are kept."""

    def __init__(self, config: Config, clock: Clock) -> None:
        self.config = config
        self.clock = clock
        self._threads = ThreadPoolExecutor(AT_ONCE, "dashboard", _step_back)
        self._waiting = 0
        self._pages: Kept[str] = Kept(PAGES_KEPT, clock.steady, behind=FRESH)
        self._health: Kept[Health] = Kept(1, clock.steady, behind=FRESH)

    async def tables(self, filters: Filters, names: Sequence[str], *, whole: bool = False) -> Seen | None:
        """Tables of the newest snapshot; None while there is none."""
        return await self._newest(lambda snapshot: look(snapshot, filters, names, whole=whole))

    async def page(self, filters: Filters, names: Sequence[str], draw: Callable[[Seen], str]) -> str | None:
        """What `draw` makes of these tables, once for each snapshot and choice of filters."""
        snapshot = current(self.config.data_dir)
        if snapshot is None:
            return None

        async def make() -> str:
            text = await self._newest(lambda newest: draw(look(newest, filters, names, choices=True)))
            return text or ""

        return await self._pages.get(filters, snapshot.name, make)

    async def health(self) -> Health:
        now = self.clock.steady() // FRESH
        return await self._health.get("health", now, lambda: health(self.config, self.clock.now()))

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _newest(self, read: Callable[[Path], T]) -> T | None:
        """`read` of the newest snapshot, in a thread."""
        if self._waiting >= WAITING:
            raise LoadError("too many readers at once")
        self._waiting += 1
        try:
            snapshot = current(self.config.data_dir)
            if snapshot is None:
                return None
            try:
                return await self._thread(read, snapshot)
            except LoadError:
                newer = current(self.config.data_dir)
                if newer is None or newer == snapshot:
                    raise
                return await self._thread(read, newer)
        finally:
            self._waiting -= 1

    async def _thread(self, read: Callable[[Path], T], snapshot: Path) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, read, snapshot)
