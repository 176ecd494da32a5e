"""The commands as a person or a script uses them: real processes, real exit codes, one JSON document on stdout."""

import base64
import json
import os
import re
import stat
import subprocess
import sys
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from connectors.simulator.evaluagent.keys import Key
from connectors.simulator.evaluagent.server import serve_in_thread as serve_quality
from connectors.simulator.evaluagent.switches import ASSUMED
from connectors.simulator.evaluagent.year import generate as generate_quality
from connectors.simulator.server import serve_in_thread
from connectors.simulator.year import generate

REPO = Path(__file__).resolve().parents[2]
SIMULATED = """
version: 1
sources:
  - name: demo
    system: voki
    streams: [evaluations]
    simulator: {seed: 3, evaluations: 300}
"""
ACCOUNT = """
version: 1
sources:
  - name: demo
    system: voki
    base_url: {url}
    tenant: demo
    streams: [evaluations]
    auth: {{token: "${{VOKI_TOKEN}}"}}
"""


def evalsync(
    folder: Path, *words: str, answers: str | None = None, **env: str
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "pipeline", *words],
        cwd=folder,
        input=answers,
        env={**os.environ, "PYTHONPATH": str(REPO), **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.yaml").write_text(SIMULATED)
    return tmp_path


def document(done: "subprocess.CompletedProcess[str]") -> Any:
    assert done.stdout.count("\n") == 1, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_sync_and_status_give_one_document_each(folder: Path) -> None:
    first = evalsync(folder, "sync", "--json")
    assert first.returncode == 0, first.stderr
    receipt = document(first)
    [stream] = receipt["sources"][0]["streams"]
    assert (receipt["outcome"], stream["inserted"], stream["proof"]["state"]) == ("ok", 300, "proven")
    assert set(receipt) >= {
        "run_id",
        "outcome",
        "started_at",
        "finished_at",
        "snapshot",
        "sources",
        "budgets",
    }
    assert receipt["budgets"][0]["day_left"] == 10_000 - stream["requests"] + 1  # one of them was for totals
    again = document(evalsync(folder, "sync", "--json"))
    assert again["sources"][0]["streams"][0]["requests"] <= 3
    status = document(evalsync(folder, "status", "--json"))
    [seen] = status["streams"]
    assert (seen["rows_present"], seen["proof_state"], seen["last_outcome"]) == (300, "proven", "ok")
    assert [run["outcome"] for run in status["runs"]] == ["ok", "ok"]


def test_people_see_the_proof_and_the_marts(folder: Path) -> None:
    said = evalsync(folder, "sync").stdout
    assert "proven equal to the source: 300 loaded" in said
    assert "satisfaction by department" in said
    assert "nothing is published" not in evalsync(folder, "status").stdout


def test_status_before_the_first_sync_says_what_to_do(folder: Path) -> None:
    done = evalsync(folder, "status")
    assert done.returncode == 0
    assert "evalsync sync" in done.stdout


def test_plan_sends_one_request_and_is_kept(folder: Path, tmp_path: Path) -> None:
    """Kills: a plan that reads pages to count them; a plan that a sync exceeds."""
    with serve_in_thread(generate(3, 300), tokens={"secret": "demo"}) as simulator:
        (tmp_path / "config.yaml").write_text(ACCOUNT.format(url=simulator.base_url))
        [planned] = document(evalsync(folder, "plan", "--json", VOKI_TOKEN="secret"))
        assert len(simulator.arrivals) == 1
        receipt = document(evalsync(folder, "sync", "--json", VOKI_TOKEN="secret"))
        assert planned["records"] == 300
        assert receipt["sources"][0]["streams"][0]["requests"] <= planned["requests"]


def test_check_finds_a_wrong_token_and_open_permissions(tmp_path: Path) -> None:
    with serve_in_thread(generate(3, 10), tokens={"secret": "demo"}) as simulator:
        (tmp_path / "config.yaml").write_text(ACCOUNT.format(url=simulator.base_url))
        good = evalsync(tmp_path, "check", VOKI_TOKEN="secret")
        assert (good.returncode, good.stdout.count("bad")) == (0, 0), good.stdout
        (tmp_path / "data" / "state").chmod(0o755)
        wrong = evalsync(tmp_path, "check", VOKI_TOKEN="other")
        assert wrong.returncode == 2
        assert "credential is refused" in wrong.stdout
        assert "other" not in wrong.stdout.replace("read by others", "")


def test_a_missing_variable_stops_before_anything_is_made(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(ACCOUNT.format(url="http://127.0.0.1:1"))
    done = evalsync(tmp_path, "sync", VOKI_TOKEN="")
    assert done.returncode == 2
    assert "VOKI_TOKEN" in done.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("sync", "--source", "nobody"), "there are demo"),
        (("sync", "--stream", "calls"), "none of the sources"),
        (("sync", "--since", "yesterday"), "2024-01-31"),
        (("sync", "--max-requests", "0"), "max-requests"),
        (("sync", "--config", "elsewhere.yaml"), "evalsync init"),
        (("synch",), "No such command"),
    ],
)
def test_usage_errors_say_what_to_do_and_exit_2(folder: Path, words: tuple[str, ...], said: str) -> None:
    done = evalsync(folder, *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stdout == ""


def test_max_requests_pauses_and_the_next_run_goes_on(folder: Path) -> None:
    """Kills: a pause that forgets its pages."""
    paused = evalsync(folder, "sync", "--json", "--max-requests", "2")
    assert (paused.returncode, document(paused)["outcome"]) == (0, "paused")
    rest = document(evalsync(folder, "sync", "--json"))
    assert rest["outcome"] == "ok"
    with duckdb.connect(str(folder / "data/current/warehouse.duckdb"), read_only=True) as db:
        assert db.execute(
            "SELECT count(*), count(DISTINCT evaluation_id) FROM core.evaluations"
        ).fetchall() == [(300, 300)]
    [stream] = rest["sources"][0]["streams"]
    assert stream["requests"] <= 7  # two pages were kept; two windows are proven


def test_marts_are_rebuilt_in_another_time_zone_without_a_request(folder: Path) -> None:
    evalsync(folder, "sync")
    before = document(evalsync(folder, "status", "--json"))["budgets"]
    with (folder / "config.yaml").open("a") as file:
        file.write("reporting: {timezone: Asia/Tokyo, satisfied_from: 5}\n")
    done = evalsync(folder, "marts")
    assert done.returncode == 0, done.stderr
    after = document(evalsync(folder, "status", "--json"))["budgets"]
    assert [one["day_left"] for one in after] == [one["day_left"] for one in before]
    with duckdb.connect(str(folder / "data/current/warehouse.duckdb"), read_only=True) as db:
        satisfied = db.execute("SELECT sum(satisfied) FROM marts.satisfaction_rate").fetchall()
        assert satisfied == db.execute("SELECT count(*) FROM core.evaluations WHERE rating = 5").fetchall()


def test_dead_letters_are_listed_without_the_record_and_replayed(folder: Path) -> None:
    (folder / "ratings.csv").write_text("id,rating,comment\na,5,all well\nb,seven,a private matter\n")
    (folder / "config.yaml").write_text(
        SIMULATED.replace("{seed: 3, evaluations: 300}", "{file: ratings.csv, columns: {rating: rating}}")
    )
    unproven = evalsync(folder, "sync", "--json")
    assert unproven.returncode == 3
    [letter] = document(evalsync(folder, "dead-letters", "--json"))
    assert (letter["record_key"], letter["pointer"]) == ("b", "/rating")
    assert "private" not in evalsync(folder, "dead-letters").stdout
    replayed = evalsync(folder, "dead-letters", "replay")
    assert (replayed.returncode, replayed.stdout) == (
        0,
        "0 records are valid now and loaded; 1 are still dead letters\n",
    )
    # As a fixed contract would: the same record is valid now.
    with duckdb.connect(str(folder / "data/state/warehouse.duckdb")) as db:
        db.execute("UPDATE meta.dead_letters SET raw = replace(raw, '\"seven\"', '4')")
    healed = evalsync(folder, "dead-letters", "replay")
    assert "1 records are valid now" in healed.stdout, healed.stderr
    assert document(evalsync(folder, "dead-letters", "--json")) == []
    with duckdb.connect(str(folder / "data/current/warehouse.duckdb"), read_only=True) as db:
        assert db.execute("SELECT evaluation_id, rating FROM core.evaluations ORDER BY ALL").fetchall() == [
            ("a", 5),
            ("b", 4),
        ]


def test_init_writes_a_config_that_syncs(tmp_path: Path) -> None:
    done = evalsync(tmp_path, "init", answers="\n" * 20)
    assert done.returncode == 0, done.stderr
    config = tmp_path / "config.yaml"
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    assert evalsync(tmp_path, "init", answers="\n" * 20).returncode == 2  # never over a file that is there
    assert evalsync(tmp_path, "sync", "--max-requests", "1").returncode == 0


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


def test_a_broken_data_folder_fails_the_stream_without_a_traceback(folder: Path) -> None:
    """Kills: a traceback on stderr, which could hold a secret."""
    evalsync(folder, "sync")
    packages = folder / "data/state/packages/demo/evaluations"
    packages.rename(packages.with_name("gone"))
    packages.write_text("a file where a folder should be")
    done = evalsync(folder, "sync", "--json")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert str(packages) in document(done)["sources"][0]["streams"][0]["error"]


def test_help_names_every_command(tmp_path: Path) -> None:
    said = evalsync(tmp_path, "--help").stdout
    for command in ("sync", "plan", "status", "check", "marts", "dead-letters", "simulate", "init"):
        assert f"\n  {command} " in said
        assert evalsync(tmp_path, command, "--help").returncode == 0


def test_an_audit_and_the_marts_of_an_earlier_moment(folder: Path) -> None:
    """Kills: an audit that compares nothing; `--dry-run` that sends; `--as-of` that publishes."""
    assert evalsync(folder, "sync").returncode == 0
    [planned] = document(evalsync(folder, "audit", "--dry-run", "--json"))
    assert (planned["rows"], planned["compare"], planned["full"]) == (300, 2, 3)
    found = document(evalsync(folder, "audit", "--json"))
    assert [one["requests"] for one in found["audits"]] == [2]
    assert found["sources"][0]["streams"][0]["proof"]["state"] == "proven"
    assert found["outcome"] == "ok"
    shown = evalsync(folder, "audit", "--no-repair", "--max-requests", "4")
    assert shown.returncode == 0
    assert "300 loaded" in shown.stdout
    assert "cannot see" in shown.stdout
    current = (folder / "data" / "current").resolve()
    earlier = evalsync(folder, "marts", "--as-of", "2020-01-01")
    assert earlier.returncode == 0, earlier.stderr
    assert "nothing is loaded" in earlier.stdout
    assert (folder / "data" / "current").resolve() == current
    assert evalsync(folder, "marts", "--as-of", "2020-01-01", "--mart", "satisfaction_rate").returncode == 2
