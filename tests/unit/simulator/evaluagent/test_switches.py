"""Every reading of what may be asked, in each of its settings, over a real socket; of what an answer looks like in
test_shapes.py.

The last test keeps it so: a switch or a setting that no test of this folder names fails it.
"""

import re
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_type_hints

import pytest

from connectors.simulator.evaluagent.server import serve
from connectors.simulator.evaluagent.switches import Switches
from connectors.simulator.evaluagent.world import QualityWorld
from connectors.simulator.evaluagent.year import generate

LIST = "/v1/quality/evaluations"
WORLD = generate(4, 90)  # only read
AT = datetime(2026, 1, 1, 12, tzinfo=UTC)


def between(lower: str, upper: str) -> dict[str, str]:
    return {"filter[published_at;between]": f"{lower},{upper}"}


def four() -> tuple[QualityWorld, list[str]]:
    """One at each end of a window, one inside it, one a second after it."""
    world = QualityWorld(until=AT + timedelta(days=1))
    world.add_user(agent_team="team")
    return world, [world.publish(AT + timedelta(seconds=second)) for second in (0, 5, 10, 11)]


@pytest.mark.parametrize(
    ("switches", "places"),
    [
        (Switches(between_lower="inclusive", between_upper="inclusive"), [0, 1, 2]),
        (Switches(between_lower="exclusive", between_upper="inclusive"), [1, 2]),
        (Switches(between_lower="inclusive", between_upper="exclusive"), [0, 1]),
        (Switches(between_lower="exclusive", between_upper="exclusive"), [1]),
    ],
)
async def test_the_ends_of_between(ask: Any, switches: Switches, places: list[int]) -> None:
    world, ids = four()
    async with serve(world, switches=switches) as simulator:
        for upper in ("2026-01-01T12:00:10Z", "2026-01-01T14:00:10+02:00", "2026-01-01T12:00:10"):
            window = between("2026-01-01T12:00:00Z", upper)
            body = (await ask(simulator, LIST, sort="published_at", **window)).body
            assert [row["id"] for row in body["data"]] == [ids[place] for place in places]
            assert body["meta"]["page"]["total"] == len(places)


async def test_fractions_of_seconds_count(ask: Any) -> None:
    """A row of half past a second is outside a window that ends on it, however it is shown."""
    world = QualityWorld()
    world.publish(AT + timedelta(seconds=10, milliseconds=500))
    async with serve(world) as simulator:
        assert (await ask(simulator, LIST, **between("2026-01-01", "2026-01-01T12:00:10Z"))).body[
            "data"
        ] == []
        shown = {"z": "10Z", "offset": "10+00:00", "local": "10-03:00", "fraction": "10.500000Z"}
        for form, text in shown.items():
            simulator.site.switches = Switches(published_at=form)  # type: ignore[arg-type]
            row = (await ask(simulator, LIST, **between("2026-01-01", "2026-01-01T12:00:11Z"))).body["data"][
                0
            ]
            assert (
                row["attributes"]["published_at"]
                == f"2026-01-01T{9 if form == 'local' else 12:02d}:00:{text}"
            )


async def test_forms_of_a_time_in_whole_seconds(ask: Any) -> None:
    world, _ = four()
    expected = {
        Switches(published_at="z"): "2026-01-01T12:00:00Z",
        Switches(published_at="offset"): "2026-01-01T12:00:00+00:00",
        Switches(published_at="local"): "2026-01-01T09:00:00-03:00",
        Switches(published_at="fraction"): "2026-01-01T12:00:00.000000Z",
    }
    for switches, text in expected.items():
        async with serve(world, switches=switches) as simulator:
            rows = (await ask(simulator, LIST, sort="published_at")).body["data"]
            assert rows[0]["attributes"]["published_at"] == text
            assert rows[0]["attributes"]["evaluated_at"][-6:] == text[-6:]


