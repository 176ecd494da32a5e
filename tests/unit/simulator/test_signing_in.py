"""Tokens, tenants and rate limits as documented."""

import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.simulator.server import Simulator, serve
from connectors.simulator.switches import Switches
from connectors.simulator.tokens import User
from connectors.simulator.world import World

LIST, LOGIN, REFRESH = "/api/v1/evaluations", "/api/auth/login", "/api/auth/refresh"
ANA = User("ana@example.com", "correct", "demo")
LOGGING_IN = {"email": ANA.email, "password": ANA.password, "tenant": "demo"}
START = datetime(2026, 2, 20, tzinfo=UTC)
UNAUTHORIZED = {"errors": {"detail": "Unauthorized"}}


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def steady(self) -> float:
        return 1000.0 + self.seconds


@asynccontextmanager
async def opened(clock: Clock | None = None, **settings: Any) -> AsyncIterator[Simulator]:
    clock = clock or Clock()
    worlds = {"demo": World("demo"), "other": World("other")}
    async with serve(
        worlds,
        switches=Switches(**settings),
        tokens={"secret": "demo", "second": "other"},
        users=[ANA, User("bia@example.com", "correct", "demo")],
        now=clock.now,
        steady=clock.steady,
    ) as simulator:
        yield simulator


async def test_login_gives_a_token_of_fifteen_minutes(ask: Any) -> None:
    clock = Clock()
    async with opened(clock) as simulator:
        reply = await ask(simulator, LOGIN, "POST", token=None, send=LOGGING_IN)
        found = reply.body["data"]
        token = found["access_token"]
        head, claims, _ = token.split(".")
        assert json.loads(base64.urlsafe_b64decode(head + "=="))["alg"] == "HS256"
        claims = json.loads(base64.urlsafe_b64decode(claims + "=="))
        assert claims["tenant"] == "demo"
        assert claims["role"] == "attendant"
        assert claims["exp"] == START.timestamp() + 900
        assert found["user"] == {
            "id": claims["sub"],
            "name": ANA.name,
            "email": ANA.email,
            "role": "attendant",
            "avatar_url": None,
            "mfa_enabled": False,
        }
        clock.seconds = 899
        assert (await ask(simulator, LIST, token=token)).status == 200
        clock.seconds = 900
        late = await ask(simulator, LIST, token=token)
        assert (late.status, late.body) == (401, UNAUTHORIZED)


async def test_the_manual_shows_login_without_its_envelope(ask: Any) -> None:
    async with opened(login_envelope="bare") as simulator:
        reply = await ask(simulator, LOGIN, "POST", token=None, send=LOGGING_IN)
    assert set(reply.body) == {"access_token", "refresh_token", "user"}


async def test_mfa_is_200_and_no_token(ask: Any) -> None:
    async with opened(mfa=True) as simulator:
        reply = await ask(simulator, LOGIN, "POST", token=None, send=LOGGING_IN)
        token = reply.body["data"].pop("mfa_token")
        assert (reply.status, reply.body) == (200, {"data": {"mfa_required": True}})
        assert (await ask(simulator, LIST, token=token)).status == 401


async def test_wrong_credentials_and_missing_fields(ask: Any) -> None:
    async with opened(auth_per_minute=None) as simulator:
        for change in ({"password": "no"}, {"email": "eva@example.com"}, {"tenant": "other"}):
            reply = await ask(simulator, LOGIN, "POST", token=None, send=LOGGING_IN | change)
            assert (reply.status, reply.body) == (401, {"errors": {"detail": "Invalid credentials"}})
        reply = await ask(simulator, LOGIN, "POST", token=None, send={"email": ANA.email})
        assert (reply.status, set(reply.body["errors"])) == (422, {"password", "tenant"})


