"""Numbers and times as a page says them. Pure."""

from datetime import UTC, date, datetime

from connectors.source import EPOCH


def count(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"


def day(value: date) -> str:
    return f"{value.day} {value:%b} {value.year}"


def moment(value: datetime | str | None) -> str:
    """A time in UTC, to the minute; where a window has no beginning it says so."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if value is None:
        return "–"
    return "beginning" if value == EPOCH else f"{value.astimezone(UTC):%Y-%m-%d %H:%M}"


def age(seconds: float | None) -> str:
    if seconds is None:
        return "never"
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            n = int(seconds // size)
            return f"{n} {unit}{'s' if n > 1 else ''} ago"
    return "just now"


def duration(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def change(now: float | None, before: float | None) -> float | None:
    return None if now is None or before is None else now - before
