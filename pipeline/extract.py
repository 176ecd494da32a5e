"""From a source to sealed pages of a pass, judged on the way.

Promises: a page is sealed before anything of it is loaded, and only when its records are believable
(QuarantineOverflow otherwise, with the page left to be asked for again); a pass that was interrupted goes on at
what its sealed pages do not cover.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from connectors.paging import open_window, seek
from connectors.source import Answer, Client, Page, Query, Record, Stream, Window
from connectors.ties import open_list, read_list
from pipeline import package
from pipeline.package import Draft, Pass, Sealed
from pipeline.privacy import Privacy
from pipeline.validate import Judged, check_share, judge
from schemas.errors import EvalsyncError

Brought = tuple[Sealed, Judged, int | None]  # the last: rows of its range, as the source counts them
AT_ONCE = 3  # pages that are on their way to the disk while the next ones are asked for


@dataclass(frozen=True, slots=True)
class Extraction:
    """What is needed to read one stream."""

    stream: Stream
    client: Client
    folder: Path  # of the stream's packages
    page_size: int
    privacy: Privacy
    max_share: float
    now: Callable[[], datetime]

    async def ask(self, query: Query) -> Answer:
        return await self.stream.ask(self.client, query)


async def begin(
    job: Extraction, pass_id: str, lower: datetime, upper: datetime | None, *, advances: bool
) -> tuple[Pass, Page]:
    """Open a window behind the source's clock, and a pass for it; its first page is not sealed yet."""
    if job.stream.walk == "list":
        window, first = await open_list(job.stream, job.ask, job.page_size, job.now())
    else:
        window, first = await open_window(job.stream, job.ask, lower, job.page_size, upper)
    one = await asyncio.to_thread(package.start, job.folder, pass_id, window, advances=advances)
    return one, first


async def read(
    job: Extraction, one: Pass, known: Sequence[Sealed], loaded: int, first: Page | None, stop: asyncio.Event
) -> AsyncGenerator[Brought]:
    """Seal and yield the pages that the pass still lacks; an error comes behind the pages that were read before it.

    A number is never used twice, also where a page that is `loaded` was lost: it would seem loaded too.
    """
    number = max(loaded, package.newest_number(one))
    done = [page.covers for page in known if page.covers]
    if first is not None:
        number += 1
        yield await _seal(job, one, number, first)
        done += [first.covers] if first.covers else []
    sealing: deque[asyncio.Task[Brought]] = deque()
    failure: EvalsyncError | None = None
    try:
        async with aclosing(_walk(job, one, done, first, stop)) as walk:
            try:
                async for page in walk:
                    number += 1
                    before = sealing[-1] if sealing else None
                    sealing.append(asyncio.create_task(_seal(job, one, number, page, before)))
                    while sealing and (sealing[0].done() or len(sealing) > AT_ONCE):
                        yield await sealing.popleft()
            except EvalsyncError as error:
                failure = error
        while sealing:
            yield await sealing.popleft()
    finally:
        await asyncio.gather(*sealing, return_exceptions=True)
    if failure is not None:
        raise failure


async def _walk(
    job: Extraction, one: Pass, done: Sequence[Window], first: Page | None, stop: asyncio.Event
) -> AsyncGenerator[Page]:
    """The pages that cover what is not done yet, in the stream's own way."""
    if job.stream.walk == "seek":
        async with aclosing(seek(job.stream, job.ask, one.window, done, job.page_size, stop)) as pages:
            async for page in pages:
                yield page
    elif not done:
        opening = first.answer if first else None
        for page in await read_list(job.stream, job.ask, one.window, job.page_size, opening):
            if page.answer is not opening:
                yield page


async def _seal(
    job: Extraction, one: Pass, number: int, page: Page, before: asyncio.Task[Brought] | None = None
) -> Brought:
    """Seal a page when the one `before` it is sealed, and not at all where that failed.

    A run that slept may wake while a newer one goes on with its pass. A page of its own that it put behind the newer
    one's numbers would seem to be loaded, which it never was.
    """
    observed_at = page.answer.observed_at or one.window.upper

    def work() -> tuple[Judged, Draft]:
        judged = judge(job.stream, number, observed_at, page.answer.records, job.privacy)
        check_share(job.stream, judged, job.max_share)
        return judged, package.draft(page, observed_at)

    judged, draft = await asyncio.to_thread(work)
    if before is not None:
        await asyncio.wait([before])
        if failure := before.exception():
            raise failure
    return await asyncio.to_thread(package.seal, one, number, draft), judged, page.answer.total


def reopen(stream: Stream, page: Sealed, privacy: Privacy) -> Judged:
    """A page that is on the disk, judged again: after a crash, or for a replay. Raises LoadError: it is damaged."""
    records: Sequence[Record] = stream.decode(package.body(page))
    return judge(stream, page.number, page.observed_at, records, privacy)
