"""What a sync would request: pages per stream, what is left of the budgets, how long it would take.

Promises at most one request per stream, and that nothing but that request's grant is written.
"""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from connectors.clock import system_clock
from connectors.source import EPOCH, Query, Stream
from pipeline import package
from pipeline.config import Config
from pipeline.destinations.warehouse import connect, rows
from pipeline.folders import Folders
from pipeline.receipt import BudgetLeft, iso
from pipeline.run import Request, budget_left
from pipeline.sources import OpenSource, open_source, selected
from pipeline.statements import statement
from schemas.errors import BudgetExhausted

BESIDE_PAGES = 3  # totals, the list's own count, the page on which two lanes meet


@dataclass(frozen=True, slots=True)
class Planned:
    source: str
    stream: str
    since: datetime
    resumes: bool  # an interrupted pass goes on
    records: int | None  # None: could not be asked
    requests: int | None
    sealed: int  # pages that are on the disk already
    left: BudgetLeft
    duration: timedelta  # at the budget's pace
    why: str | None = None  # why it could not be asked

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
            "why": self.why,
        }


async def plan(config: Config, request: Request) -> list[Planned]:
    """One entry per stream. Raises what the source raises."""
    folders = Folders(config.data_dir)
    folders.make()
    planned: list[Planned] = []
    for source in selected(config, request.sources):
        async with open_source(source, folders, system_clock()) as opened:
            planned += [
                await _planned(opened, stream, folders, request)
                for stream in opened.streams
                if not request.streams or stream.name in request.streams
            ]
    return planned


async def _planned(opened: OpenSource, stream: Stream, folders: Folders, request: Request) -> Planned:
    watermark = await asyncio.to_thread(_watermark, folders, opened.account.name, stream.name)
    oldest = opened.config.start or EPOCH
    lower = request.asked.since or oldest
    if watermark and request.asked.since is None and not request.asked.full:
        lower = max(watermark - opened.config.lookback, oldest)
    kept, resumes = 0, False
    for one in package.unfinished(folders.of_stream(opened.account.name, stream.name)):
        resumes = True
        pages = package.sealed(one)
        kept += sum(page.records for page in pages)
        lower = min(lower, one.window.lower)
    known = Planned(
        opened.account.name,
        stream.name,
        lower,
        resumes,
        records=None,
        requests=None,
        sealed=math.ceil(kept / opened.account.page_size),
        left=next(one for one in await budget_left(opened) if one.group == stream.group),
        duration=timedelta(),
    )
    try:
        answer = await stream.ask(opened.client, Query(lower, request.asked.until, 1, descending=True))
    except BudgetExhausted as error:
        return replace(known, why=str(error))
    records = max((answer.total or 0) - kept, 0)
    requests = math.ceil(records / opened.account.page_size) + BESIDE_PAGES if records else 2
    requests = min(requests, request.max_requests or requests)
    limit = opened.account.limit
    duration = duration_of(requests, known.left, limit.per_minute, limit.per_day)
    return replace(known, records=records, requests=requests, duration=duration)


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
