"""Voki on the stage: all of its lists are tables of one kind in its simulator."""

import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from contract.stage import PAGE, Rows, Scene, Time, configured
from lab import NOW, TOKEN, TOKENS

from connectors.registry import SOURCES
from connectors.simulator.script import Script
from connectors.simulator.server import serve
from connectors.simulator.table import Table
from connectors.simulator.world import World

OPTIONS: Mapping[str, Any] = {}
LISTS: Mapping[str, tuple[str, Callable[[World], Table], str, Mapping[str, Any]]] = {
    # stream: name of the list in the simulator, its table, a text that may change, a field that breaks a record
    "evaluations": ("list", lambda world: world, "comment", {"rating": 99}),
    "calls": ("calls", lambda world: world.calls, "customer_name", {"status": 7}),
    "departments": ("departments", lambda world: world.departments, "description", {"name": 7}),
    "users": ("users", lambda world: world.users, "locale", {"name": 7}),
}


@asynccontextmanager
async def open_scene(stream: str, folder: Path) -> AsyncIterator[Scene]:
    world, script, time = World(until=NOW), Script(), Time()
    endpoint, table_of, column, bad = LISTS[stream]
    table = table_of(world)
    async with serve(world, tokens=TOKENS, script=script, now=time.calendar) as simulator:
        config, place = configured(
            folder,
            "system: voki",
            f"base_url: {simulator.base_url}",
            "tenant: demo",
            f"auth: {{token: {TOKEN}}}",
            f"streams: [{stream}]",
            f"page_size: {PAGE}",
        )
        yield Scene(
            config=config,
            connectors=SOURCES,
            rows=Rows(table.insert, table.edit, table.delete, table.rows, column, bad),
            endpoint=endpoint,
            path=f"/api/v1/{stream}",
            script=script,
            log=simulator.log,
            time=time,
            command=(sys.executable, "-m", "pipeline", "--config", str(place), "sync"),
        )
