"""evaluagent on the stage: evaluations with their contacts, and four small tables."""

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from contract.stage import PAGE, Rows, Scene, Time, configured
from lab import NOW

from connectors.registry import SOURCES
from connectors.simulator.evaluagent.keys import Key
from connectors.simulator.evaluagent.server import serve
from connectors.simulator.evaluagent.switches import Switches
from connectors.simulator.evaluagent.world import QualityWorld
from connectors.simulator.script import Script

OPTIONS: Mapping[str, Any] = {"integrations": ("chat",)}  # without one there are no conversations
PATHS = {
    "quality_evaluations": "/v1/quality/evaluations",
    "agents": "/v1/org/users",
    "groups": "/v1/org/groups",
    "roles": "/v1/org/roles",
    "conversations": "/v1/analytics/conversations",
}


@asynccontextmanager
async def open_scene(stream: str, folder: Path) -> AsyncIterator[Scene]:
    world, script, time, key = QualityWorld(until=NOW), Script(), Time(), Key()
    free = Switches(per_minute=None, per_day=None, analytics_per_minute=None)
    async with serve(world, keys=(key,), switches=free, script=script, now=time.calendar) as simulator:
        config, place = configured(
            folder,
            "system: evaluagent",
            f"base_url: {simulator.base_url}",
            f"auth: {{access_key_id: {key.access_key_id}, secret_key: {key.secret}}}",
            f"streams: [{stream}]",
            "integrations: [chat]",
            f"assume: {{paging: {{page_size: {PAGE}}}}}",
        )
        yield Scene(
            config=config,
            connectors=SOURCES,
            rows=_rows(world, stream),
            endpoint=PATHS[stream].rpartition("/")[2],
            path=PATHS[stream],
            script=script,
            log=simulator.log,
            time=time,
            command=(sys.executable, "-m", "pipeline", "--config", str(place), "sync"),
        )


def _rows(world: QualityWorld, stream: str) -> Rows:
    def joined() -> set[str]:
        return {one["id"] for one in world.contacts() if one["evaluation_id"]}

    return {
        "quality_evaluations": lambda: Rows(
            world.publish, world.edit, world.delete, world.rows, "outcome", {"score": "much"}, joined
        ),
        "agents": lambda: Rows(
            lambda _: world.add_user(),
            world.edit_user,
            world.remove_user,
            world.users,
            "forename",
            {"active": "yes"},
        ),
        "groups": lambda: Rows(
            lambda _: world.add_group("Norte"),
            world.edit_group,
            world.remove_group,
            world.groups,
            "name",
            {"active": "yes"},
        ),
        "roles": lambda: Rows(
            lambda _: world.add_role("guest"),
            world.edit_role,
            world.remove_role,
            world.roles,
            "title",
            {"name": 7},
        ),
        "conversations": lambda: Rows(
            lambda _: world.add_conversation("chat"),
            world.edit_conversation,
            world.remove_conversation,
            world.conversations,
            "contact_reference",
            {"contact_reference": [1]},
        ),
    }[stream]()
