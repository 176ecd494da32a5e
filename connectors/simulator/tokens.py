"""Who may ask: users, their signed tokens, and fixed API tokens.

DOC: HS256 tokens with `sub`, `tenant`, `role`, `exp`; access 15 minutes, refresh 7 days. A fixed token
(the `auth: {token: ..}` of a config) lives until it is revoked. `jti` makes every token one of its own.
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.simulator.clock import Now, seconds

RANKS = {"attendant": 0, "supervisor": 1, "manager": 2, "owner": 3}  # DOC; the manual alone has owners


@dataclass(frozen=True, slots=True)
class User:
    email: str
    password: str
    tenant: str
    role: str = "attendant"  # DOC: enough for evaluations
    name: str = "Integração"

    @property
    def subject(self) -> str:
        return _short(f"user {self.email} {self.tenant}")


@dataclass(frozen=True, slots=True)
class Account:
    """Whose token it is; `key` names it in the log, without the credential."""

    tenant: str
    key: str
    user: User | None = None

    @property
    def role(self) -> str:
        """A fixed token may do what a manager may."""
        return self.user.role if self.user else "manager"


class Gate:
    """Owns the signing secret, the users and the list of what was revoked."""

    def __init__(
        self, users: Iterable[User], tokens: Mapping[str, str], now: Now, secret: bytes = b"of the simulator"
    ) -> None:
        self.users = {user.subject: user for user in users}
        self.tokens = dict(tokens)  # fixed token -> tenant
        self._now, self._secret = now, secret
        self._revoked: set[str] = set()
        self._issued = 0

    def login(self, email: str, password: str, tenant: str) -> User | None:
        for user in self.users.values():
            if (user.email, user.tenant) == (email, tenant) and hmac.compare_digest(
                user.password.encode(), password.encode()
            ):
                return user
        return None

    def issue(self, user: User, kind: str, lifetime: int) -> str:
        self._issued += 1
        claims = {
            "sub": user.subject,
            "tenant": user.tenant,
            "role": user.role,
            "exp": seconds(self._now()) + lifetime,
            "typ": kind,
            "jti": str(self._issued),
        }
        head = _pack(b'{"alg":"HS256","typ":"JWT"}') + "." + _pack(json.dumps(claims).encode())
        return f"{head}.{self._sign(head)}"

    def admit(self, token: str, kind: str = "access") -> Account | None:
        """The account of a token that is genuine, in time and not revoked."""
        if token in self._revoked:
            return None
        if kind == "access" and token in self.tokens:
            return Account(self.tokens[token], _short(token))
        claims = self._claims(token)
        if not claims or claims["typ"] != kind or claims["exp"] <= seconds(self._now()):
            return None
        user = self.users.get(claims["sub"])
        return Account(user.tenant, user.subject, user) if user else None

    def revoke(self, token: str) -> None:
        self._revoked.add(token)

    def key(self, token: str) -> str:
        """A name for the log: one per account, however often its token was renewed, expired or not."""
        claims = self._claims(token)
        return str(claims["sub"]) if claims else _short(token)

    def _claims(self, token: str) -> dict[str, Any] | None:
        head, _, signature = token.rpartition(".")
        if not head.isascii() or not hmac.compare_digest(self._sign(head).encode(), signature.encode()):
            return None
        try:
            found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(head.partition(".")[2] + "=="))
        except (binascii.Error, ValueError):
            return None
        return found

    def _sign(self, head: str) -> str:
        return _pack(hmac.digest(self._secret, head.encode(), "sha256"))


def _pack(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
