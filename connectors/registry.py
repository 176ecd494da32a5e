"""The connectors, as one literal dict: a new system is one line here."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.auth import Auth
from connectors.clock import Clock
from connectors.evaluagent import login as evaluagent_login
from connectors.evaluagent import seen as evaluagent_seen
from connectors.evaluagent import streams as evaluagent
from connectors.evaluagent.assumed import REGIONS
from connectors.seen import Seen
from connectors.source import Account, Client, Limit, Query, Stream
from connectors.voki import login as voki_login
from connectors.voki import seen as voki_seen
from connectors.voki import streams as voki


@dataclass(frozen=True, slots=True)
class Connector:
    """What one system offers."""

    streams: Callable[[Account], tuple[Stream, ...]]
    limits: Callable[[Account], Mapping[str, Limit]]  # endpoint group -> declared limit
    auth: Callable[[Account, Client, Clock], Auth]
    headers: Callable[[Account], Mapping[str, str]]  # sent with each request beside the credential
    regions: Mapping[str, str] = field(default_factory=dict)  # region -> base URL
    ping: tuple[str, str] | None = None  # endpoint group and path of a request that only tells who asks
    seen: Callable[[Account, Stream, Query, Any], Iterable[Seen]] | None = (
        None  # an answer, told without values
    )
    unseen: str = ""  # what is assumed and no list's answer can show


SOURCES: Mapping[str, Connector] = {
    "voki": Connector(
        streams=voki.streams,
        limits=voki.limits,
        auth=voki_login.auth,
        headers=lambda account: {"X-Tenant": account.tenant},
        seen=voki_seen.seen,
        unseen="date_from, date_to, date_unit",
    ),
    "evaluagent": Connector(
        streams=evaluagent.streams,
        limits=evaluagent.limits,
        auth=evaluagent_login.auth,
        headers=lambda _: {"Accept": "application/vnd.api+json, application/json"},
        regions=REGIONS,
        ping=("ping", "/v1/ping"),
        seen=evaluagent_seen.seen,
        unseen=evaluagent_seen.UNSEEN,
    ),
}
