"""Older windows, looked at again: edits and deletions that no cursor shows. Oldest look first.

An edit that keeps its publication date lies before every new window, so the only way to see it is to read its time
again. After a run's streams are done, what the budget has left is spent on that, up to `reread` requests per source.
Promises: never more than that, never more than leaves the next night what this one needed, twice over; each part is
an ordinary pass, so a stop or a kill loses nothing. A failure ends the looking and nothing else.
"""

import math
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from connectors.budget import Left
from connectors.source import Stream, Window
from pipeline.destinations.load import Loaded
from pipeline.job import Job
from pipeline.passes import read_again
from pipeline.proving import beyond_belief
from pipeline.receipt import StreamReceipt
from schemas.errors import EvalsyncError

log = structlog.get_logger()

PAGES = 8  # of a stretch, at most
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
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
    for part in chosen(
        await _hours(job, watermark - job.lookback, allowed), job.extraction.page_size, allowed
    ):
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

    What is larger than all of them is left out (`left_out`), or nothing behind it would ever be looked at.
    """
    too_large = left_out(hours, page_size, requests)
    parts = [part for part in stretches(hours, page_size, most_pages(requests)) if part not in too_large]
    for part in sorted(parts, key=lambda part: (part.checked_at, part.window)):
        requests -= part.requests(page_size)
        if requests < 0:
            return
        yield part


def left_out(hours: Sequence[Checked], page_size: int, requests: int) -> list[Checked]:
    """Stretches that so many requests can never pay for: hours come in minutes where they are dense."""
    parts = stretches(hours, page_size, most_pages(requests))
    return [part for part in parts if part.requests(page_size) > requests]


def sentence(too_large: Sequence[Checked], page_size: int, requests: int) -> str:
    """What is never looked at again, and what would help."""
    rows = sum(part.rows for part in too_large)
    most = max(part.requests(page_size) for part in too_large)
    return (
        f"{rows:,} older rows, the first of {too_large[0].window.lower:%Y-%m-%d %H:%M}, stand too close for"
        f" `reread: {requests}` and are never looked at again: raise it to {most}"
    )


async def never_again(job: Job, requests: int) -> str | None:
    """The sentence about rows that `reread` leaves out for ever, where there are any."""
    if requests == 0 or job.extraction.stream.walk == "list":
        return None
    watermark = await job.store.watermark(job.source, job.extraction.stream.name)
    if watermark is None:
        return None
    size = job.extraction.page_size
    too_large = left_out(await _hours(job, watermark - job.lookback, requests), size, requests)
    return sentence(too_large, size, requests) if too_large else None


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


async def _hours(job: Job, before: datetime, requests: int) -> list[Checked]:
    """The hours of a stream that the lookback does not cover, in order; in minutes where an hour is dense."""
    stream = job.extraction.stream
    end = stream.floor(before)
    dense = most_pages(requests) * job.extraction.page_size
    found = await job.store.checked(job.source, job.tenant, stream, end, dense)
    return list(whole_units(stream, (checked(one, end) for one in found)))


def whole_units(stream: Stream, parts: Iterable[Checked]) -> Iterator[Checked]:
    """Parts of one unit together: a source that compares dates alone is asked for days."""
    held: Checked | None = None
    for part in parts:
        window = stream.whole(part.window)
        if held is None or window.lower >= held.window.upper:
            if held is not None:
                yield held
            held = Checked(window, part.rows, part.checked_at)
        else:
            both = Window(held.window.lower, max(held.window.upper, window.upper))
            held = Checked(both, held.rows + part.rows, min(held.checked_at, part.checked_at))
    if held is not None:
        yield held


def checked(row: Mapping[str, Any], end: datetime) -> Checked:
    """A row of status/checked.sql."""
    span = MINUTE if row["is_dense"] else HOUR
    return Checked(Window(row["begins"], min(row["begins"] + span, end)), row["rows"], row["checked_at"])
