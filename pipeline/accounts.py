"""The sources of config.yaml as a connector knows them: account, streams and the key of the budget. No I/O.

Promises that a credential is only ever inside a SecretStr.
"""

import hashlib
from collections.abc import Mapping

from pydantic import SecretStr

from connectors.registry import SOURCES, Connector
from connectors.source import Account, Limit, Stream
from pipeline.config import Config, EvaluagentSource, Source
from schemas.errors import ConfigError


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
    return account_at(source, base_url or "", _credentials(source))


def streams_of(account: Account) -> tuple[Stream, ...]:
    return SOURCES[account.system].streams(account)


def account_at(source: Source, base_url: str, credentials: dict[str, SecretStr]) -> Account:
    """The same at an address, with credentials of its own."""
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
