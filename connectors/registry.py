"""The connectors, as one literal dict: a new system is one line here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from connectors.auth import Auth
from connectors.clock import Clock
from connectors.source import Account, Client, Limit, Stream
from connectors.voki import login, streams


@dataclass(frozen=True, slots=True)
class Connector:
    """What one system offers."""

    streams: Callable[[Account], tuple[Stream, ...]]
    limits: Callable[[Account], Mapping[str, Limit]]  # endpoint group -> declared limit
    auth: Callable[[Account, Client, Clock], Auth]
    headers: Callable[[Account], Mapping[str, str]]  # sent with each request beside the credential


SOURCES: Mapping[str, Connector] = {
    "voki": Connector(
        streams=streams.streams,
        limits=streams.limits,
        auth=login.auth,
        headers=lambda account: {"X-Tenant": account.tenant},
    ),
}