@pytest.mark.parametrize("rotates", [False, True])
async def test_refresh(ask: Any, rotates: bool) -> None:
    clock = Clock()
    async with opened(clock, refresh_rotates=rotates) as simulator:
        first = (await ask(simulator, LOGIN, "POST", token=None, send=LOGGING_IN)).body["data"]
        old = {"refresh_token": first["refresh_token"]}
        clock.seconds = 7 * 86_400 - 1
        second = await ask(simulator, REFRESH, "POST", token=None, send=old)
        assert (await ask(simulator, LIST, token=second.body["data"]["access_token"])).status == 200
        assert ("refresh_token" in second.body["data"]) is rotates
        again = await ask(simulator, REFRESH, "POST", token=None, send=old)
        assert again.status == (401 if rotates else 200)
        clock.seconds = 7 * 86_400
        assert (await ask(simulator, REFRESH, "POST", token=None, send=old)).status == 401


async def test_a_refresh_token_opens_nothing_and_an_access_token_refreshes_nothing(ask: Any) -> None:
    async with opened() as simulator:
        found = (await ask(simulator, LOGIN, "POST", token=None, send=LOGGING_IN)).body["data"]
        assert (await ask(simulator, LIST, token=found["refresh_token"])).status == 401
        wrong = {"refresh_token": found["access_token"]}
        assert (await ask(simulator, REFRESH, "POST", token=None, send=wrong)).status == 401


@pytest.mark.parametrize("status", [200, 204])
async def test_logout_ends_both_tokens(ask: Any, status: int) -> None:
    async with opened(logout=status) as simulator:
        found = (await ask(simulator, LOGIN, "POST", token=None, send=LOGGING_IN)).body["data"]
        tokens = {"refresh_token": found["refresh_token"]}
        out = await ask(simulator, "/api/auth/logout", "POST", token=found["access_token"], send=tokens)
        assert out.status == status
        assert (await ask(simulator, LIST, token=found["access_token"])).status == 401
        assert (await ask(simulator, REFRESH, "POST", token=None, send=tokens)).status == 401
        fresh = (await ask(simulator, LOGIN, "POST", token=None, send=LOGGING_IN)).body["data"]
        assert (await ask(simulator, LIST, token=fresh["access_token"])).status == 200


@pytest.mark.parametrize("token", [None, "nonsense", "a.b.c", "é", "..", "secret2"])
async def test_no_token_no_answer(ask: Any, token: str | None) -> None:
    async with opened() as simulator:
        reply = await ask(simulator, LIST, token=token)
    assert (reply.status, reply.body) == (401, UNAUTHORIZED)


async def test_a_token_whose_claims_were_changed_is_none(ask: Any) -> None:
    async with opened() as simulator:
        found = (await ask(simulator, LOGIN, "POST", token=None, send=LOGGING_IN)).body["data"]
        head, claims, signature = found["access_token"].split(".")
        forged = json.loads(base64.urlsafe_b64decode(claims + "==")) | {"tenant": "other"}
        claims = base64.urlsafe_b64encode(json.dumps(forged).encode()).rstrip(b"=").decode()
        reply = await ask(simulator, LIST, token=f"{head}.{claims}.{signature}", tenant="other")
    assert reply.status == 401


async def test_the_tenant_header_must_be_the_tokens(ask: Any) -> None:
    async with opened() as simulator:
        simulator.worlds["other"].insert(START)
        assert (await ask(simulator, LIST, tenant="other")).status == 401
        assert (await ask(simulator, LIST, tenant=None)).status == 401
        assert (await ask(simulator, LIST)).body["meta"]["total_count"] == 0
        second = await ask(simulator, LIST, token="second", tenant="other")
        assert second.body["meta"]["total_count"] == 1
    async with opened(tenant_header="optional") as simulator:
        assert (await ask(simulator, LIST, tenant=None)).status == 200
        assert (await ask(simulator, LIST, tenant="other")).status == 401


async def test_lifetimes_are_settings(ask: Any) -> None:
    clock = Clock()
    async with opened(clock, access_seconds=10, refresh_seconds=20) as simulator:
        found = (await ask(simulator, LOGIN, "POST", token=None, send=LOGGING_IN)).body["data"]
        refresh = {"refresh_token": found["refresh_token"]}
        clock.seconds = 10
        assert (await ask(simulator, LIST, token=found["access_token"])).status == 401
        assert (await ask(simulator, REFRESH, "POST", token=None, send=refresh)).status == 200
        clock.seconds = 20
        assert (await ask(simulator, REFRESH, "POST", token=None, send=refresh)).status == 401


