"""What a viewer asks to see, as the page's address says it: a period, a source, a department, an agent.

Promises that the same choice has one address, so that a view can be shared and kept; what is not understood is
refused with a sentence (ValueError), never ignored: a mistyped filter would show other figures than were meant.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

PERIODS: Mapping[str, int | None] = {"7d": 7, "28d": 28, "90d": 90, "365d": 365, "all": None}  # days
USUAL = "365d"
LONGEST_NAME = 200
LONGEST_SEARCH = 100
PAGES = 80  # of comments; a search that brings more wants another word
NAMES = ("period", "from", "to", "source", "department", "agent", "rating", "search", "page")

Bucket = Literal["day", "week", "month"]


@dataclass(frozen=True, slots=True)
class Filters:
    """None: no restriction. `first` and `last` are days, both included, and win over `period`."""

    period: str = USUAL
    first: date | None = None
    last: date | None = None
    source: str | None = None
    department: str | None = None
    agent: str | None = None
    rating: int | None = None
    search: str | None = None
    page: int = 1

    def query(self, **changes: Any) -> str:
        """The part of an address behind the `?`, with what differs from the usual view; other filters by `changes`."""
        view = replace(self, **changes)
        dated = view.first or view.last
        said = {
            "period": None if dated or view.period == USUAL else view.period,
            "from": view.first,
            "to": view.last,
            "source": view.source,
            "department": view.department,
            "agent": view.agent,
            "rating": view.rating,
            "search": view.search,
            "page": view.page if view.page > 1 else None,
        }
        return urlencode({name: value for name, value in said.items() if value is not None})


@dataclass(frozen=True, slots=True)
class Extent:
    """The days that a snapshot has anything to show of, in its reporting time zone."""

    oldest: date
    newest: date
    timezone: str
    satisfied_from: int


@dataclass(frozen=True, slots=True)
class Span:
    """The days to show, both included, and the first day of the equally long period before them."""

    first: date
    last: date

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def before(self) -> date:
        return self.first - timedelta(days=min(self.days, (self.first - date.min).days))

    @property
    def bucket(self) -> Bucket:
        """Days, weeks or months: as many points as can be told apart."""
        return "day" if self.days <= 62 else "week" if self.days <= 430 else "month"

    def moments(self, timezone: str) -> tuple[datetime, datetime]:
        """The first moment, and the first one behind the last."""
        zone = ZoneInfo(timezone)
        end = self.last + timedelta(days=1) if self.last < date.max else self.last
        lower, upper = (datetime.combine(day, time(), zone).astimezone(UTC) for day in (self.first, end))
        return lower, upper


def span(filters: Filters, extent: Extent) -> Span:
    """The days that are meant. A period counts back from the newest day that has anything, never from today."""
    if filters.first or filters.last:
        first, last = filters.first or extent.oldest, filters.last or extent.newest
        return Span(first, max(first, last)) if filters.first else Span(min(first, last), last)
    days = PERIODS[filters.period]
    first = extent.oldest if days is None else extent.newest - timedelta(days=days - 1)
    return Span(first, extent.newest)


def read(query: Mapping[str, str]) -> Filters:
    """The filters of an address. Raises ValueError with a sentence for people."""
    if unknown := [name for name in query if name not in NAMES]:
        raise ValueError(f"There is no filter {unknown[0][:40]!r}: the filters are {', '.join(NAMES)}.")
    if len(set(query)) < len(query):
        raise ValueError("A filter is given twice: each takes one value.")
    given = {name: value.strip() for name, value in query.items() if value.strip()}
    period = given.get("period", USUAL)
    if period not in PERIODS:
        raise ValueError(f"period: write one of {', '.join(PERIODS)}.")
    first, last = _day("from", given), _day("to", given)
    if first and last and first > last:
        raise ValueError("from: lies behind `to`.")
    return Filters(
        period=period,
        first=first,
        last=last,
        source=_text("source", given, LONGEST_NAME),
        department=_text("department", given, LONGEST_NAME),
        agent=_text("agent", given, LONGEST_NAME),
        rating=_number("rating", given, 5),
        search=_text("search", given, LONGEST_SEARCH),
        page=_number("page", given, PAGES) or 1,
    )


def _day(name: str, given: Mapping[str, str]) -> date | None:
    try:
        day = date.fromisoformat(given[name]) if name in given else None
    except ValueError:
        raise ValueError(f"{name}: write a day, for example 2026-01-31.") from None
    if day and not 1970 <= day.year <= 9000:
        raise ValueError(f"{name}: write a day between 1970 and 9000.")
    return day


def _text(name: str, given: Mapping[str, str], longest: int) -> str | None:
    value = given.get(name)
    if value and (len(value) > longest or "\0" in value):
        raise ValueError(f"{name}: write at most {longest} letters.")
    return value


def _number(name: str, given: Mapping[str, str], largest: int) -> int | None:
    value = given.get(name)
    if value is None:
        return None
    if not value.isascii() or not value.isdigit() or not 1 <= int(value[:9]) <= largest or len(value) > 9:
        raise ValueError(f"{name}: write a number from 1 to {largest}.")
    return int(value)
