"""History against its source: compared whole, searched where it differs, and mended there.

Promises: *proven* only when every figure that the source gives of the whole range is equal in the end; reads only
ranges that differ; never more requests than allowed, and says what it left unsearched. Late rows come in, edits are
taken over, rows that are gone get their tombstones: each repair is an ordinary pass. Rows here that are older than
the source's oldest are no deletions but a purge: they stay, and that is said. What figures cannot see is said where
the result is shown.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import structlog

from connectors.source import EPOCH, Query, Window
from pipeline.destinations.load import FEW, OLD
from pipeline.job import Job
from pipeline.passes import read_again
from pipeline.proving import compare_window, record, search_window
from pipeline.receipt import CANNOT_SEE, StreamReceipt, iso
from pipeline.reconcile import beginning
from pipeline.search import Part, to_read
from schemas.errors import BudgetExhausted, EvalsyncError

log = structlog.get_logger()

ROUNDS = 2  # a source may move while it is audited
BESIDE_PAGES = 2  # requests of a repair beside its pages
COMPARISON = 2  # requests of comparing the whole: its totals and its list's count
LEAST = 2 * COMPARISON  # an audit compares twice


@dataclass(frozen=True, slots=True)
class Purged:
    """Rows that are here and older than every row at the source."""

    rows: int
    before: datetime

    def sentence(self) -> str:
        return (
            f"{self.rows:,} rows before {self.before:%Y-%m-%d} are kept here and gone at the source:"
            " if it purges old rows, declare retention"
        )


@dataclass(frozen=True, slots=True)
class Audited:
    """What an audit of one stream did: every comparison, and what a full re-read would have cost."""

    receipt: StreamReceipt
    parts: Sequence[Part] = field(default_factory=tuple)
    full: int = 0  # requests
    purged: Purged | None = None  # without a declared retention

    def as_json(self) -> dict[str, Any]:
        return {
            "source": self.receipt.source,
            "stream": self.receipt.stream,
            "requests": self.receipt.requests,
            "full_requests": self.full,
            "purged": self.purged and {"rows": self.purged.rows, "before": iso(self.purged.before)},
            "cannot_see": CANNOT_SEE,
            "parts": [
                {
                    "from": iso(part.window.lower),
                    "to": iso(part.window.upper),
                    "depth": part.depth,
                    "source": dict(part.source),
                    "loaded": {name: part.loaded.figures.get(name) for name in part.source},
                    "verdict": part.verdict,
                    "asked": part.asked,
                }
                for part in self.parts
            ],
        }


async def audit_stream(
    job: Job,
    requests: int,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    repair: bool = True,
) -> Audited:
    """Compare a stream's history with its source, and mend it: `requests` in all, and not one more."""
    receipt = StreamReceipt(job.source, job.extraction.stream.name, "ok")
    before = job.requests()
    audited = Audited(receipt)
    if requests < LEAST:
        error = f"an audit needs {LEAST} requests at least, {requests} are allowed"
        return replace(audited, receipt=replace(receipt, outcome="paused", error=error))
    try:
        window = await _window(job, since, until)
        if window.empty:
            return replace(audited, receipt=replace(receipt, error="nothing is loaded yet: sync first"))
        audited = await _audited(job, window, before + requests - COMPARISON, receipt, repair=repair)
    except BudgetExhausted as error:
        audited = replace(audited, receipt=replace(receipt, outcome="paused", error=str(error)))
    except EvalsyncError as error:
        log.error("audit_failed", source=job.source, stream=receipt.stream, why=str(error))
        audited = replace(audited, receipt=replace(receipt, outcome="failed", error=str(error)))
    return replace(audited, receipt=replace(audited.receipt, requests=job.requests() - before))


async def _window(job: Job, since: datetime | None, until: datetime | None) -> Window:
    """What is loaded and was not purged by the source's declared retention."""
    stream = job.extraction.stream
    watermark = await job.store.watermark(job.source, stream.name)
    if watermark is None or stream.walk == "list":
        return Window(EPOCH, EPOCH)
    lower = stream.floor(beginning(job.start, job.retention, watermark))
    if since:
        lower = max(stream.floor(since), lower) if job.retention else stream.floor(since)
    return Window(lower, min(watermark, stream.floor(until)) if until else watermark)


async def _audited(
    job: Job, window: Window, spendable: int, receipt: StreamReceipt, *, repair: bool
) -> Audited:
    proof = await compare_window(job, window, None)
    full = math.ceil(max(proof.source_total or 0, proof.loaded_total) / job.extraction.page_size)
    parts: list[Part] = []
    purged: Purged | None = None
    for _ in range(ROUNDS):
        if not proof.differences() or spendable - job.requests() < 1 or job.stop.is_set():
            break
        purged = await _purged(job, window)
        begin = purged.before if purged else window.lower
        # The source has no row before `begin`, so its figures of the whole are those of the rest.
        rest = replace(proof, window=Window(begin, window.upper))
        found = await search_window(job, rest, spendable - job.requests())
        parts += found
        if not repair or not to_read(found):
            break
        receipt = await _repair(job, found, begin, spendable, receipt)
        proof = await compare_window(job, window, None)
        spendable -= COMPARISON  # another round would end with another comparison
    if purged and proof.differences():
        proof = replace(proof, reason=purged.sentence())
    receipt = await record(job, proof, replace(receipt, window=window))
    return Audited(receipt, parts, full, purged)


async def _purged(job: Job, window: Window) -> Purged | None:
    """What is here of the time before the source's oldest row: a few rows were deleted, more were purged."""
    stream = job.extraction.stream
    answer = await job.extraction.ask(Query(window.lower, window.upper, 1))
    first = stream.cursor_of(answer.records[0]) if answer.records else window.upper
    if first is None:
        return None
    before = max(min(stream.floor(first), window.upper - OLD), window.lower)
    older = await job.store.figures(job.source, job.tenant, stream, Window(window.lower, before))
    rows = int(older.figures["total"] or 0)
    return Purged(rows, before) if rows > FEW else None


async def _repair(
    job: Job, parts: Sequence[Part], begin: datetime, spendable: int, receipt: StreamReceipt
) -> StreamReceipt:
    """Read again what differs; what was not searched, or costs more than is left, waits for the next audit."""
    for part in parts:
        cost = math.ceil(_rows(part) / job.extraction.page_size) + BESIDE_PAGES
        if part.verdict not in ("read", "unsearched") or job.requests() + cost > spendable:
            continue
        if job.stop.is_set():
            break
        window = part.window
        if part.missing() > FEW:  # from an older row on, which shows that this is no purge
            last = await job.store.newest(
                job.source, job.tenant, job.extraction.stream, Window(begin, part.window.lower)
            )
            window = Window(last or window.lower, window.upper)
        receipt = replace(receipt, loaded=receipt.loaded + await read_again(job, window))
    return receipt


def _rows(part: Part) -> float:
    return max(part.source.get("total") or 0, part.loaded.figures["total"] or 0)
