"""The vocabulary of a source: what can be asked of it, and what an answer is. Data only, no I/O.

Account   who we are at the source          Window   [lower, upper) of the cursor field
Stream    one collection of the source      Query    one list request, in our words
Answer    what one request brought          Page     an answer with the part of the window that it proves
SourceTotals   what the source says of itself about a window
"""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Protocol

from pydantic import SecretStr

from schemas.contract import TableContract
from schemas.errors import ConfigError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)

Record = Any  # one wire record, as JSON gave it: an object, if the source keeps its word


@dataclass(frozen=True, slots=True)
class Limit:
    """Requests allowed in every rolling 60 s and 24 h; None: no such limit is declared."""

    per_minute: int | None = None
    per_day: int | None = None

    def __post_init__(self) -> None:
        if any(limit is not None and limit < 1 for limit in (self.per_minute, self.per_day)):
            raise ConfigError(
                "a request budget must allow at least one request: raise per_minute and per_day"
            )


@dataclass(frozen=True, slots=True)
class Account:
    """One source of config.yaml, as a connector needs it."""

    name: str
    system: str
    base_url: str
    tenant: str
    credentials: Mapping[str, SecretStr]
    streams: tuple[str, ...]
    page_size: int
    limit: Limit
    assume: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)  # what only this system's connector knows


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """A half-open range of the cursor field, in whole units of the source's filter."""

    lower: datetime
    upper: datetime

    @property
    def empty(self) -> bool:
        return self.lower >= self.upper

    def holds(self, moment: datetime) -> bool:
        return self.lower <= moment < self.upper

    def clip(self, other: "Window") -> "Window":
        return Window(max(self.lower, other.lower), min(self.upper, other.upper))


def subtract(window: Window, parts: Sequence[Window]) -> list[Window]:
    """What of `window` no part covers, in order."""
    gaps, edge = [], window.lower
    for part in sorted(parts):
        if part.upper <= edge or part.empty:
            continue
        if part.lower >= window.upper:
            break
        if part.lower > edge:
            gaps.append(Window(edge, part.lower))
        edge = part.upper
    if edge < window.upper:
        gaps.append(Window(edge, window.upper))
    return gaps


@dataclass(frozen=True, slots=True)
class Query:
    """One list request. `part` is one of the stream's `parts`: a further filter, which splits a tie or a list."""

    lower: datetime | None
    upper: datetime | None
    size: int
    descending: bool = False
    number: int = 1
    part: tuple[str, Any] | None = None
    link: str | None = None  # the source's own link to the page, in place of its number


@dataclass(frozen=True, slots=True)
class Answer:
    """What one request brought: an atomic picture of its range at `observed_at`, the source's own clock."""

    records: Sequence[Record]
    total: int | None  # rows in the asked range, as the source counts them
    complete: bool | None  # nothing of the asked range lies behind these records; None: it does not say
    observed_at: datetime | None
    body: bytes
    next: str | None = None  # the source's link to the following page


@dataclass(frozen=True, slots=True)
class Page:
    """An answer, and what it proves.

    Every row that was in `covers` is among the records. `certain` is the part of it in which a row that is
    not among the records does not exist any more; it is narrower where only counts linked two pages.
    """

    answer: Answer
    covers: Window | None
    certain: Window | None


@dataclass(frozen=True, slots=True)
class SourceTotals:
    """Figures of a window. `derived` names those that follow from others, and so prove nothing more."""

    total: int | None
    figures: Mapping[str, float | None]
    derived: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Payload:
    """A parsed answer to one request."""

    value: Any
    body: bytes
    observed_at: datetime | None


Parse = Callable[[bytes], Any]
Check = Callable[[Any], None]  # raises RetryableSourceError where a value is not what was asked for


class Client(Protocol):
    """One request within budget; raises only errors of schemas.errors."""

    async def get(
        self,
        group: str,
        path: str,
        query: Sequence[tuple[str, str]] = (),
        check: Check | None = None,
        parse: Parse | None = None,
    ) -> Payload:
        """`parse` in place of the usual reader of JSON; it raises ValueError where the body is none."""
        ...

    async def post(
        self,
        group: str,
        path: str,
        body: Mapping[str, Any],
        check: Check | None = None,
        credential: Mapping[str, str] = {},
    ) -> Payload:
        """Without the source's credential, or with the headers given: how a credential is asked for."""
        ...


@dataclass(frozen=True, slots=True)
class Stream:
    """One collection: how to ask for a page and for its totals, and what table it fills.

    A collection without a place in time (`walk` is "list") is read whole every time; its `parts` are the lists
    that it consists of. Without `totals` the list's own count is what a window is compared with.
    """

    name: str
    contract: TableContract
    group: str  # the endpoint group that its pages are counted in
    ask: Callable[[Client, Query], Awaitable[Answer]]
    totals: Callable[[Client, Window], Awaitable[SourceTotals]] | None
    decode: Callable[[bytes], Sequence[Record]]  # a kept body -> its records
    cursor_of: Callable[[Record], datetime | None]
    key_of: Callable[[Record], str]
    unit: timedelta = SECOND  # the finest step of the source's filter
    settle: timedelta = timedelta(seconds=5)  # how far behind the source's clock a window closes
    parts: tuple[tuple[str, Any], ...] = ()
    walk: Literal["seek", "list"] = "seek"
    besides: tuple[str, ...] = ()  # endpoint groups that only this stream asks, beside its pages'

    def floor(self, moment: datetime) -> datetime:
        return EPOCH + (moment - EPOCH) // self.unit * self.unit

    def whole(self, window: Window) -> Window:
        """The window widened to whole units: less cannot be asked for."""
        return Window(self.floor(window.lower), EPOCH - (EPOCH - window.upper) // self.unit * self.unit)


def placeless(record: Record) -> datetime:
    """The cursor of a collection without a place in time: all its rows stand at one moment."""
    del record
    return EPOCH


def key_of(record: Record) -> str:
    """The record's id; a record without one is named by its text, so that it is still counted once."""
    key = record.get("id") if isinstance(record, dict) else None
    if isinstance(key, (str, int)) and not isinstance(key, bool) and key != "":
        return str(key)
    return json.dumps(record)
