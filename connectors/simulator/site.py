"""A running Voki API and one request to it, as values. And the limits, which every sort of endpoint has."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connectors.simulator.clock import Now
from connectors.simulator.limits import Limit, Windows
from connectors.simulator.log import Log
from connectors.simulator.script import Script
from connectors.simulator.switches import Switches
from connectors.simulator.tokens import Gate
from connectors.simulator.wire import Refused, detail, too_many
from connectors.simulator.world import World


@dataclass(slots=True)
class Site:
    """One running API: its tables, its gate, its log. `switches` and `script` may change while it runs."""

    worlds: dict[str, World]
    gate: Gate
    switches: Switches
    script: Script
    log: Log
    now: Now
    windows: Windows
    views: dict[str, tuple[datetime, World]] = field(default_factory=dict)  # tables behind lagging figures


@dataclass(frozen=True, slots=True)
class Ask:
    """One request, read."""

    name: str
    query: dict[str, str]
    params: dict[str, str]
    body: Any
    token: str
    tenant: str | None  # X-Tenant
    address: str
    turn: int
    snapshot: World | None = None


def limit(site: Site, caller: object, limits: tuple[Limit, ...]) -> None:
    """Count the request, or refuse it."""
    wait = site.windows.take(caller, limits, site.switches.limit_window)
    if wait is not None:
        raise Refused(too_many(wait, site.now(), site.switches))


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object of a body; no body is an empty one, another value too."""
    try:
        found = json.loads(body or b"{}")
    except ValueError:
        raise Refused(detail(400, "Bad Request")) from None
    return found if isinstance(found, dict) else {}
