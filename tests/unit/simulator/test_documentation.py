"""The simulator against the vendor's documentation: envelopes, paging, figures, errors."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.simulator.office import name_id
from connectors.simulator.roster import roster
from connectors.simulator.server import serve
from connectors.simulator.world import World
from connectors.simulator.year import generate

LIST, STATS = "/api/v1/evaluations", "/api/v1/evaluations/stats"
TOKENS = {"secret": "demo"}
NOON = datetime(2026, 2, 20, 12, tzinfo=UTC)


def dated(ratings: list[int], **fields: Any) -> World:
    """One row an hour up to noon."""
    world = World(until=NOON)
    for i, rating in enumerate(ratings):
        world.insert(NOON - timedelta(hours=len(ratings) - i), rating=rating, **fields)
    return world


async def test_a_list_is_data_and_meta_newest_first_twenty_a_page(ask: Any) -> None:
    world = generate(1, 48)
    async with serve(world, tokens=TOKENS) as simulator:
        reply = await ask(simulator, LIST)
    assert reply.status == 200
    assert reply.body["meta"] == {"current_page": 1, "page_size": 20, "total_pages": 3, "total_count": 48}
    assert reply.body["data"] == world.rows()[:-21:-1]
    assert list(reply.body) == ["data", "meta"]


async def test_the_documented_page_arithmetic(ask: Any) -> None:
    async with serve(generate(1, 48), tokens=TOKENS) as simulator:
        last = await ask(simulator, LIST, page=5, page_size=10)
    assert last.body["meta"] == {"current_page": 5, "page_size": 10, "total_pages": 5, "total_count": 48}
    assert len(last.body["data"]) == 8


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("size", [1, 7, 48, 100])
async def test_the_pages_of_a_still_source_are_its_table(ask: Any, order: str, size: int) -> None:
    world = generate(2, 48)
    async with serve(world, tokens=TOKENS) as simulator:
        pages = [
            await ask(simulator, LIST, page=page, page_size=size, sort_by="inserted_at", sort_order=order)
            for page in range(1, -(-48 // size) + 1)
        ]
    rows = [row for page in pages for row in page.body["data"]]
    assert (rows if order == "asc" else rows[::-1]) == world.rows()


async def test_an_item_has_names_and_no_ids_of_people(ask: Any) -> None:
    async with serve(dated([5]), tokens=TOKENS) as simulator:
        item = (await ask(simulator, LIST)).body["data"][0]
    assert set(item) == {
        *("id", "call_id", "rating", "comment"),
        *("customer_name", "user_name", "department_name", "inserted_at"),
    }
    assert item["inserted_at"] == "2026-02-20T11:00:00Z"


async def test_rating_and_dates_filter_rows_and_totals_alike(ask: Any) -> None:
    world = generate(3, 500)
    lower, upper = datetime(2025, 3, 1, tzinfo=UTC), datetime(2025, 7, 1, 12, tzinfo=UTC)
    async with serve(world, tokens=TOKENS) as simulator:
        within = {"date_from": "2025-03-01", "date_to": "2025-07-01T11:59:59Z", "page_size": 100}
        every = await ask(simulator, LIST, sort_order="asc", **within)
        fives = await ask(simulator, LIST, sort_order="asc", rating=5, **within)
    expected = world.rows(lower, upper)
    assert every.body["meta"]["total_count"] == len(expected) > 100
    assert every.body["data"] == expected[:100]
    assert fives.body["data"] == [row for row in expected if row["rating"] == 5][:100]


async def test_statistics_of_the_documented_distribution(ask: Any) -> None:
    """42 of 48 are satisfied: 87.5. The documentation's mean of 4.6 is wrong: 212/48 is 4.4."""
    world = dated([1] + [2] * 2 + [3] * 3 + [4] * 12 + [5] * 30, comment="ok")
    for i, row_id in enumerate(sorted(world.ids())[:13]):
        world.edit(row_id, comment=None if i % 2 else "")
    async with serve(world, tokens=TOKENS) as simulator:
        reply = await ask(simulator, STATS)
    assert reply.body == {
        "data": {
            "total_evaluations": 48,
            "average_rating": 4.4,
            "distribution": {"1": 1, "2": 2, "3": 3, "4": 12, "5": 30},
            "with_comments": 35,
            "satisfaction_rate": 87.5,
        }
    }


async def test_statistics_default_to_thirty_days_up_to_today(ask: Any) -> None:
    world = World(until=NOON)
    for days in (0, 30, 31):
        world.insert((NOON - timedelta(days=days)).replace(hour=0), rating=4)
    world.insert(NOON.replace(hour=23), rating=4)
    async with serve(world, tokens=TOKENS, now=lambda: NOON) as simulator:
        reply = await ask(simulator, STATS)
    assert reply.body["data"]["total_evaluations"] == 3


async def test_statistics_follow_dates_department_and_user(ask: Any) -> None:
    world, people = generate(4, 800), roster(4)
    department = next(row for row in world.departments.rows() if row["name"] == people[1].department)
    dates = {"date_from": "2025-01-01", "date_to": "2025-12-31"}
    async with serve(world, tokens=TOKENS) as simulator:
        one = await ask(simulator, STATS, **dates, department_id=department["id"])
        namesakes = [await ask(simulator, STATS, **dates, user_id=people[i].voki_id) for i in (1, 5)]
        both = {"department_id": department["id"], "user_id": people[0].voki_id}
        nobody = await ask(simulator, STATS, **dates, **both)
    rows = [row for row in world.rows() if row["department_name"] == department["name"]]
    assert one.body["data"]["total_evaluations"] == len(rows) > 0
    assert one.body["data"]["distribution"]["5"] == sum(row["rating"] == 5 for row in rows)
    assert one.body["data"]["with_comments"] == sum(bool(row.get("comment")) for row in rows)
    assert people[1].name == people[5].name
    for reply, person in zip(namesakes, (people[1], people[5]), strict=True):
        own = [
            r
            for r in world.rows()
            if (r["user_name"], r["department_name"]) == (person.name, person.department)
        ]
        assert reply.body["data"]["total_evaluations"] == len(own) > 0, "an id is one person"
    assert nobody.body["data"]["total_evaluations"] == 0


