"""/metrics says what the ledgers and the snapshot say; /readyz is ready only for what can be read and is fresh.

Kills: a figure counted anew by the process; a stream that was never proven and looks fresh; a customer, an agent or a
token in a label; a killed run that is counted with none; readiness of a stale copy, or of a file that is no database;
an alert on a figure that is not there.
"""

import asyncio
import json
import re
import subprocess
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from page import HOSTILE_NAME, nothing_synced, published, serving, site, synced
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from pydantic import SecretStr

from connectors.clock import Clock, system_clock
from pipeline.config import Config
from pipeline.folders import Folders
from pipeline.ledger import Ledger

ROOT = Path(__file__).parents[2]
ALERTS = ROOT / "pipeline" / "alerts.yaml"
Figures = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Config:
    return synced(tmp_path_factory.mktemp("probes"))


def read(text: str) -> Figures:
    samples: list[Sample] = [one for family in text_string_to_metric_families(text) for one in family.samples]
    assert all(one.name.startswith("evalsync_") for one in samples)
    found = {(one.name, frozenset(one.labels.items())): one.value for one in samples}
    assert len(found) == len(samples)  # each once
    return found


def value(figures: Figures, name: str, **labels: str) -> float:
    return figures[f"evalsync_{name}", frozenset(labels.items())]


async def scrape(to: Config) -> tuple[Figures, str]:
    async with site(to) as one:
        answer, text = await one.get("/metrics")
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("text/plain; version=")
        return read(text), text


async def test_figures_are_those_of_the_ledgers_and_the_snapshot(data: Config) -> None:
    figures, text = await scrape(data)
    for stream in published(data, "SELECT * FROM marts.sync_health"):
        name = {"source": stream["source"], "stream": stream["stream"]}
        assert value(figures, "rows", **name, state="present") == stream["rows_present"]
        assert value(figures, "rows", **name, state="deleted") == stream["rows_deleted"]
        states = [
            value(figures, "proof_state", **name, state=state) for state in (stream["proof_state"], "none")
        ]
        assert states == [1, 0]
        moment = value(figures, "last_success_timestamp_seconds", **name)
        assert moment == stream["last_ok_at"].timestamp()
        assert 0 <= time.time() - moment - value(figures, "freshness_seconds", **name) < 60
    [run] = Ledger(Folders(data.data_dir).ledger, system_clock()).runs()
    assert value(figures, "runs_total", outcome="ok") == 1
    took = run["finished_at"] - run["started_at"]
    assert value(figures, "run_seconds_total", outcome="ok") == pytest.approx(took)
    assert value(figures, "last_run_duration_seconds") == pytest.approx(took)
    for source in run["receipt"]["sources"]:
        answers = {
            labels: count
            for (name, labels), count in figures.items()
            if name == "evalsync_last_run_requests" and ("source", source["source"]) in labels
        }
        assert sum(answers.values()) == source["requests"] > 0
        assert {dict(labels)["status"] for labels in answers} == {"2xx"}
    for left in run["receipt"]["budgets"]:
        if left["day_left"] is not None:
            place = {"source": left["source"], "group": left["group"], "window": "day"}
            assert value(figures, "budget_left_requests", **place) == left["day_left"]
    assert value(figures, "freshness_allowed_seconds") == 26 * 3600
    assert HOSTILE_NAME not in text
    assert "secret" not in text
    assert str(data.data_dir) not in text
    assert len(figures) < 400


async def test_what_never_was_proven_is_infinitely_old_and_a_killed_run_is_lost(tmp_path: Path) -> None:
    async with nothing_synced(tmp_path) as to:
        figures, _ = await scrape(to)
        assert value(figures, "freshness_seconds", source="demo", stream="users") == float("inf")
        assert value(figures, "runs_total", outcome="ok") == 0
        Folders(to.data_dir).make()
        ledger = Ledger(Folders(to.data_dir).ledger, system_clock())
        ledger.acquire("a")
        assert value((await scrape(to))[0], "runs_under_way") == 1
        later = Ledger(Folders(to.data_dir).ledger, moved(timedelta(hours=1)))
        later.release(later.acquire("b"), "failed", {"error": "x"})
        figures, _ = await scrape(to)
        assert [value(figures, "runs_total", outcome=one) for one in ("lost", "failed")] == [1, 1]
        assert value(figures, "runs_under_way") == 0
        assert value(figures, "last_run_outcome", outcome="failed") == 1


