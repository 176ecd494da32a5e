"""Faults as they look on the wire of evaluagent, and where they strike."""

from typing import Any

import aiohttp
import pytest

from connectors.simulator.evaluagent.application import ROUTES
from connectors.simulator.evaluagent.keys import Key
from connectors.simulator.evaluagent.server import serve
from connectors.simulator.evaluagent.switches import Switches
from connectors.simulator.evaluagent.world import QualityWorld
from connectors.simulator.evaluagent.year import generate
from connectors.simulator.faults import DEPTH, bomb
from connectors.simulator.script import Churn, Fault, Kind, Script

LIST = "/v1/quality/evaluations"
PAGED = Switches(page_size=10)


async def struck(ask: Any, kind: Kind, switches: Switches = PAGED, **fields: Any) -> tuple[Any, Any]:
    """The list as a fault makes it, and as it is."""
    query = fields.pop("query", {"include": "contacts"})
    script = Script(faults=[Fault(kind, "evaluations", **{"first": 1} | fields)])
    async with serve(generate(3, 40), switches=switches, script=script) as simulator:
        return await ask(simulator, LIST, **query), await ask(simulator, LIST, **query)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 429, 500, 503])
async def test_statuses_have_json_api_bodies(ask: Any, status: int) -> None:
    reply, _ = await struck(ask, status, retry_after="seconds", wait=7)
    assert (reply.status, reply.body["errors"][0]["status"]) == (status, str(status))
    assert reply.headers["Retry-After"] == "7"
    assert reply.headers["Content-Type"] == "application/vnd.api+json"
    other, _ = await struck(ask, status, payload="<html>")
    assert (other.status, other.raw) == (status, b"<html>")


async def test_answers_that_are_none(ask: Any) -> None:
    assert (await struck(ask, "html"))[0].headers["Content-Type"].startswith("text/html")
    assert (await struck(ask, "empty"))[0].raw == b""
    assert (await struck(ask, "error_200"))[0].body == {"error": "Internal error"}
    assert (await struck(ask, "no_content"))[0].status == 204
    redirected, _ = await struck(ask, "redirect", location="http://127.0.0.1:9/x")
    assert (redirected.status, redirected.headers["Location"]) == (302, "http://127.0.0.1:9/x")
    assert (await struck(ask, "deep"))[0].raw.count(b"[") == DEPTH


async def test_a_bomb_is_a_small_gzip() -> None:
    script = Script(faults=[Fault("bomb")])
    key = Key()
    async with (
        serve(QualityWorld(), script=script) as simulator,
        aiohttp.ClientSession(
            auto_decompress=False,
            headers={"Authorization": aiohttp.encode_basic_auth(key.access_key_id, key.secret)},
        ) as session,
        session.get(simulator.base_url + LIST) as response,
    ):
        assert response.headers["Content-Encoding"] == "gzip"
        raw = await response.read()
    assert raw == bomb()


@pytest.mark.parametrize("kind", ["reset", "truncated"])
async def test_connections_that_break(ask: Any, kind: Any) -> None:
    with pytest.raises((aiohttp.ClientError, ConnectionError)):
        await struck(ask, kind, first=None)  # the client tries again by itself


async def test_answers_that_never_come_and_answers_in_pieces() -> None:
    async with serve(QualityWorld(), script=Script(faults=[Fault("stall")])) as simulator:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=0.05)) as session:
            with pytest.raises(TimeoutError):
                await session.get(simulator.base_url + LIST)
        assert len(simulator.arrivals) == 1


async def test_slow_answers_are_whole(ask: Any) -> None:
    slow, true = await struck(ask, "slow", delay=0, query={"page[size]": 1})
    assert slow.body == true.body


