"""The sources of config.yaml, opened: account, budget and client of each; the built-in simulator where one is asked
for. Promises that everything opened is closed, and that a credential is only ever inside a SecretStr.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from connectors.budget import Budget
from connectors.clock import Clock
from connectors.http import Ceiling, HttpClient
from connectors.registry import SOURCES
from connectors.simulator.files import load_file
from connectors.simulator.server import serve
from connectors.simulator.world import World
from connectors.simulator.year import generate
from connectors.source import Account, Limit, Stream
from pipeline.config import Config, Source, VokiSource
from pipeline.folders import Folders
from schemas.errors import ConfigError

SIMULATOR_TOKEN = "built-in"  # noqa: S105 - opens nothing but the simulator of this very run


@dataclass(frozen=True, slots=True)
class OpenSource:
    """A source that can be asked."""

    config: VokiSource
    account: Account
    streams: tuple[Stream, ...]
    client: HttpClient
    budget: Budget


@asynccontextmanager
async def open_source(
    source: Source,
    folders: Folders,
    clock: Clock,
    ceiling: Ceiling | None = None,
    stop: asyncio.Event | None = None,
) -> AsyncIterator[OpenSource]:
    """Open one source; its simulator lives as long as it."""
    if not isinstance(source, VokiSource):
        raise ConfigError(f"source {source.name}: this version syncs Voki only")
    if source.simulator is None:
        async with _open(source, account_of(source), folders, clock, ceiling, stop) as one:
            yield one
        return
    world = _world(source)
    async with serve(world, tokens={SIMULATOR_TOKEN: world.tenant}) as simulator:
        account = _account(source, simulator.base_url, {"token": SecretStr(SIMULATOR_TOKEN)})
        async with _open(source, account, folders, clock, ceiling, stop) as one:
            yield one


@asynccontextmanager
async def _open(
    source: VokiSource,
    account: Account,
    folders: Folders,
    clock: Clock,
    ceiling: Ceiling | None,
    stop: asyncio.Event | None,
) -> AsyncIterator[OpenSource]:
    connector = SOURCES[account.system]
    key = budget_key(source, account)
    budget = Budget(folders.budget, clock, connector.limits(account), key=key, place_source=account.name)
    client = HttpClient(
        account.name,
        account.base_url,
        None,
        budget,
        clock,
        headers=connector.headers(account),
        ceiling=ceiling,
        stop=stop,
    )
    client.auth = connector.auth(account, client, clock)
    try:
        yield OpenSource(source, account, connector.streams(account), client, budget)
    finally:
        await client.close()
        budget.close()


def selected(config: Config, names: tuple[str, ...]) -> list[Source]:
    """The sources that were asked for; all by default."""
    known = {source.name: source for source in config.sources}
    for name in names:
        if name not in known:
            raise ConfigError(f"--source {name}: no such source; there are {', '.join(known)}")
    return [source for source in config.sources if not names or source.name in names]


def account_of(source: Source) -> Account:
    """Who we are at a source; of one with a simulator, all but its address of the moment."""
    if not isinstance(source, VokiSource):
        raise ConfigError(f"source {source.name}: this version syncs Voki only")
    return _account(source, source.base_url or "", _credentials(source))


def streams_of(account: Account) -> tuple[Stream, ...]:
    return SOURCES[account.system].streams(account)


def _account(source: VokiSource, base_url: str, credentials: dict[str, SecretStr]) -> Account:
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
    )


def _credentials(source: VokiSource) -> dict[str, SecretStr]:
    auth = source.auth
    if auth is None:
        return {}
    named = {"token": auth.token, "email": auth.email, "password": auth.password}
    return {
        name: value if isinstance(value, SecretStr) else SecretStr(value)
        for name, value in named.items()
        if value is not None
    }


def budget_key(source: Source, account: Account) -> str:
    """Names the credential without being it: two sources on one credential share its budget."""
    if source.simulator is not None:
        return f"simulator:{source.name}"
    parts = [account.system, account.base_url, account.tenant]
    parts += [secret.get_secret_value() for secret in account.credentials.values()]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _world(source: VokiSource) -> World:
    spec = source.simulator
    if spec is None:
        raise ConfigError(f"source {source.name}: has no simulator")
    if spec.file is None:
        until = {"until": spec.until} if spec.until else {}
        return generate(spec.seed, spec.evaluations, tenant=source.tenant, **until)
    columns: dict[str, str] = {str(name): column for name, column in spec.columns.items()}
    try:
        return load_file(Path(spec.file), columns, tenant=source.tenant, until=spec.until)
    except ValueError as error:
        raise ConfigError(f"source {source.name}: simulator.file: {error}") from None
