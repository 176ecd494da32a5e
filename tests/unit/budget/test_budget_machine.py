"""Any order of grants, releases, crashes, clock changes, restarts and reboots, against a plain model.

The model knows nothing of the ledger: a request may be counted by the source at any moment between its grant
and its release, or the end of its hold where no release came. True time is the loop's, which nothing sets.
"""

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from virtual_time import VirtualLoop

from connectors.budget import Budget, Grant
from connectors.clock import Clock
from connectors.source import Limit
from schemas.errors import BudgetExhausted

HOLD, MINUTE, DAY = 30.0, 60.0, 900.0
WINDOWS = ((3, MINUTE), (7, DAY))
TICKS = st.sampled_from([0.0, 0.2, 5.0, 29.9, 30.1, 59.9, 60.1, 90.2, 300.0, 899.0, 901.0, 931.0])
PROCESS = st.integers(0, 1)


@dataclass(slots=True)
class Request:
    granted: float
    grant: Grant
    process: int
    released: float | None = None
    alive: bool = True

    def last_moment(self, now: float) -> float:
        """The latest moment up to now at which the source can have counted it."""
        return self.released if self.released is not None else min(now, self.granted + HOLD)


class BudgetMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.loop = VirtualLoop()
        self.requests: list[Request] = []
        self.boots, self.booted_at = 1, 0.0
        self.skew = self.skew_stored = 0.0  # wall clock minus true time: now, and at the ledger's last step
        self.honest = True  # the wall clock was never set: only then may no slot be held too long

    @initialize()
    def start(self) -> None:
        self.budgets = [self.open(), self.open()]

    def open(self) -> Budget:
        booted_at = self.booted_at

        async def sleep(seconds: float) -> None:
            raise AssertionError(f"with no patience nothing sleeps {seconds}")

        clock = Clock(
            wall=lambda: 1_750_000_000 + self.loop.time() + self.skew,
            steady=lambda: self.loop.time() - booted_at,
            sleep=sleep,
            boot=f"boot-{self.boots}",
        )
        path = Path(self.folder.name) / "budget.sqlite"
        limits = {"list": Limit(WINDOWS[0][0], WINDOWS[1][0])}
        return Budget(
            path, clock, limits,
            key="key", place_source="demo", patience=0.0, hold=HOLD, minute=MINUTE, day=DAY,
        )  # fmt: skip

    @rule(process=PROCESS)
    def grant(self, process: int) -> None:
        budget = self.budgets[process]
        budget._pacers.clear()  # the ledger alone is under test
        try:
            grant = self.loop.run_until_complete(budget.grant("list"))
        except BudgetExhausted:
            assert not self.honest or self.must_wait()
        else:
            self.requests.append(Request(self.loop.time(), grant, process))
            self.skew_stored = self.skew
            self.assert_within_limits()

    @precondition(lambda self: any(r.alive and r.released is None for r in self.requests))
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        request = data.draw(st.sampled_from([r for r in self.requests if r.alive and r.released is None]))
        self.loop.run_until_complete(self.budgets[request.process].release(request.grant))
        request.released, self.skew_stored = self.loop.time(), self.skew

    @rule(seconds=TICKS)
    def time_passes(self, seconds: float) -> None:
        self.loop.run_until_complete(_sleep(min(seconds, self.longest_hold())))

    def longest_hold(self) -> float:
        """A living process ends its request within its hold: its time-out sees to that."""
        out = [r.granted + HOLD - self.loop.time() for r in self.requests if r.alive and r.released is None]
        return max(0.0, min(out, default=DAY * 2))

    @rule(hours=st.sampled_from([-25, -1, 1, 25]))
    def wall_clock_is_set(self, hours: int) -> None:
        self.skew += hours * 3_600
        self.honest = False

    @rule(process=PROCESS)
    def process_dies_and_starts_again(self, process: int) -> None:
        self.end(process)
        self.budgets[process] = self.open()

    @rule(down=st.sampled_from([0.0, 30.0, 61.0, 950.0]), back=st.sampled_from([0, 1, 30]))
    def machine_reboots(self, down: float, back: int) -> None:
        """The wall clock may lose hours over the reboot; that it gains some cannot be noticed by anybody."""
        for process in (0, 1):
            self.end(process)
        self.loop.run_until_complete(_sleep(down))
        self.skew = self.skew_stored - back * 3_600
        self.boots, self.booted_at = self.boots + 1, self.loop.time() - 3.0
        self.budgets = [self.open(), self.open()]
        self.honest = self.honest and back == 0

    def end(self, process: int) -> None:
        self.budgets[process].close()
        for request in self.requests:
            if request.process == process:
                request.alive = False

    def assert_within_limits(self) -> None:
        now = self.loop.time()
        for limit, seconds in WINDOWS:
            assert sum(r.last_moment(now) >= now - seconds for r in self.requests) <= limit

    def must_wait(self) -> bool:
        now = self.loop.time()
        return any(
            sum(r.last_moment(now) > now - seconds * 1.001 - 0.01 for r in self.requests) >= limit
            for limit, seconds in WINDOWS
        )

    @invariant()
    def processes_agree(self) -> None:
        if getattr(self, "budgets", None):
            one, two = (self.loop.run_until_complete(budget.left()) for budget in self.budgets)
            assert one == two

    def teardown(self) -> None:
        for budget in getattr(self, "budgets", []):
            budget.close()
        self.loop.close()
        self.folder.cleanup()


async def _sleep(seconds: float) -> None:
    await asyncio.sleep(seconds)


TestBudgetMachine = BudgetMachine.TestCase
TestBudgetMachine.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
