"""Calls, departments and users over a real socket: every setting of what is left open, faults, and poison."""

from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.simulator import queries
from connectors.simulator.calls import PAST_THE_CUT
from connectors.simulator.clock import seconds
from connectors.simulator.log import Arrival
from connectors.simulator.script import Fault, Script
from connectors.simulator.server import Simulator, serve
from connectors.simulator.switches import Switches
from connectors.simulator.table import Key, Table, Wire
from connectors.simulator.world import World
from connectors.simulator.year import generate

CALLS, DEPARTMENTS, USERS = "/api/v1/calls", "/api/v1/departments", "/api/v1/users"
NOON = datetime(2025, 6, 10, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def opened(
    world: World, script: Script | None = None, **settings: Any
) -> AbstractAsyncContextManager[Simulator]:
    return serve(world, tokens={"secret": "demo"}, switches=Switches(**settings), script=script)


def handmade(calls: int = 0) -> World:
    """One call an hour from noon on."""
    world = World()
    for i in range(calls):
        world.calls.insert(NOON + i * HOUR)
    return world


def ids(reply: Any) -> list[str]:
    return [row["id"] for row in reply.body["data"]]


@pytest.mark.parametrize("path", [CALLS, DEPARTMENTS])
async def test_the_largest_page(ask: Any, path: str) -> None:
    world = World()
    for i in range(120):
        world.calls.insert(NOON + i * HOUR)
        world.departments.insert(NOON)
    name = "calls_max_page_size" if path == CALLS else "departments_max_page_size"
    sizes = {}
    for most in (100, 30, None):
        settings: dict[str, Any] = {name: most}
        async with opened(world, **settings) as simulator:
            sizes[most] = len(ids(await ask(simulator, path, page_size=500)))
    assert sizes == {100: 100, 30: 30, None: 120}
    settings = {"over_max": "422", name: 30}
    async with opened(world, **settings) as simulator:
        assert list((await ask(simulator, path, page_size=31)).body["errors"]) == ["page_size"]
        assert (await ask(simulator, "/api/v1/evaluations", page_size=31)).status == 200


async def test_what_lies_past_the_cut(ask: Any) -> None:
    world = handmade(3)
    world.calls.insert_raw(NOON, {"id": "raw", "status": 7, "inserted_at": "ontem", "novo": True})
    async with opened(world) as simulator:
        full = (await ask(simulator, CALLS)).body["data"]
    async with opened(world, call_fields="visible") as simulator:
        visible = (await ask(simulator, CALLS)).body["data"]
        single = (await ask(simulator, f"{CALLS}/raw")).body["data"]
        later = await ask(simulator, CALLS, date_from="2025-06-10T12:00:01Z")
    assert set(full[0]) - set(visible[0]) == PAST_THE_CUT
    assert visible == [{k: v for k, v in row.items() if k not in PAST_THE_CUT} for row in full]
    assert single == {"id": "raw", "status": 7, "novo": True}
    assert later.body["meta"]["total_count"] == 2, "a field that is not shown is compared all the same"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, 3),
        ({"date_from": "exclusive"}, 2),
        ({"date_to": "exclusive"}, 2),
        ({"date_from": "exclusive", "date_to": "exclusive"}, 1),
        ({"date_unit": "day"}, 12),
    ],
)
async def test_dates_of_calls_are_read_as_those_of_evaluations(
    ask: Any, settings: dict[str, Any], expected: int
) -> None:
    async with opened(handmade(24), **settings) as simulator:
        dates = {"date_from": "2025-06-10T13:00:00Z", "date_to": "2025-06-10T15:00:00Z"}
        assert (await ask(simulator, CALLS, **dates)).body["meta"]["total_count"] == expected


@pytest.mark.parametrize("path", [CALLS, DEPARTMENTS, USERS])
async def test_past_the_end_bad_pages_and_bad_sorting(ask: Any, path: str, year: World) -> None:
    beyond = {"page": 99, "page_size": 100}
    statuses = {}
    for past_end in ("empty", "404", "422", "last"):
        async with opened(year, past_end=past_end) as simulator:
            reply = await ask(simulator, path, **beyond)
            statuses[past_end] = (reply.status, bool((reply.body or {}).get("data")))
    assert statuses == {"empty": (200, False), "404": (404, False), "422": (422, False), "last": (200, True)}
    async with opened(year) as simulator:
        strict = [
            await ask(simulator, path, **q) for q in ({"page": 0}, {"sort_by": "x"}, {"sort_order": "up"})
        ]
    assert [list(reply.body["errors"]) for reply in strict] == [["page"], ["sort_by"], ["sort_order"]]
    async with opened(year, bad_page="first", bad_sort="ignore") as simulator:
        plain = ids(await ask(simulator, path))
        for query in ({"page": 0}, {"sort_by": "x"}, {"sort_order": "up"}):
            assert ids(await ask(simulator, path, **query)) == plain


