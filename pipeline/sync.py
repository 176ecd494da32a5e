"""One stream, the whole way: passes left open -> a new window -> pages -> load -> proof.

Promises: a window whose figures differ from the source's is searched and read again where it differs, in bounded
steps, and called unproven if that does not help. Never raises for what is wrong with the source: the receipt says it.
"""

import asyncio
from dataclasses import replace

import structlog

from connectors.source import EPOCH, Page
from pipeline import extract, losses, package
from pipeline.job import Job
from pipeline.package import Pass
from pipeline.passes import next_id, read_pass
from pipeline.proving import prove
from pipeline.receipt import StreamReceipt
from schemas.errors import BudgetExhausted, EvalsyncError, SourceError

log = structlog.get_logger()


async def sync_stream(job: Job) -> StreamReceipt:
    """Read, load and prove one stream; the receipt says how far it came."""
    stream = job.extraction.stream
    receipt = StreamReceipt(job.source, stream.name, "ok")
    before = job.requests()
    try:
        receipt = await _restore(job, receipt)
        for name in package.close_damaged(job.extraction.folder):
            log.warning(
                "pass_damaged", source=job.source, stream=stream.name, package=name, next="a new window"
            )
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


async def _restore(job: Job, receipt: StreamReceipt) -> StreamReceipt:
    """Open again what the warehouse has lost of earlier runs."""
    loaded = await job.store.loads(job.source, receipt.stream)
    remark = await asyncio.to_thread(losses.reopen, job.extraction.folder, loaded)
    if remark is None:
        return receipt
    log.warning("loads_lost", source=job.source, stream=receipt.stream, why=remark)
    return replace(receipt, remarks=(*receipt.remarks, remark))


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
            receipt = await prove(job, read, receipt)
        except BudgetExhausted as error:
            return _ended(job, receipt, error)  # the pass stays open: the next run proves it
        except SourceError as error:
            return replace(receipt, outcome="unproven", error=f"not compared: {_sentence(job, error)}")
    await asyncio.to_thread(package.finish, one)
    return receipt
