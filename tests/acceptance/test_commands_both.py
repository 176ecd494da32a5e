"""The commands over both systems: side by side, simulated on one port, what cannot be compared, who is who."""

import base64
import json
import os
import re
import subprocess
import sys
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Any

from shell import REPO, evalsync

from connectors.simulator.evaluagent.keys import Key
from connectors.simulator.evaluagent.server import serve_in_thread as serve_quality
from connectors.simulator.evaluagent.switches import ASSUMED
from connectors.simulator.evaluagent.year import generate as generate_quality


def test_simulate_answers_for_both_systems_as_it_says(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "pipeline", "simulate", "--port", "0", "--evaluations", "50"],
        env={**os.environ, "PYTHONPATH": str(REPO)},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            said = "".join(process.stdout.readline() for _ in range(4))
            voki, quality = re.findall(r"^\w+: (http://\S+)", said, re.MULTILINE)
            assert voki.split("/")[2] == quality.split("/")[2], "one port"
            [pair] = re.findall(r"-u (\S+)", said)
            token = {"Authorization": "Bearer demo-token", "X-Tenant": "demo"}
            basic = {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
            stats = answered(voki + "/stats?date_from=1970-01-01", token)
            assert stats["data"]["total_evaluations"] == 50
            assert answered(quality, basic)["meta"]["page"]["total"] == 1500
        finally:
            process.terminate()
        assert process.wait(10) in (0, 143)


def answered(address: str, headers: dict[str, str]) -> Any:
    asked = urllib.request.Request(address, headers=headers)  # noqa: S310 - the loopback address that it printed
    with urllib.request.urlopen(asked, timeout=10) as answer:  # noqa: S310
        return json.load(answer)


BOTH = """
version: 1
sources:
  - {name: demo, system: voki, simulator: {seed: 3, evaluations: 200}}
  - {name: quality, system: evaluagent, simulator: {seed: 3, evaluations: 120}, integrations: [zendesk, voki]}
"""


def test_two_systems_side_by_side_are_read_proven_and_shown(tmp_path: Path) -> None:
    """Kills: a stream that is left out of what people see; a mart that is not shown."""
    (tmp_path / "config.yaml").write_text(BOTH)
    done = evalsync(tmp_path, "sync")
    assert done.returncode == 0, done.stdout + done.stderr
    proven = re.findall(r"^(\S+): proven equal to the source: ", done.stdout, re.MULTILINE)
    assert len(proven) == len(set(proven)) == 9
    for part in ("satisfaction by department", "quality by agent"):
        assert part in done.stdout
    status = evalsync(tmp_path, "status").stdout
    assert all(name in status for name in proven)
    assert "imported-contacts" not in status, "budgets that nobody has used are not listed"
    planned = evalsync(tmp_path, "plan")
    assert planned.returncode == 0
    assert all(name in planned.stdout for name in proven)
    assert re.search(r"quality/quality_evaluations: .* all seen again in 1 night", planned.stdout)


def test_what_cannot_be_compared_is_said_in_words_and_is_no_failure(tmp_path: Path) -> None:
    """Kills: an exit code that blames the vendor's silence on the run; a state without its reason."""
    switches = replace(ASSUMED, total_at="absent")
    key = Key()
    with serve_quality(generate_quality(3, 60), switches=switches, keys=(key,)) as simulator:
        (tmp_path / "config.yaml").write_text(QUALITY.format(url=simulator.base_url))
        env = {"KEY_ID": key.access_key_id, "SECRET": key.secret}
        done = evalsync(tmp_path, "sync", **env)
        assert done.returncode == 0, done.stdout + done.stderr
        assert (
            "acme/quality_evaluations: not comparable with the source: 60 loaded; the source gives no"
            in done.stdout
        )
        assert done.stdout.count("the source gives no total") == done.stdout.count("not comparable")
        status = evalsync(tmp_path, "status", **env).stdout
        assert "acme/quality_evaluations: not comparable with the source: the source gives no total" in status
        planned = evalsync(tmp_path, "plan", **env)
        assert planned.returncode == 0
        seen = evalsync(tmp_path, "check", "--verbose", **env)
        assert seen.returncode == 0, seen.stdout
        assert "not comparable, never proven" in seen.stdout


QUALITY = """
version: 1
sources:
  - name: acme
    system: evaluagent
    base_url: {url}
    auth: {{access_key_id: "${{KEY_ID}}", secret_key: "${{SECRET}}"}}
"""


def test_a_plan_that_is_refused_exits_1_with_the_reason(tmp_path: Path) -> None:
    with serve_quality(generate_quality(3, 5), keys=(Key(),)) as simulator:
        (tmp_path / "config.yaml").write_text(QUALITY.format(url=simulator.base_url))
        done = evalsync(tmp_path, "plan", KEY_ID="other", SECRET="other")
    assert done.returncode == 1
    assert "the credential is refused" in done.stdout


def test_a_missing_file_of_agents_stops_before_anything_is_asked(tmp_path: Path) -> None:
    key = Key()
    with serve_quality(generate_quality(3, 5), keys=(key,)) as simulator:
        (tmp_path / "config.yaml").write_text("agents: who.csv\n" + QUALITY.format(url=simulator.base_url))
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        env = {"KEY_ID": key.access_key_id, "SECRET": key.secret}
        words = ("--config", str(tmp_path / "config.yaml"))
        done = evalsync(elsewhere, "sync", *words, **env)
        assert (done.returncode, len(simulator.arrivals)) == (2, 0)
        assert f"{tmp_path / 'who.csv'}: is not there" in done.stderr
        assert evalsync(elsewhere, "check", *words, **env).returncode == 2
        (tmp_path / "who.csv").write_text("voki_user,agent\n1,2\n")
        assert evalsync(elsewhere, "sync", *words, **env).returncode == 0
        assert "1 pair(s)" in evalsync(elsewhere, "check", *words, **env).stdout
