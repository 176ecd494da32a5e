"""What happens between requests: in time, seeded, and with a table that still tells the truth."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.simulator.log import Arrival
from connectors.simulator.script import Churn, Script, purging
from connectors.simulator.server import serve
from connectors.simulator.world import World
from connectors.simulator.year import generate

LIST = "/api/v1/evaluations"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
YEAR = (NOW - timedelta(days=365), NOW)
NOBODY = Arrival(1, 0.0, NOW, "GET", LIST, LIST, {}, "key")


async def test_the_table_changes_before_a_list_request_and_is_seen_by_it(ask: Any) -> None:
    world, seen = World(until=NOW), list[tuple[int, str, int]]()

    def before(turn: int, arrival: Arrival) -> None:
        seen.append((turn, arrival.query["page"], arrival.n))
        world.insert(NOW - timedelta(minutes=10 - turn))

    async with serve(world, script=Script(before=[before]), tokens={"secret": "demo"}) as simulator:
        totals = []
        for page in (1, 2):
            totals.append((await ask(simulator, LIST, page=page)).body["meta"]["total_count"])
            await ask(simulator, LIST + "/stats")
    assert totals == [1, 2]
    assert seen == [(1, "1", 1), (2, "2", 3)]


async def test_it_may_change_before_other_requests_too(ask: Any) -> None:
    world = World(until=NOW)

    def before(_turn: int, _arrival: Arrival) -> None:
        world.insert(NOW)

    script = Script(before=[before], moments=frozenset({"stats"}))
    async with serve(world, script=script, tokens={"secret": "demo"}, now=lambda: NOW) as simulator:
        assert (await ask(simulator, LIST)).body["meta"]["total_count"] == 0
        assert (await ask(simulator, LIST + "/stats")).body["data"]["total_evaluations"] == 1


def churned(seed: int, turns: int = 50, **rates: Any) -> World:
    world = generate(1, 300)
    change = Churn(world, seed, YEAR, now=lambda: NOW + timedelta(hours=1), **rates)
    for turn in range(1, turns + 1):
        change(turn, NOBODY)
    return world


def test_churn_does_so_much_per_request_and_the_same_again() -> None:
    rates: dict[str, Any] = {"inserts": 1, "late_inserts": 2, "edits": 1, "deletes": 0.5}
    world = churned(4, **rates)
    assert world.counts["inserted"] == 150
    assert 10 < world.counts["deleted"] < 40
    assert world.counts["edited"] == 50
    assert len(world.rows(NOW)) == 50, "inserts happen now, everything else inside"
    assert churned(4, **rates).rows() == world.rows() != churned(5, **rates).rows()


@pytest.mark.parametrize(
    "rates", [{"deletes": 2.5}, {"late_inserts": 1.5}, {"deletes": 1, "late_inserts": 3}]
)
def test_a_constant_total_tells_nothing(rates: dict[str, Any]) -> None:
    world = generate(1, 300)
    before = world.ids()
    change = Churn(world, 1, YEAR, constant_total=True, **rates)
    for turn in range(1, 31):
        change(turn, NOBODY)
        assert len(world.rows(*YEAR)) == 300
    assert world.counts["deleted"] == world.counts["inserted"] > 20
    assert world.ids() != before


def test_churn_stops_after_its_turns() -> None:
    assert churned(1, turns=50, late_inserts=1).counts["inserted"] == 50
    world = generate(1, 10)
    change = Churn(world, 1, YEAR, deletes=1, turns=3)
    for turn in range(1, 9):
        change(turn, NOBODY)
    assert len(world) == 7


def test_churn_of_an_emptied_world_does_nothing() -> None:
    world = World()
    Churn(world, 1, YEAR, deletes=5, edits=5, constant_total=True)(1, NOBODY)
    assert len(world) == 0


def test_inserts_without_a_calendar_are_refused() -> None:
    with pytest.raises(ValueError, match="calendar"):
        Churn(World(), 1, YEAR, inserts=1)


def test_a_retention_rule_strikes_once() -> None:
    world = generate(1, 300)
    rule = purging(world, NOW - timedelta(days=100), at_turn=2)
    rule(1, NOBODY)
    assert len(world) == 300
    rule(2, NOBODY)
    assert world.rows()[0]["inserted_at"] >= "2025-09-23"
    left = len(world)
    world.insert(NOW - timedelta(days=300))
    rule(3, NOBODY)
    assert len(world) == left + 1


def test_alive_since_knows_who_never_left() -> None:
    world = generate(1, 100)
    mark, everybody = world.mark(), world.ids()
    change = Churn(world, 2, YEAR, deletes=1, late_inserts=1, edits=1)
    for turn in range(1, 21):
        change(turn, NOBODY)
    assert world.alive_since(mark) == everybody & world.ids()
    assert len(world.alive_since(mark)) < 100
    assert world.alive_since(world.mark()) == world.ids()
