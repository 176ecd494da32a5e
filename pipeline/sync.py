"""One stream, the whole way: passes left open -> a new window -> pages -> load -> proof.

Promises: the watermark moves only with the load of a window that is covered without a gap; what was asked for is
never asked for again, also after a kill; a window whose figures differ from the source's is searched and read
again where it differs, in bounded steps, and called unproven if that does not help. Never raises for what is
wrong with the source: the receipt says it.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from connectors.clock import Clock
from connectors.source import EPOCH, Page, Query, SourceTotals, Window
from pipeline import extract, package
from pipeline.destinations.load import Loaded, Package, Tile
from pipeline.destinations.store import Store
from pipeline.extract import Extraction
from pipeline.normalize import normalize
from pipeline.package import Pass, Sealed
from pipeline.receipt import BudgetLeft, StreamReceipt
from pipeline.reconcile import Proof, compare, differing
from pipeline.validate import Judged, newest
from schemas.errors import BudgetExhausted, EvalsyncError, SourceError

log = structlog.get_logger()

BATCH = 50_000  # rows per load: one MERGE
SEARCHES = 2  # times that a window is searched for differences before it is called unproven
SEARCH_REQUESTS = 24  # requests for totals that one search may spend


class Progress(Protocol):
    """Who watches a run: a terminal, a log, nobody."""

    def page(self, source: str, stream: str, records: int, expected: int | None) -> None: ...

    def budget(self, left: Sequence[BudgetLeft]) -> None: ...


@dataclass(frozen=True, slots=True)
class Asked:
    """What this run was asked to read; by default what is new, and the lookback."""

    since: datetime | None = None
    until: datetime | None = None
    full: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """One stream of one source in one run."""

    source: str
    tenant: str
    run_id: str
    extraction: Extraction
    store: Store
    clock: Clock
    lookback: timedelta
    start: datetime | None
    retention: timedelta | None
    asked: Asked
    stop: asyncio.Event
    progress: Progress
    requests: Callable[[], int]  # sent so far for this source


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
    if job.asked.since is not None:
        lower = job.asked.since
    elif watermark is None or job.asked.full:
        lower = oldest
    else:
        lower = max(watermark - job.lookback, oldest)
    lower = job.extraction.stream.floor(lower)
    advances = lower <= (watermark or oldest)
    return await extract.begin(job.extraction, _pass_id(job), lower, job.asked.until, advances=advances)


@dataclass(frozen=True, slots=True)
class Read:
    """How far a pass came."""

    loaded: Loaded
    whole: bool  # the window is covered without a gap
    comparable: Window  # without what the source may have purged
    listed: int | None  # rows of that window, where one answer held them all
    failure: EvalsyncError | None


async def _finish(job: Job, one: Pass, first: Page | None, receipt: StreamReceipt) -> StreamReceipt:
    """Bring a pass to its end: what is missing is read, everything is loaded, the window is proven."""
    read = await _read(job, one, first)
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


async def _read(job: Job, one: Pass, first: Page | None) -> Read:
    """Read what the pass lacks and load all of it, also when the reading ends early."""
    known = await asyncio.to_thread(package.sealed, one)
    upto = await job.store.loaded_pages(job.source, job.extraction.stream.name, one.id)
    batch = [await _reopened(job, page) for page in known if page.number > upto]
    pages, loaded = list(known), Loaded()
    failure: EvalsyncError | None = None
    try:
        async for page, judged, expected in extract.read(job.extraction, one, known, upto, first, job.stop):
            pages.append(page)
            batch.append((page, judged))
            job.progress.page(job.source, job.extraction.stream.name, page.records, expected)
            if sum(page.records for page, _ in batch) >= BATCH:
                loaded += await _load(job, one, batch, watermark=None)
                batch = []
    except EvalsyncError as error:
        failure = error
    whole = not package.gaps(one, pages)
    watermark = one.window.upper if whole and one.advances else None
    if batch or watermark:
        loaded += await _load(job, one, batch, watermark)
    window = one.window
    if job.retention:  # an hour less: purging goes on while we compare
        seen_at = max((page.observed_at for page in pages), default=window.upper)
        kept = job.extraction.stream.floor(seen_at - job.retention + timedelta(hours=1))
        window = Window(max(window.lower, kept), window.upper)
    listed = _within(window, batch) if len(pages) == 1 and pages[0].complete and batch else None
    return Read(loaded, whole, window, listed, failure)


async def _reopened(job: Job, page: Sealed) -> tuple[Sealed, Judged]:
    return page, await asyncio.to_thread(extract.reopen, job.extraction, page)


def _within(window: Window, batch: Sequence[tuple[Sealed, Judged]]) -> int:
    """Distinct keys of the window among these pages."""
    keys = {
        key
        for _, judged in batch
        for key, one in judged.outcomes
        if one.moment is not None and window.holds(one.moment)
    }
    return len(keys)


async def _load(
    job: Job, one: Pass, batch: Sequence[tuple[Sealed, Judged]], watermark: datetime | None
) -> Loaded:
    stream = job.extraction.stream
    validated = await asyncio.to_thread(newest, [judged for _, judged in batch])
    table = await asyncio.to_thread(normalize, stream.contract, validated.valid, job.extraction.privacy)
    last = await job.store.loaded_pages(job.source, stream.name, one.id)
    newest_answer = max((page.observed_at for page, _ in batch), default=one.window.upper)
    loaded = await job.store.load(
        Package(
            source=job.source,
            tenant=job.tenant,
            stream=stream.name,
            contract=stream.contract,
            pass_id=one.id,
            run_id=job.run_id,
            first_page=batch[0][0].number if batch else last + 1,
            last_page=batch[-1][0].number if batch else last + 1,
            fetched=validated.fetched,
            duplicates=validated.duplicates,
            table=table,
            dead=validated.dead,
            tiles=[
                Tile(page.certain.lower, page.certain.upper, page.observed_at)
                for page, _ in batch
                if page.certain is not None
            ],
            oldest=newest_answer - job.retention if job.retention else EPOCH,
            watermark=watermark,
        ),
        job.clock.now(),
    )
    log.info(
        "package_loaded", source=job.source, stream=stream.name, rows=validated.fetched, pages=len(batch)
    )
    return loaded


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
            receipt = replace(receipt, loaded=receipt.loaded + await _read_again(job, part))
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
    if listed is None:
        listed = (await extraction.ask(Query(window.lower, window.upper, 1))).total
    totals = await _totals(job, window)
    loaded = await job.store.figures(job.source, job.tenant, extraction.stream, window)
    return compare(window, totals, listed, loaded, job.clock.now())


async def _totals(job: Job, window: Window) -> SourceTotals:
    stream = job.extraction.stream
    return await stream.totals(job.extraction.client, window) if stream.totals else SourceTotals(None, {})


async def _differing(job: Job, window: Window) -> list[Window]:
    stream = job.extraction.stream
    return await differing(
        window,
        stream.unit,
        job.extraction.page_size,
        lambda part: _totals(job, part),
        lambda part: job.store.figures(job.source, job.tenant, stream, part),
        SEARCH_REQUESTS,
    )


async def _read_again(job: Job, part: Window) -> Loaded:
    """Read a part of a window in a pass of its own."""
    one = await asyncio.to_thread(package.start, job.extraction.folder, _pass_id(job), part, advances=False)
    read = await _read(job, one, None)
    if read.failure is not None:
        raise read.failure
    if read.whole:  # else it was stopped: the next run goes on with it
        await asyncio.to_thread(package.finish, one)
    return read.loaded


def _pass_id(job: Job) -> str:
    return f"{job.run_id}-{sum(1 for _ in job.extraction.folder.glob(f'{job.run_id}-*')) + 1}"
