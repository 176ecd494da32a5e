"""Older windows, looked at again: edits and deletions that no cursor shows. Oldest look first.

An edit that keeps its publication date lies before every new window, so the only way to see it is to read its time
again. After a run's streams are done, what the budget has left is spent on that, up to `reread` requests per source.
Promises: never more than that, never more than leaves the next night what this one needed, twice over; each part is
an ordinary pass, so a stop or a kill loses nothing. A failure ends the looking and nothing else.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from connectors.budget import Left
from pipeline.destinations.loaded import Loaded
from pipeline.job import Job
from pipeline.passes import read_again
from pipeline.proving import beyond_belief
from pipeline.receipt import StreamReceipt
from pipeline.stretches import Checked, checked, chosen, left_out, most_pages, sentence, whole_units
from schemas.errors import EvalsyncError

log = structlog.get_logger()

RECENT = timedelta(hours=12)  # what was looked at since then waits: a first sync has just read everything


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


async def _hours(job: Job, before: datetime, requests: int) -> list[Checked]:
    """The hours of a stream that the lookback does not cover, in order; in minutes where an hour is dense."""
    stream = job.extraction.stream
    end = stream.floor(before)
    dense = most_pages(requests) * job.extraction.page_size
    found = await job.store.checked(job.source, job.tenant, stream, end, dense)
    return list(whole_units(stream, (checked(one, end) for one in found)))
