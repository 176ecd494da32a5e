"""The calls behind the evaluations: what a generated world has, what a world made by hand has, and when."""

import random
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.simulator.calls import PAST_THE_CUT, STATUSES, unrated
from connectors.simulator.clock import seconds, stamp
from connectors.simulator.files import load_file
from connectors.simulator.office import name_id
from connectors.simulator.roster import roster
from connectors.simulator.server import serve
from connectors.simulator.world import UNTIL, World
from connectors.simulator.year import generate

NOON = datetime(2025, 6, 10, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_every_evaluation_has_its_completed_call_some_minutes_before() -> None:
    world = generate(7, 2000)
    ids = {(person.name, person.department): person.voki_id for person in roster(7)}
    departments = {row["name"]: row["id"] for row in world.departments.rows()}
    for row in world.rows():
        call = world.calls.find(row["call_id"])
        assert call is not None
        for name in ("customer_name", "user_name", "department_name"):
            assert call[name] == row[name]
        assert call["status"] == "completed"
        assert call["user_id"] == ids[row["user_name"], row["department_name"]]
        assert call["department_id"] == departments[row["department_name"]]
        begun, started = at(call["inserted_at"]), at(call["started_at"])
        completed, rated = at(call["completed_at"]), at(row["inserted_at"])
        assert started - begun == timedelta(seconds=call["wait_time"])
        assert completed - started == timedelta(seconds=call["duration"])
        assert MINUTE <= rated - completed < 12 * MINUTE
        assert rated - begun < 60 * MINUTE


def test_about_as_many_again_were_not_rated_or_not_answered() -> None:
    world = generate(7, 5000)
    calls, rated = world.calls.rows(), {row["call_id"] for row in world.rows()}
    assert 1.5 < len(calls) / len(world) < 1.7
    status = Counter(call["status"] for call in calls)
    assert set(status) == set(STATUSES)
    assert 1 <= status["queued"] + status["active"] <= 10
    assert status["completed"] > len(world) * 1.3
    assert status["missed"] > status["cancelled"] > 100
    share = {}
    for row in world.departments.rows():
        own = [
            call["id"] in rated for call in calls if call["department_id"] == row["id"] and call["duration"]
        ]
        share[row["name"]] = sum(own) / len(own)
    assert min(share.values()) < 0.63
    assert max(share.values()) > 0.83


def test_who_was_not_answered_has_no_agent_and_who_waits_does_so_at_the_end() -> None:
    for call in generate(7, 1000).calls.rows():
        answered, done = call["status"] in ("active", "completed"), call["status"] == "completed"
        assert (call["user_id"] is not None) is (call["started_at"] is not None) is answered
        assert (call["completed_at"] is not None) is (call["duration"] is not None) is done
        assert (call["wait_time"] is None) is (call["status"] == "queued")
        if call["status"] in ("queued", "active"):
            assert UNTIL - 16 * MINUTE < at(call["inserted_at"]) < UNTIL


def test_no_call_is_later_than_the_world() -> None:
    until = seconds(UNTIL)
    drawn = list(unrated("x", roster(7) * 10, [until - 10] * 300, until))
    assert len(drawn) > 100
    for began, call in drawn:
        assert call["inserted_at"] == stamp(began) < (call["completed_at"] or stamp(until)) <= stamp(until)


def test_calls_and_staff_are_the_same_again() -> None:
    first, again = generate(7, 300), generate(7, 300)
    assert first.calls.rows() == again.calls.rows()
    assert len(first.calls.ids()) == len(first.calls)
    assert first.users.rows() == generate(7, 10).users.rows() != generate(8, 10).users.rows()
    assert generate(7, 300, tenant="other").calls.ids().isdisjoint(first.calls.ids())


@pytest.mark.parametrize("seed", range(5))
def test_any_history_leaves_every_list_as_a_plain_one_would_be(seed: int) -> None:
    source, table = random.Random(seed), World().calls
    desks = [{"department_id": f"d{i % 2}", "user_id": None if i == 3 else f"u{i}"} for i in range(4)]
    for _ in range(200):
        act, when = source.random(), NOON + source.randrange(40) * MINUTE
        if act < 0.5 or not table:
            table.insert(when, status=source.choice(STATUSES), **source.choice(desks))
        elif act < 0.8:
            table.edit(source.choice(sorted(table.ids())), status=source.choice((*STATUSES, None, [1])))
        elif act < 0.9:
            table.edit(source.choice(sorted(table.ids())), at=when, **source.choice(desks))
        elif act < 0.98:
            table.delete(source.choice(sorted(table.ids())))
        else:
            table.purge(NOON + source.randrange(5) * MINUTE)
    table.purge(NOON + 3 * MINUTE)
    rows = table.rows()
    assert [row["inserted_at"] for row in rows] == sorted(row["inserted_at"] for row in rows)
    values = {"status": STATUSES, "department_id": ("d0", "d1"), "user_id": ("u0", "u1", "u2", "u9")}
    for field, value in [(name, value) for name, several in values.items() for value in several]:
        keys, low, high = table.span(label=(field, value))
        assert [table.row(key) for key in keys[low:high]] == [row for row in rows if row[field] == value]


def test_nothing_rated_is_nothing_called() -> None:
    assert generate(7, 0).calls.rows() == []
    assert World().calls.rows() == World().users.rows() == World().departments.rows() == []


def test_when_they_are_first_asked_for_makes_no_difference() -> None:
    early, late = generate(7, 100), generate(7, 100)
    for table in (early.calls, early.departments, early.users):
        assert len(table) > 4
    for world in (early, late):
        first, second = world.rows()[:2]
        world.insert(NOON, user_name="Nova Pessoa", department_name="Vendas Externas")
        world.delete(first["id"])
        world.edit(second["id"], call_id="other", user_name="Outra Pessoa")
    assert early.calls.rows() == late.calls.rows()
    assert early.departments.rows() == late.departments.rows()
    assert early.users.rows() == late.users.rows()
    assert late.calls.counts == Counter()


async def test_who_asks_for_evaluations_only_never_has_them_built(ask: Any) -> None:
    world, where = generate(7, 50), "/api/v1/evaluations"
    async with serve(world, tokens={"secret": "demo"}) as simulator:
        for path in (where, f"{where}/stats", f"{where}/{world.rows()[0]['id']}"):
            assert (await ask(simulator, path)).status == 200
        assert world._office is None
        assert (await ask(simulator, "/api/v1/calls")).status == 200
        assert world._office is not None


def given(*evaluations: dict[str, Any]) -> World:
    """A world of rows, a minute apart from noon on."""
    return World.from_pairs((seconds(NOON) + 60 * i, row) for i, row in enumerate(evaluations))


def test_a_world_of_given_rows_has_whom_they_name_and_no_other_call() -> None:
    world = given(
        {"call_id": "a", "user_name": "Zoë Sá", "department_name": "Retenção", "customer_name": "Eva"},
        {"call_id": "b", "user_name": "Zoë Sá", "department_name": "Vendas", "customer_name": None},
        {"call_id": "b", "user_name": "Rui", "department_name": "Vendas", "customer_name": None},
    )
    assert world.calls.ids() == {"a", "b"}, "one call, rated twice"
    assert {row["id"]: row["name"] for row in world.users.rows()} == {
        name_id("Zoë Sá"): "Zoë Sá",
        name_id("Rui"): "Rui",
    }
    assert sorted(row["name"] for row in world.departments.rows()) == ["Retenção", "Vendas"]
    call = world.calls.find("a")
    assert call is not None
    assert (call["user_id"], call["department_id"]) == (name_id("Zoë Sá"), name_id("Retenção"))
    assert call["customer_name"] == "Eva"


def test_a_person_s_own_file_has_its_calls(tmp_path: Path) -> None:
    file = tmp_path / "ratings.csv"
    file.write_text("rating,user_name,department_name\n5,Ana,Vendas\n1,,Vendas\n", "utf-8")
    world = load_file(file)
    assert world.calls.ids() == {row["call_id"] for row in world.rows()}
    assert [row["name"] for row in world.users.rows()] == ["Ana"]
    assert [row["name"] for row in world.departments.rows()] == ["Vendas"]


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"call_id": None},
        {"call_id": ""},
        {"call_id": ["x"]},
        {"call_id": "\ud800", "user_name": None, "department_name": {}, "customer_name": 7},
        {"call_id": "c", "user_name": "", "department_name": "\x00", "customer_name": "\ud800"},
    ],
)
def test_a_poisoned_evaluation_may_name_anything(row: dict[str, Any]) -> None:
    world = given(row)
    assert world.calls.ids() == ({row["call_id"]} if "customer_name" in row else set())
    for call in world.calls.rows():
        assert call["user_id"] is None
        assert call["customer_name"] == row["customer_name"]
    assert world.users.rows() == []


