"""Every reading of what an answer looks like, in each of its settings, over a real socket."""

from datetime import UTC, datetime, timedelta
from types import NoneType
from typing import Any

import aiohttp
import pytest

from connectors.simulator.evaluagent.server import serve
from connectors.simulator.evaluagent.switches import Switches
from connectors.simulator.evaluagent.world import QualityWorld
from connectors.simulator.evaluagent.year import generate

LIST = "/v1/quality/evaluations"
WORLD = generate(4, 90)  # only read
AT = datetime(2026, 1, 1, 12, tzinfo=UTC)


async def test_where_details_stand(ask: Any) -> None:
    details = {"score", "evaluator_id", "evaluated_at", "auto_failed", "line_items"}
    row_id = WORLD.rows()[-1]["id"]
    for switches, in_list, in_one in (
        (Switches(details="list"), True, True),
        (Switches(details="single"), False, True),
        (Switches(details="absent"), False, False),
    ):
        async with serve(WORLD, switches=switches) as simulator:
            listed = (await ask(simulator, LIST)).body["data"][0]["attributes"]
            one = (await ask(simulator, f"{LIST}/{row_id}", include="contacts")).body
            assert details <= set(listed) if in_list else not details & set(listed)
            found = one["data"]["attributes"]
            assert details <= set(found) if in_one else not details & set(found)
            assert {"outcome", "published_at", "scorecard_id"} <= set(listed) & set(found)
            assert one["included"][0]["type"] == "contacts"


async def test_nulls_scorecards_agents(ask: Any) -> None:
    world = QualityWorld()
    world.publish(AT, score=None, scorecard_id="4100", agent_id="a")
    world.publish(AT + timedelta(seconds=1), scorecard_id="4100", agent_id=None)
    async with serve(world) as simulator:

        async def row(**settings: Any) -> Any:
            simulator.site.switches = Switches(**settings)
            return (await ask(simulator, LIST, sort="published_at")).body["data"][0]

        assert (await row(null_attributes="null"))["attributes"]["score"] is None
        assert "score" not in (await row(null_attributes="absent"))["attributes"]
        assert (await row(scorecard="attribute"))["attributes"]["scorecard_id"] == "4100"
        related = await row(scorecard="relationship")
        assert "scorecard_id" not in related["attributes"]
        assert related["relationships"]["scorecard"] == {"data": {"type": "scorecards", "id": "4100"}}
        both = await row(scorecard="both", scorecard_id="number")
        assert both["attributes"]["scorecard_id"] == 4100
        assert both["relationships"]["scorecard"]["data"]["id"] == "4100"
        assert (await row(scorecard_id="string"))["attributes"]["scorecard_id"] == "4100"
        assert (await row(agent_type="agents"))["relationships"]["agent"]["data"]["type"] == "agents"
        assert (await row(agent_type="users"))["relationships"]["agent"]["data"]["type"] == "users"


async def test_linkage_of_contacts(ask: Any) -> None:
    world = QualityWorld()
    world.publish(AT, references=("a", "b"))
    names = [row["id"] for row in world.contacts()]
    async with serve(world) as simulator:

        async def linked(**settings: Any) -> Any:
            simulator.site.switches = Switches(**settings)
            body = (await ask(simulator, LIST, include="contacts")).body
            return body["data"][0]["relationships"].get("contacts"), body.get("included")

        to_many, included = await linked(contacts_linkage="to_many")
        assert [one["id"] for one in to_many["data"]] == [one["id"] for one in included] == names
        to_one, included = await linked(contacts_linkage="to_one")
        assert (to_one["data"]["id"], len(included)) == (names[0], 2)
        absent, included = await linked(contacts_linkage="absent")
        assert (absent, len(included)) == (None, 2)

        world.purge(evaluated=AT + timedelta(days=1))
        assert await linked(purged_linkage="gone", empty_included="array") == ({"data": []}, [])
        dangling, included = await linked(purged_linkage="dangling", empty_included="absent")
        assert ([one["id"] for one in dangling["data"]], included) == (names, None)
        to_one, _ = await linked(contacts_linkage="to_one")
        assert to_one == {"data": None}


