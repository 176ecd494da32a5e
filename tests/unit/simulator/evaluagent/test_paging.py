"""Every scheme of pages leads through the whole list once, in order, whatever form its links and totals have.

Kills: a cursor that skips or repeats a row, a last page that links on, a total under another name, a size that
is not capped, a link that loses the query.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from connectors.simulator.evaluagent.server import serve
from connectors.simulator.evaluagent.switches import ASSUMED, Switches
from connectors.simulator.evaluagent.year import generate

LIST = "/v1/quality/evaluations"
WORLD = generate(5, 57)  # only read; one that is no multiple of a page
IDS = [row["id"] for row in WORLD.rows()]
WINDOW = {"filter[published_at;between]": "2025-01-01T00:00:00Z,2026-01-01T00:00:00Z"}


def readings() -> Iterator[dict[str, Any]]:
    for paging in ("page", "laravel", "cursor", "none"):
        yield {"paging": paging, "page_size": 10}
    for links, target, last in product(
        ("string", "object", "absent"), ("absolute", "path", "query"), ("null", "absent")
    ):
        if links != "absent" or target == "path":
            yield {"links": links, "link_target": target, "last_next": last, "page_size": 10}
    for cursor, ties in product(("row", "offset"), ("stable", "by_id_desc")):
        yield {"paging": "cursor", "cursor": cursor, "tie_order": ties, "page_size": 7}
    for total_at in ("total", "pagination.total", "absent"):
        yield {"total_at": total_at, "page_size": 19}


def order(ids: list[str], switches: Switches) -> list[str]:
    """Where ties stand in another order, only that each comes once."""
    return ids if switches.tie_order == "stable" else sorted(ids)


@pytest.mark.parametrize(
    "settings", list(readings()), ids=lambda settings: "-".join(map(str, settings.values()))
)
async def test_a_walk_sees_everything_once_in_order(walk: Any, settings: dict[str, Any]) -> None:
    switches = Switches(**settings)
    async with serve(WORLD, switches=switches) as simulator:
        up = await walk(simulator, LIST, sort="published_at", include="contacts", **WINDOW)
        assert order([row["id"] for page in up for row in page["data"]], switches) == order(IDS, switches)
        assert sum(len(page["included"]) for page in up) == sum(len(row["contacts"]) for row in WORLD.rows())
        down = await walk(simulator, LIST, **WINDOW)
        assert order([row["id"] for page in down for row in page["data"]], switches) == order(
            IDS[::-1], switches
        )
        users = await walk(simulator, "/v1/org/users")
        assert [row["id"] for page in users for row in page["data"]] == [row["id"] for row in WORLD.users()]
        if switches.paging != "none":
            assert len(up) >= len(IDS) / switches.page_size
            assert "links" in up[0] or switches.links == "absent"
        else:
            assert [set(page) for page in up] == [{"data", "included"}]


@pytest.mark.parametrize(
    ("switches", "path"),
    [
        (Switches(), ("page", "total")),
        (Switches(total_at="total"), ("total",)),
        (Switches(total_at="pagination.total"), ("pagination", "total")),
        (Switches(paging="laravel", total_at="total"), ("total",)),
        (Switches(paging="laravel", total_at="page.total"), ("page", "total")),
    ],
)
async def test_where_the_total_stands(ask: Any, switches: Switches, path: tuple[str, ...]) -> None:
    async with serve(WORLD, switches=switches) as simulator:
        found = (await ask(simulator, LIST)).body["meta"]
    for name in path:
        found = found[name]
    assert found == len(IDS)


async def test_without_a_total_nothing_tells_it(ask: Any) -> None:
    for paging in ("page", "laravel"):
        async with serve(
            WORLD, switches=replace(ASSUMED, paging=paging, total_at="absent", page_size=10)
        ) as one:
            body = (await ask(one, LIST)).body
            assert str(len(IDS)) not in str(body["meta"])
            assert "last" not in body["links"]
    async with serve(WORLD, switches=Switches(paging="cursor", page_size=10)) as one:
        body = (await ask(one, LIST)).body
        assert set(body) == {"data", "links"}


async def test_links_keep_the_query_and_say_what_they_are_told_to(ask: Any) -> None:
    async with serve(WORLD, switches=Switches(page_size=10)) as simulator:
        links = (await ask(simulator, LIST, sort="published_at", **WINDOW)).body["links"]
        found = parse_qs(urlsplit(links["next"]).query)
        assert found == {name: [text] for name, text in WINDOW.items()} | {
            "sort": ["published_at"],
            "page[number]": ["2"],
        }
        assert links["prev"] is None
        simulator.site.switches = Switches(page_size=10, links="object", link_target="path")
        assert (await ask(simulator, LIST)).body["links"]["next"]["href"].startswith(f"{LIST}?")
        simulator.site.switches = Switches(page_size=10, link_target="query")
        assert (await ask(simulator, LIST)).body["links"]["next"].startswith("?")
        simulator.site.switches = Switches(page_size=10, link_target="foreign")
        assert (await ask(simulator, LIST)).body["links"]["next"].startswith("http://127.0.0.1:9/v1/")
        simulator.site.switches = Switches(page_size=100, last_next="absent")
        assert "next" not in (await ask(simulator, LIST)).body["links"]
        simulator.site.switches = Switches(page_size=100, last_next="null")
        assert (await ask(simulator, LIST)).body["links"]["next"] is None


async def test_sizes(ask: Any) -> None:
    async with serve(WORLD, switches=Switches(max_page_size=20)) as simulator:
        capped = (await ask(simulator, LIST, **{"page[size]": 30})).body
        assert (len(capped["data"]), capped["meta"]["page"]["perPage"]) == (20, 20)
        assert len((await ask(simulator, LIST)).body["data"]) == 20  # the default is larger than the maximum
        simulator.site.switches = Switches(max_page_size=20, over_max="400")
        assert (await ask(simulator, LIST, **{"page[size]": 30})).status == 400
        simulator.site.switches = Switches(max_page_size=None)
        assert len((await ask(simulator, LIST, **{"page[size]": 500})).body["data"]) == len(IDS)
        simulator.site.switches = Switches(over_max="cap", org_lists="paged", page_size=5)
        assert len((await ask(simulator, "/v1/org/users")).body["data"]) == 5
        simulator.site.switches = Switches(org_lists="whole", page_size=5)
        whole = (await ask(simulator, "/v1/org/users")).body
        assert (set(whole), len(whole["data"])) == ({"data"}, len(WORLD.users()))


async def test_past_the_end_and_no_page_at_all(ask: Any) -> None:
    setting: Any
    far, bad = {"page[number]": 9}, {"page[number]": 0}
    async with serve(WORLD) as simulator:
        reply = await ask(simulator, LIST, **far)
        assert (reply.status, reply.body["data"], reply.body["links"]["next"]) == (200, [], None)
        for setting, status in (("404", 404), ("400", 400)):
            simulator.site.switches = replace(ASSUMED, past_end=setting)
            assert (await ask(simulator, LIST, **far)).status == status
        simulator.site.switches = Switches(past_end="last")
        last = (await ask(simulator, LIST, **far)).body
        assert (last["meta"]["page"]["currentPage"], len(last["data"])) == (2, 7)
        simulator.site.switches = Switches(past_end="empty", bad_page="400")
        assert (await ask(simulator, LIST, **bad)).status == 400
        simulator.site.switches = Switches(bad_page="first")
        assert len((await ask(simulator, LIST, **bad)).body["data"]) == 50
        for page in ("x", "-1", "1.5", "²", "9" * 40):
            assert (await ask(simulator, LIST, **{"page[number]": page})).body["meta"]["page"][
                "currentPage"
            ] == 1


async def test_a_cursor_nobody_gave(ask: Any) -> None:
    async with serve(WORLD, switches=Switches(paging="cursor")) as simulator:
        for cursor in ("x", "e30", "WzFd", "bnVsbA", "LTE"):
            assert (await ask(simulator, LIST, **{"page[cursor]": cursor})).status in (200, 400), cursor
            assert (await ask(simulator, "/v1/org/roles", **{"page[cursor]": cursor})).status in (200, 400)


async def test_a_cursor_of_rows_does_not_shift_and_one_of_numbers_does(ask: Any) -> None:
    """The difference that matters to a walk while rows are published and deleted."""
    cursor: Any
    for cursor, shifted in (("row", 0), ("offset", 1)):
        world, switches = WORLD.snapshot(), Switches(paging="cursor", page_size=10)
        async with serve(world, switches=replace(switches, cursor=cursor)) as simulator:
            first = (await ask(simulator, LIST, sort="published_at")).body
            world.delete(first["data"][0]["id"])
            second = (await ask(simulator, first["links"]["next"])).body
            assert second["data"][0]["id"] == IDS[10 + shifted]


async def test_an_empty_list_has_a_first_page(ask: Any) -> None:
    none = {"filter[published_at;between]": "2020-01-01T00:00:00Z,2020-01-02T00:00:00Z"}
    for paging in ("page", "laravel", "cursor", "none"):
        async with serve(WORLD, switches=replace(ASSUMED, paging=paging)) as simulator:
            body = (await ask(simulator, LIST, include="contacts", **none)).body
            assert (body["data"], body["included"]) == ([], [])
            assert body.get("links", {}).get("next") is None