def test_a_call_goes_its_way_and_is_found_by_each_status() -> None:
    world = World()
    call_id = world.calls.insert(NOON, status="queued", user_id=None, user_name=None)
    for status in ("queued", "active", "completed"):
        world.calls.edit(call_id, status=status)
        found = {name: world.calls.span(label=("status", name)) for name in STATUSES}
        assert [name for name, (_, low, high) in found.items() if high > low] == [status]
    world.calls.edit(call_id, at=NOON + MINUTE)
    assert [row["inserted_at"] for row in world.calls.rows(NOON + MINUTE)] == ["2025-06-10T12:01:00Z"]
    world.calls.insert_raw(NOON, {"id": 9, "status": ["queued"], "user_id": None, "novo": 1})
    assert len(world.calls.rows(NOON, NOON + MINUTE)) == 1
    world.calls.delete(call_id)
    assert world.calls.ids() == {"9"}


def test_a_snapshot_holds_all_tables_still() -> None:
    world = generate(7, 50)
    changed = world.rows()[0]["call_id"]
    world.calls.edit(changed, status="missed")
    copy, rows = world.snapshot(), world.calls.rows()
    world.calls.delete(changed)
    world.users.edit(roster(7)[0].voki_id, active=False)
    world.departments.insert(NOON)
    assert copy.calls.rows() == rows
    assert (copy.calls.find(changed) or {})["status"] == "missed"
    assert copy.calls.counts == Counter(edited=1)
    assert copy.users.rows() == generate(7, 50).users.rows()
    assert copy.departments.rows() == generate(7, 50).departments.rows()
    for table in (copy.calls, copy.users, copy.departments):
        assert table.lock is copy.lock is not world.lock


def test_a_snapshot_of_what_nobody_asked_for_is_that_of_the_beginning() -> None:
    world = generate(7, 50)
    copy = world.snapshot()
    world.calls.insert(NOON)
    assert copy.calls.rows() == generate(7, 50).calls.rows()
    copy.calls.insert(NOON)
    assert len(copy.calls) == len(world.calls)


def test_one_lock_for_all_tables() -> None:
    world, taken = generate(7, 50), list[bool]()
    tables = (world, world.calls, world.departments, world.users)

    def other() -> None:
        taken.extend(table.lock.acquire(blocking=False) for table in tables)

    with world.lock:
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert taken == [False] * 4


def test_a_plausible_row_of_every_table_has_every_field() -> None:
    world = generate(7, 50)
    for table in (world.calls, world.departments, world.users):
        known = set(table.rows()[0])
        made = table.find(table.insert(NOON, name="Alguém"))
        assert made is not None
        assert set(made) == known | {"name"}
        assert made["inserted_at"] == "2025-06-10T12:00:00Z"
    assert set(world.calls.rows()[0]) > PAST_THE_CUT
