"""A disk that breaks or turns read-only, before a run and in the middle of it: a sentence and a code, and the next
run on a mended disk loses nothing. A full disk: test_disk.py; a power cut: test_power.py.

Kills: an OSError or SQLite's own error that ends as a defect; a run that calls itself good although its last writes
failed; a connection that is used again after a failed fsync.
"""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from disks import Disk, disk
from nightly import Account, account, command
from remains import assert_whole, home, month, reading, rows_of, source, table

from connectors.simulator.log import Arrival
from connectors.simulator.script import Script
from connectors.simulator.year import generate

pytestmark = [pytest.mark.root]

Breaks = Callable[[Disk], None]
MOMENTS = frozenset({"list", "evaluations", "stats"})
TROUBLE = (
    "Input/output error",
    "disk I/O error",
    "Read-only file system",
    "readonly database",
    "Structure needs",
)


def cut(on: Disk) -> None:
    on.cut()


def read_only(on: Disk) -> None:
    on.turn_read_only()


@pytest.mark.parametrize("at", [1, 3, 6], ids=["first page", "a page", "totals"])
@pytest.mark.parametrize(("kind", "breaks"), [("ext4", cut), ("xfs", cut), ("ext4", read_only)])
def test_a_disk_that_breaks_in_mid_run(kind: str, breaks: Breaks, at: int, tmp_path: Path) -> None:
    with disk(tmp_path, kind) as on:

        def spoil(_turn: int, arrival: Arrival) -> None:
            if arrival.n == at + before:
                breaks(on)

        script, before = Script(moments=MOMENTS), 0
        with account(generate(5, 300), on.folder / "home", script=script) as demo:
            assert demo.sync().outcome == "ok"
            shown = reading(demo.data)
            for minutes in range(450):
                demo.insert(timedelta(minutes=minutes), rating=3, comment=f"{minutes}")
            demo.now += timedelta(hours=1)
            config = demo.write_config()
            on.settle()
            before = len(demo.simulator.arrivals)
            script.before.append(spoil)
            done = command(config, "sync")
            script.before.clear()
            assert done.returncode == 1, done.stdout + done.stderr
            assert any(words in done.stderr + done.stdout for words in TROUBLE), done.stdout + done.stderr
            assert "a defect" not in done.stderr
            on.mend()
            assert reading(demo.data) == shown
            assert demo.sync().outcome == "ok"
            assert equal(demo)


def equal(demo: Account) -> bool:
    truth = table(demo.world)
    return (
        rows_of(demo.data / "state" / "warehouse.duckdb")
        == truth
        == rows_of(demo.current() / "warehouse.duckdb")
    )


def test_a_disk_that_is_read_only_from_the_start(tmp_path: Path) -> None:
    with disk(tmp_path, "ext4") as on, source(month(5, 150)) as simulator:
        at = home(on.folder / "home", simulator, 0)
        assert command(at.config, "sync").returncode == 0
        simulator.world.insert(simulator.world.until - timedelta(hours=1))
        on.settle()
        on.turn_read_only()
        asked = len(at.lists())
        done = command(at.config, "sync")
        assert done.returncode == 2, done.stderr
        assert "cannot be written (Read-only file system)" in done.stderr
        assert len(at.lists()) == asked
        on.mend()
        assert command(at.config, "sync").returncode == 0
        assert_whole(at, simulator.world)
