"""The limits themselves, in virtual time: what the source counts, how fast a run is, what is refused.

The oracle is the source's side: the moments at which requests arrive.
"""

import asyncio
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
from rate_oracle import most_in_window
from virtual_time import run_virtual, virtual_clock

from connectors.budget import DAY, MINUTE, Budget, Left
from connectors.source import Limit
from schemas.errors import BudgetExhausted, ConfigError

LIMITS = {"list": Limit(100, 10_000), "stats": Limit(100, 10_000)}


def open_budget(path: Path, limits: dict[str, Limit] | None = None, *, key: str = "key") -> Budget:
    return Budget(path / "budget.sqlite", virtual_clock(), limits or LIMITS, key=key, place_source="demo")


async def send(
    budget: Budget, count: int, *, workers: int, latency: float = 0.0, seed: int = 1
) -> list[float]:
    """Send `count` requests; they arrive somewhere within their latency. Returns the arrivals."""
    loop, random, arrivals, left = asyncio.get_running_loop(), Random(seed), list[float](), iter(range(count))

    async def work() -> None:
        for _ in left:
            grant = await budget.grant("list")
            way = latency * random.random() ** 3
            there = random.random() * way
            await asyncio.sleep(there)
            arrivals.append(loop.time())
            await asyncio.sleep(way - there)
            await budget.release(grant)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(workers):
            tasks.create_task(work())
    return arrivals


@pytest.mark.parametrize("seed", range(3))
def test_jitter_never_exceeds_and_always_reaches_the_limit(tmp_path: Path, seed: int) -> None:
    """Mutants: a slot that runs from the send (109 in a minute); AsyncLimiter alone (199)."""

    async def scenario() -> list[float]:
        with closing(open_budget(tmp_path)) as budget:
            return await send(budget, 700, workers=40, latency=20.0, seed=seed)

    arrivals, _ = run_virtual(scenario())
    assert len(arrivals) == 700
    assert most_in_window(arrivals, MINUTE) <= 100

    async def without_latency() -> list[float]:
        with closing(open_budget(tmp_path, key="another")) as budget:
            return await send(budget, 250, workers=7)

    arrivals, _ = run_virtual(without_latency())
    assert most_in_window(arrivals, MINUTE) == 100


@pytest.mark.parametrize(("workers", "latency"), [(1, 0.0), (8, 0.3), (150, 0.3)])
def test_a_run_at_the_limit_is_as_fast_as_it_can_be(tmp_path: Path, workers: int, latency: float) -> None:
    """350 requests at 100 a minute need three minutes. Mutant: pacing at an even 0.6 s (210 s)."""

    async def scenario() -> list[float]:
        with closing(open_budget(tmp_path)) as budget:
            return await send(budget, 350, workers=workers, latency=latency)

    arrivals, elapsed = run_virtual(scenario())
    assert 3 * MINUTE <= elapsed <= 1.05 * 3 * MINUTE
    assert most_in_window(arrivals, MINUTE) == 100


def test_a_slot_is_held_until_a_minute_after_the_answer(tmp_path: Path) -> None:
    """Mutant: a sliding log of sends, which frees the slot a minute after the grant."""

    async def scenario() -> None:
        with closing(open_budget(tmp_path, {"list": Limit(1)})) as budget:
            grant = await budget.grant("list")
            await asyncio.sleep(45)
            await budget.release(grant)
            await budget.grant("list")

    _, elapsed = run_virtual(scenario())
    assert 45 + MINUTE <= elapsed <= 45 + MINUTE + 0.1


def test_the_day_of_ten_thousand_requests(tmp_path: Path) -> None:
    """Rolling 24 hours. Mutants: no day limit; a calendar day; a day that runs from the first request."""
    limit = {"list": Limit(per_minute=400, per_day=10_000)}

    async def scenario() -> tuple[list[float], BudgetExhausted, tuple[Left, ...]]:
        with closing(open_budget(tmp_path, limit)) as budget:
            arrivals = await send(budget, 10_000, workers=4, latency=0.5)
            with pytest.raises(BudgetExhausted) as stop:
                await budget.grant("list")
            left = await budget.left()
            assert stop.value.resume_at is not None
            await asyncio.sleep((stop.value.resume_at - virtual_clock().now()).total_seconds())
            return arrivals + await send(budget, 300, workers=4, latency=0.5), stop.value, left

    (arrivals, stop, (left,)), _ = run_virtual(scenario())
    assert most_in_window(arrivals, DAY) == 10_000
    assert most_in_window(arrivals, MINUTE) <= 400
    assert left.day_left == 0
    assert "10000 requests per day are used up" in str(stop)
    assert stop.place.source == "demo"
    assert stop.place.group == "list"