@pytest.mark.parametrize(
    ("refusing", "ignoring", "query"),
    [
        (Switches(bad_date="400"), Switches(bad_date="ignore"), between("yesterday", "2026-01-01")),
        (
            Switches(bad_date="400"),
            Switches(bad_date="ignore"),
            {"filter[published_at;between]": "2026-01-01"},
        ),
        (Switches(bad_filter="400"), Switches(bad_filter="ignore"), {"filter[updated_at;between]": "a,b"}),
        (Switches(bad_filter="400"), Switches(bad_filter="ignore"), {"filter[published_at;after]": "a"}),
        (Switches(bad_sort="400"), Switches(bad_sort="ignore"), {"sort": "score"}),
        (Switches(bad_include="400"), Switches(bad_include="ignore"), {"include": "agent"}),
        (Switches(unknown_parameter="400"), Switches(unknown_parameter="ignore"), {"page": "2"}),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
async def test_what_cannot_be_asked(ask: Any, refusing: Switches, ignoring: Switches, query: Any) -> None:
    async with serve(WORLD, switches=refusing) as simulator:
        reply = await ask(simulator, LIST, **query)
        assert (reply.status, reply.body["errors"][0]["source"]) == (400, {"parameter": next(iter(query))})
        simulator.site.switches = ignoring
        reply = await ask(simulator, LIST, **query)
        assert (reply.status, reply.body["meta"]["page"]["total"]) == (200, 90)
        assert "included" not in reply.body


async def test_windows_that_are_odd(ask: Any) -> None:
    world, ids = four()
    backwards = between("2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z")
    async with serve(world, switches=Switches(reversed_between="400", max_span_days=10)) as simulator:
        assert (await ask(simulator, LIST, **backwards)).status == 400
        assert (await ask(simulator, LIST, **between("2025-12-01", "2026-01-02"))).status == 400
        assert len((await ask(simulator, LIST, **between("2025-12-25", "2026-01-02"))).body["data"]) == 4
        simulator.site.switches = Switches(reversed_between="empty", max_span_days=None)
        assert (await ask(simulator, LIST, **backwards)).body["data"] == []
        old = world.publish(AT - timedelta(days=20))
        assert len((await ask(simulator, LIST)).body["data"]) == 5
        simulator.site.switches = Switches(default_days=10)
        assert {row["id"] for row in (await ask(simulator, LIST)).body["data"]} == set(ids)
        simulator.site.switches = Switches(default_days=None)
        assert old in {row["id"] for row in (await ask(simulator, LIST)).body["data"]}


async def test_order_without_a_sort(ask: Any) -> None:
    world, ids = four()
    expected = {"newest": ids[::-1], "oldest": ids, "by_id": sorted(ids)}
    for switches in (
        Switches(default_order="newest"),
        Switches(default_order="oldest"),
        Switches(default_order="by_id"),
    ):
        async with serve(world, switches=switches) as simulator:
            rows = (await ask(simulator, LIST)).body["data"]
            assert [row["id"] for row in rows] == expected[switches.default_order]
            rows = (await ask(simulator, LIST, sort="published_at")).body["data"]
            assert [row["id"] for row in rows] == ids


async def test_the_order_of_ties(ask: Any) -> None:
    world = QualityWorld()
    ids = sorted(world.tie_burst(AT, 40))

    async def page(simulator: Any, number: int, sort: str) -> list[str]:
        body = (await ask(simulator, LIST, sort=sort, **{"page[number]": number, "page[size]": 20})).body
        return [row["id"] for row in body["data"]]

    async with serve(world, switches=Switches(tie_order="stable")) as simulator:
        up = [await page(simulator, number, "published_at") for number in (1, 2)]
        assert up == [ids[:20], ids[20:]]
        assert [await page(simulator, number, "-published_at") for number in (2, 1)] == [
            ids[19::-1],
            ids[:19:-1],
        ]
        simulator.site.switches = Switches(tie_order="by_id_desc")
        assert await page(simulator, 1, "published_at") == ids[:19:-1]
        assert await page(simulator, 1, "-published_at") == ids[:19:-1]
        simulator.site.switches = Switches(tie_order="shuffled")
        once, again = [await page(simulator, 1, "published_at") for _ in range(2)]
        assert once != again
        assert len(set(once)) == 20


async def test_addresses_that_are_too_long(ask: Any) -> None:
    window = between("2026-01-01T12:00:00Z", "2026-01-01T12:00:10Z")
    async with serve(WORLD, switches=Switches(max_url=60)) as simulator:
        assert (await ask(simulator, LIST, **window)).status == 414
        assert (await ask(simulator, LIST)).status == 200
        simulator.site.switches = Switches(max_url=None)
        assert (await ask(simulator, LIST, **window)).status == 200


WALKED = {  # by tests that go through their settings as values
    *("paging", "cursor", "links", "link_target", "total_at", "past_end"),  # test_paging
    *("endpoint_is", "retry_after", "blocked_address", "import_status", "split"),
}


def test_every_setting_of_every_switch_is_named_in_a_test() -> None:
    texts = "".join(file.read_text("utf-8") for file in Path(__file__).parent.glob("test_*.py"))
    hints, missing = get_type_hints(Switches), []
    for switch in fields(Switches):
        settings = [one for one in get_args(hints[switch.name]) if one not in (int, NoneType)]
        for setting in settings or [""]:
            named = f'"{setting}"' if isinstance(setting, str) and setting else str(setting)
            where = "" if switch.name in WALKED else rf"\b{switch.name}="
            if not re.search(where + re.escape(named), texts):
                missing.append((switch.name, setting))
    assert missing == []
