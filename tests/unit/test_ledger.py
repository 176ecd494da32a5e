"""The lease: one holder, dead ones never in the way, and none that lost it commits.

Kills: a PID file (a reused pid is alive); no sign of life asked for; a fence that only looks; a release by a run
that has lost its lease; `wall` where `steady` is right.
"""

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from nightly import ROOT

from connectors.clock import Clock, system_clock
from pipeline.ledger import TTL, Lease, Ledger
from schemas.errors import ConfigError, LoadError, WarehouseBusy

HOLD = """
import sys, time
from pathlib import Path
from connectors.clock import system_clock
from pipeline.ledger import Ledger
print(Ledger(Path(sys.argv[1]), system_clock()).acquire("of-another-process"), flush=True)
time.sleep(60)
"""


@dataclass(slots=True)
class Time:
    """A machine's clocks, moved by hand."""

    wall: float = 1_800_000_000.0
    steady: float = 1000.0
    boot: str = "boot-1"

    def clock(self) -> Clock:
        async def never(_: float) -> None:
            raise AssertionError("the ledger does not wait")

        return Clock(wall=lambda: self.wall, steady=lambda: self.steady, sleep=never, boot=self.boot)

    def ledger(self, folder: Path) -> Ledger:
        return Ledger(folder / "ledger.sqlite", self.clock())


def take_over(folder: Path, time: Time) -> tuple[Ledger, Lease, Ledger, Lease]:
    """A holder that was silent for too long, and the run that took its lease."""
    asleep = time.ledger(folder)
    old = asleep.acquire("asleep")
    time.steady += TTL
    awake = time.ledger(folder)
    return asleep, old, awake, awake.acquire("awake")


def test_a_second_run_is_refused_and_told_who_holds_the_lease(tmp_path: Path) -> None:
    time = Time()
    first = time.ledger(tmp_path)
    lease = first.acquire("run-1")
    time.steady += TTL - 0.001
    since = datetime.fromtimestamp(time.wall, UTC).isoformat(timespec="seconds")
    with pytest.raises(
        WarehouseBusy, match=rf"process {os.getpid()}, since {since.replace('+', '.')} \(run-1\)"
    ):
        time.ledger(tmp_path).acquire("run-2")
    first.release(lease, "ok", {"rows": 1})
    assert time.ledger(tmp_path).acquire("run-2").token == lease.token + 1


def test_signs_of_life_keep_the_lease(tmp_path: Path) -> None:
    time = Time()
    ledger = time.ledger(tmp_path)
    lease = ledger.acquire("run-1")
    for _ in range(5):
        time.steady += TTL - 1
        ledger.sign(lease)
    with pytest.raises(WarehouseBusy):
        time.ledger(tmp_path).acquire("run-2")


def test_the_wall_clock_decides_nothing_within_a_boot(tmp_path: Path) -> None:
    """Set forward by a day it must not free a lease; set back it must not keep one."""
    time = Time()
    time.ledger(tmp_path).acquire("run-1")
    time.wall += 86_400
    with pytest.raises(WarehouseBusy):
        time.ledger(tmp_path).acquire("run-2")
    time.wall -= 7 * 86_400
    time.steady += TTL
    assert time.ledger(tmp_path).acquire("run-2").token == 2


def test_a_lease_of_an_earlier_boot_is_free_at_once(tmp_path: Path) -> None:
    time = Time()
    time.ledger(tmp_path).acquire("run-1")
    time.boot, time.steady = "boot-2", 5.0  # pids begin anew, so this very pid may be alive again
    assert time.ledger(tmp_path).acquire("run-2").token == 2


def test_without_a_boot_id_the_wall_clock_has_to_do(tmp_path: Path) -> None:
    time = Time(boot="")
    time.ledger(tmp_path).acquire("run-1")
    with pytest.raises(WarehouseBusy):
        time.ledger(tmp_path).acquire("run-2")
    time.wall += TTL
    assert time.ledger(tmp_path).acquire("run-2").token == 2


