"""The simulator's times: whole seconds of UTC, as documented. Never reads a clock by itself.

DOC: timestamps are `YYYY-MM-DDTHH:MM:SSZ`, UTC, second precision. Inside the simulator a time is a
whole number of unix seconds; `datetime` stands at the edges, always aware.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

Now = Callable[[], datetime]
Steady = Callable[[], float]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
_ISO = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?)?", re.ASCII)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def seconds(moment: datetime) -> int:
    """Whole unix seconds, rounded down."""
    return (moment - EPOCH) // SECOND


def moment(unix: int) -> datetime:
    return EPOCH + unix * SECOND


def stamp(unix: int) -> str:
    """The wire form of a time (DOC)."""
    return moment(unix).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_time(text: str) -> date | datetime:
    """Read an ISO 8601 date or time; a time without a zone is UTC. Anything else is a ValueError."""
    if not _ISO.fullmatch(text):
        raise ValueError(f"not an ISO 8601 date or time: {text!r}")
    if len(text) == len("2026-01-31"):
        return date.fromisoformat(text)
    found = datetime.fromisoformat(text)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found


def running_from(start: datetime, steady: Steady) -> Now:
    """A calendar that stands at `start` now and goes on at the pace of `steady`."""
    began = steady()
    return lambda: start + timedelta(seconds=steady() - began)


def imf_date(when: datetime) -> str:
    """Sun, 06 Nov 1994 08:49:37 GMT: the form of the Date header, whatever the locale."""
    return f"{_DAYS[when.weekday()][:3]}, {when:%d} {_MONTHS[when.month - 1]} {when:%Y %H:%M:%S} GMT"


def rfc850_date(when: datetime) -> str:
    """Sunday, 06-Nov-94 08:49:37 GMT: obsolete, and still valid (RFC 9110)."""
    return f"{_DAYS[when.weekday()]}, {when:%d}-{_MONTHS[when.month - 1]}-{when:%y %H:%M:%S} GMT"


def asctime_date(when: datetime) -> str:
    """Sun Nov  6 08:49:37 1994: obsolete, still valid, and without a zone (RFC 9110)."""
    return (
        f"{_DAYS[when.weekday()][:3]} {_MONTHS[when.month - 1]} {when.day:2d} {when:%H:%M:%S} {when.year:04d}"
    )
