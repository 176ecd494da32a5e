"""Two runs on one data folder: one writes, whatever happens to the other."""

import hashlib
import os
import re
import signal
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from crash import Child, Nursery, Order, Step
from moments import Turnstile
from remains import Home, assert_whole, home, kept, month, reading, source

from connectors.simulator.script import Script

SILENT = 121.0  # seconds after which a lease without a sign of life is free, and one more


@pytest.fixture
def turnstile() -> Iterator[Turnstile]:
    one = Turnstile()
    yield one
    one.opened.set()


def test_the_second_run_is_refused_and_a_dead_holder_is_not_waited_for(
    births: Nursery, turnstile: Turnstile, tmp_path: Path
) -> None:
    """Kills: no lease; a lease that only its holder gives back; a refusal that does not say who."""
    with source(month(5, 150), Script(before=[turnstile])) as simulator:
        at, began = home(tmp_path / "home", simulator, 0), datetime.now(UTC)
        holder = births.start(Order(at.config))
        assert turnstile.reached.wait(60)
        refused = births.run(Order(at.config))
        assert (refused.code, refused.out) == (75, "")
        named = re.search(r"process (\d+), since (\S+)", refused.err)
        assert named, refused.err
        assert int(named[1]) == holder.pid
        assert began - timedelta(seconds=1) <= datetime.fromisoformat(named[2]) <= datetime.now(UTC)
        os.kill(holder.pid, signal.SIGKILL)
        assert holder.wait().code == -9
        turnstile.opened.set()
        heir = births.run(Order(at.config))
        assert heir.code == 0, heir.err
        assert_whole(at, simulator.world)


def test_of_eight_runs_started_at_once_one_wins(
    births: Nursery, turnstile: Turnstile, tmp_path: Path
) -> None:
    """On a folder that is not there yet. Kills: a PID file that is looked at and then written."""
    with source(month(5, 150), Script(before=[turnstile])) as simulator:
        at = home(tmp_path / "home", simulator, 0)
        children = {child.ended: child for child in [births.start(Order(at.config)) for _ in range(8)]}
        running = set(children)
        while len(running) > 1:
            ended, running = wait(running, timeout=60, return_when=FIRST_COMPLETED)
            assert ended, f"{len(running)} runs are at work at once"
            for loser in ended:
                said = children[loser].wait()
                assert said.code == 75, said.err
        [winner] = [children[one] for one in running]
        others = [child.wait().err for child in children.values() if child is not winner]
        assert all(f"process {winner.pid}, since" in said for said in others), others
        turnstile.opened.set()
        assert winner.wait().code == 0
        assert_whole(at, simulator.world)


def stopped(child: Child) -> None:
    """Wait until the child has stopped."""
    state = ""
    while state != "T":
        time.sleep(0.01)
        assert not child.ended.done(), child.wait()
        with suppress(FileNotFoundError):
            state = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[0]


def written(data: Path) -> dict[str, str]:
    """Every file below the data folder but the two ledgers, with its sum; links with their target."""
    files = [path for path in sorted(data.rglob("*")) if ".sqlite" not in path.name]
    found = {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files if path.is_file()}
    return found | {str(path): str(path.readlink()) for path in files if path.is_symlink()}


ASLEEP_AT = [  # with the working file closed and no commit under way
    Step("package.seal call", 1),  # the first: nothing else is under way beside it
    Step("store.Store.use.<locals>.call call", 6),
    Step("open snapshots/.*.tmp/.manifest.json.tmp", 1),
    Step("lake._write return", 1),
]


def test_a_run_that_slept_past_its_lease_writes_nothing_when_it_wakes(
    births: Nursery, tmp_path: Path
) -> None:
    """A laptop is closed in mid-run, another run takes over. Kills: a commit, a swap or a seal without the fence."""
    with source(month(5, 150)) as simulator, ThreadPoolExecutor(2) as threads:

        def one(n: int) -> None:
            try:
                sleep_and_wake(births, home(tmp_path / str(n), simulator, n), ASLEEP_AT[n])
            except AssertionError as error:
                error.add_note(f"asleep at {ASLEEP_AT[n].name}")
                raise

        list(threads.map(one, range(len(ASLEEP_AT))))


