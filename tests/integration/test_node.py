"""A service in Node reads the published file with DuckDB's own package: real npm, real node, a folder of the test's.

Kills: a file that another implementation of the client cannot open; one that is changed under a reader; a publish
that a long-lived process of another language never sees.
"""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from nightly import Account, account

from connectors.simulator.year import generate

HERE = Path(__file__).parent / "node"
SQL = """
SELECT sum(evaluations)::INTEGER AS evaluations, round(100 * sum(satisfied) / sum(evaluations), 1) AS satisfied,
    (SELECT strftime(max(created_at) AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%SZ') FROM core.evaluations) AS newest
FROM marts.satisfaction_rate
"""

pytestmark = pytest.mark.node


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("node") / "app"
    shutil.copytree(HERE, folder, ignore=shutil.ignore_patterns("node_modules"))
    line = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    return folder


@contextmanager
def reader(installed: Path, demo: Account) -> "Iterator[subprocess.Popen[str]]":
    line = ["node", "look.mjs", str(demo.data / "current/warehouse.duckdb"), SQL]
    pipe = subprocess.PIPE
    with subprocess.Popen(line, cwd=installed, stdin=pipe, stdout=pipe, text=True) as node:
        yield node
    assert node.returncode == 0


def said(node: "subprocess.Popen[str]") -> dict[str, Any]:
    assert node.stdout is not None
    found: dict[str, Any] = json.loads(node.stdout.readline())
    return found


def once_more(node: "subprocess.Popen[str]") -> dict[str, Any]:
    assert node.stdin is not None
    node.stdin.write("\n")
    node.stdin.flush()
    return said(node)


def true(demo: Account) -> list[dict[str, Any]]:
    """By the source's own table."""
    rows = demo.world.rows()
    satisfied = sum(row["rating"] >= 4 for row in rows)
    return [
        {
            "evaluations": len(rows),
            "satisfied": round(100 * satisfied / len(rows), 1),
            "newest": max(row["inserted_at"] for row in rows),
        }
    ]


def test_a_fresh_instance_sees_the_next_snapshot_and_an_open_one_keeps_its_own(
    installed: Path, tmp_path: Path
) -> None:
    with account(generate(5, 400), tmp_path) as demo:
        assert demo.sync().outcome == "ok"
        before = true(demo)
        with reader(installed, demo) as node:
            first = said(node)
            assert (first["held"], first["fresh"]) == (before, before)
            assert "read-only mode" in first["refused"]
            for _ in range(4):  # so that the first snapshot is removed too
                demo.now += timedelta(hours=1)
                demo.insert(timedelta(minutes=5), rating=1)
                assert demo.sync().outcome == "ok"
            later = once_more(node)
            assert (later["held"], later["fresh"]) == (before, true(demo))
            assert later["fresh"] != before
