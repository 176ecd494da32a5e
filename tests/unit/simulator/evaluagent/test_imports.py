"""Imported contacts, audio files and the move to another team, as the clients send them and as they were answered.

Kills: an error envelope without its generic first error, 422 in place of 400, a contact imported twice.
"""

import io
import json
from typing import Any

import aiohttp
import pytest

from connectors.simulator.evaluagent.server import serve
from connectors.simulator.evaluagent.switches import Switches
from connectors.simulator.evaluagent.world import QualityWorld

PATH = "/v1/quality/imported-contacts"
GIVEN = {
    "reference": "call-1",
    "agent_email": "ana@centro.example",
    "contact_date": "2026-01-01T12:00:00Z",
    "channel": "Telephony",
}


async def test_the_recorded_refusal_to_the_letter(ask: Any) -> None:
    text = "The data.agent email must be a valid email address."
    async with serve(QualityWorld()) as simulator:
        reply = await ask(simulator, PATH, "POST", send={"data": GIVEN | {"agent_email": "ana"}})
    assert reply.status == 400
    generic, named = reply.body["errors"]
    assert {**generic, "detail": "-"} == {
        "status": "400",
        "code": "0",
        "title": "Bad Request.",
        "detail": "-",
    }
    pointer = {"pointer": "/data/agent_email"}
    assert named == {"status": "400", "source": pointer, "title": text, "detail": text}
    assert reply.body["meta"] == {"validation": {"agent_email": {"field": "agent_email", "messages": [text]}}}


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"reference": None, "channel": ""}, ["reference", "channel"]),
        ({"contact_date": "soon"}, ["contact_date"]),
        ({"handling_time": "1"}, ["handling_time"]),
        ({"metadata": 1, "responses": {}}, ["metadata", "responses"]),
        ({"agent_email": None}, ["agent_email"]),
    ],
)
async def test_other_refusals(ask: Any, change: dict[str, Any], fields: list[str]) -> None:
    async with serve(QualityWorld()) as simulator:
        reply = await ask(simulator, PATH, "POST", send={"data": GIVEN | change})
        assert (reply.status, list(reply.body["meta"]["validation"])) == (400, fields)
        for body in ("{", "[]", "null", '{"data": 1}'):
            assert (await ask(simulator, PATH, "POST", form=body)).status == 400


async def test_a_contact_is_imported_and_then_updated(ask: Any) -> None:
    more = {"metadata": {"queue": "a"}, "handling_time": 12, "responses_stored_externally": "true"}
    async with serve(QualityWorld()) as simulator:
        for status in (200, 201, 202):
            simulator.site.switches = Switches(import_status=status)
            reply = await ask(simulator, PATH, "POST", send={"data": GIVEN | more})
            assert (reply.status, set(reply.body)) == (status, {"message"})
        (contact,) = simulator.world.contacts()
        assert contact["contact_reference"] == "call-1"
        assert (contact["metadata"], contact["handling_time"]) == ({"queue": "a"}, 12)
        simulator.site.switches = Switches(duplicate_reference="update")
        await ask(simulator, PATH, "POST", send={"data": GIVEN | {"channel": "Chat"}})
        assert [one["channel"] for one in simulator.world.contacts()] == ["Chat"]
        simulator.site.switches = Switches(duplicate_reference="refuse")
        reply = await ask(simulator, PATH, "POST", send={"data": GIVEN})
        assert reply.body["errors"][1]["source"] == {"pointer": "/data/reference"}


async def test_who_the_agent_is(ask: Any) -> None:
    world = QualityWorld()
    agent = world.add_user(email="ana@centro.example")
    by_id = {name: value for name, value in GIVEN.items() if name != "agent_email"} | {"agent_id": agent}
    async with serve(world, switches=Switches(import_needs="email")) as simulator:
        assert (await ask(simulator, PATH, "POST", send={"data": by_id})).status == 400
        simulator.site.switches = Switches(import_needs="either", unknown_agent="refuse")
        assert (await ask(simulator, PATH, "POST", send={"data": by_id})).status == 201
        stranger = GIVEN | {"agent_email": "x@y.example"}
        assert (await ask(simulator, PATH, "POST", send={"data": stranger})).status == 400
        simulator.site.switches = Switches(unknown_agent="accept")
        assert (await ask(simulator, PATH, "POST", send={"data": stranger})).status == 201


async def test_three_ways_to_split_a_ticket(ask: Any) -> None:
    spoken = [("a@x.example", False), ("c@x.example", True), ("b@x.example", False), ("a@x.example", False)]
    responses = [{"speaker_email": email, "speaker_is_customer": customer} for email, customer in spoken]
    expected: dict[Any, list[str]] = {
        "last_agent": ["a"],
        "per_agent": ["a", "b"],
        "per_response": ["a", "b", "a"],
    }
    for mode, agents in expected.items():
        async with serve(QualityWorld(), switches=Switches(split=mode)) as simulator:
            await ask(simulator, PATH, "POST", send={"data": GIVEN | {"responses": responses}})
            assert [one["agent_email"][0] for one in simulator.world.contacts()] == agents


async def test_audio_is_one_file_named_audio_file(ask: Any) -> None:
    def form(name: str, size: int) -> aiohttp.FormData:
        made = aiohttp.FormData()
        made.add_field(
            name, io.BytesIO(b"\x00\xffRIFF\r\n" * size * 32), filename="call.mp3", content_type="audio/mpeg"
        )
        return made

    async with serve(QualityWorld()) as simulator:
        path = f"{PATH}/upload-audio"
        first = await ask(simulator, path, "POST", form=form("audio_file", 8192))  # 2 MiB
        assert (first.status, set(first.body)) == (200, {"path"})
        assert (await ask(simulator, path, "POST", form=form("audio_file", 1))).body != first.body
        assert (await ask(simulator, path, "POST", form=form("file", 1))).status == 400
        assert (await ask(simulator, path, "POST", form=b"")).status == 400
        given = GIVEN | {"audio_file_path": first.body["path"]}
        assert (await ask(simulator, PATH, "POST", send={"data": given})).status == 201
        assert simulator.world.contacts()[0]["audio_file_path"] == first.body["path"]
        simulator.site.switches = Switches(audio_most_bytes=1000)
        assert (await ask(simulator, path, "POST", form=form("audio_file", 8))).status == 413


async def test_a_user_moves_to_another_team(ask: Any) -> None:
    world = QualityWorld()
    group, user = world.add_group("Vendas"), world.add_user()

    def body(team: Any, kind: str = "users") -> Any:
        return {"data": {"type": kind, "id": user, "relationships": {"agent-team": {"data": team}}}}

    async with serve(world) as simulator:
        path = f"/v1/org/users/{user}"
        moved = await ask(simulator, path, "PATCH", send=body({"id": group, "type": "groups"}))
        assert moved.status == 200
        assert moved.body["data"]["relationships"]["agent-team"]["data"] == {"type": "groups", "id": group}
        assert (await ask(simulator, path)).body == moved.body
        assert (await ask(simulator, path, "PATCH", send=body({"id": "x"}))).status == 400
        assert (await ask(simulator, path, "PATCH", send=body(None, "people"))).status == 409
        assert (await ask(simulator, "/v1/org/users/x", "PATCH", send=body(None))).status == 404
        assert world.users()[0]["agent_team"] == group
        assert (await ask(simulator, path, "PATCH", send=body(None))).status == 200
        assert world.users()[0]["agent_team"] is None
        assert json.loads(moved.raw) == moved.body