def sleep_and_wake(births: Nursery, at: Home, step: Step) -> None:
    sleeper = births.start(Order(at.config, step=step, number=signal.SIGSTOP))
    stopped(sleeper)
    assert births.run(Order(at.config)).code == 75  # it may still be only slow
    heir = births.run(Order(at.config, ahead=SILENT))
    assert heir.code == 0, heir.err
    shown, held, files = reading(at.data), kept(at), written(at.data)
    assert shown == heir.receipt["run_id"]
    os.kill(sleeper.pid, signal.SIGCONT)
    woken = sleeper.wait()
    assert woken.code == 1, woken.out + woken.err
    assert reading(at.data) == shown
    assert kept(at) == held
    assert written(at.data) == files
    assert births.run(Order(at.config)).code == 0
    assert_whole(at, at.simulator.world)


def test_a_run_that_sleeps_over_an_open_warehouse_keeps_others_out_and_then_gives_up(
    births: Nursery, tmp_path: Path
) -> None:
    """DuckDB's own lock stays with a stopped process: the next run is refused, and none of the two writes."""
    with source(month(5, 150)) as simulator:
        at = home(tmp_path / "home", simulator, 0)
        sleeper = births.start(Order(at.config, step=Step("load.load call", 1), number=signal.SIGSTOP))
        stopped(sleeper)
        refused = births.run(Order(at.config, ahead=SILENT))
        assert refused.code == 75, refused.out + refused.err
        os.kill(sleeper.pid, signal.SIGCONT)
        woken = sleeper.wait()
        assert woken.code == 1, woken.out + woken.err
        assert reading(at.data) is None
        assert not kept(at).rows
        assert births.run(Order(at.config)).code == 0
        assert_whole(at, simulator.world)


def test_a_run_that_sleeps_in_the_middle_of_publishing_is_waited_for(births: Nursery, tmp_path: Path) -> None:
    """Else `current` would go back to what it had when it wakes. Kills: a swap outside of the fence."""
    with source(month(5, 150)) as simulator:
        at = home(tmp_path / "home", simulator, 0)
        sleeper = births.start(Order(at.config, step=Step("lake._swap call", 1), number=signal.SIGSTOP))
        stopped(sleeper)
        heir = births.start(Order(at.config, ahead=SILENT))
        wait([heir.ended], timeout=5)  # it has time to publish, if it is let
        os.kill(sleeper.pid, signal.SIGCONT)
        assert sleeper.wait().code == 0
        assert heir.wait().code == 0
        assert reading(at.data) == heir.wait().receipt["run_id"]
        assert_whole(at, simulator.world)


def test_a_run_that_wakes_with_a_pass_of_its_own_leaves_work_and_no_harm(
    births: Nursery, tmp_path: Path
) -> None:
    """What it seals is a true answer of the source, in a pass that is nobody else's: the next run goes on with it."""
    with source(month(5, 150)) as simulator:
        at = home(tmp_path / "home", simulator, 0)
        sleeper = births.start(Order(at.config, step=Step("package.start call", 1), number=signal.SIGSTOP))
        stopped(sleeper)
        assert births.run(Order(at.config, ahead=SILENT)).code == 0
        shown, held = reading(at.data), kept(at)
        os.kill(sleeper.pid, signal.SIGCONT)
        assert sleeper.wait().code == 1
        assert (reading(at.data), kept(at)) == (shown, held)
        assert births.run(Order(at.config)).code == 0
        assert_whole(at, simulator.world)


def test_a_run_that_wakes_beside_a_publish_leaves_its_files_alone(births: Nursery, tmp_path: Path) -> None:
    """They look like what a killed run leaves. Kills: leftovers that are removed without the lease."""
    with source(month(5, 150)) as simulator:
        at = home(tmp_path / "home", simulator, 0)
        sleeper = births.start(Order(at.config, step=Step("lake.publish call", 1), number=signal.SIGSTOP))
        stopped(sleeper)
        writes = Step("open snapshots/.*.tmp/.manifest.json.tmp", 1)
        heir = births.start(Order(at.config, step=writes, number=signal.SIGSTOP, ahead=SILENT))
        stopped(heir)
        os.kill(sleeper.pid, signal.SIGCONT)
        assert sleeper.wait().code == 1
        os.kill(heir.pid, signal.SIGCONT)
        assert heir.wait().code == 0, heir.wait().err
        assert reading(at.data) == heir.wait().receipt["run_id"]
        assert_whole(at, simulator.world)
