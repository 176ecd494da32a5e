"""A ledger of requests that does not know of the newest ones: closed until they no longer count."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from virtual_time import run_virtual, virtual_clock

from connectors.budget import DAY, Budget
from connectors.clock import Clock
from connectors.grants import Trace
from connectors.source import Limit
from schemas.errors import BudgetExhausted

HOLD, HOUR = 30.0, 3_600.0
LIMITS = {"list": Limit(5, 20), "auth": Limit(5)}


def opened(path: Path, clock: Clock, trace: Trace | None) -> "closing[Budget]":
    file = path / "budget.sqlite"
    return closing(Budget(file, clock, LIMITS, key="key", place_source="demo", hold=HOLD, trace=trace))


async def closed_for(budget: Budget, group: str = "list") -> float:
    """Seconds until the next grant; 0 where it is given."""
    now = budget._clock.now()
    try:
        await budget.release(await budget.grant(group))
    except BudgetExhausted as stop:
        assert stop.resume_at is not None  # noqa: PT017 - not what is tested here
        assert "was lost" in str(stop)  # noqa: PT017
        return (stop.resume_at - now) / timedelta(seconds=1)
    return 0.0


@pytest.mark.parametrize("age", [0.0, HOUR, 23 * HOUR, 25 * HOUR])
@pytest.mark.parametrize("granted", [0, 7])
def test_a_new_file_waits_for_what_an_earlier_one_granted(tmp_path: Path, age: float, granted: int) -> None:
    """Mutants: closed from now on whatever the age; only where the number is not 0; one group only."""

    async def scenario() -> list[float]:
        with opened(tmp_path, virtual_clock(), Trace(granted, age)) as budget:
            left = await budget.left()
            found = [await closed_for(budget, group) for group in LIMITS]
            assert [one.resume_at is not None for one in left] == [wait > 0 for wait in found]
            assert all((one.minute_left, one.day_left) == (0, 0) for one in left if one.resume_at)
            return found

    found, _ = run_virtual(scenario())
    for wait in found:
        assert max(0.0, DAY + HOLD - age) <= wait <= max(0.0, DAY * 1.002 + HOLD - age)


@pytest.mark.parametrize(("granted", "closed"), [(3, False), (4, True)])
def test_an_older_copy_is_known_by_its_number_of_grants(tmp_path: Path, granted: int, closed: bool) -> None:
    """Mutants: not equal in place of less; a number that forgets the rows which were deleted."""

    async def scenario() -> float:
        with opened(tmp_path, virtual_clock(), None) as budget:
            for _ in range(3):
                await budget.release(await budget.grant("list"))
            assert await budget.granted() == 3
        with closing(sqlite3.connect(tmp_path / "budget.sqlite")) as db:
            db.execute("DELETE FROM grants")
            db.commit()
        with opened(tmp_path, virtual_clock(), Trace(granted, HOUR)) as budget:
            return await closed_for(budget)

    wait, _ = run_virtual(scenario())
    assert (wait > 22 * HOUR) == closed


def test_it_stays_closed_over_restarts_and_a_reboot_until_somebody_accepts_the_loss(tmp_path: Path) -> None:
    async def scenario() -> tuple[float, float, float]:
        clock = virtual_clock()
        with opened(tmp_path, clock, Trace(9, 0.0)):
            pass
        with opened(tmp_path, clock, None) as budget:
            first = await closed_for(budget)
        rebooted = replace(
            clock, boot="boot-2", wall=lambda: clock.wall() + HOUR, steady=lambda: 5 + clock.steady()
        )
        with opened(tmp_path, rebooted, None) as budget:
            second = await closed_for(budget)
            await budget.accept_loss()
            return first, second, await closed_for(budget)

    (first, second, third), _ = run_virtual(scenario())
    assert first - second == pytest.approx(HOUR, abs=1)
    assert third == 0


def test_a_lost_files_journal_never_meets_the_new_one(tmp_path: Path) -> None:
    """SQLite would play it back into the new file. Mutant: only the file itself is looked for."""

    async def scenario() -> int:
        path = tmp_path / "budget.sqlite"
        with opened(tmp_path, virtual_clock(), None) as budget:
            for _ in range(3):
                await budget.release(await budget.grant("list"))
            journal = path.with_name("budget.sqlite-wal").read_bytes()
        path.unlink()
        path.with_name("budget.sqlite-wal").write_bytes(journal)
        with opened(tmp_path, virtual_clock(), Trace(3, 0.0)) as budget:
            assert await closed_for(budget) > 23 * HOUR
            return await budget.granted()

    granted, _ = run_virtual(scenario())
    assert granted == 0
