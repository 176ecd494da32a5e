"""evaluagent's budgets by the source's own log, in virtual time: filled, and never overrun.

Documented: analytics 20 a minute shared by list and single, imported contacts 100 shared by both endpoints, each
other endpoint 100 a minute and 10,000 a day, all per key.

Kills: a budget per endpoint where one is shared; one per source where the key is shared; retries without a grant; a
budget that a new process begins anew; a day that is not counted.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import quality_lab as quality
from virtual_time import run_virtual, virtual_clock

from connectors.clock import Clock
from connectors.evaluagent.streams import ANALYTICS, IMPORTS, limits
from connectors.http import HttpClient
from connectors.simulator.evaluagent.keys import Key
from connectors.simulator.evaluagent.server import QualitySimulator, serve
from connectors.simulator.evaluagent.switches import ASSUMED, Switches
from connectors.simulator.log import Arrival, most_in_window
from connectors.simulator.script import Fault, Script, jitter
from connectors.source import Limit
from pipeline.accounts import account_of
from pipeline.config import Config
from pipeline.folders import Folders
from pipeline.sources import open_source
from schemas.errors import BudgetExhausted, FatalSourceError, RetryableSourceError

WORLD = quality.table(3)
TALK = WORLD.add_conversation("voki")
LIST, SINGLE = "/v1/analytics/conversations", f"/v1/analytics/conversations/{TALK}"
PUBLISHED = {"per_minute": 100, "per_day": 10_000}
PAIR = quality.basic_header()

Call = Callable[[], Coroutine[Any, Any, Any]]


def shared(arrival: Arrival) -> str:
    """Key and what of the path the documentation counts together."""
    for group in ("imported-contacts", "conversations"):
        if group in arrival.endpoint:
            return f"{arrival.key} {group}"
    return f"{arrival.key} {arrival.endpoint}"


@asynccontextmanager
async def clients(to: Config, folder: Path, clock: Clock) -> AsyncIterator[Sequence[HttpClient]]:
    """The client of each source, as a run opens it."""
    folders = Folders(folder / "data")
    folders.make()
    async with AsyncExitStack() as stack:
        yield [
            (await stack.enter_async_context(open_source(source, folders, clock))).client
            for source in to.sources
        ]


def served(
    folder: Path,
    work: Callable[[QualitySimulator, Callable[[], Any], Clock], Coroutine[Any, Any, Any]],
    *,
    switches: Switches = ASSUMED,
    script: Script | None = None,
    names: Sequence[str] = ("acme",),
    keys: Sequence[Key] = (quality.KEY,),
    **source: Any,
) -> tuple[QualitySimulator, Any, float]:
    """Run `work` against a simulator in virtual time, with one account per name."""

    async def scenario() -> tuple[QualitySimulator, Any]:
        clock = virtual_clock()
        async with serve(
            WORLD, switches=switches, script=script, keys=keys, steady=clock.steady
        ) as simulator:
            accounts = [
                quality.account(
                    simulator.base_url, name, key=keys[place % len(keys)], **{"budget": PUBLISHED, **source}
                )
                for place, name in enumerate(names)
            ]
            to = quality.config(folder, *accounts)
            return simulator, await work(simulator, lambda: clients(to, folder, clock), clock)

    (simulator, result), elapsed = run_virtual(scenario())
    return simulator, result, elapsed


async def send(calls: Sequence[Call], workers: int = 16) -> None:
    """All of them, so many at a time."""
    todo = iter(calls)

    async def work() -> None:
        for call in todo:
            with suppress(FatalSourceError):
                await call()

    async with asyncio.TaskGroup() as group:
        for _ in range(workers):
            group.create_task(work())


def talks(client: HttpClient, n: int) -> list[Call]:
    """List and single in turn."""
    voki = [("integration", "voki")]
    return [
        partial(client.get, ANALYTICS, SINGLE) if place % 2 else partial(client.get, ANALYTICS, LIST, voki)
        for place in range(n)
    ]


def test_what_is_published_is_what_is_declared(tmp_path: Path) -> None:
    account = account_of(
        quality.config(tmp_path, quality.account("http://127.0.0.1:9", budget=PUBLISHED)).sources[0]
    )
    declared = limits(account)
    assert declared.pop(ANALYTICS) == Limit(20, 10_000)
    assert {"quality/evaluations", "quality/evaluations/one", "org/users", "org/roles", IMPORTS} <= set(
        declared
    )
    assert set(declared.values()) == {Limit(100, 10_000)}


def test_list_and_single_share_twenty_a_minute(tmp_path: Path) -> None:
    async def work(_: QualitySimulator, opened: Callable[[], Any], __: Clock) -> None:
        async with opened() as (client,):
            await send(talks(client, 70))

    script = Script(latency=jitter(1, 0.01, 0.3))
    simulator, _, elapsed = served(tmp_path, work, script=script)
    assert [one.status for one in simulator.arrivals] == [200] * 70
    assert set(most_in_window(simulator.arrivals, 60.0, shared).values()) == {20}
    assert elapsed < 3 * 60.0 * 1.05


def test_both_endpoints_of_imported_contacts_share_a_hundred(tmp_path: Path) -> None:
    async def work(_: QualitySimulator, opened: Callable[[], Any], __: Clock) -> None:
        async with opened() as (client,):
            path = "/v1/quality/imported-contacts"
            await send(
                [
                    partial(
                        client.post,
                        IMPORTS,
                        path + ("/upload-audio" if place % 2 else ""),
                        {},
                        credential=PAIR,
                    )
                    for place in range(230)
                ]
            )

    simulator, _, elapsed = served(tmp_path, work)
    assert len(simulator.arrivals) == 230
    assert most_in_window(simulator.arrivals, 60.0, shared).popitem()[1] == 100
    assert {one.status for one in simulator.arrivals} == {
        400
    }  # refused for their bodies, never for their number
    assert elapsed < 2 * 60.0 * 1.05


def test_every_other_endpoint_has_a_hundred_of_its_own(tmp_path: Path) -> None:
    async def work(_: QualitySimulator, opened: Callable[[], Any], __: Clock) -> None:
        async with opened() as (client,):
            asked = [("org/users", "/v1/org/users"), ("org/roles", "/v1/org/roles"), ("ping", "/v1/ping")]
            await send([partial(client.get, *asked[place % 3]) for place in range(3 * 130)])

    simulator, _, elapsed = served(tmp_path, work)
    assert sorted(most_in_window(simulator.arrivals, 60.0, shared).values()) == [100, 100, 100]
    assert {one.status for one in simulator.arrivals} == {200}
    assert elapsed < 60.0 * 1.05


def test_retries_are_counted_too(tmp_path: Path) -> None:
    faults = [
        Fault(500, match="conversations", every=5),
        Fault(429, match="conversation", every=9, retry_after="seconds"),
        Fault("reset", match="conversation", at=frozenset({4})),
    ]

    async def work(_: QualitySimulator, opened: Callable[[], Any], __: Clock) -> int:
        async with opened() as (client,):
            await send(talks(client, 60))
            return int(client.requests[ANALYTICS])

    simulator, sent, _ = served(tmp_path, work, script=Script(faults=faults))
    assert len(simulator.arrivals) == sent > 65
    assert most_in_window(simulator.arrivals, 60.0, shared).popitem()[1] == 20
    assert sum(one.status == 200 for one in simulator.arrivals) == 60


def test_two_sources_on_one_key_and_restarts_share_one_budget(tmp_path: Path) -> None:
    """The second key has its own. Every few requests all of them end and begin anew."""
    keys = (quality.KEY, Key(access_key_id="11111111-51f0-4a3e-9b51-0d2b6a1c9e44"))

    async def work(_: QualitySimulator, opened: Callable[[], Any], __: Clock) -> None:
        for _restart in range(7):
            async with opened() as many:
                await asyncio.gather(*(send(talks(client, 4), workers=3) for client in many))

    simulator, _, _ = served(tmp_path, work, names=("one", "two", "three"), keys=(*keys, keys[0]))
    worst = most_in_window(simulator.arrivals, 60.0, shared)
    assert max(worst.values()) == 20
    assert sorted(sum(shared(one) == group for one in simulator.arrivals) for group in worst) == [28, 56]
    assert {one.status for one in simulator.arrivals} == {200}


def test_the_day_is_a_limit_of_its_own(tmp_path: Path) -> None:
    """A day of 130 here: the 131st is refused with the moment at which it may be sent."""

    async def work(_: QualitySimulator, opened: Callable[[], Any], clock: Clock) -> float:
        async with opened() as (client,):
            began = clock.now()
            await send([partial(client.get, "org/users", "/v1/org/users") for _ in range(130)])
            with pytest.raises(BudgetExhausted) as spent:
                await client.get("org/users", "/v1/org/users")
            await client.get("org/roles", "/v1/org/roles")  # another endpoint
            assert spent.value.resume_at is not None
            wait = (spent.value.resume_at - began).total_seconds()
        await asyncio.sleep(wait + 60)
        async with opened() as (client,):
            await client.get("org/users", "/v1/org/users")
        return float(wait)

    budget = {"per_minute": 100, "per_day": 130}
    simulator, wait, _ = served(tmp_path, work, budget=budget)
    assert 86_400 <= wait <= 86_400 * 1.01
    assert most_in_window(simulator.log.of("/users"), 86_400.0, shared).popitem()[1] == 130


READINGS = (
    *(
        {"retry_after": value}
        for value in ("none", "seconds", "date", "rfc850", "asctime", "negative", "fraction")
    ),
    {"retry_after": "blank"},
    {"limit_status": 503, "retry_after": "seconds"},
    {"limit_body": "text"},
    {"limit_window": "fixed"},
)


@pytest.mark.parametrize("reading", READINGS, ids=str)
def test_a_source_that_allows_less_than_it_published(reading: dict[str, Any], tmp_path: Path) -> None:
    """Whatever its refusal looks like, nothing is lost, and it is not asked again and again."""

    async def work(_: QualitySimulator, opened: Callable[[], Any], __: Clock) -> None:
        async with opened() as (client,):
            await send([partial(client.get, "org/users", "/v1/org/users") for _ in range(22)], workers=4)

    simulator, _, _ = served(tmp_path, work, switches=Switches(per_minute=10, **reading))
    answers = [one.status for one in simulator.arrivals]
    assert answers.count(200) == 22
    assert len(answers) <= 22 + 16


def test_a_source_that_says_zero_and_means_a_minute(tmp_path: Path) -> None:
    """It is believed a few times, and then the stream fails in words."""

    async def work(_: QualitySimulator, opened: Callable[[], Any], __: Clock) -> None:
        async with opened() as (client,):
            await client.get("org/users", "/v1/org/users")
            with pytest.raises(RetryableSourceError, match="too many requests"):
                await client.get("org/users", "/v1/org/users")

    switches = Switches(per_minute=1, retry_after="zero")
    simulator, _, _ = served(tmp_path, work, switches=switches)
    assert len(simulator.arrivals) == 1 + 5


def test_a_source_that_asks_to_wait_for_years(tmp_path: Path) -> None:
    async def work(_: QualitySimulator, opened: Callable[[], Any], __: Clock) -> None:
        async with opened() as (client,):
            with pytest.raises(BudgetExhausted, match="asked to wait"):
                await client.get("org/users", "/v1/org/users")

    fault = Fault(429, match="users", retry_after="huge")
    simulator, _, elapsed = served(tmp_path, work, script=Script(faults=[fault]))
    assert (len(simulator.arrivals), elapsed < 60) == (1, True)
