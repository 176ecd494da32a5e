"""Damaged ledgers: named, with what to do; nothing is sent uncounted, and nothing but the list of runs is lost.

What a lost ledger of requests means for the budget: test_lost_ledger.py. Kills: a damaged ledger that is made anew in
silence; a run that ends as a usage error because its budget broke on the way; a refused run noted as interrupted.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from damage import cut, garbage
from nightly import Account, account
from remains import month, rows_of, table

from connectors.simulator.log import Arrival
from connectors.simulator.script import Script
from schemas.errors import ConfigError, LoadError

Damage = Callable[[Path], None]
LONG = pytest.mark.campaign


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Account]:
    with account(month(5, 60), tmp_path) as demo:
        assert demo.sync().outcome == "ok"
        yield demo


@pytest.mark.parametrize("damage", [garbage, pytest.param(cut, marks=LONG)])
def test_a_damaged_ledger_of_runs_is_named_and_can_be_moved_away(demo: Account, damage: Damage) -> None:
    """Only the list of runs is lost with it: the requests are counted elsewhere, and nothing waits."""
    path = demo.data / "state" / "ledger.sqlite"
    damage(path)
    with pytest.raises((ConfigError, LoadError), match=r"ledger\.sqlite cannot be"):
        demo.sync()
    path.rename(path.with_name("away"))
    assert demo.sync().outcome == "ok"
    assert rows_of(demo.data / "state" / "warehouse.duckdb") == table(demo.world)


def test_a_damaged_ledger_of_requests_refuses_the_run_with_a_sentence(demo: Account) -> None:
    asked = len(demo.simulator.arrivals)
    garbage(demo.data / "state" / "budget.sqlite")
    with pytest.raises(ConfigError, match=r"budget\.sqlite: the ledger of requests cannot be used"):
        demo.sync()
    assert len(demo.simulator.arrivals) == asked
    path = demo.data / "state" / "ledger.sqlite"
    with closing(sqlite3.connect(path)) as db:
        [(outcome,)] = db.execute("SELECT outcome FROM runs ORDER BY started_at DESC LIMIT 1").fetchall()
    assert outcome == "failed"  # and not interrupted: nobody stopped it


def test_a_ledger_of_requests_that_breaks_on_the_way_is_a_line_in_the_receipt(tmp_path: Path) -> None:
    budget = tmp_path / "data" / "state" / "budget.sqlite"

    def spoil(_turn: int, _arrival: Arrival) -> None:
        """Before the first page is answered: requests of both streams are always still to come."""
        with closing(sqlite3.connect(budget)) as db:
            db.execute("DROP TABLE IF EXISTS grants")
            db.commit()

    with account(month(5, 150), tmp_path, script=Script(before=[spoil])) as demo:
        receipt = demo.sync({"streams": ["evaluations", "calls"]})
        assert receipt.outcome in ("failed", "unproven")
        said = [one.error for one in receipt.streams if one.error]
        assert any("the ledger of requests cannot be used" in sentence for sentence in said), said
        assert receipt.budgets == []
