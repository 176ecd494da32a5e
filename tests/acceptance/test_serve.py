"""`evalsync serve` as a service starts, signals and ends it."""

import asyncio
import signal
import socket
from pathlib import Path

import pytest
from crash import Nursery
from moments import Alarm, Hang
from remains import Home, asked, assert_whole, home, month, reading, source
from serving import runs, schedule, start, until

from connectors.clock import system_clock
from connectors.simulator.script import Script, jitter
from pipeline.config import load
from pipeline.job import Asked
from pipeline.progress import Lines
from pipeline.run import Request
from pipeline.service import Service, past_runs, sync_aside
from schemas.errors import ConfigError

PAGES = 12


def test_a_service_catches_up_reloads_and_ends_at_the_edge_of_a_page(births: Nursery, tmp_path: Path) -> None:
    """Kills: nothing at the start; readers who wait for the run; an invalid file that is taken over or ends it;
    a stop that loses pages, or counts as the night's run.
    """
    alarm, world = Alarm(4), month(9, 90)
    with source(world, Script(before=[alarm], latency=jitter(1, 0.3, 0.4))) as simulator:
        at = home(tmp_path / "home", simulator, 0, page_size=len(world) // PAGES, lookback="1h")
        schedule(at, '{cron: "15 2 * * *"}')
        one = start(births, at)
        assert alarm.rang.wait(60)
        assert one.status() == 200
        schedule(at, '{cron: "15 2 * *"}')
        one.send(signal.SIGHUP)
        [refused] = until(lambda: one.logged("config_refused"), one)
        assert "is not a cron line" in refused["why"]
        assert one.status() == 200
        assert one.end(signal.SIGTERM).code == 143
        [run] = runs(at)
        assert (run["outcome"], run["receipt"]["stopped"]) == ("paused", True)
        assert reading(at.data) == run["run_id"]
        before = asked(at)
        simulator.script.latency = None

        schedule(at, '{cron: "15 2 * * *"}')
        two = start(births, at)
        address = two.address()
        until(lambda: two.logged("run_ended"), two)
        assert_whole(at, world)
        assert not set(asked(at)[len(before) :]) & set(before)
        schedule(at, '{cron: "0 5 * * *"}')
        two.send(signal.SIGHUP)
        until(lambda: len(two.logged("serving")) > 1, two)
        assert [line["address"] for line in two.logged("serving")] == [address] * 2
        assert [line["next"][10:] for line in two.logged("serving")] == ["T02:15:00Z", "T05:00:00Z"]
        assert two.status() == 200
        assert two.end(signal.SIGINT).code == 130


def test_a_second_signal_ends_it_at_once(births: Nursery, tmp_path: Path) -> None:
    """The source hangs. Kills: a second signal that waits too; one that leaves the lease behind."""
    hang, world = Hang(7), month(9, 90)
    with source(world, Script(latency=hang)) as simulator:
        at = home(tmp_path / "home", simulator, 0, page_size=len(world) // PAGES, lookback="1h")
        schedule(at, "{every: 1d}")
        one = start(births, at)
        assert hang.rang.wait(60)
        one.send(signal.SIGTERM)
        ended = one.end(signal.SIGTERM)
        assert ended.code == 143, ended.err
        assert [run["outcome"] for run in runs(at)] == ["interrupted"]


def service(at: Home, stop: asyncio.Event, *, drain: float = 8.0) -> Service:
    return Service(lambda: load(at.config, {}), sync_aside(Lines), system_clock(), stop, drain=drain)


async def test_a_run_that_reaches_no_edge_in_time_is_cancelled_and_the_next_goes_on(tmp_path: Path) -> None:
    """Kills: a stop that waits for a source that hangs; a cancelled run that counts."""
    hang, world = Hang(5), month(9, 60)
    with source(world, Script(latency=hang)) as simulator:
        at = home(tmp_path / "home", simulator, 0, page_size=8, lookback="1h")
        schedule(at, "{every: 1d}")
        stop = asyncio.Event()
        one = service(at, stop, drain=0.1)
        await one.use(load(at.config, {}))
        living = asyncio.create_task(one.live())
        assert await asyncio.to_thread(hang.rang.wait, 60)
        stop.set()
        await living
        assert [run["outcome"] for run in runs(at)] == ["interrupted"]
        simulator.script.latency = None
        again = service(at, asyncio.Event())
        await again.use(load(at.config, {}))
        living = asyncio.create_task(again.live())
        await asyncio.to_thread(until, lambda: len(runs(at)) > 1 and runs(at)[-1]["outcome"])
        again.stop.set()
        await living
        assert_whole(at, world)


async def test_an_address_that_is_taken_is_refused_in_words(tmp_path: Path) -> None:
    """Kills: a traceback; a reload that gives up the old door before it has the new one."""
    with source(month(9, 60)) as simulator, socket.create_server(("127.0.0.1", 0)) as taken:
        at = home(tmp_path / "home", simulator, 0)
        schedule(at)
        one = service(at, asyncio.Event())
        await one.use(load(at.config, {}))
        port = taken.getsockname()[1]
        at.config.write_text(at.config.read_text().replace("port: 0", f"port: {port}"))
        with pytest.raises(ConfigError, match=f"cannot listen on 127.0.0.1, port {port}"):
            await one.use(load(at.config, {}))
        _, writer = await asyncio.open_connection(*one.address.removeprefix("http://").rstrip("/").split(":"))
        writer.close()
        await writer.wait_closed()
        await one.close()


def test_a_run_that_reads_a_part_is_no_run_of_the_night(tmp_path: Path) -> None:
    """Kills: `sync --stream`, `--until` or `--max-requests` by hand that takes the night's place."""
    with source(month(9, 60)) as simulator:
        at = home(tmp_path / "home", simulator, 0)
        to = load(at.config, {})
        assert Request().covers(to) == ("demo",)
        assert Request(sources=("demo",), asked=Asked(full=True)).covers(to) == ("demo",)
        until_now = Asked(until=system_clock().now())
        for part in (Request(streams=("evaluations",)), Request(asked=until_now), Request(max_requests=3)):
            assert part.covers(to) == ()
        assert past_runs(to, system_clock()) == []
