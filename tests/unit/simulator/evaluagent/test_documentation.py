"""The simulator shows every fact of the documentation, the clients' source and the recorded answers.

One test per table of the facts; the mutants they kill are noted where they are not plain.
"""

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.simulator.evaluagent.keys import Key
from connectors.simulator.evaluagent.server import serve
from connectors.simulator.evaluagent.year import generate

LIST = "/v1/quality/evaluations"
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
WORLD = generate(3, 120)  # only read
FROM, TO = datetime(2025, 3, 1, tzinfo=UTC), datetime(2025, 9, 1, tzinfo=UTC)
BETWEEN = {"filter[published_at;between]": "2025-03-01T00:00:00+00:00,2025-08-31T23:59:59Z"}


async def test_every_path_of_the_inventory(ask: Any) -> None:
    user, group = WORLD.users()[0]["id"], WORLD.groups()[0]["id"]
    async with serve(WORLD.snapshot()) as simulator:
        row, talk = WORLD.rows()[0]["id"], WORLD.conversations("voki")[0]["id"]
        for path in ("ping", "org/users", "org/roles", "org/groups", "quality/evaluations"):
            assert (await ask(simulator, f"/v1/{path}")).status == 200, path
        for path in (f"quality/evaluations/{row}", f"org/users/{user}", f"analytics/conversations/{talk}"):
            assert (await ask(simulator, f"/v1/{path}")).body["data"]["id"] in path
        move = {"type": "users", "id": user, "relationships": {"agent-team": {"data": {"id": group}}}}
        assert (await ask(simulator, f"/v1/org/users/{user}", "PATCH", send={"data": move})).status == 200
        assert simulator.world.users()[0]["agent_team"] == group
        for path in ("quality/contacts", "audits", "agents", "teams", "quality/evaluations/none"):
            assert (await ask(simulator, f"/v1/{path}")).status == 404, path
        assert (await ask(simulator, "/elsewhere")).status == 404


async def test_evaluations_are_filtered_sorted_and_included_as_the_clients_ask(ask: Any) -> None:
    expected = WORLD.rows(FROM, TO)
    async with serve(WORLD) as simulator:
        reply = await ask(simulator, LIST, sort="-published_at", include="contacts", **BETWEEN)
        first = reply.body["data"][0]
        assert [one["id"] for one in reply.body["data"]] == [row["id"] for row in expected[::-1]][:50]
        assert reply.body["meta"]["page"]["total"] == len(expected)
        assert list(first) == ["type", "id", "attributes", "relationships"]  # OBS: their order
        assert first["attributes"]["published_at"] == expected[-1]["published_at"]
        assert first["relationships"]["agent"] == {"data": {"type": "users", "id": expected[-1]["agent_id"]}}
        contact = reply.body["included"][0]
        linked = [one["id"] for one in first["relationships"]["contacts"]["data"]]
        assert contact["type"] == "contacts"
        assert contact["id"] in linked
        assert contact["relationships"]["evaluation"]["data"] == {"type": "evaluations", "id": first["id"]}
        references = [one["attributes"]["contact_reference"] for one in reply.body["included"]]
        assert references[0] == expected[-1]["contacts"][0]["contact_reference"]
        assert "included" not in (await ask(simulator, LIST)).body


async def test_outcomes_and_scores(ask: Any) -> None:
    async with serve(WORLD) as simulator:
        rows = (await ask(simulator, LIST, **{"page[size]": 100})).body["data"]
    attributes = [row["attributes"] for row in rows]
    assert {one["outcome"] for one in attributes} <= {"Pass", "Fail", None}
    assert all(one["score"] is None or 0 <= one["score"] <= 100 for one in attributes)
    assert all(set(item) == {"name", "outcome", "weight"} for one in attributes for item in one["line_items"])


async def test_users(ask: Any) -> None:
    async with serve(WORLD) as simulator:
        rows = (await ask(simulator, "/v1/org/users")).body["data"]
        names = {"forename", "surname", "fullname", "username", "email", "active", "allow_login"}
        assert all(
            set(row["attributes"]) == names | {"reporting_access_id", "third_party_id"} for row in rows
        )
        assert all(UUID.fullmatch(row["id"]) for row in rows)
        assert any(row["attributes"]["email"] is None for row in rows)
        assert {row["attributes"]["active"] for row in rows} == {True, False}  # the inactive are listed
        teams = [row["relationships"]["agent-team"]["data"] for row in rows]
        assert None in teams
        assert {team["type"] for team in teams if team} == {"groups"}
        roles = [row["relationships"]["roles"] for row in rows]
        assert all(one["data"] and set(one) == {"data"} for one in roles)
        wanted = rows[3]["attributes"]["username"]
        found = await ask(simulator, "/v1/org/users", **{"filter[username]": wanted})
        assert [row["id"] for row in found.body["data"]] == [rows[3]["id"]]
        nobody = await ask(simulator, "/v1/org/users", **{"filter[username]": "nobody"})
        assert nobody.body["data"] == []


async def test_roles_and_groups(ask: Any) -> None:
    async with serve(WORLD) as simulator:
        roles = (await ask(simulator, "/v1/org/roles")).body["data"]
        groups = (await ask(simulator, "/v1/org/groups")).body["data"]
    assert len(roles) == 9
    assert [row["attributes"]["name"] for row in roles if "relationships" not in row] == ["guest"]
    linked = roles[0]["relationships"]["abilities"]["data"][0]
    assert set(linked) == {"id", "type", "title"}
    assert {"agent", "administrator", "team-leader", "agent-evaluate"} <= {
        row["attributes"]["name"] for row in roles
    }
    names = {"name", "level", "active", "parent", "has_children", "is_custom_reporting_group"}
    assert all(set(row["attributes"]) == names for row in groups)
    assert "Team" in {row["attributes"]["level"] for row in groups}
    assert {row["attributes"]["is_custom_reporting_group"] for row in groups} == {True, False}


async def test_analytics_need_an_integration(ask: Any) -> None:
    path = "/v1/analytics/conversations"
    async with serve(WORLD) as simulator:
        missing = await ask(simulator, path)
        assert (missing.status, missing.body["errors"][0]["source"]) == (400, {"parameter": "integration"})
        for name in ("voki", "zendesk"):
            found = (await ask(simulator, path, integration=name)).body["data"]
            assert {row["id"] for row in found} == {row["id"] for row in WORLD.conversations(name)}
            assert found


@pytest.mark.parametrize("path", ["/v1/org/roles", "/v1/nothing", LIST + "?filter[x]=1"])
async def test_errors_are_json_api(ask: Any, path: str) -> None:
    """`status` is a text, and `errors[0].detail` is what a client prints (CODE)."""
    async with serve(WORLD) as simulator:
        reply = await ask(simulator, path, key=None if "roles" in path else Key())
    error = reply.body["errors"][0]
    assert error["status"] == str(reply.status)
    assert error["detail"]
    assert reply.headers["Content-Type"] == "application/vnd.api+json"
