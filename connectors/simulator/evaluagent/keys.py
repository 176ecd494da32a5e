"""Who may ask: access keys, the tokens made of them, and the addresses that are let in.

DOC: a pair of Access Key ID and Secret Key, the secret shown once, at most 5 pairs per contract; Basic, or bearer
tokens of 24 hours, and once a key is in bearer mode Basic is refused for it; an allow-list of addresses. Only
hashes of secrets and tokens are kept.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from uuid import UUID

from connectors.simulator.clock import EPOCH, Now

MOST_KEYS = 5


@dataclass(frozen=True, slots=True)
class Key:
    """A pair as it is shown once."""

    access_key_id: str = "7c3f6f8e-51f0-4a3e-9b51-0d2b6a1c9e44"
    secret: str = field(default="5ec2e7" + "0" * 34, repr=False)  # 40 hex digits, as seen
    bearer: bool = False


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose request it is; `name` stands in the log, without the credential."""

    access_key_id: str
    name: str
    by: str  # "basic" or "bearer"
    bearer: bool  # the key is in bearer mode


@dataclass(frozen=True, slots=True)
class _Kept:
    digest: str
    bearer: bool


class Gate:
    """Owns the keys of a contract and the tokens that are out. May be changed while the API runs."""

    def __init__(self, keys: Iterable[Key], now: Now, *, contract: str = "demo") -> None:
        self._now, self._contract = now, contract
        self._keys: dict[str, _Kept] = {}
        self._tokens: dict[str, tuple[str, datetime]] = {}  # digest -> key, end
        self._made = 0
        self._allowed: tuple[str, ...] = ()
        for key in keys:
            self._keep(key)

    # -- what an administrator does --------------------------------------------------------------

    def create(self, *, bearer: bool = False) -> Key:
        """Make a pair; nobody can see its secret again."""
        self._made += 1
        seed = f"{self._contract}/{self._made}".encode()
        digest = hashlib.sha256(seed).digest()
        key = Key(str(UUID(bytes=digest[:16])), hashlib.sha1(seed).hexdigest(), bearer)  # noqa: S324 - 40 digits
        self._keep(key)
        return key

    def remove(self, access_key_id: str) -> None:
        """Take a key away; its tokens end with it."""
        del self._keys[access_key_id]

    def enable_bearer(self, access_key_id: str) -> None:
        self._keys[access_key_id] = replace(self._keys[access_key_id], bearer=True)

    def disable_bearer(self, access_key_id: str) -> None:
        self._keys[access_key_id] = replace(self._keys[access_key_id], bearer=False)

    def allow(self, *networks: str) -> None:
        """Let only these addresses in; none at all lets everybody in."""
        for network in networks:
            ip_network(network)
        self._allowed = networks

    def end_tokens(self, access_key_id: str | None = None) -> None:
        """End what is out before its time, of one key or of all."""
        for digest, (owner, _) in list(self._tokens.items()):
            if access_key_id in (None, owner):
                self._tokens[digest] = (owner, EPOCH)

    # -- what the API asks -----------------------------------------------------------------------

    def lets_in(self, address: str) -> bool:
        return not self._allowed or any(ip_address(address) in ip_network(one) for one in self._allowed)

    def caller(self, header: str) -> Caller | None:
        """Whose credentials these are, if they are genuine and in time; the mode is the caller's to judge."""
        scheme, _, rest = header.partition(" ")
        if scheme.lower() == "basic":
            name, _, secret = _unpack(rest).partition(":")
            kept = self._keys.get(name)
            if kept and hmac.compare_digest(kept.digest, _digest(secret)):
                return Caller(name, _short(name), "basic", kept.bearer)
        elif scheme.lower() == "bearer":
            name, ends = self._tokens.get(_digest(rest), ("", self._now()))
            kept = self._keys.get(name)
            if kept and self._now() < ends:
                return Caller(name, _short(name), "bearer", kept.bearer)
        return None

    def name(self, header: str) -> str:
        """A name for the log: one per key, however it comes, in time or not."""
        scheme, _, rest = header.partition(" ")
        if scheme.lower() == "basic":
            return _short(_unpack(rest).partition(":")[0])
        return _short(self._tokens.get(_digest(rest), (rest,))[0])

    def issue(self, access_key_id: str, lifetime: int, *, alone: bool = False) -> tuple[str, datetime]:
        """A new token and when it ends. `alone`: it ends the older ones."""
        if alone:
            self.end_tokens(access_key_id)
        self._made += 1
        token = hashlib.sha256(f"{access_key_id}/{self._made}/{self._now()}".encode()).hexdigest()
        ends = self._now() + timedelta(seconds=lifetime)
        self._tokens[_digest(token)] = (access_key_id, ends)
        return token, ends

    def _keep(self, key: Key) -> None:
        if key.access_key_id not in self._keys and len(self._keys) >= MOST_KEYS:
            raise ValueError(f"a contract has at most {MOST_KEYS} keys")
        self._keys[key.access_key_id] = _Kept(_digest(key.secret), key.bearer)


def _unpack(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return ""


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _short(text: str) -> str:
    return _digest(text)[:12]
