"""What readers get: marts, then the snapshot, of everything that is loaded.

Promises that a failing check leaves the previous marts and the previous snapshot in place; sends nothing.
"""

import asyncio
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import duckdb

from connectors.clock import system_clock
from pipeline import marts
from pipeline.config import Config
from pipeline.destinations import lake
from pipeline.destinations.store import Store
from pipeline.destinations.warehouse import transaction
from pipeline.engines import DuckDBEngine
from pipeline.lease import Held, hold
from pipeline.mapping import read_agents
from pipeline.statements import SQL, statement
from schemas import evaluagent, voki

TABLES = (  # of the lake, also those that a run does not touch
    *(voki.EVALUATIONS, voki.CALLS, voki.DEPARTMENTS, voki.USERS),
    *(evaluagent.QUALITY_EVALUATIONS, evaluagent.QUALITY_CONTACTS, evaluagent.AGENTS),
    *(evaluagent.GROUPS, evaluagent.ROLES, evaluagent.CONVERSATIONS),
)


def prepare(store: Store) -> None:
    """Read the marts' SQL while the first pages are on their way, so that none of it is left behind the last one."""
    store.soon(lambda: marts.order(marts.load_marts(SQL / "marts")))


async def present(held: Held, make: marts.Make = marts.refresh) -> tuple[Path, list[str]]:
    """Marts, then the snapshot that readers see; its folder and the checks' warnings.

    `make`: marts.refresh, of the days that have changed, or marts.build, from scratch.
    Raises CheckFailed (the previous marts and the previous snapshot stay) and PublishError.
    """

    def build(db: duckdb.DuckDBPyConnection) -> list[str]:
        with held.store.fence():
            results = make(DuckDBEngine(db), marts.load_marts(SQL / "marts"))
        return [f"{result.mart}: {result.check}: {result.detail}" for result in results]

    warnings = await held.store.use(build)
    held.store.rest()
    folders, keep = held.folders, held.config.snapshots.keep
    snapshot = await held.store.thread(
        lambda: lake.publish(folders.warehouse, folders.data, held.run_id, TABLES, keep, held.store.fence)
    )
    return snapshot.folder, warnings


async def rebuild_marts(config: Config, only: Sequence[str]) -> tuple[Path, list[str]]:
    """The marts anew from what is loaded, published; no request."""
    async with hold(config, system_clock(), asyncio.Event()) as held:
        await apply_settings(held.store, config)
        return await present(held, partial(marts.build, only=only or None))


async def apply_settings(store: Store, config: Config) -> None:
    """Put what the marts need to know of the configuration where they read it. ConfigError: the file `agents`."""
    pairs = await asyncio.to_thread(read_agents, config.agents) if config.agents else []
    values = {"timezone": config.reporting.timezone, "satisfied_from": config.reporting.satisfied_from}
    agents = {"voki_users": [user for user, _ in pairs], "agents": [agent for _, agent in pairs]}

    def write(db: duckdb.DuckDBPyConnection) -> None:
        with transaction(db, store.fence):
            db.execute(statement("load/settings"), values)
            db.execute(statement("load/agents"), agents)

    await store.use(write)
