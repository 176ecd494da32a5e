"""START HERE. One run: lease -> each stream (sync.py) -> marts -> publish -> receipt.

    folders, ledger, lease            who may write, and where
    sources.open_source               account, budget, client of each source
    sync.sync_stream                  pages -> packages -> load -> proof, per stream, side by side
    marts.build                       sql/marts, in one transaction
    lake.publish                      snapshots/<run>/ and `current`

Promises: one run at a time on a data folder; a broken stream never stops another; the receipt says what happened
to each of them, and its outcome is the worst of theirs. The only `except Exception` of the project is at the edge
of a command (cli.py).
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

import duckdb
import structlog

from connectors.clock import Clock, system_clock
from connectors.http import Ceiling
from connectors.source import Stream
from pipeline import marts, package
from pipeline.config import Config
from pipeline.destinations import lake
from pipeline.destinations.store import Store
from pipeline.engines import DuckDBEngine
from pipeline.extract import Extraction
from pipeline.folders import Folders
from pipeline.ledger import Lease, Ledger
from pipeline.privacy import Privacy
from pipeline.receipt import BudgetLeft, Receipt, StreamReceipt, outcome_of
from pipeline.sources import OpenSource, open_source, selected
from pipeline.statements import SQL, statement
from pipeline.sync import Asked, Job, Progress, sync_stream
from schemas.errors import ConfigError, EvalsyncError

log = structlog.get_logger()

SIGN_EVERY = 20.0  # seconds between two signs of life of the lease


@dataclass(frozen=True, slots=True)
class Request:
    """What one run was asked to do."""

    sources: tuple[str, ...] = ()
    streams: tuple[str, ...] = ()
    asked: Asked = Asked()
    max_requests: int | None = None


class Silent:
    """Nobody watches."""

    def page(self, source: str, stream: str, records: int, expected: int | None) -> None: ...


@dataclass(frozen=True, slots=True)
class Run:
    """What the parts of one run share."""

    config: Config
    request: Request
    folders: Folders
    clock: Clock
    lease: Lease
    store: Store
    stop: asyncio.Event
    progress: Progress
    began: datetime = field(default_factory=lambda: system_clock().now())


async def run(
    config: Config,
    request: Request = Request(),  # noqa: B008 - frozen
    *,
    clock: Clock | None = None,
    stop: asyncio.Event | None = None,
    progress: Progress | None = None,
) -> Receipt:
    """One sync of the configured sources. Raises ConfigError and WarehouseBusy; all else is in the receipt.

    `stop` ends it at the edge of a page. Nothing is lost by cancelling it either.
    """
    clock = clock or system_clock()
    chosen = selected(config, request.sources)
    folders = Folders(config.data_dir)
    folders.make()
    run_id = f"{clock.now():%Y%m%dT%H%M%S.%fZ}-{secrets.token_hex(2)}"
    ledger = Ledger(folders.ledger, clock)
    lease = ledger.acquire(run_id)
    receipt: Receipt | None = None
    began = clock.now()
    store = Store(folders.warehouse, ledger, lease)
    one = Run(config, request, folders, clock, lease, store, stop or asyncio.Event(), progress or Silent(), began)
    try:
        async with _signs_of_life(one, ledger), AsyncExitStack() as stack:
            ceiling = None if request.max_requests is None else Ceiling(request.max_requests)
            opened = [
                await stack.enter_async_context(open_source(source, folders, clock, ceiling)) for source in chosen
            ]
            receipt = await _work(one, opened)
    finally:
        store.close()
        outcome = receipt.outcome if receipt else "interrupted"
        ledger.release(lease, outcome, receipt.as_json() if receipt else {})
    return receipt


async def _work(one: Run, opened: Sequence[OpenSource]) -> Receipt:
    jobs = [_job(one, source, stream) for source in opened for stream in source.streams if _wanted(one, stream.name)]
    if not jobs:
        raise ConfigError("--stream: none of the sources has such a stream")
    await one.store.use(lambda db: _settings(db, one.config))
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(sync_stream(job)) for job in jobs]
    streams = [task.result() for task in tasks]
    receipt = Receipt(
        run_id=one.lease.run_id,
        outcome=outcome_of(streams),
        started_at=one.began,
        finished_at=one.clock.now(),
        snapshot=None,
        streams=streams,
        budgets=[budget for source in opened for budget in await _left(source)],
        stopped=one.stop.is_set(),
    )
    try:
        receipt = await _present(one, receipt, jobs)
        await asyncio.to_thread(package.prune, one.folders.packages, one.config.packages.keep, one.clock.now())
    except EvalsyncError as error:
        log.error("run_failed", run_id=one.lease.run_id, why=str(error))
        receipt = replace(receipt, outcome="failed", error=str(error))
    return replace(receipt, finished_at=one.clock.now())


async def _present(one: Run, receipt: Receipt, jobs: Sequence[Job]) -> Receipt:
    """Marts, then the snapshot that readers see."""
    await one.store.record_run(receipt.run_id, receipt.outcome, one.began, one.clock.now(), receipt.streams)
    warnings = await build_marts(one.store)
    contracts = list({job.extraction.stream.contract.table: job.extraction.stream.contract for job in jobs}.values())
    snapshot = await one.store.thread(
        lambda: lake.publish(
            one.folders.warehouse, one.config.data_dir, receipt.run_id, contracts, one.config.snapshots.keep
        )
    )
    return replace(receipt, snapshot=str(snapshot.folder), warnings=warnings)


async def build_marts(store: Store, only: Sequence[str] | None = None) -> list[str]:
    """Rebuild the marts from what is loaded; the warnings of their checks. Raises CheckFailed."""

    def work(db: duckdb.DuckDBPyConnection) -> list[str]:
        with store.fence():
            results = marts.build(DuckDBEngine(db), marts.load_marts(SQL / "marts"), only)
        return [f"{result.mart}: {result.check}: {result.detail}" for result in results]

    return await store.use(work)


def _settings(db: duckdb.DuckDBPyConnection, config: Config) -> None:
    reporting = config.reporting
    delete, insert = statement("load/settings").split(";")[:2]
    db.execute(delete)
    db.execute(insert, {"timezone": reporting.timezone, "satisfied_from": reporting.satisfied_from})


def _wanted(one: Run, stream: str) -> bool:
    return not one.request.streams or stream in one.request.streams


def _job(one: Run, source: OpenSource, stream: Stream) -> Job:
    folder = one.folders.of_stream(source.account.name, stream.name)
    folder.mkdir(parents=True, mode=0o700, exist_ok=True)
    privacy = one.config.privacy
    rules = {"customer_name": privacy.customer_name, "comment": privacy.comment}
    return Job(
        source=source.account.name,
        tenant=source.account.tenant,
        run_id=one.lease.run_id,
        extraction=Extraction(
            stream=stream,
            client=source.client,
            folder=folder,
            page_size=source.account.page_size,
            privacy=Privacy(rules, privacy.pseudonym_key or Privacy().key),
            max_share=one.config.quarantine.max_share,
        ),
        store=one.store,
        clock=one.clock,
        lookback=source.config.lookback,
        start=source.config.start,
        retention=source.config.retention,
        asked=one.request.asked,
        stop=one.stop,
        progress=one.progress,
        requests=lambda: source.client.requests.total(),
    )


async def _left(source: OpenSource) -> list[BudgetLeft]:
    return [
        BudgetLeft(source.account.name, left.group, left.minute_left, left.day_left)
        for left in await source.budget.left()
    ]


@asynccontextmanager
async def _signs_of_life(one: Run, ledger: Ledger) -> AsyncIterator[None]:
    """Keep the lease while the run lives; when it is lost, stop: no commit would succeed any more."""

    async def sign() -> None:
        while True:
            await asyncio.sleep(SIGN_EVERY)
            try:
                await asyncio.to_thread(ledger.sign, one.lease)
            except EvalsyncError as error:
                log.error("lease_lost", run_id=one.lease.run_id, why=str(error))
                one.stop.set()
                return

    task = asyncio.create_task(sign())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
