"""Credentials of evaluagent: one token for all workers, renewed in time; and what no log, error or file may hold.

Kills: a token per worker; a token used to its last second; a 401 that every worker answers with a token request of its
own; a hint that names no remedy; an origin compared by its host only; `repr` of a request in an error.
"""

import asyncio
import base64
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import lab
import pytest
import quality_lab as quality
from quality_lab import EVALUATIONS, KEY
from virtual_time import run_virtual, virtual_clock

from connectors.clock import Clock
from connectors.http import HttpClient
from connectors.simulator.evaluagent.keys import Key
from connectors.simulator.evaluagent.server import QualitySimulator, serve
from connectors.simulator.evaluagent.switches import ASSUMED, Switches
from connectors.simulator.log import Arrival
from connectors.simulator.script import Fault, Script
from connectors.simulator.server import serve as serve_voki
from pipeline.folders import Folders
from pipeline.run import Request, run
from pipeline.sources import open_source
from schemas.errors import AuthError, RetryableSourceError

WORLD = quality.table(30)  # only read
BEARER = Key(KEY.access_key_id, KEY.secret, bearer=True)
LIFE = 7200  # seconds that a token lives here: an open source looks at its budget every 20 s, all day long


@asynccontextmanager
async def opened(
    folder: Path, clock: Clock, switches: Switches = ASSUMED, **assume: Any
) -> AsyncIterator[tuple[QualitySimulator, HttpClient]]:
    """A key in bearer mode, and the client that a run would use."""
    folders = Folders(folder / "data")
    folders.make()
    async with serve(WORLD, switches=switches, keys=[BEARER], steady=clock.steady) as simulator:
        [source] = quality.config(
            folder, quality.account(simulator.base_url, mode="bearer", assume=assume)
        ).sources
        async with open_source(source, folders, clock) as one:
            yield simulator, one.client


async def all_workers(client: HttpClient) -> None:
    await asyncio.gather(*(client.get("org/users", "/v1/org/users") for _ in range(16)))


def tokens(simulator: QualitySimulator) -> list[Arrival]:
    return [one for one in simulator.arrivals if one.endpoint.endswith("/token")]


def test_sixteen_workers_make_one_token_request(tmp_path: Path) -> None:
    """At the start, ahead of the end, and after a 401 that all of them get at once."""

    async def scenario() -> list[int]:
        clock, counts = virtual_clock(), []
        async with opened(tmp_path, clock, Switches(token_seconds=LIFE)) as (simulator, client):
            for wait, ended in ((0, False), (LIFE - 3600, False), (3590, False), (60, True)):
                await asyncio.sleep(wait)
                if ended:
                    simulator.gate.end_tokens()
                await all_workers(client)
                counts.append(len(tokens(simulator)))
            refused = [one for one in simulator.arrivals if one.status == 401]
            assert len(refused) == 16  # of the last turn only: a token is never used past its end
            assert {one.status for one in tokens(simulator)} == {200}
        return counts

    assert run_virtual(scenario())[0] == [1, 1, 2, 3]


@pytest.mark.parametrize(
    ("switches", "assume"),
    [
        (Switches(token_path="/v1/token", token_status=201), {"token_path": "/v1/token"}),
        (Switches(token_envelope="plain"), {"token": "token", "expires_at": "expires_at"}),
        (Switches(token_envelope="oauth", token_seconds=30), {"token": "access_token"}),
        (Switches(token_seconds=30, token_replaces=True), {}),
    ],
)
def test_tokens_in_other_envelopes(switches: Switches, assume: dict[str, str], tmp_path: Path) -> None:
    """What lives for seconds only is renewed after a 401."""

    async def scenario() -> None:
        clock = virtual_clock()
        async with opened(tmp_path, clock, switches, **assume) as (simulator, client):
            for _ in range(3):
                await all_workers(client)
                await asyncio.sleep(40)
            assert len(tokens(simulator)) == (3 if switches.token_seconds == 30 else 1)

    run_virtual(scenario())


@pytest.mark.parametrize(
    ("switches", "error", "says"),
    [
        (Switches(token_envelope="plain"), RetryableSourceError, "data.attributes.token"),
        (Switches(token_path="/v1/token"), Exception, "auth/token"),
        (Switches(token_takes_basic=False), AuthError, "auth/token"),
        (Switches(blocked_address=401), AuthError, "allow-list"),
        (Switches(blocked_address=403), AuthError, "allow-list"),
    ],
)
def test_tokens_that_do_not_come_say_why(
    switches: Switches, error: type[Exception], says: str, tmp_path: Path
) -> None:
    async def scenario() -> None:
        clock = virtual_clock()
        async with opened(tmp_path, clock, switches) as (simulator, client):
            if says == "allow-list":
                simulator.gate.allow("10.0.0.0/8")
            with pytest.raises(error, match=says):
                await client.get("org/users", "/v1/org/users")

    run_virtual(scenario())