@pytest.mark.parametrize("tie_order", ["stable", "by_id_desc", "shuffled"])
async def test_namesakes_in_every_order_of_ties(ask: Any, tie_order: str) -> None:
    world = World()
    for i in range(40):
        world.users.insert(NOON, name=f"Ana {i % 2}", id=f"u{i:02d}")
    async with opened(world, tie_order=tie_order) as simulator:
        upward = [await ask(simulator, USERS, page_size=100) for _ in range(2)]
        downward = await ask(simulator, USERS, page_size=100, sort_order="desc")
    once, again, down = ids(upward[0]), ids(upward[1]), ids(downward)
    assert sorted(once) == sorted(again) == sorted(down) == sorted(world.users.ids())
    assert [int(i[1:]) % 2 for i in once] == [0] * 20 + [1] * 20
    assert [int(i[1:]) % 2 for i in down] == [1] * 20 + [0] * 20
    assert (once == again) is (tie_order != "shuffled")
    first = [i for i in once if int(i[1:]) % 2 == 0]
    assert (first == sorted(first)) is (tie_order == "stable")
    assert (first == sorted(first, reverse=True)) is (tie_order == "by_id_desc")
    if tie_order == "stable":
        assert down == once[::-1]


async def test_every_time_without_its_zone(ask: Any, year: World) -> None:
    names = ("inserted_at", "updated_at", "started_at", "completed_at")
    for naive in (False, True):
        async with opened(year, naive_times=naive) as simulator:
            for path in (CALLS, DEPARTMENTS, USERS):
                row = (await ask(simulator, path, sort_order="asc")).body["data"][0]
                times = [row[name] for name in names if row.get(name)]
                assert len(times) >= 2
                assert all(time.endswith("Z") is not naive for time in times)


@pytest.mark.parametrize(("name", "path"), [("calls", CALLS), ("departments", DEPARTMENTS), ("users", USERS)])
async def test_tables_change_before_and_faults_strike_the_endpoint_they_name(
    ask: Any, name: str, path: str
) -> None:
    world = World()
    table: Table = getattr(world, name)

    def before(_turn: int, _arrival: Arrival) -> None:
        table.insert(NOON)

    script = Script(
        before=[before],
        moments=frozenset({name}),
        faults=[
            Fault(503, match=name, at=frozenset({2})),
            Fault("no_meta", match=name, at=frozenset({3})),
            Fault(500, match=name.removesuffix("s"), first=1),
            Fault(502, match="me", first=1),
        ],
    )
    async with opened(world, script) as simulator:
        replies = [await ask(simulator, path) for _ in range(4)]
        single = [await ask(simulator, f"{path}/nobody") for _ in range(2)]
        me = [await ask(simulator, f"{USERS}/me") for _ in range(2)]
        logged = simulator.log.of(path)
    assert [reply.status for reply in replies] == [200, 503, 200, 200]
    assert list(replies[2].body) == ["data"]
    assert (len(replies[0].body["data"]), len(replies[3].body["data"])) == (1, 4)
    assert [reply.status for reply in single] == [500, 404]
    assert [reply.status for reply in me] == [502, 200]
    assert len(logged) == 4


async def test_a_stale_answer_is_stale_in_every_table(ask: Any) -> None:
    world = generate(5, 30)
    old = world.snapshot()
    world.calls.insert(NOON)
    async with opened(world, Script(faults=[Fault("stale", snapshot=old, first=1)])) as simulator:
        totals = [(await ask(simulator, CALLS)).body["meta"]["total_count"] for _ in range(2)]
    assert totals == [len(old.calls), len(old.calls) + 1]


async def test_poisoned_rows_go_out_as_they_are(ask: Any) -> None:
    world = World()
    for table in (world.calls, world.departments, world.users):
        table.insert_raw(NOON, {"id": 7, "name": None, "email": ["x"], "status": {}, "novo": 1})
        table.insert_raw(NOON, {"id": "x", "name": 3, "role": "god", "active": "yes"})
        table.insert(NOON, name="Ana")
    async with opened(world) as simulator:
        for path, table in ((CALLS, world.calls), (DEPARTMENTS, world.departments), (USERS, world.users)):
            reply = await ask(simulator, path)
            assert reply.body["meta"]["total_count"] == 3
            assert sorted(map(str, reply.body["data"])) == sorted(map(str, table.rows()))
            assert (await ask(simulator, path, search="zzz", role="god", active="true")).status == 200


def test_a_page_of_calls_does_not_look_at_the_whole_table() -> None:
    touched: list[Key] = []

    class Counting(Table):
        def row(self, key: Key) -> Wire:
            touched.append(key)
            return super().row(key)

    year = generate(1, 2000).calls
    table = Counting("x", year._example, year._labels)
    table.fill((seconds(datetime.fromisoformat(row["inserted_at"])), row) for row in year.rows())

    class Beside(World):
        @property
        def calls(self) -> Table:
            return table

    missed = [row for row in year.rows() if row["status"] == "missed"]
    query = {"page": "2", "page_size": "50", "date_from": "2025-02-01"}
    for status in ("completed", "missed"):
        touched.clear()
        found = queries.calls(Beside(), query | {"status": status}, Switches(), 1)
        assert len(touched) == len(found.payload["data"]) == 50
    everything = queries.calls(Beside(), {"status": "missed"}, Switches(), 1).payload["meta"]
    assert everything["total_count"] == len(missed)
