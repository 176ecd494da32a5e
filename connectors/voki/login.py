"""Voki's login: e-mail, password and tenant for a token of 15 minutes, renewed by its refresh token while that lasts.
Source: the vendor's authentication pages; what a refresh asks and answers is not documented.

Promises one login for all workers, a fresh login where a refresh is refused or not understood, and a clear error
where the account asks for a second factor.
"""

from datetime import timedelta
from typing import Any

from pydantic import SecretStr

from connectors.auth import Auth, Fixed, RenewedBearer, Token, bearer
from connectors.clock import Clock
from connectors.source import Account, Client
from connectors.voki.streams import AUTH
from schemas.errors import AuthError, FatalSourceError, Place, RetryableSourceError

LIFETIME = timedelta(minutes=15)


def auth(account: Account, client: Client, clock: Clock) -> Auth:
    """A fixed token where one is configured, else a session that renews itself."""
    if "token" in account.credentials:
        return Fixed(bearer(account.credentials["token"]))
    refresh: list[SecretStr] = []  # the newest refresh token, if there is one

    async def renew() -> Token:
        began = clock.steady()
        session = await _refreshed(account, client, refresh.pop()) if refresh else None
        if session is None:
            payload = await client.post(
                AUTH, "/api/auth/login", _credentials(account), lambda value: _check(account, value)
            )
            session = _session(payload.value)
        if isinstance(session.get("refresh_token"), str):
            refresh.append(SecretStr(session["refresh_token"]))
        return Token(SecretStr(session["access_token"]), began + LIFETIME.total_seconds())

    return RenewedBearer(renew, clock)


async def _refreshed(account: Account, client: Client, token: SecretStr) -> dict[str, Any] | None:
    """A new session for a refresh token, which stays good where the answer names no other; None: log in again."""
    place = Place(account.name, "", AUTH)

    def check(value: Any) -> None:
        if not isinstance(_session(value).get("access_token"), str):
            raise FatalSourceError("the refresh's answer has no access_token", place)

    try:
        payload = await client.post(
            AUTH, "/api/auth/refresh", {"refresh_token": token.get_secret_value()}, check
        )
    except (AuthError, FatalSourceError):
        return None
    return {"refresh_token": token.get_secret_value(), **_session(payload.value)}


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
