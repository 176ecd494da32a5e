"""Ctrl-C and SIGTERM, sent to the command line as a person or a service sends them."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from crash import ROOT, Nursery, Order
from moments import Alarm, Hang
from remains import Home, asked, assert_whole, home, month, reading, rows_of, source, table

from connectors.simulator.script import Script, jitter

PAGES = 12


@contextmanager
def syncing(at: Home) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "pipeline", "--config", str(at.config), "sync", "--json"]
    with subprocess.Popen(
        command, cwd=ROOT, env={**os.environ}, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def end_of(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    """Its exit code and output. It would run for minutes: the limit tells stopping from going on."""
    out, err = process.communicate(timeout=30)
    return process.returncode, out, err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_sync_at_the_edge_of_a_page_and_the_next_goes_on(
    number: signal.Signals, births: Nursery, tmp_path: Path
) -> None:
    """Kills: a signal that cancels the load; one that loses the page under way; a new pass instead of going on."""
    alarm = Alarm(6)
    world = month(9, 450)
    with source(world, Script(before=[alarm], latency=jitter(1, 0.3, 0.4))) as simulator:
        at = home(tmp_path / "home", simulator, 0, page_size=len(world) // PAGES, lookback="1h")
        with syncing(at) as process:
            assert alarm.rang.wait(60)
            process.send_signal(number)
            code, out, err = end_of(process)
        assert code == 128 + number, err
        receipt = json.loads(out)
        [stream] = receipt["sources"][0]["streams"]
        assert (receipt["stopped"], stream["outcome"]) == (True, "paused")
        before = asked(at)
        assert len(before) <= 8  # those that were under way, and none after them
        loaded = rows_of(at.data / "current" / "warehouse.duckdb")
        assert reading(at.data) == receipt["run_id"]
        assert len(loaded) == stream["inserted"]
        assert len(loaded) >= 5 * (len(world) // PAGES - 2)
        assert set(loaded) < set(table(world))
        simulator.script.latency = None
        assert births.run(Order(at.config)).code == 0
        assert_whole(at, world)
        again = asked(at)[len(before) :]
        # The rest of the pages, a link for each gap that was left, the proof, and the new window.
        assert len(again) <= PAGES + 1 - len(before) + 5
        assert not set(again) & set(before)


def test_a_signal_is_heard_while_the_budget_is_waited_for(tmp_path: Path) -> None:
    """Five requests a minute: the sixth would come in a minute. Kills: a wait that only its end ends."""
    alarm = Alarm(5)
    world = month(9, 450)
    with source(world, Script(before=[alarm])) as simulator:
        size = len(world) // PAGES
        at = home(tmp_path / "home", simulator, 0, page_size=size, budget="{per_minute: 5, per_day: 1000}")
        with syncing(at) as process:
            assert alarm.rang.wait(60)
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(2)  # it waits
            process.send_signal(signal.SIGTERM)
            code, _, err = end_of(process)
        assert code == 143, err
        assert len(asked(at)) == 5
        assert len(rows_of(at.data / "current" / "warehouse.duckdb")) >= 5 * (size - 2)


def test_a_second_signal_ends_it_at_once_and_what_was_sealed_is_not_asked_for_again(
    births: Nursery, tmp_path: Path
) -> None:
    """The source hangs at the seventh page. Kills: a second signal that waits too, or loses which one it was."""
    hang = Hang(7)
    world = month(9, 450)
    with source(world, Script(latency=hang)) as simulator:
        size = len(world) // PAGES
        at = home(tmp_path / "home", simulator, 0, page_size=size, lookback="1h")
        with syncing(at) as process:
            assert hang.rang.wait(60)
            process.send_signal(signal.SIGTERM)
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(1)  # the first waits for the page under way
            process.send_signal(signal.SIGTERM)
            code, out, err = end_of(process)
        assert (code, out) == (143, ""), err
        before = asked(at)
        simulator.script.latency = None
        assert births.run(Order(at.config)).code == 0
        assert_whole(at, world)
        again = asked(at)[len(before) :]
        assert len(again) <= PAGES + 1 - len(before) + 7  # with the pages that were under way
