"""Who is let in: keys, bearer mode, the life of tokens, the list of addresses. Time is the test's.

Kills: a sixth key, a secret kept in the clear, Basic accepted in bearer mode, a token that outlives its day, a
token that survives its key, an allow-list that lets everybody in.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.simulator.evaluagent.keys import Gate, Key
from connectors.simulator.evaluagent.server import serve
from connectors.simulator.evaluagent.switches import ASSUMED, Switches
from connectors.simulator.evaluagent.world import QualityWorld

PING, TOKEN = "/v1/ping", "/v1/auth/token"
START = datetime(2026, 1, 1, tzinfo=UTC)
KEY = Key()


class Calendar:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


def test_a_contract_has_five_keys_and_shows_a_secret_once() -> None:
    gate = Gate((), lambda: START)
    made = [gate.create() for _ in range(5)]
    assert len({key.access_key_id for key in made}) == 5
    assert {len(key.secret) for key in made} == {40}
    with pytest.raises(ValueError, match="at most 5"):
        gate.create()
    gate.remove(made[0].access_key_id)
    gate.create()
    with pytest.raises(ValueError, match="at most 5"):
        Gate([Key(str(i), "s") for i in range(6)], lambda: START)
    kept = repr(vars(gate)) + repr(gate._keys)
    assert not [key for key in made if key.secret in kept or key.secret in repr(key)]


async def test_basic_opens_and_wrong_ones_do_not(ask: Any) -> None:
    async with serve(QualityWorld()) as simulator:
        assert (await ask(simulator, PING)).status == 200
        for key in (None, Key(secret="x"), Key(access_key_id="x")):
            reply = await ask(simulator, PING, key=key)
            assert (reply.status, reply.body["errors"][0]["status"]) == (401, "401")
        assert (await ask(simulator, PING, bearer="x")).status == 401
        other = simulator.gate.create()
        assert (await ask(simulator, PING, key=other)).status == 200
        simulator.gate.remove(other.access_key_id)
        assert (await ask(simulator, PING, key=other)).status == 401
        assert len({arrival.key for arrival in simulator.arrivals if arrival.status == 200}) == 2
        assert KEY.secret not in repr(simulator.arrivals)


@pytest.mark.parametrize("header", ["", "Basic", "Basic %%%", "Basic é", "Basic Og==", "Digest x", "Bearer"])
async def test_headers_that_are_none(header: str) -> None:
    gate = Gate([KEY], lambda: START)
    assert gate.caller(header) is None
    assert len(gate.name(header)) == 12


async def test_bearer_mode_on_a_running_key(ask: Any) -> None:
    async with serve(QualityWorld()) as simulator:
        assert (await ask(simulator, PING)).status == 200
        simulator.gate.enable_bearer(KEY.access_key_id)
        refused = await ask(simulator, PING)
        assert refused.status == 401
        assert "Basic" in refused.body["errors"][0]["detail"]
        given = await ask(simulator, TOKEN, "POST")
        assert given.body["data"]["type"] == "tokens"
        token = given.body["data"]["attributes"]["token"]
        assert (await ask(simulator, PING, bearer=token)).status == 200
        assert (await ask(simulator, TOKEN, "POST", bearer=token)).status == 200  # renewed
        assert len({arrival.key for arrival in simulator.arrivals}) == 1  # one name, however it comes
        assert token not in repr(simulator.arrivals)
        simulator.gate.disable_bearer(KEY.access_key_id)
        assert (await ask(simulator, PING)).status == 200


async def test_a_token_lives_a_day(ask: Any) -> None:
    calendar = Calendar()
    async with serve(QualityWorld(), keys=[Key(bearer=True)], now=calendar) as simulator:
        given = (await ask(simulator, TOKEN, "POST")).body["data"]["attributes"]
        assert given["expires_at"] == "2026-01-02T00:00:00Z"
        calendar.now = START + timedelta(hours=24, seconds=-1)
        assert (await ask(simulator, PING, bearer=given["token"])).status == 200
        calendar.now = START + timedelta(hours=24)
        assert (await ask(simulator, PING, bearer=given["token"])).status == 401


async def test_tokens_end_early_with_their_key_or_by_hand(ask: Any) -> None:
    async with serve(QualityWorld(), keys=[Key(bearer=True)]) as simulator:

        async def token() -> str:
            return str((await ask(simulator, TOKEN, "POST")).body["data"]["attributes"]["token"])

        one = await token()
        simulator.gate.end_tokens(KEY.access_key_id)
        assert (await ask(simulator, PING, bearer=one)).status == 401
        two = await token()
        simulator.site.switches = Switches(token_replaces=True)
        three = await token()
        assert [(await ask(simulator, PING, bearer=one)).status for one in (two, three)] == [401, 200]
        simulator.site.switches = Switches(token_replaces=False)
        await token()
        assert (await ask(simulator, PING, bearer=three)).status == 200
        simulator.gate.remove(KEY.access_key_id)
        assert (await ask(simulator, PING, bearer=three)).status == 401
        assert len({arrival.key for arrival in simulator.arrivals}) == 1


async def test_readings_of_the_token_call(ask: Any) -> None:
    async with serve(QualityWorld(), keys=[Key(bearer=True)]) as simulator:
        simulator.site.switches = Switches(token_takes_basic=False)
        assert (await ask(simulator, TOKEN, "POST")).status == 401
        simulator.site.switches = Switches(token_takes_basic=True, token_status=201)
        assert (await ask(simulator, TOKEN, "POST")).status == 201
        simulator.site.switches = Switches(token_envelope="plain", token_status=200)
        assert set((await ask(simulator, TOKEN, "POST")).body) == {"token", "expires_at"}
        simulator.site.switches = Switches(token_envelope="oauth", token_seconds=60)
        found = (await ask(simulator, TOKEN, "POST")).body
        assert (found["token_type"], found["expires_in"]) == ("Bearer", 60)
        assert (await ask(simulator, PING, bearer=found["access_token"])).status == 200
        simulator.site.switches = Switches(token_envelope="resource", token_path="/v1/token")
        assert (await ask(simulator, TOKEN, "POST")).status == 404
        assert (await ask(simulator, "/v1/token", "POST")).status == 200
        simulator.gate.disable_bearer(KEY.access_key_id)
        simulator.site.switches = Switches(token_for_basic_key="refused")
        assert (await ask(simulator, TOKEN, "POST")).status == 403
        simulator.site.switches = Switches(token_for_basic_key="given", token_path="/v1/auth/token")
        assert (await ask(simulator, TOKEN, "POST")).status == 200


async def test_only_the_addresses_allowed(ask: Any) -> None:
    async with serve(QualityWorld()) as simulator:
        simulator.gate.allow("10.0.0.0/8", "192.0.2.1")
        for status in (403, 401):
            simulator.site.switches = replace(ASSUMED, blocked_address=status)
            reply = await ask(simulator, PING)
            assert (reply.status, reply.body["errors"][0]["status"]) == (status, str(status))
        simulator.gate.allow("127.0.0.0/8")
        assert (await ask(simulator, PING)).status == 200
        simulator.gate.allow()
        assert (await ask(simulator, PING)).status == 200
        with pytest.raises(ValueError, match="x"):
            simulator.gate.allow("x")


async def test_readings_of_ping(ask: Any) -> None:
    async with serve(QualityWorld()) as simulator:
        told = (await ask(simulator, PING)).body["data"]["attributes"]
        assert told == {"contract": "demo", "authentication": "basic", "mode": "basic"}
        simulator.site.switches = Switches(ping="message")
        assert (await ask(simulator, PING)).body == {"message": "pong"}
        simulator.site.switches = Switches(ping="nothing")
        reply = await ask(simulator, PING)
        assert (reply.status, reply.raw) == (204, b"")
        simulator.site.switches = Switches(ping="resource")
        assert KEY.secret not in (await ask(simulator, PING)).raw.decode()