def test_budgets_on_one_file_share_it_and_other_groups_and_keys_do_not(tmp_path: Path) -> None:
    """Two processes of one credential. Mutants: a counter in memory; one counter for all groups or keys."""

    async def scenario() -> list[float]:
        with closing(open_budget(tmp_path)) as one, closing(open_budget(tmp_path)) as two:
            async with asyncio.TaskGroup() as tasks:
                sent = [
                    tasks.create_task(send(budget, 130, workers=5, latency=2.0, seed=seed))
                    for seed, budget in enumerate((one, two))
                ]
            assert await one.left() == await two.left()
            assert (await one.left())[1] == Left("stats", 100, 10_000)
            with closing(open_budget(tmp_path, key="another credential")) as other:
                assert (await other.left())[0] == Left("list", 100, 10_000)
            return sent[0].result() + sent[1].result()

    arrivals, _ = run_virtual(scenario())
    assert len(arrivals) == 260
    assert most_in_window(arrivals, MINUTE) <= 100


def test_left_counts_what_is_out_and_what_came_back(tmp_path: Path) -> None:
    async def scenario() -> None:
        with closing(open_budget(tmp_path, {"list": Limit(5, 8), "free": Limit()})) as budget:
            grants = [await budget.grant("list") for _ in range(3)]
            await budget.release(grants[0])
            assert await budget.left() == (Left("list", 2, 5), Left("free", None, None))
            await asyncio.sleep(61)
            assert (await budget.left())[0] == Left("list", 3, 5)
            for grant in grants[1:]:
                await budget.release(grant)
            await asyncio.sleep(61)
            assert (await budget.left())[0] == Left("list", 5, 5)

    run_virtual(scenario())


def test_a_group_without_a_declared_limit_is_refused(tmp_path: Path) -> None:
    """Mutant: an unknown group is unlimited."""

    async def scenario() -> None:
        with closing(open_budget(tmp_path)) as budget:
            for call in (budget.grant("lists"), budget.block("lists", 1.0)):
                with pytest.raises(ConfigError, match=r"'lists' \(list, stats\)"):
                    await call

    run_virtual(scenario())


@pytest.mark.parametrize("limit", [{"per_minute": 0}, {"per_day": -1}])
def test_a_limit_allows_at_least_one_request(limit: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="at least one request"):
        Limit(**limit)


def test_a_block_holds_every_process_and_is_never_shortened(tmp_path: Path) -> None:
    """A 429. Mutants: a block in memory only; the latest block wins."""

    async def scenario() -> float:
        with closing(open_budget(tmp_path)) as one, closing(open_budget(tmp_path)) as two:
            await one.block("list", 50.0)
            await one.block("list", 5.0)
            await two.grant("stats")
            assert asyncio.get_running_loop().time() < 1
            await two.grant("list")
            return asyncio.get_running_loop().time()

    at, _ = run_virtual(scenario())
    assert 50 <= at < 50.1


def test_a_block_beyond_patience_ends_the_run(tmp_path: Path) -> None:
    async def scenario() -> None:
        with closing(open_budget(tmp_path)) as budget:
            await budget.block("list", 3_600.0)
            with pytest.raises(BudgetExhausted, match="the source asked to wait") as stop:
                await budget.grant("list")
            assert stop.value.resume_at is not None
            assert stop.value.resume_at.replace(microsecond=0) == datetime(2025, 6, 15, 16, 6, 40, tzinfo=UTC)

    run_virtual(scenario())


@pytest.mark.parametrize(
    ("seconds", "waited"), [(-5.0, 0), (0.0, 0), (float("nan"), 0), (1e11, DAY), (float("inf"), DAY)]
)
def test_a_block_of_any_length_is_safe(tmp_path: Path, seconds: float, waited: float) -> None:
    """Mutant: a huge Retry-After closes the source for ever."""

    async def scenario() -> float:
        with closing(open_budget(tmp_path)) as budget:
            await budget.block("list", seconds)
            try:
                await budget.grant("list")
            except BudgetExhausted as stop:
                resume_at = stop.resume_at or datetime.max.replace(tzinfo=UTC)
                return (resume_at - virtual_clock().now()).total_seconds()
            return 0.0

    found, _ = run_virtual(scenario())
    assert found == pytest.approx(waited, abs=1)


def test_a_wait_can_be_cancelled_and_leaves_the_queue_open(tmp_path: Path) -> None:
    """Mutants: the queue stays locked; the cancelled task takes the slot."""

    async def scenario() -> float:
        with closing(open_budget(tmp_path, {"list": Limit(1)})) as budget:
            await budget.release(await budget.grant("list"))
            waiting = [asyncio.create_task(budget.grant("list")) for _ in range(3)]
            await asyncio.sleep(10)
            for task in waiting[:2]:
                task.cancel()
            await asyncio.wait(waiting)
            assert [task.cancelled() for task in waiting] == [True, True, False]
            return asyncio.get_running_loop().time()

    at, _ = run_virtual(scenario())
    assert MINUTE <= at <= MINUTE + 2


def test_a_release_reaches_the_ledger_when_its_task_is_cancelled(tmp_path: Path) -> None:
    """Mutant: release without a shield; Ctrl-C would keep every slot in flight held."""

    async def scenario() -> None:
        with closing(open_budget(tmp_path, {"list": Limit(9)})) as budget:
            grants = [await budget.grant("list") for _ in range(9)]
            tasks = [asyncio.create_task(budget.release(grant)) for grant in grants]
            await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            for _ in range(9):
                await budget.grant("list")

    _, elapsed = run_virtual(scenario())
    assert elapsed <= MINUTE + 0.1
