"""The simulator as a guest: in a thread, beside Voki's on one port, and in its log."""

import json
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from connectors.simulator import server
from connectors.simulator.evaluagent.keys import Key
from connectors.simulator.evaluagent.server import serve, serve_in_thread
from connectors.simulator.evaluagent.world import QualityWorld
from connectors.simulator.evaluagent.year import generate
from connectors.simulator.log import read_log
from connectors.simulator.script import Fault, Script
from connectors.simulator.year import generate as generate_voki

AT = datetime(2026, 1, 1, tzinfo=UTC)
LIST, VOKI = "/v1/quality/evaluations", "/api/v1/evaluations"
BASIC = {"Authorization": aiohttp.encode_basic_auth(Key().access_key_id, Key().secret)}
TOKEN = {"Authorization": "Bearer secret", "X-Tenant": "demo"}


def fetched(base_url: str, path: str, headers: dict[str, str]) -> Any:
    request = urllib.request.Request(base_url + path, headers=headers)  # noqa: S310 - a loopback address
    with urllib.request.urlopen(request, timeout=20) as response:  # noqa: S310
        return json.load(response)


def test_in_a_thread_with_the_tables_and_the_log_at_hand() -> None:
    with serve_in_thread(generate(1, 5)) as simulator:
        assert len(fetched(simulator.base_url, LIST, BASIC)["data"]) == 5
        simulator.world.publish(AT)
        simulator.gate.enable_bearer(Key().access_key_id)
        with pytest.raises(urllib.error.HTTPError) as refused:
            fetched(simulator.base_url, LIST, BASIC)
        refused.value.close()
        assert [arrival.status for arrival in simulator.arrivals] == [200, 401]
    assert "simulator" not in {thread.name for thread in threading.enumerate()}


def test_both_apis_on_one_port() -> None:
    """Each with its own credentials and errors, one calendar, one log."""
    quality = QualityWorld(until=datetime(2026, 6, 1, tzinfo=UTC))
    with server.serve_in_thread(generate_voki(1, 5), tokens={"secret": "demo"}, quality=quality) as simulator:
        assert fetched(simulator.base_url, VOKI, TOKEN)["meta"]["total_count"] == 5
        assert fetched(simulator.base_url, LIST, BASIC)["meta"]["page"]["total"] == 0
        quality.publish(AT)
        assert fetched(simulator.base_url, LIST, BASIC)["meta"]["page"]["total"] == 1
        for path, headers, shape in (
            (VOKI, BASIC, dict),
            (LIST, TOKEN, list),
            ("/elsewhere", {}, dict),
            ("/v1/elsewhere", {}, list),
        ):
            with pytest.raises(urllib.error.HTTPError) as refused:
                fetched(simulator.base_url, path, headers)
            assert isinstance(json.load(refused.value)["errors"], shape), path
            refused.value.close()
        assert simulator.quality is not None
        assert simulator.quality.world is quality
        assert [arrival.path for arrival in simulator.arrivals][:2] == [VOKI, LIST]
        assert simulator.site.now().month == 6


def test_without_the_second_api_there_is_none() -> None:
    with server.serve_in_thread(generate_voki(1, 5), tokens={"secret": "demo"}) as simulator:
        assert simulator.quality is None
        with pytest.raises(urllib.error.HTTPError) as refused:
            fetched(simulator.base_url, LIST, BASIC)
        assert isinstance(json.load(refused.value)["errors"], dict)
        refused.value.close()


def test_for_a_person_until_a_signal() -> None:
    program = """
from connectors.simulator.evaluagent.year import generate
from connectors.simulator.server import run_forever
from connectors.simulator import year
import sys
def announce(simulator): print(simulator.base_url, flush=True)
sys.exit(run_forever(year.generate(1, 3), quality=generate(1, 4), announce=announce, tokens={"secret": "demo"}))
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        base_url = process.stdout.readline().strip()
        assert len(fetched(base_url, LIST, BASIC)["data"]) == 4
        assert len(fetched(base_url, VOKI, TOKEN)["data"]) == 3
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == signal.SIGTERM


async def test_the_log_in_a_file_holds_every_request_and_no_credential(ask: Any, tmp_path: Path) -> None:
    file = tmp_path / "log"
    script = Script(faults=[Fault(500, "roles")])
    async with serve(generate(1, 5), script=script, log_file=file) as simulator:
        for path in (LIST, "/v1/org/roles", "/v1/none"):
            await ask(simulator, path)
        arrivals = simulator.arrivals
    assert [(one.endpoint, one.status) for one in arrivals] == [
        (LIST, 200),
        ("/v1/org/roles", 500),
        ("", 404),
    ]
    assert read_log(file) == arrivals
    assert Key().secret not in file.read_text()
