"""The request budget of one credential: limits per endpoint group, kept over processes, crashes and clocks.

Promises that in every rolling minute and every rolling day, over all processes on one ledger file, the
requests as the source counts them never exceed the declared limit; that a crash can only under-use it; and
that an endpoint group without a declared limit is refused. It never sends a request.

One request: `grant`, send at once, `release` when its answer (or its failure) is there. A grant is committed
to disk before it is given out (`connectors.grants`). Its slot is in use until a minute (a day) after the
release, because only then has every possible moment of counting left the window. The request has to be over
within `hold` seconds of the grant: the caller's total time-out sees to that.

The ledger decides. The AsyncLimiter in front of it keeps a burst of tasks from asking the ledger in vain.
"""

import asyncio
import math
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TypeVar

import structlog
from aiolimiter import AsyncLimiter

from connectors.clock import Clock
from connectors.grants import Grants, Taken, Trace, Wait, Window
from connectors.source import Limit
from schemas.errors import BudgetExhausted, ConfigError, Place, RetryableSourceError

MINUTE = 60.0
DAY = 86_400.0

# NTP may slew a clock by 500 ppm, the source's one way and ours the other: windows are that much longer here.
_SLEW = 1.001
_SHORTEST_SLEEP = 0.001

_T = TypeVar("_T")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Left:
    group: str
    minute_left: int | None
    day_left: int | None
    resume_at: datetime | None = None  # nothing before: the ledger was lost, and with it what was spent


@dataclass(frozen=True, slots=True)
class Grant:
    """Leave to send one request to `group` at once.

    The request must be over when the steady clock reads `until`. A process that was stopped or asleep past
    that moment must not send any more: the slot may be another request's by then.
    """

    group: str
    row: int
    until: float


class Budget:
    """Owns its connection to the ledger file and the one thread on which all SQLite calls run.

    Belongs to one event loop. `key` names the credential without being it: sources that use one credential
    share its budget.
    """

    def __init__(
        self,
        path: Path,
        clock: Clock,
        limits: Mapping[str, Limit],
        *,
        key: str,
        place_source: str,
        trace: Trace | None = None,
        patience: float = 120.0,
        hold: float = 90.0,
        minute: float = MINUTE,
        day: float = DAY,
    ) -> None:
        self._clock, self._source = clock, place_source
        self._patience, self._hold, self._day = patience, hold, day
        self._windows = {group: _windows(limit, minute, day) for group, limit in limits.items()}
        self._pacers = {
            group: AsyncLimiter(limit.per_minute, minute)
            for group, limit in limits.items()
            if limit.per_minute
        }
        self._queues = {group: asyncio.Lock() for group in limits}  # one task per group asks the ledger
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="budget")
        try:
            self._grants, self._pools = self._thread.submit(self._open, path, key, trace).result()
        except BaseException:
            self._thread.shutdown()
            raise

    async def grant(self, group: str) -> Grant:
        """Wait for a slot. BudgetExhausted when the next one is further away than `patience`."""
        pool, windows = self._declared(group)
        if pacer := self._pacers.get(group):
            await pacer.acquire()
        async with self._queues[group]:
            while True:
                answer = await self._run(lambda: self._grants.take(pool, windows))
                if isinstance(answer, Taken):
                    return Grant(group, answer.row, answer.at + self._hold)
                if answer.seconds > self._patience:
                    raise self._exhausted(group, answer)
                await self._clock.sleep(max(answer.seconds, _SHORTEST_SLEEP))

    async def release(self, grant: Grant) -> None:
        """The answer has come, or it is certain that none will; runs to its end even when cancelled.

        Never costs the answer: where the ledger fails the slot stays held, and the next grant says why.
        """
        try:
            await asyncio.shield(self._run(lambda: self._grants.release(grant.row)))
        except (ConfigError, RetryableSourceError) as error:
            log.warning("release_failed", source=self._source, group=grant.group, error=str(error))

    async def block(self, group: str, seconds: float) -> None:
        """The source said 429: no process sends to `group` for `seconds`, at most a day."""
        pool, _ = self._declared(group)
        if not math.isnan(seconds) and seconds > 0:
            await asyncio.shield(self._run(lambda: self._grants.block(pool, min(seconds, self._day))))

    async def left(self) -> tuple[Left, ...]:
        """What may still be sent, for each group: in this minute, and in this day."""
        return await self._run(lambda: tuple(self._left()))

    async def granted(self) -> int:
        """How many requests were ever granted, over all sources of the ledger file."""
        return await self._run(self._grants.granted)

    async def accept_loss(self) -> None:
        """Grant again at once, although a ledger was lost."""
        await self._run(self._grants.reopen)

    def close(self) -> None:
        """End the thread and the connection. Grants not yet released stay held."""
        self._thread.submit(self._grants.close)
        self._thread.shutdown()

    def _open(self, path: Path, key: str, trace: Trace | None) -> tuple[Grants, dict[str, int]]:
        grants = Grants(path, self._clock, hold=self._hold, longest=self._day * _SLEW, trace=trace)
        try:
            return grants, {group: grants.pool(key, group) for group in self._windows}
        except BaseException:
            grants.close()
            raise

    def _declared(self, group: str) -> tuple[int, tuple[Window, ...]]:
        if group not in self._windows:
            known = ", ".join(sorted(self._windows)) or "none"
            raise ConfigError(f"{self._source}: no budget is declared for endpoint group {group!r} ({known})")
        return self._pools[group], self._windows[group]

    def _left(self) -> Iterator[Left]:
        """On the ledger's thread."""
        closed = self._grants.closed()
        resume_at = self._clock.now() + timedelta(seconds=closed)
        for group, windows in self._windows.items():
            if closed > 0:
                yield Left(group, 0, 0, resume_at)
                continue
            used = self._grants.used(self._pools[group], windows)
            left = {w.name: max(0, w.limit - count) for w, count in zip(windows, used, strict=True)}
            yield Left(group, left.get("minute"), left.get("day"))

    def _run(self, step: Callable[[], _T]) -> "asyncio.Future[_T]":
        return asyncio.get_running_loop().run_in_executor(self._thread, step)

    def _exhausted(self, group: str, wait: Wait) -> BudgetExhausted:
        resume_at = self._clock.now() + timedelta(seconds=wait.seconds)
        used_up = {w.name: f"{w.limit} requests per {w.name} are used up" for w in self._windows[group]}
        lost = "the ledger of requests was lost, so all of the day's requests count as sent"
        why = (used_up | {"lost": lost}).get(wait.cause, "the source asked to wait")
        return BudgetExhausted(
            f"{why}; go on after {resume_at:%Y-%m-%d %H:%M:%S} UTC",
            Place(source=self._source, group=group),
            resume_at,
        )


def _windows(limit: Limit, minute: float, day: float) -> tuple[Window, ...]:
    declared = (("minute", limit.per_minute, minute), ("day", limit.per_day, day))
    return tuple(
        Window(name, count, seconds * _SLEW) for name, count, seconds in declared if count is not None
    )
