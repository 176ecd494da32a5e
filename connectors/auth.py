"""Credentials at the moment of sending.

Promises one token request for any number of waiting workers, a new token before the old one ends, and that
no credential is ever part of a repr, a log line or an error.
"""

import asyncio
import base64
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from pydantic import SecretStr

from connectors.clock import Clock


class Auth(Protocol):
    @property
    def hint(self) -> str:
        """What a refusal of this kind of credential may mean besides; "" for nothing."""
        ...

    async def headers(self) -> Mapping[str, str]:
        """The headers that carry the credential."""
        ...

    async def renew(self, refused: Mapping[str, str]) -> bool:
        """After a 401 to `refused`: whether there is another credential to try."""
        ...


@dataclass(frozen=True, slots=True, repr=False)
class Fixed:
    """A credential that never changes: somebody else made it and renews it."""

    carried: Mapping[str, str]
    hint: str = ""

    async def headers(self) -> Mapping[str, str]:
        return self.carried

    async def renew(self, refused: Mapping[str, str]) -> bool:
        del refused
        return False


def bearer(token: SecretStr) -> dict[str, str]:
    return {"Authorization": f"Bearer {token.get_secret_value()}"}


def basic(user: SecretStr, password: SecretStr) -> dict[str, str]:
    """RFC 7617, in UTF-8."""
    pair = f"{user.get_secret_value()}:{password.get_secret_value()}".encode()
    return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}


@dataclass(frozen=True, slots=True)
class Token:
    value: SecretStr
    expires_at: float  # seconds of clock.steady


class RenewedBearer:
    """A token that is fetched when it is first needed, again before it ends, and once more after a 401."""

    def __init__(
        self, fetch: Callable[[], Awaitable[Token]], clock: Clock, margin: float = 60.0, hint: str = ""
    ) -> None:
        self._fetch = fetch
        self._hint = hint
        self._clock = clock
        self._margin = margin
        self._token: Token | None = None
        self._single_flight = asyncio.Lock()

    @property
    def hint(self) -> str:
        return self._hint

    async def headers(self) -> Mapping[str, str]:
        async with self._single_flight:
            if self._token is None or self._token.expires_at - self._margin <= self._clock.steady():
                self._token = await self._fetch()
            return bearer(self._token.value)

    async def renew(self, refused: Mapping[str, str]) -> bool:
        async with self._single_flight:
            if self._token is not None and bearer(self._token.value) == dict(refused):
                self._token = await self._fetch()
            return True
