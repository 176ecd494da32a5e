"""What a run does behind its streams, with the budget that is left: old rows looked at again, history proven.

Promises: nothing of it takes what the next night needs; a history that differs and could not be mended makes its
stream unproven; what is left out on purpose (rows older than the declared retention, rows that `reread` cannot pay
for) is said in words. A failure ends the looking and nothing else.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import structlog

from connectors.source import EPOCH, Window
from pipeline.audit import LEAST, Audited, audit_stream
from pipeline.job import Job
from pipeline.receipt import HistoryReceipt, StreamReceipt
from pipeline.reconcile import kept_here, reaches_back
from pipeline.reread import allowance, look_again, never_again
from pipeline.sources import OpenSource
from schemas.errors import EvalsyncError

log = structlog.get_logger()


async def look_back(
    opened: Sequence[OpenSource], jobs: Sequence[Job], receipts: Sequence[StreamReceipt]
) -> list[StreamReceipt]:
    """The sources side by side, the streams of one in turn: their `reread` is one sum, their `audit` one each."""

    async def of(source: OpenSource) -> list[StreamReceipt]:
        found, allowed = [], source.config.reread
        for job, before in zip(jobs, receipts, strict=True):
            if job.source != source.account.name:
                continue
            receipt = before
            try:
                receipt = await _again(source, job, receipt, allowed)
                allowed -= receipt.reread
                receipt = await _proven(source, job, receipt)
                receipt = await _remarked(job, receipt, source.config.reread)
            except EvalsyncError as error:  # the ledger of requests or the warehouse broke on the way
                log.warning("history_not_seen", source=job.source, stream=receipt.stream, why=str(error))
            found.append(receipt)
        return found

    return [one for many in await asyncio.gather(*map(of, opened)) for one in many]


async def _again(source: OpenSource, job: Job, receipt: StreamReceipt, allowed: int) -> StreamReceipt:
    group = job.extraction.stream.group
    left = next((one for one in await source.budget.left() if one.group == group), None)
    return await look_again(job, receipt, allowed, left)


async def _proven(source: OpenSource, job: Job, receipt: StreamReceipt) -> StreamReceipt:
    """The receipt with what an audit of the stream's history found, as far as the budget allows one."""
    if not _due(source, job, receipt):
        return receipt
    groups = (job.extraction.stream.group, *job.extraction.stream.besides)
    lefts = [one for one in await source.budget.left() if one.group in groups]
    tonight = receipt.requests - receipt.reread
    allowed = min(allowance(source.config.audit, left, tonight) for left in lefts)
    if allowed < LEAST:
        why = "what is left of the day's budget is kept for the next sync"
        return replace(receipt, audit=HistoryReceipt("paused", 0, reason=why))
    return _with(receipt, await audit_stream(job, allowed))


def _due(source: OpenSource, job: Job, receipt: StreamReceipt) -> bool:
    """Not where the stream did not come to its end, cannot be compared, or has just been compared whole."""
    proof = receipt.proof
    if source.config.audit == 0 or job.extraction.stream.walk == "list" or job.stop.is_set():
        return False
    if receipt.outcome not in ("ok", "unproven") or (proof and proof.state == "not_comparable"):
        return False
    if proof is None or proof.state == "unproven" or receipt.watermark is None:
        return True
    return not (
        proof.window.upper >= receipt.watermark and reaches_back(proof.window, job.start, job.retention)
    )


def _with(receipt: StreamReceipt, audited: Audited) -> StreamReceipt:
    one = audited.receipt
    if one.window is None and one.outcome == "ok":  # nothing is loaded yet
        return receipt
    state = one.proof.state if one.proof else "paused" if one.outcome == "paused" else "failed"
    history = HistoryReceipt(state, one.requests, one.window, one.proof, one.loaded, one.error)
    receipt = replace(
        receipt,
        requests=receipt.requests + one.requests,
        loaded=receipt.loaded + one.loaded,
        audit=history,
    )
    if state != "unproven":
        return receipt
    return replace(receipt, outcome="unproven", error=receipt.error or f"history: {one.error}")


async def _remarked(job: Job, receipt: StreamReceipt, reread: int) -> StreamReceipt:
    if receipt.outcome not in ("ok", "unproven"):
        return receipt
    told = [await _beyond_retention(job), await never_again(job, reread)]
    return replace(receipt, remarks=(*receipt.remarks, *filter(None, told)))


async def _beyond_retention(job: Job) -> str | None:
    watermark = await job.store.watermark(job.source, job.extraction.stream.name)
    if job.retention is None or watermark is None or job.extraction.stream.walk == "list":
        return None
    window = Window(EPOCH, job.extraction.stream.floor(watermark - job.retention))
    older = await job.store.figures(job.source, job.tenant, job.extraction.stream, window)
    return kept_here(int(older.figures["total"] or 0), window)
