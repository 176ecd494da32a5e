"""Who counts only the days anew that have changed, and who counts everything.

Kills: a sync that counts everything every night; a repair that leaves what is wrong in days that nobody touches.
"""

import asyncio
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest
from nightly import Account

from pipeline.present import rebuild_marts
from pipeline.run import Request, audit

WRONG = "nobody's"


@pytest.fixture
def spoiled(demo: Account) -> Account:
    """An account whose oldest day is counted wrong."""
    with duckdb.connect(str(demo.data / "state" / "warehouse.duckdb")) as db:
        oldest = "(SELECT min(day) FROM marts.rating_counts)"
        db.execute(f"UPDATE marts.rating_counts SET agent_name = ? WHERE day = {oldest}", [WRONG])  # noqa: S608
    return demo


def wrong(snapshot: Path) -> int:
    with duckdb.connect(str(snapshot / "warehouse.duckdb"), read_only=True) as db:
        statement = "SELECT count(*) FROM marts.rating_distribution WHERE agent_name = ?"
        [(count,)] = db.execute(statement, [WRONG]).fetchall()
    return int(count)


def test_a_sync_counts_the_days_that_have_changed(spoiled: Account) -> None:
    spoiled.insert(timedelta(minutes=5))
    spoiled.now += timedelta(hours=1)
    assert spoiled.sync().outcome == "ok"
    assert wrong(spoiled.current()) > 0


def test_a_rebuild_counts_everything(spoiled: Account) -> None:
    snapshot, _ = asyncio.run(rebuild_marts(spoiled.config(), ()))
    assert wrong(snapshot) == 0


def test_an_audit_counts_everything(spoiled: Account) -> None:
    receipt, _ = asyncio.run(audit(spoiled.config(), Request(), requests=100))
    assert receipt.outcome == "ok"
    assert wrong(spoiled.current()) == 0