async def test_statistics_of_a_name_that_has_no_other_id(ask: Any) -> None:
    world = dated([5, 4, 1])
    for row_id, name in zip(sorted(world.ids()), ("Ana Luz", "Ana Luz", "Rui"), strict=True):
        world.edit(row_id, user_name=name)
    async with serve(world, tokens=TOKENS, now=lambda: NOON) as simulator:
        mine = await ask(simulator, STATS, user_id=name_id("Ana Luz"))
        every = await ask(simulator, STATS, department_id=name_id("Suporte"))
    totals = [reply.body["data"]["total_evaluations"] for reply in (mine, every)]
    assert totals == [2, 3]


async def test_stats_is_no_id_and_an_unknown_id_is_404(ask: Any) -> None:
    world = dated([3])
    row = world.rows()[0]
    async with serve(world, tokens=TOKENS) as simulator:
        assert (await ask(simulator, f"{LIST}/{row['id']}")).body == {"data": row}
        assert "total_evaluations" in (await ask(simulator, STATS)).body["data"]
        missing = await ask(simulator, f"{LIST}/nobody")
        nowhere = await ask(simulator, "/api/v2/evaluations")
    for reply in (missing, nowhere):
        assert (reply.status, reply.body) == (404, {"errors": {"detail": "Not Found"}})


async def test_create_answers_201_without_names_and_is_in_the_table(ask: Any) -> None:
    world = World(until=NOON)
    sent = {"evaluation": {"call_id": "c-1", "rating": 4, "comment": "Ótimo"}}
    async with serve(world, tokens=TOKENS, now=lambda: NOON) as simulator:
        reply = await ask(simulator, LIST, "POST", send=sent)
    row = world.rows()[0]
    assert reply.status == 201
    assert reply.body == {
        "data": {
            "id": row["id"],
            "call_id": "c-1",
            "rating": 4,
            "comment": "Ótimo",
            "inserted_at": "2026-02-20T12:00:00Z",
        }
    }


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"rating": 4}, "call_id"),
        ({"call_id": "", "rating": 4}, "call_id"),
        ({"call_id": "c"}, "rating"),
        ({"call_id": "c", "rating": 6}, "rating"),
        ({"call_id": "c", "rating": True}, "rating"),
        ({"call_id": "c", "rating": "5"}, "rating"),
        ({"call_id": "c", "rating": 5, "comment": 7}, "comment"),
    ],
)
async def test_create_names_the_wrong_field(ask: Any, fields: dict[str, Any], wrong: str) -> None:
    world = World()
    async with serve(world, tokens=TOKENS) as simulator:
        reply = await ask(simulator, LIST, "POST", send={"evaluation": fields})
    assert reply.status == 422
    assert list(reply.body["errors"]) == [wrong]
    assert isinstance(reply.body["errors"][wrong], list)
    assert len(world) == 0


async def test_the_public_endpoint_needs_no_token(ask: Any) -> None:
    world = World(until=NOON)
    async with serve(world, tokens=TOKENS) as simulator:
        where = "/api/v1/call/evaluate/call-7"
        reply = await ask(simulator, where, "POST", token=None, tenant=None, send={"rating": 2})
    assert reply.status == 201
    assert world.rows()[0]["call_id"] == "call-7"


@pytest.mark.parametrize("query", [{"page": 0}, {"page": "x"}, {"page_size": -1}, {"rating": "five"}])
async def test_a_bad_number_is_422_with_its_field(ask: Any, query: dict[str, Any]) -> None:
    async with serve(dated([5]), tokens=TOKENS) as simulator:
        reply = await ask(simulator, LIST, **query)
    assert (reply.status, reply.body) == (422, {"errors": {next(iter(query)): ["is invalid"]}})


async def test_poisoned_rows_go_out_as_they_are_and_count_as_rows_only(ask: Any) -> None:
    world = dated([5])
    for rating in (999, -1, "4.5", "4,5", None, True, 4.5, [1], {"a": 1}):
        world.insert_raw(NOON - timedelta(minutes=5), {"id": f"p{rating}", "rating": rating, "new": 1})
    world.insert_raw(NOON - timedelta(minutes=4), {"comment": "\ud800 \x00", "inserted_at": "ontem"})
    async with serve(world, tokens=TOKENS) as simulator:
        listed = (await ask(simulator, LIST, sort_order="asc")).body
        figures = (await ask(simulator, STATS, date_from="2026-02-01")).body["data"]
    assert listed["meta"]["total_count"] == figures["total_evaluations"] == 11
    assert json.dumps(listed["data"]) == json.dumps(world.rows())
    assert sum(figures["distribution"].values()) == figures["distribution"]["5"] == 1
    assert figures["average_rating"] == 5.0


async def test_every_answer_carries_the_simulators_date(ask: Any) -> None:
    when = datetime(2026, 11, 8, 8, 49, 37, tzinfo=UTC)
    async with serve(dated([5]), tokens=TOKENS, now=lambda: when) as simulator:
        good = await ask(simulator, LIST)
        bad = await ask(simulator, "/nowhere")
    assert good.headers["Date"] == bad.headers["Date"] == "Sun, 08 Nov 2026 08:49:37 GMT"