async def test_attributes_of_users(ask: Any) -> None:
    expected = [row["third_party_id"] for row in WORLD.users()]
    async with serve(WORLD) as simulator:

        async def found(name: str, **settings: Any) -> list[Any]:
            simulator.site.switches = Switches(**settings)
            return [
                row["attributes"].get(name, "-")
                for row in (await ask(simulator, "/v1/org/users")).body["data"]
            ]

        assert await found("third_party_id", third_party_id="string") == expected
        assert set(await found("third_party_id", third_party_id="null")) == {None}
        numbers = await found("third_party_id", third_party_id="number")
        assert [type(one) for one in numbers] == [int if one else NoneType for one in expected]
        assert set(await found("start_date", start_date="absent")) == {"-"}
        assert (await found("start_date", start_date="present"))[0] == "2023-01-01"


async def test_readings_of_analytics(ask: Any) -> None:
    path = "/v1/analytics/conversations"
    async with serve(WORLD) as simulator:
        simulator.site.switches = Switches(unknown_integration="400")
        assert (await ask(simulator, path, integration="none")).status == 400
        simulator.site.switches = Switches(unknown_integration="empty", conversation="plain")
        assert (await ask(simulator, path, integration="none")).body["data"] == []
        plain = (await ask(simulator, path, integration="voki")).body["data"][0]
        assert plain == WORLD.conversations("voki")[0]
        simulator.site.switches = Switches(conversation="resource")
        found = (await ask(simulator, f"{path}/{plain['id']}")).body["data"]
        assert found["type"] == "conversations"
        assert found["relationships"]["agent"]["data"]["id"] == plain["agent_id"]
        assert "duration" in found["attributes"]
        simulator.site.switches = Switches(conversation_details="single", conversation_integration="repeated")
        slim = (await ask(simulator, path, integration="voki")).body["data"][0]
        assert set(slim["attributes"]) == {"integration", "contact_reference"}
        assert (await ask(simulator, f"{path}/{plain['id']}")).body["data"] == found
        simulator.site.switches = Switches(conversation_details="list", conversation_integration="left_out")
        unnamed = (await ask(simulator, path, integration="voki")).body["data"][0]
        assert set(found["attributes"]) - set(unnamed["attributes"]) == {"integration"}


async def test_forms_of_the_body(ask: Any) -> None:
    async with serve(WORLD, switches=Switches(content_type="application/json", compressed=True)) as simulator:
        packed = await ask(simulator, LIST)
        assert packed.headers["Content-Type"] == "application/json"
        assert packed.headers["Content-Encoding"] == "gzip"
        async with (
            aiohttp.ClientSession() as session,
            session.get(
                simulator.base_url + LIST,
                headers={"Accept-Encoding": "identity", "Authorization": aiohttp.encode_basic_auth("x", "y")},
            ) as response,
        ):
            assert "Content-Encoding" not in response.headers
        simulator.site.switches = Switches(content_type="application/vnd.api+json", compressed=False)
        bare = await ask(simulator, LIST)
        assert bare.headers["Content-Type"] == "application/vnd.api+json"
        assert bare.body == packed.body


async def test_more_members_than_a_client_needs(ask: Any) -> None:
    async with serve(WORLD, switches=Switches(members="many")) as simulator:
        many = (await ask(simulator, LIST, include="contacts")).body
        simulator.site.switches = Switches(members="few")
        few = (await ask(simulator, LIST, include="contacts")).body
        assert many["jsonapi"] == {"version": "1.0"}
        assert many["data"][0]["links"]["self"] == f"{LIST}/{few['data'][0]['id']}"
        assert many["data"][0]["attributes"] == few["data"][0]["attributes"]
        assert many["included"][0]["meta"] == {}
        assert "links" not in few["data"][0]
        assert set(many) - set(few) == {"jsonapi"}


async def test_a_hostile_link_leads_where_it_is_told_to(ask: Any) -> None:
    switches = Switches(link_target="foreign", foreign_origin="http://127.0.0.1:7", page_size=10)
    async with serve(WORLD, switches=switches) as simulator:
        links = (await ask(simulator, LIST)).body["links"]
        assert links["next"].startswith(f"http://127.0.0.1:7{LIST}?")


@pytest.mark.parametrize("form", ["uuid", "integer"])
async def test_forms_of_ids(ask: Any, form: Any) -> None:
    world = generate(4, 20, ids=form)
    async with serve(world) as simulator:
        body = (await ask(simulator, LIST, include="contacts")).body
        ids = {row["id"] for row in body["data"] + body["included"]}
        assert {one.isdecimal() for one in ids} == {form == "integer"}
        one = next(iter(world.ids()))
        assert (await ask(simulator, f"{LIST}/{one}")).body["data"]["id"] == one
        assert world.publish(AT).isdecimal() == (form == "integer")