def moved(by: timedelta) -> Clock:
    clock = system_clock()
    seconds = by.total_seconds()
    return replace(clock, wall=lambda: time.time() + seconds, steady=lambda: clock.steady() + seconds)


async def test_ready_while_fresh_alive_in_any_case(data: Config, tmp_path: Path) -> None:
    async with site(data) as one:
        answer, text = await one.get("/readyz")
        assert (answer.status, json.loads(text)["ready"]) == (200, True)
    async with site(data, clock=moved(timedelta(hours=27))) as one:
        answer, text = await one.get("/readyz")
        assert (answer.status, json.loads(text)["state"]) == (503, "stale")
        assert (await one.get("/healthz"))[0].status == 200
    patient = serving(data, stale_after="3d")
    async with site(patient, clock=moved(timedelta(hours=27))) as one:
        assert (await one.get("/readyz"))[0].status == 200
    async with nothing_synced(tmp_path / "empty") as to, site(to) as one:
        answer, text = await one.get("/readyz")
        assert (answer.status, json.loads(text)["state"]) == (503, "empty")


async def test_a_file_that_is_no_database_is_not_ready(data: Config, tmp_path: Path) -> None:
    folder = tmp_path / "data" / "snapshots" / "20260101T000000.000000Z-dead"
    folder.mkdir(parents=True)
    (folder / "warehouse.duckdb").write_bytes(b"no database")
    (tmp_path / "data" / "current").symlink_to("snapshots/20260101T000000.000000Z-dead")
    async with site(data.model_copy(update={"data_dir": tmp_path / "data"})) as one:
        answer, text = await one.get("/readyz")
        assert (answer.status, json.loads(text)["state"]) == (503, "unreadable")
        assert str(tmp_path) not in text
        assert (await one.get("/metrics"))[0].status == 503
        assert (await one.get("/healthz"))[0].status == 200


async def test_only_healthz_is_open_where_a_token_is_set(data: Config) -> None:
    guarded = serving(data, token="t0ken-t0ken")
    assert isinstance(guarded.serve.token, SecretStr)
    async with site(guarded) as one:
        found = [(await one.get(path))[0].status for path in ("/healthz", "/readyz", "/metrics")]
        assert found == [200, 401, 401]
        answer, text = await one.get("/metrics", headers={"Authorization": "Bearer t0ken-t0ken"})
        assert answer.status == 200
        assert "t0ken" not in text


async def test_every_figure_of_the_alert_rules_and_of_the_readme_is_there(data: Config) -> None:
    _, text = await scrape(data)
    types = re.findall(r"^# TYPE (\w+) ", text, re.MULTILINE)
    rules = [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]
    assert len(rules) == 7
    for rule in rules:
        named = set(re.findall(r"evalsync_\w+", rule["expr"]))
        assert named <= set(types), rule["alert"]
        assert named or "up{" in rule["expr"]
        assert {"summary", "what_to_do"} == rule["annotations"].keys()
    told = set(re.findall(r"`(evalsync_\w+)", (ROOT / "README.md").read_text()))
    assert told == set(types)


@pytest.mark.promtool
def test_the_alert_rules_come_when_they_should_and_not_before() -> None:
    for words in (
        ("check", "rules", str(ALERTS)),
        ("test", "rules", str(ROOT / "tests" / "alerts" / "rules_test.yaml")),
    ):
        done = subprocess.run(["promtool", *words], capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.promtool
async def test_the_figures_are_as_prometheus_wants_them(data: Config) -> None:
    _, text = await scrape(data)
    line = ["promtool", "check", "metrics"]
    done = await asyncio.to_thread(
        subprocess.run, line, input=text, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
