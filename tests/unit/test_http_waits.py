"""connectors.http: how long is waited, and for whom one login is enough. Time is virtual, sockets are real.

Kills: Retry-After ignored, taken by our clock, or slept through for a week; time-outs for each piece instead of the
whole; a wait that does not see the stop; one login for each worker; a second renewal after a second 401.
"""

import asyncio
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from desk import PATH, USER, Desk, desk, simulator
from pydantic import SecretStr
from virtual_time import run_virtual, virtual_clock

from connectors.clock import Clock, system_clock
from connectors.http import Retries
from connectors.simulator.script import Fault
from connectors.simulator.server import Simulator
from connectors.source import Account, Limit
from connectors.voki.login import auth as voki_auth
from schemas.errors import BudgetExhausted, RetryableSourceError, SourceError


def waited(folder: Path, fault: Fault, **options: Any) -> list[float]:
    """Seconds between the attempts, in virtual time."""

    async def scenario() -> list[float]:
        clock = virtual_clock()
        async with (
            simulator(fault, now=clock.now, steady=clock.steady) as source,
            desk(folder, source.base_url, clock=clock, retries=Retries(), **options) as one,
        ):
            try:
                await one.get()
            finally:
                times.extend(arrival.at for arrival in source.arrivals)
        return times

    times: list[float] = []
    try:
        run_virtual(scenario())
    except SourceError as error:
        assert isinstance(error, RetryableSourceError | BudgetExhausted)  # noqa: PT017 - the times are the point
    return [later - earlier for earlier, later in pairwise(times)]


def test_the_pause_doubles_within_its_jitter(tmp_path: Path) -> None:
    pauses = waited(tmp_path, Fault(500, "list"))
    assert len(pauses) == 4
    for pause, longest in zip(pauses, (0.5, 1.0, 2.0, 4.0), strict=True):
        assert longest / 2 <= pause <= longest + 0.1


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("form", ["seconds", "date", "rfc850", "asctime"])
def test_what_the_source_asks_for_is_waited_and_no_minute_more(
    tmp_path: Path, form: Any, status: int
) -> None:
    [pause] = waited(tmp_path, Fault(status, "list", first=1, retry_after=form, wait=100))
    assert 100 <= pause <= 103


@pytest.mark.parametrize("form", ["none", "negative", "fraction", "blank"])
def test_a_429_that_names_no_time_closes_the_group_for_a_window(tmp_path: Path, form: Any) -> None:
    [pause] = waited(tmp_path, Fault(429, "list", first=1, retry_after=form))
    assert 60 <= pause <= 62


def test_zero_seconds_are_not_none(tmp_path: Path) -> None:
    [pause] = waited(tmp_path, Fault(429, "list", first=1, retry_after="zero"))
    assert 0 < pause < 1


@pytest.mark.parametrize("status", [429, 503])
def test_nobody_waits_for_a_week(tmp_path: Path, status: int) -> None:
    assert waited(tmp_path, Fault(status, "list", retry_after="huge")) == []


def test_a_stalled_answer_ends_with_the_total_time(tmp_path: Path) -> None:
    pauses = waited(tmp_path, Fault("stall", "list"), timeout=20.0)
    assert len(pauses) == 4
    assert all(20 <= pause <= 25 for pause in pauses)


def test_a_slow_drip_ends_with_the_total_time(tmp_path: Path) -> None:
    """Each piece comes in time, the whole never does."""
    pauses = waited(tmp_path, Fault("slow", "list", delay=9.0), timeout=15.0)
    assert len(pauses) == 4
    assert all(15 <= pause <= 20 for pause in pauses)


async def test_other_endpoints_go_on_beside_a_stalled_one(tmp_path: Path) -> None:
    async with simulator(Fault("stall", "list")) as source, desk(tmp_path, source.base_url) as one:
        stalled = asyncio.create_task(one.get())
        for _ in range(3):
            await one.client.get("stats", f"{PATH}/stats")
        assert not stalled.done()
        stalled.cancel()
        await asyncio.gather(stalled, return_exceptions=True)


@pytest.mark.parametrize(
    "fault", [Fault("stall", "list"), Fault(429, "list", retry_after="seconds", wait=100)]
)
def test_a_stop_ends_the_waiting_at_once(tmp_path: Path, fault: Fault) -> None:
    async def scenario() -> str:
        clock, stop = virtual_clock(), asyncio.Event()
        asyncio.get_running_loop().call_later(65, stop.set)
        async with (
            simulator(fault, now=clock.now, steady=clock.steady) as source,
            desk(tmp_path, source.base_url, clock=clock, stop=stop) as one,
        ):
            with pytest.raises(BudgetExhausted) as caught:
                await one.get()
            return str(caught.value)

    sentence, seconds = run_virtual(scenario())
    assert "stopped at the edge of a page" in sentence
    assert seconds < 130  # a request under way is awaited, a pause is not


# -- the credential ---------------------------------------------------------------------------------------


def logging_in(one: Desk, base_url: str, clock: Clock) -> None:
    secrets = {"email": SecretStr(USER.email), "password": SecretStr(USER.password)}
    account = Account("demo", "voki", base_url, "demo", secrets, (), 100, Limit(1))
    one.client.auth = voki_auth(account, one.client, clock)


def logins(source: Simulator) -> list[str]:
    """How tokens were asked for: "login" or "refresh", in order."""
    asked = [arrival.endpoint.rpartition("/")[2] for arrival in source.arrivals]
    return [name for name in asked if name in ("login", "refresh")]


async def test_sixteen_workers_log_in_once_and_renew_once_after_a_401(tmp_path: Path) -> None:
    async with simulator() as source, desk(tmp_path, source.base_url, auth=None) as one:
        source.script.latency = lambda: 0.02
        logging_in(one, source.base_url, system_clock())
        await asyncio.gather(*(one.get() for _ in range(16)))
        assert logins(source) == ["login"]
        assert one.client.auth is not None
        headers = await one.client.auth.headers()
        source.site.gate.revoke(headers["Authorization"].removeprefix("Bearer "))
        await asyncio.gather(*(one.get() for _ in range(16)))
        assert logins(source) == ["login", "refresh"]
        assert (await one.spent(), len(source.arrivals)) == (48, 50)
        assert [arrival.status for arrival in source.arrivals].count(401) == 16


async def test_a_fresh_credential_that_is_refused_is_the_end(tmp_path: Path) -> None:
    async with simulator(Fault(401, "list")) as source, desk(tmp_path, source.base_url, auth=None) as one:
        logging_in(one, source.base_url, system_clock())
        with pytest.raises(SourceError, match="status 401: the credential is refused"):
            await one.get()
        assert (logins(source), await one.spent()) == (["login", "refresh"], 2)


@pytest.mark.parametrize(("seconds", "again"), [(800, ["login"]), (845, ["login", "refresh"])])
def test_a_token_is_renewed_before_it_ends(tmp_path: Path, seconds: float, again: list[str]) -> None:
    async def scenario() -> tuple[list[str], int]:
        clock = virtual_clock()
        async with (
            simulator(now=clock.now, steady=clock.steady) as source,
            desk(tmp_path, source.base_url, clock=clock, auth=None) as one,
        ):
            logging_in(one, source.base_url, clock)
            await one.get()
            await asyncio.sleep(seconds)
            await one.get()
            return logins(source), [arrival.status for arrival in source.arrivals].count(401)

    assert run_virtual(scenario())[0] == (again, 0)
