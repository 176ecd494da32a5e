"""One pass, the whole way: what it lacks is read, all of it is loaded, also when the reading ends early.

Promises: what was asked for is never asked for again, also after a kill, but for a page that is damaged: that one is
set aside and its part is read anew. The watermark moves only with the load of a window that is covered without a gap.
"""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from connectors.source import EPOCH, Page, Stream, Window
from pipeline import extract, package
from pipeline.ahead import ahead
from pipeline.destinations.load import Package, Tile
from pipeline.destinations.loaded import Loaded
from pipeline.job import Job
from pipeline.notes import Note
from pipeline.package import Pass, Sealed
from pipeline.validate import Judged, newest
from schemas.contract import TableContract
from schemas.errors import EvalsyncError, LoadError

log = structlog.get_logger()

# Rows per load, just below a row group of DuckDB: smaller ones it puts together with every load anew, so that a million
# rows in loads of 70,000 cost a quarter more CPU.
BATCH = 120_000
AHEAD = 100  # pages that may be read while a load is under way

Batch = list[tuple[Sealed, Judged]]


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
    upto = await job.store.loaded_pages(job.source, job.extraction.stream.name, one.id)
    known, batch = await _kept(job, one, upto)
    pages, loaded = list(known), Loaded()
    failure: EvalsyncError | None = None
    waiting = sum(page.records for page, _ in batch)  # rows that are not loaded yet
    counted = False  # whether the newest answer gives the source's own count
    try:
        reading = extract.read(job.extraction, one, known, upto, first, job.stop)
        async with aclosing(ahead(reading, AHEAD)) as sealed:
            async for page, judged, expected in sealed:
                pages.append(page)
                batch.append((page, judged))
                job.progress.page(job.source, job.extraction.stream.name, page.records, expected)
                counted = expected is not None
                waiting += page.records
                if job.extraction.stream.walk == "seek" and waiting >= BATCH:
                    loaded += await _load(job, one, batch, watermark=None)
                    batch, waiting = [], 0
    except EvalsyncError as error:
        failure = error
    whole = not package.gaps(one, pages)
    watermark = one.window.upper if whole and one.advances else None
    if batch or watermark:
        loaded += await _load(job, one, batch, watermark)
    window = one.window
    if retention := _retention(job):  # an hour less: purging goes on while we compare
        seen_at = max((page.observed_at for page in pages), default=window.upper)
        kept = job.extraction.stream.floor(seen_at - retention + timedelta(hours=1))
        window = Window(max(window.lower, kept), window.upper)
    alone = len(pages) == 1 and pages[0].complete and (counted or job.extraction.stream.totals)
    listed = _within(job.extraction.stream.contract, window, batch) if alone and batch else None
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


async def _kept(job: Job, one: Pass, upto: int) -> tuple[list[Sealed], Batch]:
    """The pass's pages, and those of them that are not loaded yet, judged again; damaged ones are set aside."""
    stream = job.extraction.stream
    damaged = await asyncio.to_thread(package.set_aside_damaged, one)
    known: list[Sealed] = []
    batch: Batch = []
    for page in await asyncio.to_thread(package.sealed, one):
        if page.number > upto:
            try:
                judged = await asyncio.to_thread(extract.reopen, stream, page, job.extraction.privacy)
            except LoadError:
                await asyncio.to_thread(package.set_aside, page.path)
                damaged.append(page.path.name)
                continue
            batch.append((page, judged))
        known.append(page)
    for name in damaged:
        log.warning(
            "page_damaged",
            source=job.source,
            stream=stream.name,
            page=f"{one.id}/{name}",
            next="asked for again",
        )
    return known, batch


def _retention(job: Job) -> timedelta | None:
    """A list without a place in time has no old rows that could be purged."""
    return None if job.extraction.stream.walk == "list" else job.retention


def _within(contract: TableContract, window: Window, batch: Batch) -> int:
    """Distinct keys of the window among these pages."""
    keys: set[str] = set()
    for _, judged in batch:
        rows = judged.rows
        moments = rows.column(contract.cursor).to_pylist() if contract.cursor else [EPOCH] * len(rows)
        there = zip(rows.column(contract.key).to_pylist(), moments, strict=True)
        keys |= {key for key, moment in there if window.holds(moment)}
        keys |= {
            judged.keys[n].as_py().decode("utf-8", "surrogatepass")
            for n, letter in judged.letters.items()
            if letter.moment is not None and window.holds(letter.moment)
        }
    return len(keys)


async def _load(job: Job, one: Pass, batch: Batch, watermark: datetime | None) -> Loaded:
    stream = job.extraction.stream
    after = 0 if batch else await job.store.loaded_pages(job.source, stream.name, one.id) + 1
    newest_answer = max((page.observed_at for page, _ in batch), default=one.window.upper)
    retention = _retention(job)
    note = Note(
        tenant=job.tenant,
        run_id=job.run_id,
        pass_id=one.id,
        first_page=batch[0][0].number if batch else after,
        last_page=batch[-1][0].number if batch else after,
        pages=len(batch),
        begin=one.window.lower,
        oldest=newest_answer - retention if retention else EPOCH,
        watermark=watermark,
        loaded_at=job.clock.now(),
    )
    made = await asyncio.to_thread(pack, job.source, stream, note, batch)
    loaded = await job.store.load(made, note)
    log.info("package_loaded", source=job.source, stream=stream.name, rows=made.fetched, pages=len(batch))
    return loaded


def pack(source: str, stream: Stream, note: Note, batch: Batch) -> Package:
    """The package that some pages make: the same when they are loaded and when that is done again."""
    tiles = [
        Tile(page.certain.lower, page.certain.upper, page.observed_at)
        for page, _ in batch
        if page.certain is not None
    ]
    return packed(source, stream, note, [judged for _, judged in batch], tiles)


def packed(
    source: str,
    stream: Stream,
    note: Note,
    judged: Sequence[Judged],
    tiles: Sequence[Tile] = (),
) -> Package:
    """The package that judged records make; `tiles` are the ranges that they prove."""
    validated = newest(stream.contract, judged)
    return Package(
        source=source,
        tenant=note.tenant,
        stream=stream.name,
        contract=stream.contract,
        pass_id=note.pass_id,
        run_id=note.run_id,
        first_page=note.first_page,
        last_page=note.last_page,
        fetched=validated.fetched,
        duplicates=validated.duplicates,
        table=validated.rows,
        child=validated.children,
        dead=validated.dead,
        tiles=tiles,
        oldest=note.oldest,
        watermark=note.watermark,
    )