async def test_a_revoked_token_ends(ask: Any) -> None:
    async with opened() as simulator:
        simulator.site.gate.revoke("secret")
        assert (await ask(simulator, LIST)).status == 401


async def limited(calls: int, call: Callable[[], Any]) -> list[int]:
    return [(await call()).status for _ in range(calls)]


async def test_five_sign_ins_a_minute_over_all_auth_endpoints(ask: Any) -> None:
    clock = Clock()
    async with opened(clock) as simulator:

        def login() -> Any:
            return ask(simulator, LOGIN, "POST", token=None, send=LOGGING_IN)

        assert await limited(4, login) == [200] * 4
        assert (await ask(simulator, REFRESH, "POST", token=None, send={})).status == 401
        refused = await login()
        assert (refused.status, refused.body) == (429, {"errors": {"detail": "Too many requests"}})
        assert refused.headers["Retry-After"] == "60"
        clock.seconds = 59.9
        assert (await login()).status == 429
        clock.seconds = 60
        assert await limited(6, login) == [200] * 5 + [429]


async def test_the_auth_limit_by_account_and_for_login_only(ask: Any) -> None:
    other = LOGGING_IN | {"email": "bia@example.com"}
    async with opened(auth_limit_key="account") as simulator:

        def login(who: Any = LOGGING_IN) -> Any:
            return ask(simulator, LOGIN, "POST", token=None, send=who)

        assert await limited(6, login) == [200] * 5 + [429]
        assert (await login(other)).status == 200
    async with opened(auth_limit_covers="login") as simulator:

        def refresh() -> Any:
            return ask(simulator, REFRESH, "POST", token=None, send={})

        assert await limited(8, refresh) == [401] * 8
    async with opened(public_per_minute=None) as simulator:

        def rate() -> Any:
            return ask(simulator, "/api/v1/call/evaluate/c", "POST", token=None, send={"rating": 9})

        assert await limited(40, rate) == [422] * 40


async def test_thirty_public_calls_a_minute(ask: Any) -> None:
    async with opened(limit_body="text", retry_after="none") as simulator:
        replies = [
            await ask(simulator, f"/api/v1/call/evaluate/c{i}", "POST", token=None, send={"rating": 5})
            for i in range(31)
        ]
    assert [reply.status for reply in replies] == [201] * 30 + [429]
    assert replies[-1].raw == b"Too many requests"
    assert "Retry-After" not in replies[-1].headers


async def test_limits_that_nobody_documented(ask: Any) -> None:
    """Per key and endpoint; the day outlasts the minute."""
    clock = Clock()
    async with opened(clock, per_minute=3, per_day=5) as simulator:

        def listing() -> Any:
            return ask(simulator, LIST)

        assert await limited(4, listing) == [200, 200, 200, 429]
        assert (await ask(simulator, LIST + "/stats")).status == 200
        assert (await ask(simulator, LIST, token="second", tenant="other")).status == 200
        clock.seconds = 60
        assert await limited(3, listing) == [200, 200, 429]
        clock.seconds = 86_399
        last = await listing()
        assert (last.status, last.headers["Retry-After"]) == (429, "1")
        clock.seconds = 86_400
        assert await limited(4, listing) == [200, 200, 200, 429]


async def test_a_fixed_window_lets_a_double_burst_through(ask: Any) -> None:
    for window, expected in (("rolling", 429), ("fixed", 200)):
        clock = Clock()
        clock.seconds = 79.0  # steady 1079: one second before a full minute
        async with opened(clock, per_minute=2, limit_window=window) as simulator:
            for _ in range(2):
                assert (await ask(simulator, LIST)).status == 200
            clock.seconds = 80.0
            assert (await ask(simulator, LIST)).status == expected
