"""Every fault as a client meets it, over a real socket."""

import asyncio
import json
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import aiohttp
import pytest

from connectors.simulator.faults import BOMB_BYTES, DEPTH, bomb
from connectors.simulator.script import Fault, Kind, Script, jitter
from connectors.simulator.server import Simulator, serve
from connectors.simulator.world import World
from connectors.simulator.year import generate

LIST = "/api/v1/evaluations"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@asynccontextmanager
async def faulty(*faults: Fault, world: World | None = None, **options: Any) -> AsyncIterator[Simulator]:
    script = Script(faults=list(faults), **options)
    world = world or generate(1, 60)
    async with serve(world, script=script, tokens={"secret": "demo"}, now=lambda: NOW) as simulator:
        yield simulator


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 429, 500, 502, 503, 504])
async def test_a_status_with_the_documented_error_body(ask: Any, status: int) -> None:
    async with faulty(Fault(status)) as simulator:
        reply = await ask(simulator, LIST)
    assert reply.status == status
    assert list(reply.body) == ["errors"]
    assert ("detail" in reply.body["errors"]) is (status != 422)
    assert "Retry-After" not in reply.headers
    assert simulator.arrivals[0].status == status


async def test_a_status_with_retry_after_and_any_body(ask: Any) -> None:
    async with faulty(
        Fault(429, retry_after="asctime", wait=59.2, at=frozenset({1})),
        Fault(503, retry_after="blank", payload="down", at=frozenset({2})),
        Fault(200, payload=b'{"data":[{"rating":1e999}]}', at=frozenset({3})),
    ) as simulator:
        dated, blank, huge = [await ask(simulator, LIST) for _ in range(3)]
    assert dated.headers["Retry-After"] == "Thu Jan  1 00:01:00 2026"
    assert (blank.headers["Retry-After"], blank.raw) == ("", b"down")
    assert huge.body["data"][0]["rating"] == float("inf")


async def test_200_that_is_no_answer() -> None:
    kinds: tuple[Kind, ...] = ("html", "empty", "error_200", "no_content", "deep")
    faults = [Fault(kind, at=frozenset({n})) for n, kind in enumerate(kinds, 1)]
    async with faulty(*faults) as simulator, aiohttp.ClientSession(simulator.base_url) as session:
        replies = []
        for _ in kinds:
            async with session.get(LIST) as response:
                replies.append((response.status, response.content_type, await response.read()))
    html, empty, error, nothing, deep = replies
    assert html[:2] == (200, "text/html")
    assert html[2].startswith(b"<!DOCTYPE html>")
    assert empty == (200, "application/json", b"")
    assert json.loads(error[2]) == {"error": "Internal error"}
    assert (nothing[0], nothing[2]) == (204, b"")
    assert deep[2] == b"[" * DEPTH + b"]" * DEPTH


async def test_redirect_points_where_it_was_told(ask: Any) -> None:
    async with faulty(Fault("redirect", location="http://elsewhere.example/api")) as simulator:
        reply = await ask(simulator, LIST)
    assert (reply.status, reply.headers["Location"]) == (302, "http://elsewhere.example/api")


async def test_truncated_ends_in_mid_body(ask: Any) -> None:
    async with faulty(Fault("truncated", first=1)) as simulator:
        with pytest.raises(aiohttp.ClientPayloadError):
            await ask(simulator, LIST)
        assert (await ask(simulator, LIST)).status == 200


async def test_reset_tears_the_connection_down(ask: Any) -> None:
    async with faulty(Fault("reset", first=1)) as simulator:
        with pytest.raises((aiohttp.ClientOSError, aiohttp.ServerDisconnectedError)):
            # A POST is not sent a second time by the client.
            await ask(simulator, LIST, "POST", send={})
        assert (await ask(simulator, LIST)).status == 200
    assert [arrival.status for arrival in simulator.arrivals] == [None, 200]


async def test_stall_sends_nothing_and_holds_nobody_else_up(ask: Any) -> None:
    async with faulty(Fault("stall", match="list")) as simulator:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await ask(simulator, LIST)
        assert (await ask(simulator, LIST + "/stats")).status == 200
    assert [arrival.status for arrival in simulator.arrivals] == [None, 200]


async def test_slow_arrives_whole_in_the_end(ask: Any) -> None:
    async with faulty(Fault("slow", delay=0.0)) as simulator:
        reply = await ask(simulator, LIST, page_size=2)
        assert reply.body["data"] == simulator.world.rows()[:-3:-1]


async def test_slow_outlasts_a_reader_with_a_time_limit(ask: Any) -> None:
    async with faulty(Fault("slow", delay=0.05)) as simulator:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await ask(simulator, LIST)


