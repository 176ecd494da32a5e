"""The ticks of a schedule entry: the moments at which its sources are to be read. Asks nobody for the time.

Promises for `cron` one tick for every time that the line names on the calendar of its zone: a time that a clock change
leaves out comes as much later as the clock was put forward, one that comes twice is taken the first time. Only where
the hours are written with `*` both count. (APScheduler's own CronTrigger has two ticks where 01:30 comes twice, none
where 00:30 is left out, and none on the day after the clock went forward for times before 01:00.)
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from pipeline.config import Schedule

if TYPE_CHECKING:
    from apscheduler.triggers.cron import CronTrigger

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CHANGE = timedelta(hours=3)  # clocks are put forward and back by less
REACHES = tuple(timedelta(days=days) for days in (0.25, 2, 40, 400, 10_000))


def ticks(entry: Schedule, after: datetime, upto: datetime) -> list[datetime]:
    """Every tick after one moment and up to another, in UTC."""
    if entry.every is not None:
        numbers = range((after - EPOCH) // entry.every + 1, (upto - EPOCH) // entry.every + 1)
        return [EPOCH + entry.every * number for number in numbers]
    zone = ZoneInfo(entry.timezone)
    first, last = (moment.astimezone(zone).replace(tzinfo=UTC) for moment in (after, upto))
    line = entry.cron or ""
    both = line.split()[1].startswith("*")
    found = {
        moment
        for named in _named(line, first - CHANGE, last + CHANGE)
        for moment in _moments(named, zone, both=both)
        if after < moment <= upto
    }
    return sorted(found)


def newest_tick(entry: Schedule, now: datetime) -> datetime | None:
    """The last tick that has passed."""
    return next((found[-1] for reach in _reaches(entry) if (found := ticks(entry, now - reach, now))), None)


def next_tick(entry: Schedule, after: datetime) -> datetime | None:
    """The first tick to come."""
    return next(
        (found[0] for reach in _reaches(entry) if (found := ticks(entry, after, after + reach))), None
    )


def next_ticks(entry: Schedule, after: datetime) -> Iterator[datetime]:
    """All ticks to come."""
    while (found := next_tick(entry, after)) is not None:
        yield found
        after = found


def _reaches(entry: Schedule) -> tuple[timedelta, ...]:
    return REACHES if entry.every is None else (entry.every,)


def _named(line: str, first: datetime, last: datetime) -> Iterator[datetime]:
    """The times that a cron line names on a calendar without clock changes: UTC stands for the zone's own."""
    while (found := _calendar(line).get_next_fire_time(None, first)) is not None and found <= last:
        yield found
        first = found + timedelta(seconds=1)


def _moments(named: datetime, zone: ZoneInfo, *, both: bool) -> set[datetime]:
    """When the zone's clocks show this; where they never do, when they would have but for the change."""
    local = named.replace(tzinfo=zone)
    return {local.replace(fold=fold).astimezone(UTC) for fold in ((0, 1) if both else (0,))}


@cache
def _calendar(line: str) -> "CronTrigger":
    from apscheduler.triggers.cron import CronTrigger

    return CronTrigger.from_crontab(line, timezone=UTC)
