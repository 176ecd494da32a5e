"""One stream, the whole way: passes left open -> a new window -> pages -> load -> proof.

Promises: a window whose figures differ from the source's is searched and read again where it differs, in bounded
steps, and called unproven if that does not help. Never raises for what is wrong with the source: the receipt says it.
"""

import asyncio
from dataclasses import replace

import structlog

from connectors.source import EPOCH, Page, SourceTotals, Window
from connectors.ties import count
from pipeline import extract, package
from pipeline.job import Job
from pipeline.package import Pass
from pipeline.passes import Read, next_id, read_again, read_pass
from pipeline.receipt import StreamReceipt
from pipeline.reconcile import Proof, compare, differing
from schemas.errors import BudgetExhausted, EvalsyncError, SourceError

log = structlog.get_logger()

SEARCHES = 2  # times that a window is searched for differences before it is called unproven
SEARCH_REQUESTS = 24  # requests for totals that one search may spend


async def sync_stream(job: Job) -> StreamReceipt:
    """Read, load and prove one stream; the receipt says how far it came."""
    stream = job.extraction.stream
    receipt = StreamReceipt(job.source, stream.name, "ok")
    before = job.requests()
    try:
        for one in package.unfinished(job.extraction.folder):
            receipt = await _finish(job, one, None, receipt)
            if receipt.outcome in ("paused", "failed"):
                break
        else:
            one, first = await _begin(job)
            receipt = await _finish(job, one, first, receipt)
        watermark = await job.store.watermark(job.source, stream.name)
        receipt = replace(receipt, watermark=watermark)
    except EvalsyncError as error:
        receipt = _ended(job, receipt, error)
    return replace(receipt, requests=job.requests() - before)


def _ended(job: Job, receipt: StreamReceipt, error: EvalsyncError) -> StreamReceipt:
    """The receipt of a stream that could not go on."""
    sentence = _sentence(job, error)
    if isinstance(error, BudgetExhausted):
        log.info("stream_paused", source=receipt.source, stream=receipt.stream, why=error.message)
        return replace(receipt, outcome="paused", error=sentence, resume_at=error.resume_at)
    log.error("stream_failed", source=receipt.source, stream=receipt.stream, why=sentence)
    return replace(receipt, outcome="failed", error=sentence)


def _sentence(job: Job, error: EvalsyncError) -> str:
    if isinstance(error, SourceError) and not error.place.source:
        return f"{job.source}/{job.extraction.stream.name}: {error.message}"
    return str(error)


async def _begin(job: Job) -> tuple[Pass, Page]:
    """A new window: from the watermark less the lookback (or as asked) to behind the source's clock."""
    oldest = job.start or EPOCH
    watermark = await job.store.watermark(job.source, job.extraction.stream.name)
    if job.extraction.stream.walk == "list":
        lower = oldest = EPOCH
    elif job.asked.since is not None:
        lower = job.asked.since
    elif watermark is None or job.asked.full:
        lower = oldest
    else:
        lower = max(watermark - job.lookback, oldest)
    lower = job.extraction.stream.floor(lower)
    advances = lower <= (watermark or oldest)
    return await extract.begin(job.extraction, next_id(job), lower, job.asked.until, advances=advances)


async def _finish(job: Job, one: Pass, first: Page | None, receipt: StreamReceipt) -> StreamReceipt:
    """Bring a pass to its end: what is missing is read, everything is loaded, the window is proven."""
    read = await read_pass(job, one, first)
    receipt = replace(receipt, loaded=receipt.loaded + read.loaded, window=one.window)
    if read.failure is not None:
        return _ended(job, receipt, read.failure)
    if not read.whole:
        return replace(receipt, outcome="paused", error="stopped at the edge of a page; nothing is lost")
    if not read.comparable.empty:
        try:
            receipt = await _proven(job, read, receipt)
        except BudgetExhausted as error:
            return _ended(job, receipt, error)  # the pass stays open: the next run proves it
        except SourceError as error:
            return replace(receipt, outcome="unproven", error=f"not compared: {_sentence(job, error)}")
    await asyncio.to_thread(package.finish, one)
    return receipt


async def _proven(job: Job, read: Read, receipt: StreamReceipt) -> StreamReceipt:
    """Compare the window with the source; where it differs, search, read again, and compare once more."""
    stream = job.extraction.stream
    proof = await _compare(job, read.comparable, read.listed)
    for _ in range(SEARCHES):
        # Dead letters would not come by reading again; rows that were withheld would be marked deleted piecemeal.
        hopeless = proof.quarantined or receipt.loaded.withheld
        if not proof.differences() or hopeless or job.stop.is_set():
            break
        for part in await _differing(job, read.comparable):
            receipt = replace(receipt, loaded=receipt.loaded + await read_again(job, part))
        proof = await _compare(job, read.comparable, None)
    if receipt.loaded.withheld:
        reason = (
            f"{receipt.loaded.withheld} rows vanished at once and were kept: if the source purges old rows,"
            " declare retention"
        )
        proof = replace(proof, state="unproven", reason=reason)
    await job.store.record_proof(job.run_id, job.source, stream.name, proof)
    bad = proof.state == "unproven" or receipt.outcome == "unproven"
    return replace(receipt, proof=proof, outcome="unproven" if bad else "ok", error=proof.reason)


async def _compare(job: Job, window: Window, listed: int | None) -> Proof:
    extraction = job.extraction
    if listed is None and extraction.stream.totals:
        listed = await count(extraction.stream, extraction.ask, window)
    totals = await _totals(job, window, listed)
    loaded = await job.store.figures(job.source, job.tenant, extraction.stream, window)
    beside = listed if extraction.stream.totals else None
    return compare(window, totals, beside, loaded, job.clock.now())


async def _totals(job: Job, window: Window, listed: int | None = None) -> SourceTotals:
    """The source's figures of a window: of its totals endpoint, or else the list's own count."""
    stream, extraction = job.extraction.stream, job.extraction
    if stream.totals:
        return await stream.totals(extraction.client, window)
    total = await count(stream, extraction.ask, window) if listed is None else listed
    return SourceTotals(total, {} if total is None else {"total": total})


async def _differing(job: Job, window: Window) -> list[Window]:
    stream = job.extraction.stream
    if stream.walk == "list":
        return [window]
    return await differing(
        window,
        stream.unit,
        job.extraction.page_size,
        lambda part: _totals(job, part),
        lambda part: job.store.figures(job.source, job.tenant, stream, part),
        SEARCH_REQUESTS,
    )
