"""The simulator as a guest: in a loop, in a thread, as a process; and frugal enough to be one."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from connectors.simulator.clock import running_from
from connectors.simulator.queries import evaluations, stats
from connectors.simulator.script import Fault, Script
from connectors.simulator.server import Simulator, serve, serve_in_thread
from connectors.simulator.switches import Switches
from connectors.simulator.world import Key, Wire, World
from connectors.simulator.year import generate

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LIST = "/api/v1/evaluations"


def total(simulator: Simulator) -> int:
    request = urllib.request.Request(  # noqa: S310 - a loopback address
        simulator.base_url + LIST, headers={"Authorization": "Bearer secret", "X-Tenant": "demo"}
    )
    with urllib.request.urlopen(request, timeout=20) as response:  # noqa: S310
        found: int = json.load(response)["meta"]["total_count"]
        return found


def test_in_a_thread_with_the_table_and_the_log_at_hand() -> None:
    with serve_in_thread(generate(1, 5), tokens={"secret": "demo"}) as simulator:
        assert total(simulator) == 5
        simulator.world.insert(NOW)
        assert total(simulator) == 6
        assert [arrival.status for arrival in simulator.arrivals] == [200, 200]


def test_a_thread_that_cannot_start_says_why() -> None:
    with serve_in_thread(World()) as simulator:
        port = int(simulator.base_url.rpartition(":")[2])
        with pytest.raises(OSError, match="address already in use"), serve_in_thread(World(), port=port):
            pass


async def test_stopping_does_not_wait_for_the_stalled(ask: Any) -> None:
    arrived = asyncio.Event()
    script = Script(
        before=[lambda _turn, _arrival: arrived.set()], moments=frozenset({"create"}), faults=[Fault("stall")]
    )
    async with serve(World(), script=script) as simulator:
        asking = asyncio.create_task(ask(simulator, LIST, "POST"))
        await arrived.wait()
    with pytest.raises(aiohttp.ClientError):
        await asking


def test_a_person_starts_it_and_a_signal_ends_it() -> None:
    code = (
        "from connectors.simulator.server import run_forever\n"
        "from connectors.simulator.year import generate\n"
        "print(run_forever(generate(1, 5), tokens={'secret': 'demo'},"
        " announce=lambda s: print(s.base_url, flush=True)))"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process, process.stdout:
        url = process.stdout.readline().strip()
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(url + LIST, timeout=20)  # noqa: S310
        os.kill(process.pid, signal.SIGTERM)
        assert process.stdout.read().strip() == str(int(signal.SIGTERM))
    assert process.returncode == 0


async def test_several_tenants_with_the_same_ids(ask: Any) -> None:
    worlds = {name: World(name, until=NOW) for name in ("one", "two")}
    for rating, world in enumerate(worlds.values(), 1):
        world.insert_raw(NOW, {"id": "same", "rating": rating})
    async with serve(worlds, tokens={"a": "one", "b": "two"}) as simulator:
        first = await ask(simulator, LIST, token="a", tenant="one")
        second = await ask(simulator, LIST, token="b", tenant="two")
    assert [reply.body["data"][0]["rating"] for reply in (first, second)] == [1, 2]


async def test_the_calendar_starts_where_the_world_ends_and_goes_on(ask: Any) -> None:
    steady = [100.0]
    calendar = running_from(NOW, lambda: steady[0])
    steady[0] += 90.5
    assert calendar() == NOW + timedelta(seconds=90.5)
    async with serve(generate(1, 1), steady=lambda: steady[0]) as simulator:
        first = await ask(simulator, LIST)
        steady[0] += 3600
        second = await ask(simulator, LIST)
    assert first.headers["Date"] == "Thu, 01 Jan 2026 00:00:00 GMT"
    assert second.headers["Date"] == "Thu, 01 Jan 2026 01:00:00 GMT"


def test_a_page_does_not_look_at_the_whole_table() -> None:
    """Counted in rows touched, not in seconds: a page of 100 of 20,000 reads 100 rows."""
    touched: list[Key] = []

    class Counting(World):
        def row(self, key: Key) -> Wire:
            touched.append(key)
            return super().row(key)

    world = Counting.from_rows(generate(1, 20_000).rows())
    query = {"page": "90", "page_size": "100", "date_from": "2025-02-01", "date_to": "2025-12-01"}
    for switches in (Switches(), Switches(tie_order="shuffled")):
        touched.clear()
        evaluations(world, query, switches, 1)
        assert len(touched) == 100
    touched.clear()
    evaluations(world, query | {"page": "1", "rating": "3"}, Switches(), 1)
    assert len(touched) == 100
    touched.clear()
    stats(world, query, Switches(), NOW)
    assert touched == []