def test_the_bomb_is_small_valid_and_inflates_to_half_a_gigabyte() -> None:
    packed = bomb()
    assert len(packed) < 1_000_000
    reader, size, start, end = zlib.decompressobj(31), 0, b"", b""
    while packed:
        piece = reader.decompress(packed, 16 * 1024 * 1024)
        size, start, end = size + len(piece), start or piece[:9], piece[-9:] or end
        packed = reader.unconsumed_tail
    assert reader.eof, "the checksum is right"
    assert size > BOMB_BYTES
    assert start == b'{"data":['


async def test_the_bomb_goes_out_as_gzip() -> None:
    async with faulty(Fault("bomb")) as simulator:
        session = aiohttp.ClientSession(simulator.base_url, auto_decompress=False)
        async with session, session.get(LIST) as response:
            assert response.headers["Content-Encoding"] == "gzip"
            assert await response.read() == bomb()


async def test_spoiled_answers_are_still_json(ask: Any) -> None:
    kinds: tuple[Kind, ...] = (
        *("short_json", "short_rows", "no_meta", "empty_page", "null_data", "wrong_type"),
    )
    faults = [Fault(kind, at=frozenset({n})) for n, kind in enumerate(kinds, 1)]
    async with faulty(*faults) as simulator:
        short, half, no_meta, empty, null, wrong = [(await ask(simulator, LIST)).body for _ in kinds]
        true = (await ask(simulator, LIST)).body
    assert short == {"data": true["data"][:10]}
    assert half == {"data": true["data"][:10], "meta": true["meta"]}
    assert no_meta == {"data": true["data"]}
    assert empty == {"data": [], "meta": true["meta"]}
    assert null == {"data": None, "meta": true["meta"]}
    assert isinstance(wrong["data"], dict)
    assert wrong["meta"]["total_count"] == "60"


async def test_same_page_says_that_it_is_the_page_asked(ask: Any) -> None:
    async with faulty(Fault("same_page", every=2)) as simulator:
        first, second = await ask(simulator, LIST, page=1), await ask(simulator, LIST, page=2)
        third = await ask(simulator, LIST, page=2)
    assert second.body["data"] == first.body["data"] != third.body["data"]
    assert second.body["meta"]["current_page"] == 2


async def test_ignored_dates(ask: Any) -> None:
    async with faulty(Fault("ignore_dates", first=1)) as simulator:
        ignored, minded = [await ask(simulator, LIST, date_to="2020-01-01") for _ in range(2)]
    assert (ignored.body["meta"]["total_count"], minded.body["meta"]["total_count"]) == (60, 0)


async def test_a_stale_answer_comes_from_an_older_table(ask: Any) -> None:
    world = generate(1, 60)
    old = world.snapshot()
    newest = world.rows()[-1]["id"]
    world.edit(newest, rating=1, comment="agora")
    world.insert(NOW - timedelta(hours=1))
    async with faulty(Fault("stale", snapshot=old, first=1), world=world) as simulator:
        stale, fresh = [(await ask(simulator, LIST)).body for _ in range(2)]
    assert (stale["meta"]["total_count"], fresh["meta"]["total_count"]) == (60, 61)
    assert stale["data"] == old.rows()[:-21:-1]


async def test_faults_hit_the_endpoint_and_the_turn_they_name(ask: Any) -> None:
    async with faulty(
        Fault(503, match="stats", at=frozenset({2})),
        Fault(500, match="/evaluations/", first=1),
        Fault(502, match="list", every=3),
    ) as simulator:
        stats = [(await ask(simulator, LIST + "/stats")).status for _ in range(3)]
        lists = [(await ask(simulator, LIST)).status for _ in range(6)]
    assert stats == [500, 503, 200]
    assert lists == [200, 200, 502, 200, 200, 502]


async def test_chance_is_seeded(ask: Any) -> None:
    async def run(seed: int) -> list[int]:
        async with faulty(Fault(503, chance=0.5), seed=seed) as simulator:
            return [(await ask(simulator, LIST)).status for _ in range(20)]

    first, again, other = await run(1), await run(1), await run(2)
    assert first == again != other
    assert set(first) == {200, 503}


async def test_latency_is_seeded_and_waited_for(ask: Any) -> None:
    drawn: list[float] = []
    source = jitter(3, 0.001, 0.002)

    def latency() -> float:
        drawn.append(source())
        return drawn[-1]

    async with faulty(latency=latency) as simulator:
        assert (await ask(simulator, LIST)).status == 200
    again = jitter(3, 0.001, 0.002)
    assert drawn == [again()]
    assert 0.001 <= drawn[0] <= 0.002


def test_every_kind_has_a_test() -> None:
    texts = "".join(file.read_text("utf-8") for file in Path(__file__).parent.rglob("test_*.py"))
    _, names = get_args(Kind)
    assert [name for name in get_args(names) if f'"{name}"' not in texts] == []
