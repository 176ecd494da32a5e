"""The process that runs: the dashboard's door, the alarm clock, and one run at a time.

    scheduler.make_scheduler    rings at every tick, and every few seconds
    due.due                     which sources wait, by the ledger of runs
    run.run                     in a thread of its own (aside.py): readers never wait for it
    web.door.Door               the dashboard, also while the configuration changes

Promises: a tick is run once, by whoever of several such processes comes first, also after a kill or nights without
power; a stop ends a run at the edge of a page, or cancels it after `DRAIN`; a configuration that is not valid changes
nothing; a notice (notify.py) holds up nobody. It keeps nothing that the ledger does not know.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from connectors.clock import Clock
from pipeline.aside import aside
from pipeline.config import Config
from pipeline.due import due, next_look
from pipeline.folders import Folders
from pipeline.job import Progress
from pipeline.ledger import Ledger, Past
from pipeline.notify import tell_run, tell_stale
from pipeline.receipt import Receipt, iso
from pipeline.run import Request, run
from pipeline.scheduler import LOOK_EVERY, make_scheduler
from pipeline.web.door import Door
from pipeline.web.health import health
from schemas.errors import ConfigError, EvalsyncError, WarehouseBusy

log = structlog.get_logger()

DRAIN = 8.0  # seconds that a run has to reach the edge of a page
STALE_EVERY = 300.0  # seconds between two looks at how old the copy is

Sync = Callable[[Config, Request, asyncio.Event], Awaitable[Receipt]]


@dataclass(slots=True)
class Service:
    """Owns the door, the alarm clock and the run under way."""

    read: Callable[[], Config]  # the configuration as it is now; raises ConfigError
    sync: Sync
    clock: Clock
    stop: asyncio.Event
    look_every: timedelta = LOOK_EVERY
    drain: float = DRAIN
    stale_every: float = STALE_EVERY
    door: Door = field(default_factory=Door)
    bell: asyncio.Event = field(default_factory=asyncio.Event)
    hangup: asyncio.Event = field(default_factory=asyncio.Event)
    config: Config | None = None
    address: str = ""  # of the dashboard
    _scheduler: AsyncIOScheduler | None = None
    _notices: asyncio.Queue[tuple[Config, Mapping[str, Any]]] = field(default_factory=asyncio.Queue)
    _failed: tuple[dict[str, datetime], str] | None = None  # without a receipt, and told
    _left: dict[str, datetime] = field(default_factory=dict)  # to another run, and said so

    async def use(self, config: Config) -> None:
        """Go by this configuration from now on. Raises ConfigError; then all is as it was."""
        self.address = await self.door.open(config, self.clock)
        scheduler = make_scheduler(config, self._ring, look_every=self.look_every)
        scheduler.start()
        old, self._scheduler, self.config = self._scheduler, scheduler, config
        if old is not None:
            old.shutdown(wait=False)
        log.info("serving", address=self.address, next=iso(next_look(config, self.clock.now(), [])))
        if not config.schedule:
            log.warning("no_schedule", means="nothing is synced")
        self.bell.set()

    async def live(self) -> None:
        """Until `stop`. What is due at the start is run at once."""
        try:
            async with asyncio.TaskGroup() as group:
                nights = group.create_task(self._nights())
                others = [
                    group.create_task(one) for one in (self._reloads(), self._notify(), self._watch_age())
                ]
                await self.stop.wait()
                self.bell.set()
                await asyncio.wait([nights], timeout=self.drain)
                for task in (nights, *others):
                    task.cancel()
        finally:
            await self.close()

    async def close(self) -> None:
        if self._scheduler is not None:
            self._scheduler.shutdown(wait=False)
        await self.door.close()

    async def _ring(self) -> None:
        self.bell.set()

    async def _nights(self) -> None:
        while not self.stop.is_set():
            self.bell.clear()
            while await self._night():
                pass  # a tick may have passed meanwhile
            await self.bell.wait()

    async def _night(self) -> bool:
        """Run what is due; whether anything was."""
        config = self.config
        if config is None or self.stop.is_set():
            return False
        moments: dict[str, datetime] = {}
        try:
            past = await asyncio.to_thread(past_runs, config, self.clock)
            moments = due(config, self.clock.now(), past)
            if not moments:
                return False
            request = Request(sources=tuple(moments), claim=partial(self._still_due, config, moments))
            receipt = await self.sync(config, request, self.stop)
        except (
            WarehouseBusy
        ) as busy:  # that run may be this very tick's; if it is not, a later ring brings it
            if moments != self._left:
                log.info("left_to_another_run", sources=sorted(moments), why=str(busy))
            self._left = moments
            return False
        except EvalsyncError as error:
            log.error("run_failed", sources=sorted(moments), why=str(error))
            if (moments, str(error)) != self._failed:  # what cannot even begin is tried at every ring
                self._notices.put_nowait((config, {"outcome": "failed", "error": str(error)}))
            self._failed = moments, str(error)
            return False
        await self._note(config, receipt, moments)
        return True

    def _still_due(self, config: Config, moments: dict[str, datetime], past: Sequence[Past]) -> bool:
        return moments.keys() <= due(config, self.clock.now(), past).keys()

    async def _note(self, config: Config, receipt: Receipt, moments: dict[str, datetime]) -> None:
        self._notices.put_nowait((config, receipt.as_json()))
        past = await asyncio.to_thread(past_runs, config, self.clock)
        log.info(
            "run_ended",
            run_id=receipt.run_id,
            outcome=receipt.outcome,
            sources=sorted(moments),
            waited_since=iso(min(moments.values())),
            seconds=round((receipt.finished_at - receipt.started_at).total_seconds(), 1),
            next=iso(next_look(config, self.clock.now(), past)),
        )

    async def _notify(self) -> None:
        while True:
            await tell_run(*await self._notices.get(), self.clock)

    async def _watch_age(self) -> None:
        """A run that never comes sends no notice: so the age of the copy does."""
        while True:
            await self.clock.sleep(self.stale_every)
            if (config := self.config) is None or config.notify is None:
                continue
            try:
                found = await health(config, self.clock.now())
            except EvalsyncError as error:
                log.warning("age_unknown", why=str(error))
                continue
            await tell_stale(
                config,
                proven_at=found.proven_at,
                reason=found.sentence,
                stale=found.state == "stale",
                clock=self.clock,
            )

    async def _reloads(self) -> None:
        while True:
            await self.hangup.wait()
            self.hangup.clear()
            try:
                await self.use(await asyncio.to_thread(self.read))
            except ConfigError as error:
                log.error("config_refused", why=str(error), instead="the configuration stays as it was")


def past_runs(config: Config, clock: Clock) -> list[Past]:
    """The runs that count for the schedule, newest first; none where nothing ever ran."""
    ledger = Folders(config.data_dir).ledger
    return Ledger(ledger, clock).past() if ledger.exists() else []


def sync_aside(watching: Callable[[], Progress]) -> Sync:
    """A run in a thread of its own, and who watches it."""

    async def sync(config: Config, request: Request, stop: asyncio.Event) -> Receipt:
        return await aside(lambda halt: run(config, request, stop=halt, progress=watching()), stop)

    return sync
