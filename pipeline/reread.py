"""Older windows, looked at again: edits and deletions that no cursor shows. Oldest look first.

An edit that keeps its publication date lies before every new window, so the only way to see it is to read its time
again. After a run's streams are done, what the budget has left is spent on that, up to `reread` requests per source.
Promises: never more than that, never more than leaves the next night what this one needed, twice over; each part is
an ordinary pass, so a stop or a kill loses nothing. A failure ends the looking and nothing else.
"""

import math
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from connectors.budget import Left
from connectors.source import Window
from pipeline.destinations.load import Loaded
from pipeline.job import Job
from pipeline.passes import read_again
from pipeline.proving import beyond_belief
from pipeline.receipt import StreamReceipt
from schemas.errors import EvalsyncError

log = structlog.get_logger()

PAGES = 8  # of a stretch, at most
HOUR = timedelta(hours=1)
RECENT = timedelta(hours=12)  # what was looked at since then waits: a first sync has just read everything
BESIDE_PAGES = 2  # requests of a window beside its pages: where two lanes meet, where pages are linked


@dataclass(frozen=True, slots=True)
class Checked:
    """A stretch of history and the oldest look at one of its rows."""

    window: Window
    rows: int
    checked_at: datetime

    def requests(self, page_size: int) -> int:
        return math.ceil(self.rows / page_size) + BESIDE_PAGES


async def look_again(job: Job, receipt: StreamReceipt, requests: int, left: Left | None) -> StreamReceipt:
    """Spend at most `requests` on the windows of a stream that were looked at longest ago."""
    before = job.requests()
    allowed = allowance(requests, left, receipt.requests)
    if allowed <= 0 or job.extraction.stream.walk == "list" or receipt.outcome not in ("ok", "unproven"):
        return receipt
    try:
        async for loaded in _read(job, receipt, before, allowed):
            receipt = replace(receipt, loaded=receipt.loaded + loaded)
    except EvalsyncError as error:
        log.warning("reread_ended", source=job.source, stream=receipt.stream, why=str(error))
    spent = job.requests() - before
    return _told(replace(receipt, requests=receipt.requests + spent, reread=spent))


async def _read(job: Job, receipt: StreamReceipt, before: int, allowed: int) -> AsyncIterator[Loaded]:
    """What each part brought, as long as the next one is sure to fit in what is allowed."""
    watermark = await job.store.watermark(job.source, job.extraction.stream.name)
    if watermark is None or receipt.window is None:
        return
    recent = receipt.window.upper - RECENT  # by the source's clock, as the looks are
    for part in chosen(await _hours(job, watermark - job.lookback), job.extraction.page_size, allowed):
        if part.checked_at >= recent:
            return  # and so are all that follow
        spent = job.requests() - before
        if job.stop.is_set() or spent + part.requests(job.extraction.page_size) > allowed:
            return
        yield await read_again(job, part.window)


def _told(receipt: StreamReceipt) -> StreamReceipt:
    """Rows that vanished in numbers beyond belief are kept, and the run says so: their days are never done."""
    if not receipt.loaded.withheld or receipt.outcome == "unproven":
        return receipt
    return replace(receipt, outcome="unproven", error=beyond_belief(receipt))


def allowance(requests: int, left: Left | None, tonight: int) -> int:
    """What may be spent now: tonight's requests still count when the next night begins."""
    if left is None or left.day_left is None:
        return requests
    return min(requests, left.day_left - 2 * tonight)


def expected(rows: int, page_size: int, requests: int) -> int | None:
    """About how many requests it takes to look at so many rows again, at most `requests` a run; None: too few."""
    if requests <= BESIDE_PAGES:
        return None
    pages = math.ceil(rows / page_size)
    return pages + BESIDE_PAGES * math.ceil(pages / most_pages(requests))


def chosen(hours: Sequence[Checked], page_size: int, requests: int) -> Iterator[Checked]:
    """Stretches of about a page or more, oldest look first, as long as the requests last.

    An hour that is larger than all of them is left out, or nothing behind it would ever be looked at: raise
    `reread` where one has so many rows.
    """
    parts = [
        part
        for part in stretches(hours, page_size, most_pages(requests))
        if part.requests(page_size) <= requests
    ]
    for part in sorted(parts, key=lambda part: (part.checked_at, part.window)):
        requests -= part.requests(page_size)
        if requests < 0:
            return
        yield part


def most_pages(requests: int) -> int:
    """Pages of a stretch that so many requests can pay for."""
    return max(min(PAGES, requests - BESIDE_PAGES), 1)


def stretches(hours: Iterable[Checked], page_size: int, pages: int = PAGES) -> Iterator[Checked]:
    """Neighbouring hours together, so that each costs few requests beside its pages; empty hours belong to the one
    before them, so that nothing of history is left out.
    """
    held: Checked | None = None
    for hour in hours:
        if held is None:
            held = hour
        elif held.rows + hour.rows <= pages * page_size:
            held = Checked(
                Window(held.window.lower, hour.window.upper),
                held.rows + hour.rows,
                min(held.checked_at, hour.checked_at),
            )
        else:
            yield replace(held, window=Window(held.window.lower, hour.window.lower))
            held = hour
    if held is not None:
        yield held


async def _hours(job: Job, before: datetime) -> list[Checked]:
    """The hours of a stream that the lookback does not cover, in order."""
    stream = job.extraction.stream
    end = stream.floor(before)
    found = await job.store.checked(job.source, job.tenant, stream, end)
    return [
        Checked(Window(one["hour"], min(one["hour"] + HOUR, end)), one["rows"], one["checked_at"])
        for one in found
    ]
