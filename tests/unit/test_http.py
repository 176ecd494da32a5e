"""connectors.http over real sockets: what is sent, how often, where to, and what is said when it fails.

Kills: a retry without a grant (aiohttp's own included); retries counted once; one login for each worker; a second
renewal after a second 401; a redirect followed, a foreign link opened; a certificate error tried again; time-outs
for each piece instead of the whole; a read() without a cap; a retry that does not see the stop; `repr(error)` of
aiohttp in a sentence; a request sent after its grant has ended.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr
from virtual_time import run_virtual, virtual_clock

from connectors.auth import Auth, FixedBearer
from connectors.budget import Budget
from connectors.clock import Clock, system_clock
from connectors.http import Ceiling, HttpClient, Retries
from connectors.simulator.script import Fault
from connectors.simulator.server import Simulator, serve
from connectors.simulator.tokens import User
from connectors.simulator.world import World
from connectors.source import Account, Limit
from connectors.voki.login import auth as voki_auth
from schemas.errors import BudgetExhausted, FatalSourceError, RetryableSourceError, SourceError

TOKEN = "s3ntinel-t0ken"
PATH = "/api/v1/evaluations"
PER_DAY = 10_000
FAST = Retries(first=0.001, longest=0.002)
USER = User("night@example.com", "pass word", "demo")
REDIRECTS = (301, 302, 303, 307, 308)

# Of this test alone; no machine trusts it, and it opens nothing.
SELF_SIGNED = """\
-----BEGIN CERTIFICATE-----
MIIBkDCCATagAwIBAgIUSwluQGALBpTr9FQ8/K9BjAXe2PMwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJMTI3LjAuMC4xMCAXDTI2MTEyMjAyNDQyN1oYDzIxMjYxMDI5
MDI0NDI3WjAUMRIwEAYDVQQDDAkxMjcuMC4wLjEwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAQQG7M4AVECjpluugaKO+cnAE4Zs0hJ5gi6r8RJf2RjZMv0U+7uvL3M
ZnarvpbcCAvuKYgRitHMe9cIuvwU2oaFo2QwYjAdBgNVHQ4EFgQURQzz3Em4Kgzc
ZerlOQBvMcFlS8QwHwYDVR0jBBgwFoAURQzz3Em4KgzcZerlOQBvMcFlS8QwDwYD
VR0TAQH/BAUwAwEB/zAPBgNVHREECDAGhwR/AAABMAoGCCqGSM49BAMCA0gAMEUC
IQCeQ/TjRRRVvSB1EaV1TSTf4cmEo9rUfqc2TqdjO7S/iQIgL3L3rrl0J3xPciOU
/NLww02S1TvGddckkqG1mFwENK8=
-----END CERTIFICATE-----
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgaSHcMo67d6W2ww57
fPv8hkNgx1XAd9mFjDR2Vu1ZftChRANCAAQQG7M4AVECjpluugaKO+cnAE4Zs0hJ
5gi6r8RJf2RjZMv0U+7uvL3MZnarvpbcCAvuKYgRitHMe9cIuvwU2oaF
-----END PRIVATE KEY-----
"""


@dataclass(frozen=True)
class Desk:
    """A client, and the budget that it spends."""

    client: HttpClient
    budget: Budget

    async def get(self, path: str = PATH, query: tuple[tuple[str, str], ...] = ()) -> Any:
        return (await self.client.get("list", path, query)).value

    async def spent(self) -> int:
        """Requests of the group `list`, by the ledger."""
        [left] = [one for one in await self.budget.left() if one.group == "list"]
        assert left.day_left is not None
        return PER_DAY - left.day_left


@asynccontextmanager
async def desk(
    folder: Path,
    base_url: str,
    *,
    clock: Clock | None = None,
    auth: Auth | None = FixedBearer(SecretStr(TOKEN)),  # noqa: B008 - frozen
    hold: float = 90.0,
    **options: Any,
) -> AsyncIterator[Desk]:
    clock = clock or system_clock()
    limits = {
        "list": Limit(per_minute=5000, per_day=PER_DAY),
        "stats": Limit(per_minute=5000),
        "auth": Limit(5),
    }
    budget = Budget(folder / "budget.sqlite", clock, limits, key="key", place_source="demo", hold=hold)
    options.setdefault("retries", FAST)
    client = HttpClient("demo", base_url, auth, budget, clock, headers={"X-Tenant": "demo"}, **options)
    try:
        yield Desk(client, budget)
    finally:
        await client.close()
        budget.close()


def simulator(*faults: Fault, **options: Any) -> Any:
    @asynccontextmanager
    async def live() -> AsyncIterator[Simulator]:
        async with serve(World(), tokens={TOKEN: "demo"}, users=[USER], **options) as one:
            one.script.faults += faults
            yield one

    return live()


@dataclass
class Raw:
    """A server of one handler that keeps what it was sent."""

    url: str = ""
    seen: list[web.Request] = field(default_factory=list)


@asynccontextmanager
async def raw(
    answer: Callable[[web.Request], Awaitable[web.StreamResponse]], tls: ssl.SSLContext | None = None
) -> AsyncIterator[Raw]:
    found = Raw()

    async def note(request: web.Request) -> web.StreamResponse:
        found.seen.append(request)
        return await answer(request)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", note)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.05)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        found.url = f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
        yield found
    finally:
        await runner.cleanup()


async def plain(_: web.Request) -> web.StreamResponse:
    return web.json_response({"data": []})


# -- each attempt is granted, sent once and counted ----------------------------------------------------


@pytest.mark.parametrize(
    "kind",
    [500, 502, 503, 504, 408, 425, "html", "empty", "no_content", "error_200", "truncated", "reset", "deep"],
)
async def test_every_attempt_has_a_grant_and_the_server_sees_no_more(tmp_path: Path, kind: Any) -> None:
    async with simulator() as source, desk(tmp_path, source.base_url) as one:
        await one.get()  # so that there is a connection to break
        source.script.faults.append(Fault(kind, "list", first=3))
        await one.get()
        assert (await one.spent(), one.client.requests["list"], len(source.arrivals)) == (5, 5, 5)


@pytest.mark.parametrize("kind", [500, "html", "reset", "truncated"])
async def test_attempts_are_bounded(tmp_path: Path, kind: Any) -> None:
    async with simulator(Fault(kind, "list")) as source, desk(tmp_path, source.base_url) as one:
        with pytest.raises(RetryableSourceError):
            await one.get()
        assert (await one.spent(), one.client.requests["list"], len(source.arrivals)) == (5, 5, 5)


@pytest.mark.parametrize("status", [400, 403, 404, 405, 409, 410, 422, 451, *REDIRECTS])
async def test_what_cannot_help_is_not_tried_again(tmp_path: Path, status: int) -> None:
    async with simulator(Fault(status, "list")) as source, desk(tmp_path, source.base_url) as one:
        with pytest.raises(SourceError, match=f"status {status}"):
            await one.get()
        assert (await one.spent(), len(source.arrivals)) == (1, 1)


async def test_a_check_that_fails_is_another_attempt(tmp_path: Path) -> None:
    values: list[Any] = []

    def check(value: Any) -> None:
        values.append(value)
        if len(values) < 3:
            raise RetryableSourceError("not what was asked for")

    async with simulator() as source, desk(tmp_path, source.base_url) as one:
        await one.client.get("list", PATH, (), check)
        assert (len(values), await one.spent(), len(source.arrivals)) == (3, 3, 3)


async def test_a_group_without_a_limit_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    async with simulator() as source, desk(tmp_path, source.base_url) as one:
        with pytest.raises(Exception, match="no budget is declared for endpoint group 'new'"):
            await one.client.get("new", PATH)
        assert source.arrivals == []


async def test_a_process_that_wakes_up_after_its_grant_sends_nothing(tmp_path: Path) -> None:
    async with simulator() as source, desk(tmp_path, source.base_url, hold=0.0) as one:
        with pytest.raises(RetryableSourceError, match="stopped between the grant and the request"):
            await one.get()
        assert source.arrivals == []


# -- how long is waited ---------------------------------------------------------------------------------


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


def logins(source: Simulator) -> int:
    return sum(arrival.endpoint.endswith("/login") for arrival in source.arrivals)


async def test_sixteen_workers_log_in_once_and_renew_once_after_a_401(tmp_path: Path) -> None:
    async with simulator() as source, desk(tmp_path, source.base_url, auth=None) as one:
        source.script.latency = lambda: 0.02
        logging_in(one, source.base_url, system_clock())
        await asyncio.gather(*(one.get() for _ in range(16)))
        assert logins(source) == 1
        assert one.client.auth is not None
        headers = await one.client.auth.headers()
        source.site.gate.revoke(headers["Authorization"].removeprefix("Bearer "))
        await asyncio.gather(*(one.get() for _ in range(16)))
        assert logins(source) == 2
        assert (await one.spent(), len(source.arrivals)) == (48, 50)
        assert [arrival.status for arrival in source.arrivals].count(401) == 16


async def test_a_fresh_credential_that_is_refused_is_the_end(tmp_path: Path) -> None:
    async with simulator(Fault(401, "list")) as source, desk(tmp_path, source.base_url, auth=None) as one:
        logging_in(one, source.base_url, system_clock())
        with pytest.raises(SourceError, match="status 401: the credential is refused"):
            await one.get()
        assert (logins(source), await one.spent()) == (2, 2)


@pytest.mark.parametrize(("seconds", "again"), [(800, 1), (845, 2)])
def test_a_token_is_renewed_before_it_ends(tmp_path: Path, seconds: float, again: int) -> None:
    async def scenario() -> tuple[int, int]:
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


# -- the most requests of a run -----------------------------------------------------------------------------


async def test_the_ceiling_counts_retries_and_pauses_the_run(tmp_path: Path) -> None:
    ceiling = Ceiling(4)
    async with (
        simulator(Fault(500, "list", first=2)) as source,
        desk(tmp_path, source.base_url, ceiling=ceiling) as one,
    ):
        await one.get()
        await one.client.get("stats", f"{PATH}/stats")
        with pytest.raises(BudgetExhausted, match="--max-requests are spent") as caught:
            await one.get()
        assert caught.value.resume_at is None
        assert (len(source.arrivals), await one.spent()) == (4, 3)


# -- nowhere else ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", REDIRECTS)
async def test_a_redirect_takes_no_credential_to_another_server(tmp_path: Path, status: int) -> None:
    async with raw(plain) as other:

        async def answer(_: web.Request) -> web.StreamResponse:
            return web.Response(status=status, headers={"Location": f"{other.url}/?a=1"})

        async with raw(answer) as source, desk(tmp_path, source.url) as one:
            with pytest.raises(FatalSourceError, match="set base_url to the final address"):
                await one.get()
        assert (other.seen, len(source.seen)) == ([], 1)


async def test_a_redirect_within_the_server_is_not_followed_either(tmp_path: Path) -> None:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": "/elsewhere"})

    async with raw(answer) as source, desk(tmp_path, source.url) as one:
        with pytest.raises(FatalSourceError):
            await one.get()
        assert [request.path for request in source.seen] == [PATH]


@pytest.mark.parametrize(
    "link",
    [
        "{other}/api/v1/evaluations",
        "//{other_host}/api/v1/evaluations",
        "{source_https}/api/v1/evaluations",
        "http://user:pw@{other_host}/",
        "https://evil.example/",
        "http://localhost:{source_port}/",
    ],
)
async def test_a_link_to_another_origin_is_an_error_and_costs_nothing(tmp_path: Path, link: str) -> None:
    async with raw(plain) as other, raw(plain) as source, desk(tmp_path, source.url) as one:
        url = link.format(
            other=other.url,
            other_host=other.url.removeprefix("http://"),
            source_https=source.url.replace("http:", "https:"),
            source_port=source.url.rpartition(":")[2],
        )
        with pytest.raises(FatalSourceError, match="another host, port or scheme; nothing was sent there"):
            await one.get(url)
        assert (other.seen, source.seen, await one.spent()) == ([], [], 0)
        await one.get(f"{source.url}{PATH}")  # the same origin, written out
        assert len(source.seen) == 1


async def test_only_what_was_meant_is_sent(tmp_path: Path) -> None:
    async def answer(_: web.Request) -> web.StreamResponse:
        response = web.json_response({})
        response.set_cookie("session", "of the vendor's front")
        return response

    async with raw(answer) as source, desk(tmp_path, source.url) as one:
        await one.get(PATH, (("date_from", "2026-01-01T00:00:00Z"), ("odd", "a&b=c #ç")))
        await one.get()
        first, second = source.seen
    assert dict(first.query) == {"date_from": "2026-01-01T00:00:00Z", "odd": "a&b=c #ç"}
    assert (first.headers["Authorization"], first.headers["X-Tenant"]) == (f"Bearer {TOKEN}", "demo")
    assert "Cookie" not in second.headers


# -- connections that fail --------------------------------------------------------------------------------------


@pytest.fixture
def self_signed(tmp_path: Path) -> ssl.SSLContext:
    pem = tmp_path / "self_signed.pem"
    pem.write_text(SELF_SIGNED)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


async def test_a_certificate_that_cannot_be_verified_is_not_tried_again(
    tmp_path: Path, self_signed: ssl.SSLContext
) -> None:
    async with raw(plain, self_signed) as source, desk(tmp_path, source.url) as one:
        with pytest.raises(FatalSourceError, match="certificate cannot be verified"):
            await one.get()
        assert (one.client.requests["list"], source.seen) == (1, [])


async def test_a_plain_port_spoken_to_as_https_sees_no_credential(tmp_path: Path) -> None:
    async with raw(plain) as source, desk(tmp_path, source.url.replace("http:", "https:")) as one:
        with pytest.raises(RetryableSourceError, match=r"the connection failed \(\w+\)$"):
            await one.get()
        assert source.seen == []


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://nowhere.invalid", "http://[::1]:1"])
async def test_nobody_there_is_tried_again_and_named(tmp_path: Path, url: str) -> None:
    async with desk(tmp_path, url) as one:
        with pytest.raises(RetryableSourceError, match=r"^demo \(list\): the connection failed \(\w+\)$"):
            await one.get()
        assert one.client.requests["list"] == await one.spent() == 5


async def test_a_body_without_end_is_cut_off(tmp_path: Path) -> None:
    sent = 0

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" " * (1 << 20))
            sent += 1

    async with raw(answer) as source, desk(tmp_path, source.url) as one:
        with pytest.raises(FatalSourceError, match="larger than 64 MiB; lower page_size"):
            await one.get()
        assert len(source.seen) == 1
    assert sent < 80


async def test_headers_without_end_are_an_error(tmp_path: Path) -> None:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.json_response({}, headers={"X-Long": "x" * 100_000})

    async with raw(answer) as source, desk(tmp_path, source.url) as one:
        with pytest.raises(RetryableSourceError, match="the connection failed"):
            await one.get()


# -- nothing is told ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", [400, 401, 403, 404, 422, 429, 500, "html", "error_200", "truncated", "reset", "redirect", "bomb"]
)
async def test_no_error_and_no_log_line_holds_credential_query_or_body(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: Any
) -> None:
    told = {"errors": {"detail": f"{TOKEN} s3ntinel-c0mment"}}
    fault = Fault(kind, "list", payload=told if isinstance(kind, int) else None, retry_after="zero")
    async with simulator(fault) as source, desk(tmp_path, source.base_url) as one:
        with pytest.raises(SourceError) as caught:
            await one.get(PATH, (("search", "s3ntinel-qu3ry"),))
    printed = capsys.readouterr()
    text = f"{caught.value!s} {caught.value!r} {caught.value.__cause__!r} {printed.out} {printed.err}"
    assert "s3ntinel" not in text
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert TOKEN not in repr(one.client.auth)


async def test_the_sources_own_time_comes_with_the_answer(tmp_path: Path) -> None:
    async with simulator() as source, desk(tmp_path, source.base_url) as one:
        payload = await one.client.get("list", PATH)
        assert payload.observed_at is not None
        assert abs(payload.observed_at - source.site.now()) < timedelta(seconds=30)
