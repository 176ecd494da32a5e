"""One pass, the whole way: what it lacks is read, all of it is loaded, also when the reading ends early.

Promises: what was asked for is never asked for again, also after a kill; the watermark moves only with the load of a
window that is covered without a gap.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from connectors.source import EPOCH, Page, Window
from pipeline import extract, package
from pipeline.destinations.load import Loaded, Package, Tile
from pipeline.job import Job
from pipeline.normalize import normalize, normalize_children
from pipeline.package import Pass, Sealed
from pipeline.validate import Judged, newest
from schemas.errors import EvalsyncError

log = structlog.get_logger()

BATCH = 50_000  # rows per load


@dataclass(frozen=True, slots=True)
class Read:
    """How far a pass came."""

    loaded: Loaded
    whole: bool  # the window is covered without a gap
    comparable: Window  # without what the source may have purged
    listed: int | None  # rows of that window, where one answer held them all
    failure: EvalsyncError | None


async def read_pass(job: Job, one: Pass, first: Page | None) -> Read:
    """Read what the pass lacks and load all of it, also when the reading ends early."""
    known = await asyncio.to_thread(package.sealed, one)
    upto = await job.store.loaded_pages(job.source, job.extraction.stream.name, one.id)
    batch = [await _reopened(job, page) for page in known if page.number > upto]
    pages, loaded = list(known), Loaded()
    failure: EvalsyncError | None = None
    counted = False  # whether the newest answer gives the source's own count
    try:
        async for page, judged, expected in extract.read(job.extraction, one, known, upto, first, job.stop):
            pages.append(page)
            batch.append((page, judged))
            job.progress.page(job.source, job.extraction.stream.name, page.records, expected)
            counted = expected is not None
            if job.extraction.stream.walk == "seek" and sum(page.records for page, _ in batch) >= BATCH:
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
    alone = len(pages) == 1 and pages[0].complete and (counted or job.extraction.stream.totals)
    listed = _within(window, batch) if alone and batch else None
    return Read(loaded, whole, window, listed, failure)


async def read_again(job: Job, part: Window) -> Loaded:
    """Read a part of a window in a pass of its own."""
    one = await asyncio.to_thread(package.start, job.extraction.folder, next_id(job), part, advances=False)
    read = await read_pass(job, one, None)
    if read.failure is not None:
        raise read.failure
    if read.whole:  # else it was stopped: the next run goes on with it
        await asyncio.to_thread(package.finish, one)
    return read.loaded


def next_id(job: Job) -> str:
    return f"{job.run_id}-{sum(1 for _ in job.extraction.folder.glob(f'{job.run_id}-*')) + 1}"


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
    children = await asyncio.to_thread(
        normalize_children, stream.contract, validated.valid, job.extraction.privacy
    )
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
            child=children,
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
