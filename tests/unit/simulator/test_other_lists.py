"""Calls, departments and users over a real socket, against the vendor's documentation."""

from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.simulator.office import user_row
from connectors.simulator.server import Simulator, serve
from connectors.simulator.switches import Switches
from connectors.simulator.tokens import User
from connectors.simulator.world import World
from connectors.simulator.year import generate

CALLS, DEPARTMENTS, USERS = "/api/v1/calls", "/api/v1/departments", "/api/v1/users"
NOON = datetime(2025, 6, 10, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
STAFF = [User(f"{role}@example.com", "pw", "demo", role) for role in ("attendant", "supervisor", "manager")]


def opened(world: World, **settings: Any) -> AbstractAsyncContextManager[Simulator]:
    switches = Switches(auth_per_minute=None, **settings)
    return serve(world, tokens={"secret": "demo"}, users=STAFF, switches=switches)


def ids(reply: Any) -> list[str]:
    return [row["id"] for row in reply.body["data"]]


async def test_calls_come_newest_first_twenty_a_page(ask: Any, year: World) -> None:
    async with opened(year) as simulator:
        reply = await ask(simulator, CALLS)
    total = len(year.calls)
    assert reply.body["meta"] == {
        "current_page": 1,
        "page_size": 20,
        "total_pages": -(-total // 20),
        "total_count": total,
    }
    assert reply.body["data"] == year.calls.rows()[:-21:-1]
    assert list(reply.body["data"][0]) == [
        *("id", "status", "department_id", "department_name", "user_id", "user_name"),
        *("customer_name", "customer_email", "customer_phone"),
        *("duration", "wait_time", "started_at", "completed_at", "inserted_at"),
    ]


@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_the_pages_of_calls_are_their_table(ask: Any, order: str, year: World) -> None:
    pages = -(-len(year.calls) // 100)
    async with opened(year) as simulator:
        replies = [
            await ask(simulator, CALLS, page=page, page_size=100, sort_order=order)
            for page in range(1, pages + 1)
        ]
    rows = [row for reply in replies for row in reply.body["data"]]
    assert (rows if order == "asc" else rows[::-1]) == year.calls.rows()


async def test_calls_by_status_department_user_dates_and_customer(ask: Any, year: World) -> None:
    call = next(row for row in year.calls.rows() if row["user_id"] and row["customer_email"])
    every = {
        "status": call["status"],
        "department_id": call["department_id"],
        "user_id": call["user_id"],
    }
    dates = {"date_from": "2025-03-01", "date_to": "2025-06-30T23:59:59Z"}
    lower, upper = datetime(2025, 3, 1, tzinfo=UTC), datetime(2025, 7, 1, tzinfo=UTC)
    async with opened(year) as simulator:
        for names in (["status"], ["department_id"], ["user_id"], list(every)):
            wanted = {name: every[name] for name in names}
            found = await ask(simulator, CALLS, page_size=100, sort_order="asc", **wanted, **dates)
            rows = [
                row
                for row in year.calls.rows(lower, upper)
                if all(row[name] == value for name, value in wanted.items())
            ]
            assert found.body["meta"]["total_count"] == len(rows) > 0
            assert found.body["data"] == rows[:100]
        for text in (call["customer_name"].upper(), call["customer_email"][:-4]):
            assert call["id"] in ids(await ask(simulator, CALLS, search=text, page_size=100))
        nothing = [await ask(simulator, CALLS, **query) for query in ({"search": "%"}, {"status": "lost"})]
    assert [reply.body["meta"]["total_count"] for reply in nothing] == [0, 0]


async def test_departments_and_users_come_by_name(ask: Any, year: World) -> None:
    async with opened(year) as simulator:
        departments, users = [await ask(simulator, path, page_size=100) for path in (DEPARTMENTS, USERS)]
    for reply, table in ((departments, year.departments), (users, year.users)):
        assert reply.body["data"] == sorted(table.rows(), key=lambda row: row["name"])
        assert reply.body["meta"]["total_count"] == len(table)
    assert list(departments.body["data"][0]) == [
        *("id", "name", "identifier", "description", "active", "sector_id", "max_queue_size"),
        *("max_wait_time", "user_count", "inserted_at", "updated_at"),
    ]
    assert list(users.body["data"][0]) == [
        *("id", "name", "email", "role", "active", "avatar_url", "mfa_enabled", "locale"),
        *("inserted_at", "updated_at"),
    ]
    assert sum(row["user_count"] for row in departments.body["data"]) == len(users.body["data"]) == 30


@pytest.mark.parametrize("sort_by", ["name", "email", "role", "inserted_at"])
@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_users_by_every_documented_field(ask: Any, sort_by: str, order: str, year: World) -> None:
    async with opened(year) as simulator:
        query = {"sort_by": sort_by, "sort_order": order, "page_size": 7}
        rows = [
            row
            for page in range(1, 6)
            for row in (await ask(simulator, USERS, page=page, **query)).body["data"]
        ]
    assert sorted(row["id"] for row in rows) == sorted(year.users.ids())
    values = [row[sort_by] for row in rows]
    assert values == sorted(values, reverse=order == "desc")


async def test_users_by_role_activity_and_search(ask: Any, year: World) -> None:
    rows = year.users.rows()
    async with opened(year) as simulator:

        async def found(**query: Any) -> set[str]:
            return set(ids(await ask(simulator, USERS, page_size=100, **query)))

        for role in ("attendant", "supervisor", "manager"):
            assert await found(role=role) == {row["id"] for row in rows if row["role"] == role} != set()
        for active in (True, False):
            expected = {row["id"] for row in rows if row["active"] is active}
            assert await found(active=str(active).lower()) == expected != set()
        some = rows[2]
        assert some["id"] in await found(search=some["email"].upper())
        assert await found(search=some["name"], role="nobody") == set()
        wrong = await ask(simulator, USERS, active="yes")
        large = await ask(simulator, USERS, page_size=101)
    assert (wrong.status, wrong.body) == (422, {"errors": {"active": ["is invalid"]}})
    assert large.body["meta"]["page_size"] == 100, "DOC: at most 100 users"


async def test_one_of_each_and_nobody(ask: Any, year: World) -> None:
    async with opened(year) as simulator:
        for path, table in ((CALLS, year.calls), (DEPARTMENTS, year.departments), (USERS, year.users)):
            row = table.rows()[0]
            assert (await ask(simulator, f"{path}/{row['id']}")).body == {"data": row}
            missing = await ask(simulator, f"{path}/nobody")
            assert (missing.status, missing.body) == (404, {"errors": {"detail": "Not Found"}})
            assert (await ask(simulator, f"{path}/{row['id']}", tenant="other")).status == 401
            assert (await ask(simulator, path, token=None)).status == 401


async def test_me_is_no_id(ask: Any) -> None:
    world = World()
    world.users.insert(NOON, id="me")
    async with opened(world) as simulator:
        fixed = (await ask(simulator, f"{USERS}/me")).body["data"]
        found = await signed_in(ask, simulator, STAFF[0])
        mine = (await ask(simulator, f"{USERS}/me", token=found["access_token"])).body["data"]
    assert fixed["role"] == "manager"
    assert fixed["id"] != "me"
    assert set(mine) == set(fixed) == set(user_row("", "", "", "", 0))
    assert {name: mine[name] for name in ("id", "email", "role")} == {
        name: found["user"][name] for name in ("id", "email", "role")
    }


async def signed_in(ask: Any, simulator: Simulator, user: User) -> Any:
    sent = {"email": user.email, "password": user.password, "tenant": user.tenant}
    return (await ask(simulator, "/api/auth/login", "POST", token=None, send=sent)).body["data"]


@pytest.mark.parametrize("forbidden", [403, 401])
async def test_who_may_ask_for_what(ask: Any, forbidden: int, year: World) -> None:
    some = [f"{path}/{next(iter(table.ids()))}" for path, table in ((CALLS, year.calls), (USERS, year.users))]
    paths = (
        "/api/v1/evaluations",
        f"{USERS}/me",
        CALLS,
        some[0],
        DEPARTMENTS,
        f"{DEPARTMENTS}/x",
        USERS,
        some[1],
    )
    no = forbidden
    expected = {
        "attendant": [200, 200, 200, 200, no, no, no, no],
        "supervisor": [200, 200, 200, 200, 200, 404, no, no],
        "manager": [200, 200, 200, 200, 200, 404, 200, 200],
    }
    async with opened(year, forbidden=forbidden) as simulator:
        for user in STAFF:
            token = (await signed_in(ask, simulator, user))["access_token"]
            replies = [await ask(simulator, path, token=token) for path in paths]
            assert [reply.status for reply in replies] == expected[user.role]
            for reply in replies:
                if reply.status == forbidden:
                    text = "Forbidden" if forbidden == 403 else "Unauthorized"
                    assert reply.body == {"errors": {"detail": text}}


async def test_an_evaluation_made_by_hand_has_the_names_of_its_call(ask: Any) -> None:
    world = generate(5, 50)
    rated = {row["call_id"] for row in world.rows()}
    call = next(row for row in world.calls.rows() if row["status"] == "completed" and row["id"] not in rated)
    calls = len(world.calls)
    async with opened(world) as simulator:
        sent = {"evaluation": {"call_id": call["id"], "rating": 3}}
        assert (await ask(simulator, "/api/v1/evaluations", "POST", send=sent)).status == 201
    made = next(row for row in world.rows() if row["call_id"] == call["id"])
    for name in ("customer_name", "department_name", "user_name"):
        assert made[name] == call[name]
    assert len(world.calls) == calls
