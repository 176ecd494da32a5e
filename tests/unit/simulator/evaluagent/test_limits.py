"""The limits of the documentation, to the request, and every form of saying no. Time is the test's.

Kills: a limit off by one, a shared limit that is not shared, a limit shared by two keys, a daily figure that binds
too much or too little, a refused request that counts.
"""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, get_args

import pytest

from connectors.simulator.evaluagent.server import serve
from connectors.simulator.evaluagent.switches import ASSUMED, Switches
from connectors.simulator.evaluagent.year import generate
from connectors.simulator.switches import RetryAfter

WORLD = generate(3, 16)  # only read
LIST, PING = "/v1/quality/evaluations", "/v1/ping"
TALKS = "/v1/analytics/conversations"
IMPORT, AUDIO = "/v1/quality/imported-contacts", "/v1/quality/imported-contacts/upload-audio"


class Clock:
    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


async def times_let_through(ask: Any, simulator: Any, *calls: tuple[str, str], most: int) -> int:
    """Ask the calls in turn until one is refused; more than `most` is a failure."""
    for done in range(most + 1):
        method, path = calls[done % len(calls)]
        reply = (
            await ask(simulator, path, method, integration="voki")
            if "analytics" in path
            else (await ask(simulator, path, method))
        )
        if reply.status == simulator.switches.limit_status:
            return done
    raise AssertionError(f"more than {most}")


async def test_documented_figures_to_the_request(ask: Any) -> None:
    clock, talk = Clock(), WORLD.conversations("voki")[0]["id"]
    async with serve(WORLD, steady=clock) as simulator:
        assert await times_let_through(ask, simulator, ("GET", PING), most=100) == 100
        assert await times_let_through(ask, simulator, ("GET", LIST), most=100) == 100  # its own
        talks = ("GET", TALKS), ("GET", f"{TALKS}/{talk}")
        assert await times_let_through(ask, simulator, *talks, most=20) == 20  # shared by both
        writes = ("POST", IMPORT), ("POST", AUDIO)
        assert await times_let_through(ask, simulator, *writes, most=100) == 100
        other = simulator.gate.create()
        assert (await ask(simulator, PING, key=other)).status == 200  # per key
        clock.at += 59.9
        assert (await ask(simulator, PING)).status == 429
        clock.at += 0.1
        assert (await ask(simulator, PING)).status == 200


async def test_the_day(ask: Any) -> None:
    clock = Clock()
    async with serve(WORLD, steady=clock, switches=Switches(per_day=5)) as simulator:
        assert await times_let_through(ask, simulator, ("GET", PING), most=5) == 5
        assert await times_let_through(ask, simulator, ("GET", TALKS), most=20) == 20  # not bound by it
        clock.at += 86_399
        assert (await ask(simulator, PING)).status == 429
        clock.at += 1
        assert (await ask(simulator, PING)).status == 200
        simulator.site.switches = Switches(per_day=5, day_binds_all=True)
        clock.at += 86_400
        assert await times_let_through(ask, simulator, ("GET", TALKS), most=5) == 5
        assert await times_let_through(ask, simulator, ("POST", IMPORT), ("POST", AUDIO), most=5) == 5


async def test_without_limits(ask: Any) -> None:
    none = Switches(per_minute=None, per_day=None, imports_per_minute=None, analytics_per_minute=None)
    async with serve(WORLD, steady=Clock(), switches=none) as simulator:
        for path in (PING, TALKS):
            for _ in range(101):
                assert (await ask(simulator, path, integration="voki")).status == 200


async def test_what_an_endpoint_is(ask: Any) -> None:
    meaning: Any
    user = f"/v1/org/users/{WORLD.users()[0]['id']}"
    for meaning, most in (("method_and_route", 4), ("route", 2)):
        switches = replace(ASSUMED, per_minute=2, endpoint_is=meaning)
        async with serve(WORLD, steady=Clock(), switches=switches) as simulator:
            calls = ("GET", user), ("PATCH", user)
            assert await times_let_through(ask, simulator, *calls, most=most) == most


