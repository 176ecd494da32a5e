"""Voki's login: e-mail, password and tenant for a token of 15 minutes. Source: the vendor's authentication page.

Promises one login for all workers, and a clear error where the account asks for a second factor.
"""

from datetime import timedelta
from typing import Any

from pydantic import SecretStr

from connectors.auth import Auth, FixedBearer, RenewedBearer, Token
from connectors.clock import Clock
from connectors.source import Account, Client
from connectors.voki.streams import AUTH
from schemas.errors import AuthError, Place, RetryableSourceError

LIFETIME = timedelta(minutes=15)


def auth(account: Account, client: Client, clock: Clock) -> Auth:
    """A fixed token where one is configured, else a login that renews itself."""
    if "token" in account.credentials:
        return FixedBearer(account.credentials["token"])

    async def log_in() -> Token:
        began = clock.steady()
        payload = await client.post(
            AUTH, "/api/auth/login", _credentials(account), lambda value: _check(account, value)
        )
        return Token(SecretStr(_session(payload.value)["access_token"]), began + LIFETIME.total_seconds())

    return RenewedBearer(log_in, clock)


def _credentials(account: Account) -> dict[str, str]:
    secrets = {name: secret.get_secret_value() for name, secret in account.credentials.items()}
    return {"email": secrets["email"], "password": secrets["password"], "tenant": account.tenant}


def _session(value: Any) -> dict[str, Any]:
    """The session object: the API pages wrap it in `data`, the manual does not."""
    inner = value.get("data", value) if isinstance(value, dict) else {}
    return inner if isinstance(inner, dict) else {}


def _check(account: Account, value: Any) -> None:
    place = Place(account.name, "", AUTH)
    session = _session(value)
    if session.get("mfa_required"):
        raise AuthError(
            "this user has a second factor, which a nightly job cannot give: make a user without one", place
        )
    if not isinstance(session.get("access_token"), str):
        raise RetryableSourceError("the login's answer has no access_token", place)
