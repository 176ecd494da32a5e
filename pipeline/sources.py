"""The sources of config.yaml, opened: account, budget and client of each; the built-in simulator where one is asked
for. Promises that everything opened is closed, that a credential is only ever inside a SecretStr, and that a request
is not forgotten with the file that it was granted by: the ledger of runs keeps their number too.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog
from pydantic import SecretStr

from connectors.budget import Budget
from connectors.clock import Clock
from connectors.grants import Trace
from connectors.http import Ceiling, HttpClient, Retries
from connectors.registry import SOURCES, Connector
from connectors.source import Account, Limit, Stream
from pipeline.config import Config, EvaluagentSource, Source
from pipeline.destinations.lake import current, read_manifest
from pipeline.folders import Folders
from pipeline.ledger import Ledger
from schemas.errors import ConfigError, EvalsyncError

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
        account = _account(source, base_url, credentials)
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
    loads = sum(one.rows for one in read_manifest(published) if one.table == "loads") if published else 0
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


def selected(config: Config, names: tuple[str, ...]) -> list[Source]:
    """The sources that were asked for; all by default."""
    known = {source.name: source for source in config.sources}
    for name in names:
        if name not in known:
            raise ConfigError(f"--source {name}: no such source; there are {', '.join(known)}")
    return [source for source in config.sources if not names or source.name in names]


def listed_only(source: Source) -> Source:
    """The source without `details`: one list request is one request."""
    return source.model_copy(update={"details": ()}) if isinstance(source, EvaluagentSource) else source


def account_of(source: Source, connectors: Mapping[str, Connector] = SOURCES) -> Account:
    """Who we are at a source; of one with a simulator, all but its address of the moment."""
    region = getattr(source, "region", None)
    base_url = connectors[source.system].regions[region] if region else source.base_url
    return _account(source, base_url or "", _credentials(source))


def streams_of(account: Account) -> tuple[Stream, ...]:
    return SOURCES[account.system].streams(account)


def _account(source: Source, base_url: str, credentials: dict[str, SecretStr]) -> Account:
    return Account(
        name=source.name,
        system=source.system,
        base_url=base_url,
        tenant=source.tenant,
        credentials=credentials,
        streams=source.streams,
        page_size=source.page_size,
        limit=Limit(source.budget.per_minute, source.budget.per_day),
        assume=source.assume.model_dump(),
        options=_options(source),
    )


def _options(source: Source) -> dict[str, object]:
    if not isinstance(source, EvaluagentSource):
        return {}
    return {
        "mode": source.auth.mode if source.auth else "basic",
        "integrations": source.integrations,
        "details": source.details,
    }


def _credentials(source: Source) -> dict[str, SecretStr]:
    """The secrets of `auth`, by name; an e-mail is one too."""
    given = dict(source.auth or {})
    return {
        name: value if isinstance(value, SecretStr) else SecretStr(value)
        for name, value in given.items()
        if value is not None and name != "mode"
    }


def budget_key(source: Source, account: Account) -> str:
    """Names the credential without being it: two sources on one credential share its budget.

    At evaluagent the key's id is the credential: its secret may be renewed, its budget stays.
    """
    if source.simulator is not None:
        return f"simulator:{source.name}"
    secrets = {name: secret for name, secret in account.credentials.items() if name != "secret_key"}
    tenant = "" if account.system == "evaluagent" else account.tenant
    parts = [account.system, account.base_url, tenant]
    parts += [secret.get_secret_value() for secret in secrets.values()]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