async def test_spoiled_documents(ask: Any) -> None:
    reply, true = await struck(ask, "short_json")
    assert reply.body == {"data": true.body["data"][:5]}
    reply, true = await struck(ask, "short_rows")
    assert reply.body == true.body | {"data": true.body["data"][:5]}
    reply, true = await struck(ask, "no_meta")
    assert set(reply.body) == {"data", "included"}
    reply, true = await struck(ask, "no_links")
    assert set(reply.body) == {"data", "included", "meta"}
    reply, true = await struck(ask, "no_included")
    assert set(reply.body) == {"data", "meta", "links"}
    reply, true = await struck(ask, "empty_page")
    assert reply.body == true.body | {"data": []}
    reply, true = await struck(ask, "null_data")
    assert reply.body == true.body | {"data": None}
    reply, true = await struck(ask, "wrong_type")
    assert isinstance(reply.body["data"], dict)
    assert reply.body["meta"]["page"]["total"] == "40"


async def test_a_link_that_leads_elsewhere(ask: Any) -> None:
    reply, true = await struck(ask, "foreign_next", location="http://127.0.0.1:9/")
    assert reply.body["links"]["next"].startswith(f"http://127.0.0.1:9{LIST}")
    assert reply.body["data"] == true.body["data"]


@pytest.mark.parametrize(
    ("paging", "name", "path"),
    [("page", "page[number]", ("page", "currentPage")), ("laravel", "page", ("current_page",))],
)
async def test_the_same_page_again(ask: Any, paging: Any, name: str, path: tuple[str, ...]) -> None:
    reply, true = await struck(ask, "same_page", Switches(paging=paging, page_size=10), query={name: 3})
    said = reply.body["meta"]
    for step in path:
        said = said[step]
    assert said == 3
    assert not {row["id"] for row in reply.body["data"]} & {row["id"] for row in true.body["data"]}


async def test_another_question_answered(ask: Any) -> None:
    none = {"filter[published_at;between]": "2020-01-01,2020-01-02"}
    reply, true = await struck(ask, "ignore_dates", query=none)
    assert (len(reply.body["data"]), true.body["data"]) == (10, [])
    reply, true = await struck(ask, "stale", snapshot=QualityWorld())
    assert (reply.body["data"], len(true.body["data"])) == ([], 10)


async def test_errors_are_not_spoiled(ask: Any) -> None:
    reply, true = await struck(ask, "null_data", query={"sort": "x"})
    assert (reply.status, reply.body) == (400, true.body)


def test_every_endpoint_has_one_name() -> None:
    names = [name for _, path, name in ROUTES if path != "/v1/token"]
    assert sorted(set(names)) == sorted(names)
    assert set(names) == {
        *("evaluations", "evaluation", "users", "user", "roles", "groups", "conversations", "conversation"),
        *("ping", "token", "import", "upload", "team"),
    }


async def test_faults_strike_by_name_or_path(ask: Any) -> None:
    script = Script(faults=[Fault(500, "roles"), Fault(503, "/org/groups"), Fault(500, "user")])
    async with serve(generate(3, 8), script=script) as simulator:
        paths = ("/v1/org/roles", "/v1/org/groups", "/v1/org/users", "/v1/ping")
        assert [(await ask(simulator, path)).status for path in paths] == [500, 503, 200, 200]


async def test_the_table_moves_before_each_list_of_evaluations(ask: Any) -> None:
    world, seen = generate(3, 40), list[int]()
    churn = Churn(
        world,
        seed=1,
        inside=(world.until.replace(year=2025), world.until),
        now=lambda: world.until,
        inserts=1,
        late_inserts=1,
        edits=2,
        deletes=1,
    )
    script = Script(before=[churn, lambda turn, _arrival: seen.append(turn)])
    async with serve(world, script=script) as simulator:
        for path in (LIST, "/v1/ping", LIST):
            assert (await ask(simulator, path)).status == 200
        assert len(simulator.world) == 42
    assert seen == [1, 2]
    assert world.counts == {"published": 4, "edited": 4, "deleted": 2}


async def test_a_constant_total_never_tells(ask: Any) -> None:
    world = generate(3, 40)
    inside = (world.until.replace(year=2025), world.until)
    churn = Churn(world, seed=1, inside=inside, deletes=2, constant_total=True)
    async with serve(world, script=Script(before=[churn])) as simulator:
        for _ in range(3):
            assert (await ask(simulator, LIST)).body["meta"]["page"]["total"] == 40
    assert world.counts["deleted"] == 6
