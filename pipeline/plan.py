"""What a sync would request: pages per stream, what is left of the budgets, how long it would take.

Promises at most one request per stream, that nothing but that request's grant is written, and that a figure which
the source does not give is missing and not guessed.
"""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from connectors.budget import Left
from connectors.clock import system_clock
from connectors.source import EPOCH, Account, Query, Stream
from pipeline import package
from pipeline.accounts import account_of, listed_only, selected, streams_of
from pipeline.audit import LEAST
from pipeline.config import Config
from pipeline.destinations import tables
from pipeline.destinations.warehouse import connect, rows
from pipeline.folders import Folders
from pipeline.receipt import BudgetLeft, iso
from pipeline.reread import allowance
from pipeline.run import Request, budget_left
from pipeline.sources import ONCE, OpenSource, open_source
from pipeline.statements import statement
from pipeline.stretches import expected
from schemas.errors import BudgetExhausted, ConfigError, SourceError

READ_AGAIN = 4  # requests to read the part that a search has found: some two pages, and their links
BESIDE_PAGES = 3  # totals, the list's own count, the page on which two lanes meet


@dataclass(frozen=True, slots=True)
class Again:
    """What looking at older rows again would take."""

    requests: int  # of the next run
    nights: int | None  # until all of history is looked at; None: never, at this rate


@dataclass(frozen=True, slots=True)
class History:
    """What proving a stream's history would take."""

    compare: int  # requests, where it is equal
    at_most: int  # where it differs, with what is then searched and mended


@dataclass(frozen=True, slots=True)
class Planned:
    source: str
    stream: str
    since: datetime | None  # None: a list, which is read whole
    resumes: bool  # an interrupted pass goes on
    records: int | None  # None: could not be asked, or the source does not tell
    requests: int | None
    sealed: int  # pages that are on the disk already
    left: BudgetLeft
    duration: timedelta  # at the budget's pace
    again: Again | None = None  # None: this stream is not looked at again
    audit: History | None = None  # None: not due, as the sync itself reads all of history, or switched off
    refused: bool = False  # the source would not answer
    why: str | None = None  # why a figure is missing, or what it leaves out

    def as_json(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "stream": self.stream,
            "from": iso(self.since),
            "resumes": self.resumes,
            "records": self.records,
            "requests": self.requests,
            "pages_kept": self.sealed,
            "group": self.left.group,
            "minute_left": self.left.minute_left,
            "day_left": self.left.day_left,
            "seconds": round(self.duration.total_seconds()),
            "reread": self.again and {"requests": self.again.requests, "nights": self.again.nights},
            "audit": self.audit and {"compare": self.audit.compare, "at_most": self.audit.at_most},
            "why": self.why,
        }


async def plan(config: Config, request: Request) -> list[Planned]:
    """One entry per stream. Raises ConfigError; what a stream cannot be asked for stands in its entry."""
    folders = Folders(config.data_dir)
    folders.make()
    planned: list[Planned] = []
    for source in selected(config, request.sources):
        async with open_source(listed_only(source), folders, system_clock(), retries=ONCE) as opened:
            allowed = source.reread
            for stream in opened.streams:
                if request.streams and stream.name not in request.streams:
                    continue
                one = await _planned(opened, stream, folders, request)
                one = await _with_details(one, opened, stream, getattr(source, "details", ()))
                one = replace(one, again=await _again(one, opened, stream, folders, allowed))
                one = replace(one, audit=_history(one, opened, stream))
                allowed -= one.again.requests if one.again else 0
                planned.append(one)
    if not planned:
        raise ConfigError("--stream: none of the sources has such a stream")
    return planned


async def _planned(opened: OpenSource, stream: Stream, folders: Folders, request: Request) -> Planned:
    known, lower, kept = await _before_asking(opened, stream, folders, request)
    parts = stream.parts if stream.walk == "list" else ()
    until = None if stream.walk == "list" else request.asked.until
    size = opened.account.page_size
    query = Query(lower, until, size, descending=stream.walk == "seek", part=parts[0] if parts else None)
    try:
        answer = await stream.ask(opened.client, query)
    except SourceError as error:
        return replace(known, refused=not isinstance(error, BudgetExhausted), why=str(error))
    total = answer.total
    if total is None and answer.complete:
        total = len(answer.records)
    if total is None:
        told = (
            f"the source gives no total: at least {len(answer.records)} records; windows cannot be compared"
        )
        return replace(known, why=told)
    records = max(total - kept, 0)
    requests = (
        _list_requests(records, size, len(parts)) if stream.walk == "list" else _requests(records, size)
    )
    requests = min(requests, request.max_requests or requests)
    why = None
    if len(parts) > 1:
        name, asked = parts[0]
        why = f"records of the {name} `{asked}` only: one of {len(parts)} was asked, the requests take all to be alike"
    limit = opened.limits[stream.group]
    duration = duration_of(requests, known.left, limit.per_minute, limit.per_day)
    return replace(known, records=records, requests=requests, duration=duration, why=why)


