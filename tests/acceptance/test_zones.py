"""Where the machine stands: a sync under another time zone than UTC asks for, loads and files what it does under UTC.

Kills: a session of DuckDB in the machine's zone; bounds in local time; a month of the lake that begins at a local
midnight.
"""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from nightly import account, command

from connectors.simulator.world import World

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
AROUND = [timedelta(hours=hours, minutes=30) for hours in range(-14, 47)]


def test_where_the_machine_stands_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/Sao_Paulo")  # of the command, which is a process of its own
    world = World(until=NEW_YEAR + timedelta(days=2))
    moments = {world.insert(NEW_YEAR + hours): NEW_YEAR + hours for hours in AROUND}
    with account(world, tmp_path) as demo:
        done = command(demo.write_config({"page_size": 20}), "sync", "--json")
        assert done.returncode == 0, done.stderr
        asked = [one.query["date_from"] for one in demo.simulator.arrivals if "date_from" in one.query]
        filed = {
            row["evaluation_id"]: (path.parent.name, row["created_at"])
            for path in (demo.current() / "evaluations").rglob("*.parquet")
            for row in pq.read_table(path, partitioning=None).to_pylist()
        }
    assert filed == {key: (f"month={at:%Y-%m}", at) for key, at in moments.items()}
    assert all(text.endswith("Z") for text in asked)
    [stream] = json.loads(done.stdout)["sources"][0]["streams"]
    assert stream["watermark"].startswith("2026-01-02T23:59:55")