async def test_bearer_is_refused_for_a_key_in_basic_mode(tmp_path: Path) -> None:
    switches = Switches(token_for_basic_key="refused")
    async with quality.contract(WORLD, tmp_path, switches=switches, mode="bearer") as (simulator, to):
        [receipt] = await quality.sync_only(to, "roles")
        assert receipt.outcome == "failed"
        assert "set `auth.mode: basic`" in (receipt.error or "")
        assert len(simulator.arrivals) == 1


async def test_a_key_that_is_switched_to_bearer_in_mid_run(tmp_path: Path) -> None:
    """The sentence names the setting; what was read is kept; the other source is proven."""
    async with serve(WORLD) as simulator, serve_voki(lab.table(30), tokens=lab.TOKENS) as ratings:

        def switch(turn: int, _: Arrival) -> None:
            if turn == 3:
                simulator.gate.enable_bearer(KEY.access_key_id)

        simulator.script.before.append(switch)
        accounts = (
            quality.account(simulator.base_url, streams=[EVALUATIONS], assume={"paging": {"page_size": 10}}),
            quality.voki_account(ratings.base_url),
        )
        to = quality.config(tmp_path, *accounts)
        receipt = await run(to, Request())
        broken = quality.of(receipt)
        assert (receipt.outcome, broken.outcome) == ("failed", "failed")
        assert "set `auth.mode: bearer`" in (broken.error or "")
        assert quality.of(receipt, "evaluations", "demo").outcome == "ok"
        assert 10 <= len(quality.loaded(to)) < 30
        mended = quality.account(
            simulator.base_url, streams=[EVALUATIONS], mode="bearer", assume={"paging": {"page_size": 10}}
        )
        receipts = await quality.sync_only(quality.config(tmp_path, mended))
        assert [one.outcome for one in receipts] == ["ok"]
        quality.assert_equal(to, WORLD, [EVALUATIONS, "quality_contacts"])


@pytest.mark.parametrize("blocked", [401, 403])
async def test_an_address_that_is_not_on_the_allow_list(blocked: Any, tmp_path: Path) -> None:
    switches = Switches(blocked_address=blocked)
    async with quality.contract(WORLD, tmp_path, switches=switches, streams=["roles"]) as (simulator, to):
        simulator.gate.allow("10.0.0.0/8")
        [receipt] = await quality.sync_only(to)
        assert receipt.outcome == "failed"
        assert "IP allow-list" in (receipt.error or "")
        assert len(simulator.arrivals) == 1


@pytest.mark.parametrize("how", ["switch", "fault"])
async def test_a_link_to_another_origin_gets_no_request(how: str, tmp_path: Path) -> None:
    """Another port of the same host: it gets nothing, and so no credential."""
    async with serve(WORLD) as other:
        switches, script = ASSUMED, Script()
        if how == "switch":
            switches = Switches(link_target="foreign", foreign_origin=other.base_url)
        else:
            script = Script(faults=[Fault("foreign_next", location=other.base_url)])
        sizes = {"paging": {"page_size": 1}}
        async with quality.contract(WORLD, tmp_path, switches=switches, script=script, assume=sizes) as (
            _,
            to,
        ):
            receipts = await quality.sync_only(to, EVALUATIONS, "agents")
            assert [one.outcome for one in receipts] == ["failed", "failed"]
            assert all("another host, port or scheme" in (one.error or "") for one in receipts)
        assert other.arrivals == []


@pytest.mark.parametrize("mode", ["basic", "bearer"])
async def test_no_credential_in_a_log_an_error_or_a_file(
    mode: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Under faults of every kind. Whatever looks like a token is tried as one."""
    told = {"errors": [{"status": "400", "detail": KEY.secret, "source": {"pointer": f"/{KEY.secret}x"}}]}
    faults = [
        Fault(500, match="evaluations", at=frozenset({1}), payload=told),
        Fault("html", match="users", at=frozenset({1})),
        Fault("reset", match="roles", at=frozenset({1})),
        Fault(401, match="groups", payload=told),
        Fault(422, match="conversations", payload={"errors": [{"detail": KEY.secret}]}),
    ]
    keys = [BEARER if mode == "bearer" else KEY]
    async with quality.contract(WORLD, tmp_path, script=Script(faults=faults), keys=keys, mode=mode) as (
        simulator,
        to,
    ):
        receipt = await quality.sync(to)
        assert receipt.outcome == "failed"
        printed = capsys.readouterr()
        files = [path.read_bytes() for path in to.data_dir.rglob("*") if path.is_file()]
        found = b"\0".join([*files, repr(receipt).encode(), printed.out.encode(), printed.err.encode()])
        pair = base64.b64encode(f"{KEY.access_key_id}:{KEY.secret}".encode())
        for secret in (KEY.secret.encode(), KEY.access_key_id.encode(), pair):
            assert secret not in found
        words = set(re.findall(rb"[0-9a-f]{64}", found))
        assert [word for word in words if simulator.gate.caller(f"Bearer {word.decode()}")] == []
        assert len(tokens(simulator)) == (2 if mode == "bearer" else 0)  # one more for the 401
