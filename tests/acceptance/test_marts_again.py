"""Who counts only the days anew that have changed, and who counts everything.

Kills: a sync that counts everything every night; a repair that leaves what is wrong in days that nobody touches.
"""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest
from nightly import Account, copy_of, synced_once

from pipeline.present import rebuild_marts
from pipeline.run import Request, audit

WRONG = "nobody's"


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Account:
    return synced_once(tmp_path_factory.mktemp("synced"))


@pytest.fixture
def demo(synced: Account, tmp_path: Path) -> Iterator[Account]:
    """An account whose oldest day is counted wrong."""
    with copy_of(synced, tmp_path) as demo:
        with duckdb.connect(str(demo.data / "state" / "warehouse.duckdb")) as db:
            oldest = "(SELECT min(day) FROM marts.rating_counts)"
            db.execute(f"UPDATE marts.rating_counts SET agent_name = ? WHERE day = {oldest}", [WRONG])  # noqa: S608
        yield demo


def wrong(snapshot: Path) -> int:
    with duckdb.connect(str(snapshot / "warehouse.duckdb"), read_only=True) as db:
        statement = "SELECT count(*) FROM marts.rating_distribution WHERE agent_name = ?"
        [(count,)] = db.execute(statement, [WRONG]).fetchall()
    return int(count)


def test_a_sync_counts_the_days_that_have_changed(demo: Account) -> None:
    demo.insert(timedelta(minutes=5))
    demo.now += timedelta(hours=1)
    assert demo.sync().outcome == "ok"
    assert wrong(demo.current()) > 0


def test_a_rebuild_counts_everything(demo: Account) -> None:
    snapshot, _ = asyncio.run(rebuild_marts(demo.config(), ()))
    assert wrong(snapshot) == 0


def test_an_audit_counts_everything(demo: Account) -> None:
    receipt, _ = asyncio.run(audit(demo.config(), Request(), requests=100))
    assert receipt.outcome == "ok"
    assert wrong(demo.current()) == 0
