"""`evalsync runs`, `evalsync report` and `evalsync status`: what was, and what to do, in figures that are the marts'.

Kills: a report with a comment, a script or an address in it, or that others can read; figures of another moment; a
history that hides why a run failed; a status that says all is well, or nothing to do, when it is not.
"""

import json
import re
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from page import HOSTILE, HOSTILE_NAME, published, synced

from connectors.clock import system_clock
from pipeline.config import Config
from pipeline.folders import Folders
from pipeline.ledger import Ledger
from pipeline.runs import runs
from pipeline.terminal_runs import print_runs
from pipeline.terminal_status import print_status
from pipeline.web.health import health
from pipeline.web.report import write_report
from schemas.errors import ConfigError, LoadError


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Config:
    return synced(tmp_path_factory.mktemp("report"))


async def test_the_report_stands_alone_and_says_what_the_marts_say(data: Config, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    await write_report(data, path, system_clock().now())
    page = path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not re.search(r"<script|<link|<img|<iframe|<[a-z][^<>]*\son\w+=|url\(|@import", page)
    assert set(re.findall(r"https?://[^\s\"'<]+", page)) <= {
        "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink",
    }  # fmt: skip
    assert page.count("<svg") == 4
    assert HOSTILE_NAME not in page
    comments = published(data, "SELECT DISTINCT comment FROM core.evaluations WHERE length(comment) > 20")
    assert len(comments) > 20
    assert not [row for row in comments if row["comment"] in page]
    assert not [text for text in HOSTILE if text in page]
    assert str(data.data_dir) not in page
    [wanted] = published(
        data,
        "SELECT sum(evaluations)::BIGINT AS evaluations, 100.0 * sum(satisfied) / sum(evaluations) AS rate"
        " FROM marts.satisfaction_rate WHERE day > (SELECT max(day) FROM marts.satisfaction_rate) - 365",
    )
    assert f"Evaluations <b>{wanted['evaluations']:,}</b>" in page
    assert f"Satisfied customers <b>{wanted['rate']:.1f} %</b>" in page
    for proof in published(data, "SELECT source, stream, loaded_total FROM meta.proofs"):
        assert f"<td>{proof['source']}</td><td>{proof['stream']}</td>" in page
    assert page.count("proven</td>") >= 6


async def test_a_report_that_cannot_be_made_says_why(data: Config, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--out"):
        await write_report(data, tmp_path / "nowhere" / "report.html", system_clock().now())
    nothing = data.model_copy(update={"data_dir": tmp_path})
    with pytest.raises(LoadError, match="evalsync sync"):
        await write_report(nothing, tmp_path / "report.html", system_clock().now())
    assert list(tmp_path.iterdir()) == []  # noqa: ASYNC240 - a test may look


def test_the_history_has_every_run_and_why_it_failed(
    data: Config, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    print_runs(runs(Folders(tmp_path), 5))
    assert "evalsync sync" in capsys.readouterr().out
    [run] = runs(Folders(data.data_dir), 5)
    [kept] = Ledger(Folders(data.data_dir).ledger, system_clock()).runs()
    assert run["requests"] == sum(source["requests"] for source in kept["receipt"]["sources"])
    print_runs([run, {**run, "outcome": "failed", "error": "demo: refused [403]", "seconds": None}])
    told = capsys.readouterr().out
    assert f" {run['inserted']:,} " in told
    assert "demo: refused [403]" in told
    assert told.count(run["started_at"][:10]) == 3


async def test_the_status_leads_with_the_verdict_and_what_to_do(
    data: Config, capsys: pytest.CaptureFixture[str]
) -> None:
    now = system_clock().now()
    found = (await health(data, now)).as_json()
    assert json.loads(json.dumps(found)) == found
    print_status(found)
    told = capsys.readouterr().out
    assert told.startswith("fresh: Proven equal to the source")
    assert "to do" not in told
    print_status((await health(data, now + timedelta(days=2))).as_json())
    told = capsys.readouterr().out
    assert told.startswith("stale: ")
    assert "to do: evalsync sync" in told
    assert " 2 d " in told
    streams = [{**found["streams"][0], "proof_state": "unproven", "proof_reason": "7 here, 8 there"}]
    print_status({**found, "state": "unproven", "sentence": "x", "streams": streams})
    told = capsys.readouterr().out
    assert "to do: evalsync audit" in told
    assert "not proven equal to the source: 7 here, 8 there" in told