async def _before_asking(
    opened: OpenSource, stream: Stream, folders: Folders, request: Request
) -> tuple[Planned, datetime | None, int]:
    """What is known without a request; where the window begins, and how many records are on the disk."""
    source, oldest = opened.account.name, opened.config.start or EPOCH
    lower = request.asked.since or oldest
    watermark = await asyncio.to_thread(_watermark, folders, source, stream.name)
    if watermark and request.asked.since is None and not request.asked.full:
        lower = max(watermark - opened.config.lookback, oldest)
    kept, resumes = 0, False
    for one in package.unfinished(folders.of_stream(source, stream.name)):
        resumes = True
        kept += sum(page.records for page in package.sealed(one))
        lower = min(lower, one.window.lower)
    since = None if stream.walk == "list" else lower
    known = Planned(
        source,
        stream.name,
        since,
        resumes,
        records=None,
        requests=None,
        sealed=math.ceil(kept / opened.account.page_size),
        left=next(one for one in await budget_left(opened) if one.group == stream.group),
        duration=timedelta(),
    )
    return known, since, 0 if stream.walk == "list" else kept  # an interrupted list is begun again


def _requests(records: int, page_size: int) -> int:
    return math.ceil(records / page_size) + BESIDE_PAGES if records else 2


def _list_requests(records: int, page_size: int, parts: int) -> int:
    """A list on one page is one request; a longer one is paged twice, and counted."""
    pages, parts = math.ceil(records / page_size), max(parts, 1)
    if pages <= 1 and parts == 1:
        return 1
    return parts * (1 if pages <= 1 else 2 * pages + 1) + parts


async def _with_details(one: Planned, opened: OpenSource, stream: Stream, details: Sequence[str]) -> Planned:
    """With the requests for single records, where the list does not give all of their fields."""
    if stream.name not in details or one.requests is None or one.records is None:
        return one
    group = stream.besides[0] if stream.besides else stream.group
    left = next(left for left in await budget_left(opened) if left.group == group)
    limit = opened.limits[group]
    singly = duration_of(one.records, left, limit.per_minute, limit.per_day)
    why = f"up to {one.records} requests of {group} for single records (details)"
    why = f"{one.why}; {why}" if one.why else why
    requests, duration = one.requests + one.records, max(one.duration, singly)
    return replace(one, requests=requests, duration=duration, why=why)


async def _again(
    one: Planned, opened: OpenSource, stream: Stream, folders: Folders, allowed: int
) -> Again | None:
    """How much of history the next run would look at again, and how long all of it takes at that rate."""
    if stream.walk == "list" or one.requests is None or opened.config.reread == 0:
        return None
    rows = await asyncio.to_thread(_loaded, folders, opened.account, stream)
    left = Left(one.left.group, one.left.minute_left, one.left.day_left)
    tonight = allowance(allowed, left, one.requests)
    whole = expected(rows or one.records or 0, opened.account.page_size, tonight)
    if whole is None:
        return Again(0, None)
    return Again(min(whole, tonight), math.ceil(whole / tonight))


def _history(one: Planned, opened: OpenSource, stream: Stream) -> History | None:
    """What the next run may spend on comparing all of history, beside its own window."""
    config = opened.config
    if config.audit == 0 or one.since is None or one.since <= (config.start or EPOCH):
        return None
    left = Left(one.left.group, one.left.minute_left, one.left.day_left)
    allowed = allowance(config.audit, left, one.requests or 0)
    return History(2 if stream.totals else 1, allowed) if allowed >= LEAST else None


def duration_of(requests: int, left: BudgetLeft, per_minute: int | None, per_day: int | None) -> timedelta:
    """How long the budget lets so many requests take: the minute's pace, and whole days where the day is spent."""
    days = 0
    if per_day is not None and left.day_left is not None and requests > left.day_left:
        days = math.ceil((requests - left.day_left) / per_day)
        requests = (requests - left.day_left) % per_day or per_day
    minutes = 0
    if per_minute is not None and left.minute_left is not None:
        minutes = math.ceil(max(requests - left.minute_left, 0) / per_minute)
    return timedelta(days=days, minutes=minutes)


def _watermark(folders: Folders, source: str, stream: str) -> datetime | None:
    if not folders.warehouse.exists():
        return None
    with connect(folders.warehouse) as db:
        found: Sequence[dict[str, Any]] = rows(
            db, statement("load/watermark_of"), {"source": source, "stream": stream}
        )
    return found[0]["watermark"] if found else None


def _loaded(folders: Folders, account: Account, stream: Stream) -> int:
    """How many rows of the stream the warehouse holds."""
    if not folders.warehouse.exists():
        return 0
    with connect(folders.warehouse) as db:
        tables.bind(db, stream.contract)
        values = {"source": account.name, "tenant": account.tenant}
        [found] = rows(db, statement("status/loaded"), values)
    return int(found["rows"])


async def plan_audit(config: Config, request: Request) -> list[dict[str, Any]]:
    """What an audit of each stream with a place in time would cost, from what is loaded. Sends nothing."""
    folders = Folders(config.data_dir)
    found = []
    for source in selected(config, request.sources):
        account = account_of(source)
        for stream in streams_of(account):
            if stream.walk == "list" or (request.streams and stream.name not in request.streams):
                continue
            watermark = await asyncio.to_thread(_watermark, folders, account.name, stream.name)
            count = await asyncio.to_thread(_loaded, folders, account, stream)
            pages = math.ceil(count / account.page_size)
            found.append(
                {
                    "source": account.name,
                    "stream": stream.name,
                    "rows": count,
                    "watermark": iso(watermark),
                    "compare": 2 if stream.totals else 1,
                    "per_difference": math.ceil(math.log2(max(pages, 1))) + READ_AGAIN,
                    "full": pages,
                }
            )
    return found
