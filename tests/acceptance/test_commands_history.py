"""The commands that work on what is loaded already: the audit, and the marts of an earlier moment."""

from pathlib import Path

import pytest
from shell import SIMULATED, document, evalsync


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.yaml").write_text(SIMULATED)
    return tmp_path


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


def test_a_replay_and_one_that_is_refused(folder: Path) -> None:
    """Kills: a refusal that is exit code 0, or that leaves no warehouse."""
    assert evalsync(folder, "sync", "--json").returncode == 0
    (folder / "data" / "state" / "warehouse.duckdb").write_bytes(b"damaged")
    shown = evalsync(folder, "replay")
    assert shown.returncode == 0, shown.stderr
    for said in ("demo/evaluations", "300", "without a request", "kept as", "data/current/warehouse.duckdb"):
        assert said in shown.stdout
    for note in (folder / "data" / "state" / "packages").glob("*/*/loads/*.load"):
        note.unlink()
    refused = evalsync(folder, "replay", "--source", "demo", "--json")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "demo/evaluations was loaded by an older evalsync" in refused.stderr
    assert document(evalsync(folder, "status", "--json"))["streams"][0]["rows_present"] == 300
