"""The alarm clock of the service: APScheduler, which rings at every tick, and every few seconds besides.

It decides nothing: whoever hears it asks `due`. So a ring too many does no harm, and one that a sleeping machine missed
is made up by the next.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.interval import IntervalTrigger

from pipeline.config import Config, Schedule
from pipeline.ticks import next_tick

LOOK_EVERY = timedelta(seconds=15)  # for what has no tick: a run that was killed, a pause that is over
GRACE = timedelta(hours=12)


class Ticks(BaseTrigger):  # type: ignore[misc]  # the library is not typed
    """The ticks of an entry as APScheduler asks for them."""

    def __init__(self, entry: Schedule) -> None:
        self.entry = entry

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        return next_tick(self.entry, previous_fire_time or now)


def make_scheduler(
    config: Config, ring: Callable[[], Awaitable[None]], *, look_every: timedelta = LOOK_EVERY
) -> AsyncIOScheduler:
    """Not started yet. `ring` returns soon."""
    options = {"coalesce": True, "max_instances": 1, "misfire_grace_time": round(GRACE.total_seconds())}
    scheduler = AsyncIOScheduler(timezone=UTC, job_defaults=options)
    for number, entry in enumerate(config.schedule):
        scheduler.add_job(ring, Ticks(entry), id=f"schedule-{number}")
    scheduler.add_job(ring, IntervalTrigger(seconds=look_every.total_seconds(), timezone=UTC), id="look")
    return scheduler