@contextmanager
def other_process(path: Path) -> "Iterator[subprocess.Popen[str]]":
    """A process that holds the lease."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], env=env, stdout=subprocess.PIPE, text=True
    ) as holder:
        try:
            assert holder.stdout is not None
            assert "of-another-process" in holder.stdout.readline()
            yield holder
        finally:
            holder.kill()


def test_a_process_that_was_killed_holds_nothing(tmp_path: Path) -> None:
    """Not even while nobody has waited for it: a zombie."""
    path = tmp_path / "ledger.sqlite"
    with other_process(path) as holder:
        ledger = Ledger(path, system_clock())
        with pytest.raises(WarehouseBusy, match=f"process {holder.pid}, "):
            ledger.acquire("run-2")
        holder.kill()
        os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)
        assert ledger.acquire("run-2").token == 2
        outcomes = {run["run_id"]: run["outcome"] for run in ledger.runs()}
        assert outcomes == {"of-another-process": "lost", "run-2": None}


def test_a_stopped_process_keeps_its_lease_for_its_time(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with other_process(path) as holder:
        holder.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, holder.pid, os.WSTOPPED | os.WNOWAIT)
        now = system_clock()
        with pytest.raises(WarehouseBusy):
            Ledger(path, now).acquire("run-2")
        later = replace(now, steady=lambda: now.steady() + TTL)
        assert Ledger(path, later).acquire("run-2").token == 2


def test_a_reused_pid_is_not_the_holder(tmp_path: Path) -> None:
    time = Time()
    ledger = time.ledger(tmp_path)
    ledger.acquire("run-1")
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as db:
        db.execute("UPDATE lease SET born = '1'")  # that process began at another time
        db.commit()
    assert ledger.acquire("run-2").token == 2


def test_who_lost_the_lease_cannot_sign_commit_or_free_it(tmp_path: Path) -> None:
    time = Time()
    asleep, old, awake, new = take_over(tmp_path, time)
    assert new.token > old.token
    with pytest.raises(LoadError, match="lost its lease"):
        asleep.sign(old)
    with pytest.raises(LoadError, match="lost its lease"), asleep.fence(old):
        pytest.fail("the body of a fence without the lease")
    asleep.release(old, "failed", {})
    awake.sign(new)
    with awake.fence(new):
        pass
    with pytest.raises(WarehouseBusy):
        time.ledger(tmp_path).acquire("run-3")
    outcomes = {run["run_id"]: run["outcome"] for run in awake.runs()}
    assert outcomes["awake"] is None


def test_nobody_takes_the_lease_while_a_commit_is_inside_the_fence(tmp_path: Path) -> None:
    """A fence that only looks at the token lets this order happen: look, take over, commit."""
    time = Time()
    ledger = time.ledger(tmp_path)
    lease = ledger.acquire("run-1")
    later = Time(steady=time.steady + TTL).ledger(tmp_path)
    order: list[str] = []

    def take() -> None:
        later.acquire("run-2")
        order.append("taken")

    with ledger.fence(lease):
        other = threading.Thread(target=take)
        other.start()
        other.join(0.3)
        order.append("committed")
    other.join(60)
    assert order == ["committed", "taken"]


def test_an_error_inside_the_fence_leaves_the_ledger_usable(tmp_path: Path) -> None:
    ledger = Time().ledger(tmp_path)
    lease = ledger.acquire("run-1")
    with pytest.raises(ZeroDivisionError), ledger.fence(lease):
        _ = 1 / 0
    ledger.sign(lease)


def test_runs_are_kept_with_their_receipts_newest_first(tmp_path: Path) -> None:
    time = Time()
    ledger = time.ledger(tmp_path)
    for number in range(3):
        time.wall += 60
        ledger.release(ledger.acquire(f"run-{number}"), "ok", {"number": number})
    ledger.acquire("run-3")
    found = [(run["run_id"], run["outcome"], run["receipt"]) for run in ledger.runs(2)]
    assert sorted(found) == [("run-2", "ok", {"number": 2}), ("run-3", None, None)]


def test_a_monthly_run_is_remembered_beside_an_hourly_one(tmp_path: Path) -> None:
    """Kills: the newest runs of all sources together, among which a rare one is soon forgotten and so run again."""
    time = Time()
    ledger = time.ledger(tmp_path)
    ledger.release(ledger.acquire("monthly", ["rare"]), "ok", {})
    for number in range(24 * 5):
        time.wall += 3600
        ledger.release(ledger.acquire(f"hourly-{number}", ["often"]), "ok", {})
    assert [run.run_id for run in ledger.past()][-1] == "monthly"
    assert ledger.past()[0].run_id == f"hourly-{24 * 5 - 1}"


def test_the_file_is_private_and_a_broken_one_is_named(tmp_path: Path) -> None:
    Time().ledger(tmp_path)
    path = tmp_path / "ledger.sqlite"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(ConfigError, match=r"ledger\.sqlite cannot be used"):
        Time().ledger(tmp_path)
    whole = tmp_path / "other"
    whole.mkdir()
    ledger = Time().ledger(whole)
    (whole / "ledger.sqlite").write_bytes(b"no database at all" * 100)
    with pytest.raises(LoadError, match=r"ledger\.sqlite cannot be read or written"):
        ledger.acquire("run-1")
