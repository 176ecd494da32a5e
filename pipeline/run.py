"""START HERE. One run: lease -> each stream (sync.py) -> marts -> publish -> receipt.

    lease.hold              who may write, and where
    sources.open_source     account, budget and client of each source
    sync.sync_stream        pages -> packages -> load -> proof, streams side by side
    history.look_back       old rows looked at again, history proven, with what the budget has left
    marts.refresh           sql/marts of the days that have changed, in one transaction
    lake.publish            snapshots/<run>/ and `current`

Promises: one run at a time on a data folder; a broken stream never stops another; the receipt says what happened
to each of them, and its outcome is the worst of theirs.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

import structlog

from connectors.clock import Clock, system_clock
from connectors.http import Ceiling
from connectors.registry import SOURCES, Connector
from connectors.source import Stream
from pipeline import marts, package
from pipeline.accounts import selected
from pipeline.audit import Audited, audit_stream
from pipeline.config import Config
from pipeline.extract import Extraction
from pipeline.files import private_folder
from pipeline.history import look_back
from pipeline.job import Asked, Job, Progress
from pipeline.lease import Held, hold
from pipeline.ledger import Claim
from pipeline.present import apply_settings, prepare, present
from pipeline.privacy import Privacy
from pipeline.receipt import BudgetLeft, Receipt, StreamReceipt, outcome_of
from pipeline.sources import OpenSource, open_source
from pipeline.sync import sync_stream
from schemas.errors import ConfigError, EvalsyncError

log = structlog.get_logger()

WATCH_EVERY = 5.0  # seconds between two looks at the budgets, for those who watch


@dataclass(frozen=True, slots=True)
class Request:
    """What one run was asked to do."""

    sources: tuple[str, ...] = ()
    streams: tuple[str, ...] = ()
    asked: Asked = Asked()
    max_requests: int | None = None
    claim: Claim | None = None  # asked with the lease in hand: is this run still wanted?

    def covers(self, config: Config) -> tuple[str, ...]:
        """The sources that this run reads as a night does."""
        if self.streams or self.asked.until or self.max_requests is not None:
            return ()
        return tuple(source.name for source in selected(config, self.sources))


class Unwatched:
    """Nobody looks at the progress."""

    def page(self, source: str, stream: str, records: int, expected: int | None) -> None: ...

    def budget(self, left: Sequence[BudgetLeft]) -> None: ...


async def run(
    config: Config,
    request: Request = Request(),
    *,
    clock: Clock | None = None,
    stop: asyncio.Event | None = None,
    progress: Progress | None = None,
    connectors: Mapping[str, Connector] = SOURCES,
) -> Receipt:
    """One sync of the configured sources. Raises ConfigError and WarehouseBusy; all else is in the receipt.

    `stop` ends it at the edge of a page. Nothing is lost by cancelling it either. `connectors` is the registry, or
    one with more in it.
    """
    covers = request.covers(config)
    async with _open(config, request, clock, stop, connectors, covers) as (held, opened):
        jobs = _jobs(held, request, opened, progress or Unwatched())
        await apply_settings(held.store, config)
        prepare(held.store)
        streams = await look_back(opened, jobs, await _sync(opened, jobs, progress or Unwatched()))
        held.receipt = await _end(held, opened, streams)
        return held.receipt


async def audit(
    config: Config,
    request: Request,
    *,
    requests: int,
    repair: bool = True,
    clock: Clock | None = None,
    stop: asyncio.Event | None = None,
) -> tuple[Receipt, list[Audited]]:
    """The history of each stream that has a place in time against its source, and mended. Raises as `run` does.

    `requests` are what each stream may spend on searching and mending.
    """
    async with _open(config, request, clock, stop, SOURCES) as (held, opened):
        asked = request.asked
        jobs = [
            job for job in _jobs(held, request, opened, Unwatched()) if job.extraction.stream.walk == "seek"
        ]
        await apply_settings(held.store, config)
        audited = await asyncio.gather(
            *(
                audit_stream(job, requests, since=asked.since, until=asked.until, repair=repair)
                for job in jobs
            )
        )
        held.receipt = await _end(held, opened, [one.receipt for one in audited], marts.build)
        return held.receipt, audited


@asynccontextmanager
async def _open(
    config: Config,
    request: Request,
    clock: Clock | None,
    stop: asyncio.Event | None,
    connectors: Mapping[str, Connector],
    covers: Sequence[str] = (),
) -> AsyncIterator[tuple[Held, list[OpenSource]]]:
    clock = clock or system_clock()
    chosen = selected(config, request.sources)
    async with (
        hold(config, clock, stop or asyncio.Event(), covers=covers, claim=request.claim) as held,
        AsyncExitStack() as stack,
    ):
        ceiling = None if request.max_requests is None else Ceiling(request.max_requests)
        yield (
            held,
            [
                await stack.enter_async_context(
                    open_source(source, held.folders, clock, ceiling, held.stop, connectors)
                )
                for source in chosen
            ],
        )


def _jobs(held: Held, request: Request, opened: Sequence[OpenSource], progress: Progress) -> list[Job]:
    jobs = [
        _job(held, request, source, stream, progress)
        for source in opened
        for stream in source.streams
        if not request.streams or stream.name in request.streams
    ]
    if not jobs:
        raise ConfigError("--stream: none of the sources has such a stream")
    return jobs


async def _sync(opened: Sequence[OpenSource], jobs: Sequence[Job], progress: Progress) -> list[StreamReceipt]:
    """All streams side by side."""
    watching = asyncio.create_task(_watch_budgets(opened, progress))
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(sync_stream(job)) for job in jobs]
    finally:
        watching.cancel()
    return [task.result() for task in tasks]


async def _end(
    held: Held,
    opened: Sequence[OpenSource],
    streams: Sequence[StreamReceipt],
    make: marts.Make = marts.refresh,
) -> Receipt:
    """Record the run, and give readers what it brought."""
    receipt = Receipt(
        run_id=held.run_id,
        outcome=outcome_of(streams),
        started_at=held.began,
        finished_at=held.clock.now(),
        snapshot=None,
        streams=streams,
        budgets=await _budgets(opened),
        stopped=held.stop.is_set(),
        requests={source.account.name: source.client.requests.total() for source in opened},
        answers={source.account.name: dict(source.client.answers) for source in opened},
    )
    try:
        await held.store.record_run(held.run_id, receipt.outcome, held.began, held.clock.now(), streams)
        snapshot, warnings = await present(held, make)
        remarks = [f"{one.source}/{one.stream}: {remark}" for one in streams for remark in one.remarks]
        receipt = replace(receipt, snapshot=str(snapshot), warnings=[*remarks, *warnings])
        await asyncio.to_thread(
            package.prune, held.folders.packages, held.config.packages.keep, held.clock.now()
        )
    except EvalsyncError as error:
        log.error("run_failed", run_id=held.run_id, why=str(error))
        receipt = replace(receipt, outcome="failed", error=str(error))
    return replace(receipt, finished_at=held.clock.now())


async def _watch_budgets(opened: Sequence[OpenSource], progress: Progress) -> None:
    while True:
        progress.budget(await _budgets(opened))
        await asyncio.sleep(WATCH_EVERY)


async def _budgets(opened: Sequence[OpenSource]) -> list[BudgetLeft]:
    """Of every source whose ledger of requests can be read."""
    found = []
    for source in opened:
        try:
            found += await budget_left(source)
        except EvalsyncError as error:
            log.warning("budget_unknown", source=source.account.name, why=str(error))
    return found


def privacy_of(config: Config) -> Privacy:
    wanted = config.privacy
    return Privacy(wanted.rules, wanted.pseudonym_key or Privacy().key)


async def budget_left(source: OpenSource) -> list[BudgetLeft]:
    return [
        BudgetLeft(source.account.name, left.group, left.minute_left, left.day_left, left.resume_at)
        for left in await source.budget.left()
    ]


def _job(held: Held, request: Request, source: OpenSource, stream: Stream, progress: Progress) -> Job:
    folder = private_folder(held.folders.of_stream(source.account.name, stream.name))
    return Job(
        source=source.account.name,
        tenant=source.account.tenant,
        run_id=held.run_id,
        extraction=Extraction(
            stream=stream,
            client=source.client,
            folder=folder,
            page_size=source.account.page_size,
            privacy=privacy_of(held.config),
            max_share=held.config.quarantine.max_share,
            now=held.clock.now,
        ),
        store=held.store,
        clock=held.clock,
        lookback=source.config.lookback,
        start=source.config.start,
        retention=source.config.retention,
        asked=request.asked,
        stop=held.stop,
        progress=progress,
        requests=lambda: sum(source.client.requests[group] for group in (stream.group, *stream.besides)),
    )
