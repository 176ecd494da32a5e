"""The sources of config.yaml, opened: budget and client of each; the built-in simulator where one is asked for.

Promises that everything opened is closed, and that a request is not forgotten with the file that it was granted by:
the ledger of runs keeps their number too.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog

from connectors.budget import Budget
from connectors.clock import Clock
from connectors.grants import Trace
from connectors.http import Ceiling, HttpClient, Retries
from connectors.registry import SOURCES, Connector
from connectors.source import Account, Limit, Stream
from pipeline.accounts import account_at, account_of, budget_key
from pipeline.config import Source
from pipeline.destinations import manifest
from pipeline.folders import Folders, current
from pipeline.ledger import Ledger
from schemas.errors import EvalsyncError

log = structlog.get_logger()

SEEN_EVERY = 20.0  # seconds between two looks at how many requests were granted
USUAL = Retries()
ONCE = Retries(attempts=1)  # for who only looks: a second try would hide what is to be found


@dataclass(frozen=True, slots=True)
class OpenSource:
    """A source that can be asked."""

    config: Source
    account: Account
    streams: tuple[Stream, ...]
    client: HttpClient
    budget: Budget
    limits: Mapping[str, Limit]  # by endpoint group


@asynccontextmanager
async def open_source(
    source: Source,
    folders: Folders,
    clock: Clock,
    ceiling: Ceiling | None = None,
    stop: asyncio.Event | None = None,
    connectors: Mapping[str, Connector] = SOURCES,
    retries: Retries = USUAL,
) -> AsyncIterator[OpenSource]:
    """Open one source; its simulator lives as long as it."""
    connector = connectors[source.system]
    if source.simulator is None:
        account = account_of(source, connectors)
        async with _open(source, account, connector, folders, clock, ceiling, stop, retries) as one:
            yield one
        return
    from pipeline.simulators import simulated

    async with simulated(source) as (base_url, credentials):
        account = account_at(source, base_url, credentials)
        async with _open(source, account, connector, folders, clock, ceiling, stop, retries) as one:
            yield one


@asynccontextmanager
async def _open(
    source: Source,
    account: Account,
    connector: Connector,
    folders: Folders,
    clock: Clock,
    ceiling: Ceiling | None,
    stop: asyncio.Event | None,
    retries: Retries,
) -> AsyncIterator[OpenSource]:
    key = budget_key(source, account)
    limits = connector.limits(account)
    ledger = Ledger(folders.ledger, clock)
    trace = await asyncio.to_thread(trace_of, ledger, folders)
    budget = Budget(folders.budget, clock, limits, key=key, place_source=account.name, trace=trace)
    client = HttpClient(
        account.name,
        account.base_url,
        None,
        budget,
        clock,
        headers=connector.headers(account),
        retries=retries,
        ceiling=ceiling,
        stop=stop,
    )
    client.auth = connector.auth(account, client, clock)
    seeing = asyncio.create_task(_see_grants(ledger, budget))
    try:
        await _saw_grants(ledger, budget)  # before the first of them: a number that is too low shows no loss
        yield OpenSource(source, account, connector.streams(account), client, budget, limits)
    finally:
        seeing.cancel()
        await asyncio.gather(seeing, return_exceptions=True)
        await client.close()
        await _saw_grants(ledger, budget)
        budget.close()


def trace_of(ledger: Ledger, folders: Folders) -> Trace | None:
    """What is known of earlier requests where budget.sqlite does not know of them; None: there were none."""
    seen = ledger.grants_seen()
    if seen is not None:
        granted, age = seen
        return Trace(granted, max(0.0, age - SEEN_EVERY))
    published = current(folders.data)
    loads = sum(one.rows for one in manifest.files(published) if one.table == "loads") if published else 0
    pages = any(folders.packages.glob("*/*/*/*.page"))
    return Trace(0, 0.0) if pages or loads else None


async def _see_grants(ledger: Ledger, budget: Budget) -> None:
    while True:
        await asyncio.sleep(SEEN_EVERY)
        await _saw_grants(ledger, budget)


async def _saw_grants(ledger: Ledger, budget: Budget) -> None:
    """Never costs what was read: where it fails the next look comes soon, or the file's own trouble is told."""
    try:
        await asyncio.to_thread(ledger.saw_grants, await budget.granted())
    except EvalsyncError as error:
        log.warning("grants_not_noted", why=str(error))