async def test_windows_roll_or_stand(ask: Any) -> None:
    clock = Clock()  # 40 seconds into a minute
    switches = Switches(per_minute=3, limit_window="fixed")
    async with serve(WORLD, steady=clock, switches=switches) as simulator:
        clock.at = 1019.0
        assert await times_let_through(ask, simulator, ("GET", PING), most=3) == 3
        assert (await ask(simulator, PING)).headers["Retry-After"] == "1"
        clock.at = 1020.0
        assert await times_let_through(ask, simulator, ("GET", PING), most=3) == 3
        simulator.site.switches = Switches(per_minute=3, limit_window="rolling")
        assert (await ask(simulator, PING)).headers["Retry-After"] == "60"


@pytest.mark.parametrize("form", get_args(RetryAfter))
async def test_every_form_of_retry_after(ask: Any, form: RetryAfter) -> None:
    def now() -> datetime:
        return datetime(2026, 1, 1, 11, 59, tzinfo=UTC)

    switches = Switches(per_minute=0, retry_after=form)
    async with serve(WORLD, steady=Clock(), now=now, switches=switches) as simulator:
        simulator.site.switches = Switches(per_minute=1, retry_after=form)
        await ask(simulator, PING)
        reply = await ask(simulator, PING)
    expected = {
        "none": None,
        "seconds": "60",
        "date": "Thu, 01 Jan 2026 12:00:00 GMT",
        "rfc850": "Thursday, 01-Jan-26 12:00:00 GMT",
        "asctime": "Thu Jan  1 12:00:00 2026",
        "negative": "-5",
        "fraction": "1.5",
        "blank": "",
        "zero": "0",
        "huge": "99999999999",
    }
    assert (reply.status, reply.headers.get("Retry-After")) == (429, expected[form])
    assert reply.body["errors"][0]["status"] == "429"


async def test_status_body_and_headers_of_the_refusal(ask: Any) -> None:
    switches = Switches(per_minute=1, limit_status=503, limit_body="text", limit_headers=True)
    async with serve(WORLD, steady=Clock(), switches=switches) as simulator:
        first = await ask(simulator, PING)
        assert (first.headers["X-RateLimit-Limit"], first.headers["X-RateLimit-Remaining"]) == ("1", "0")
        refused = await ask(simulator, PING)
        assert (refused.status, refused.raw) == (503, b"Too Many Requests")
        simulator.site.switches = Switches(per_minute=1, limit_status=429, limit_body="json")
        refused = await ask(simulator, PING)
        assert (refused.status, refused.body["errors"][0]["title"]) == (429, "Too Many Requests")
        assert "X-RateLimit-Limit" not in refused.headers


async def test_who_is_not_let_in_is_not_counted(ask: Any) -> None:
    async with serve(WORLD, steady=Clock(), switches=Switches(per_minute=2)) as simulator:
        for _ in range(5):
            assert (await ask(simulator, PING, key=None)).status == 401
        assert await times_let_through(ask, simulator, ("GET", PING), most=2) == 2
        for _ in range(5):
            assert (await ask(simulator, PING)).status == 429
        statuses = [arrival.status for arrival in simulator.log.of("/ping")]
        assert statuses == [401] * 5 + [200] * 2 + [429] * 6


async def test_imports_are_counted_even_when_refused_for_their_body(ask: Any) -> None:
    async with serve(WORLD, steady=Clock(), switches=Switches(imports_per_minute=1)) as simulator:
        first = await ask(simulator, IMPORT, "POST", send={"data": {}})
        assert (first.status, json.loads(first.raw)["errors"][0]["title"]) == (400, "Bad Request.")
        assert (await ask(simulator, AUDIO, "POST")).status == 429
