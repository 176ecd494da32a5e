"""Every switch has at least two settings that a client can tell apart."""

import re
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.simulator.dates import bounds
from connectors.simulator.queries import evaluations, stats
from connectors.simulator.server import serve
from connectors.simulator.switches import DOCUMENTED, Switches
from connectors.simulator.wire import Answer, Refused, retry_after
from connectors.simulator.world import World
from connectors.simulator.year import generate

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DAY = datetime(2025, 6, 10, tzinfo=UTC)


def answer(world: World, query: dict[str, Any], turn: int = 1, **settings: Any) -> Answer:
    try:
        texts = {name: str(value) for name, value in query.items()}
        return evaluations(world, texts, Switches(**settings), turn)
    except Refused as refused:
        return refused.answer


def figures(world: World, **settings: Any) -> dict[str, Any]:
    query = {"date_from": "2025-01-01", "date_to": "2025-12-31"}
    found: dict[str, Any] = stats(world, query, Switches(**settings), NOW).payload["data"]
    return found


def ids(found: Answer) -> list[str]:
    return [row["id"] for row in found.payload["data"]]


@pytest.fixture(scope="module")
def year() -> World:
    return generate(5, 450)


def test_page_size_is_capped_silently_or_refused_or_free(year: World) -> None:
    asked = {"page_size": 300, "page": 2}
    capped = answer(year, asked)
    assert len(ids(capped)) == 100
    assert capped.payload["meta"] == {
        "current_page": 2,
        "page_size": 100,
        "total_pages": 5,
        "total_count": 450,
    }
    shown = answer(year, asked, meta_page_size="asked").payload["meta"]
    assert (shown["page_size"], shown["total_pages"]) == (300, 5)
    assert answer(year, asked, over_max="422").status == 422
    assert len(ids(answer(year, asked, max_page_size=None))) == 150
    assert len(ids(answer(year, asked, max_page_size=50))) == 50


def test_past_the_end(year: World) -> None:
    query = {"page": 6, "page_size": 100}
    empty = answer(year, query)
    assert (ids(empty), empty.payload["meta"]["current_page"]) == ([], 6)
    assert answer(year, query, past_end="404").status == 404
    assert list(answer(year, query, past_end="422").payload["errors"]) == ["page"]
    last = answer(year, query, past_end="last")
    assert (len(ids(last)), last.payload["meta"]["current_page"]) == (50, 5)


def test_page_one_of_nothing_is_no_error() -> None:
    for past_end in ("empty", "404", "422", "last"):
        found = answer(World(), {"page": 1}, past_end=past_end)
        assert (found.status, found.payload["meta"]["total_pages"]) == (200, 0)
    assert answer(World(), {}, empty_total_pages=1).payload["meta"]["total_pages"] == 1


def test_bad_page_and_bad_sort(year: World) -> None:
    assert answer(year, {"page": 0}).status == 422
    assert answer(year, {"page": 0}, bad_page="first").payload["meta"]["current_page"] == 1
    for query in ({"sort_by": "secret"}, {"sort_order": "up"}):
        assert answer(year, query).status == 422
        assert ids(answer(year, query, bad_sort="ignore")) == ids(answer(year, {}))
    by_rating = answer(year, {"sort_by": "rating", "sort_order": "asc", "page_size": 100})
    assert by_rating.payload["data"][0]["rating"] == 1
    assert answer(year, {"sort_by": "rating"}, sortable=frozenset({"inserted_at"})).status == 422


def test_ties_keep_their_order_or_not() -> None:
    world = World()
    for second in range(5):
        world.tie_burst(DAY + timedelta(seconds=second), 50)
    everything = {"page_size": 300, "sort_order": "asc"}
    upward = ids(answer(world, everything, max_page_size=None))
    downward = ids(answer(world, everything | {"sort_order": "desc"}, max_page_size=None))
    assert downward == upward[::-1]
    settings: dict[str, Any] = {"max_page_size": None, "tie_order": "by_id_desc"}
    assert ids(answer(world, everything | {"sort_order": "desc"}, **settings)) == downward
    assert ids(answer(world, everything, **settings)) != upward
    settings = {"max_page_size": None, "tie_order": "shuffled"}
    once, again, later = (ids(answer(world, everything, turn, **settings)) for turn in (1, 1, 2))
    assert once == again != later
    assert sorted(once) == sorted(later) == sorted(upward)


@pytest.mark.parametrize("tie_order", ["stable", "by_id_desc", "shuffled"])
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_pages_of_one_order_tile_the_table_whatever_the_ties(tie_order: str, order: str) -> None:
    world = World()
    for second in range(20):
        world.tie_burst(DAY + timedelta(seconds=second), 1 + second)
    query = {"page_size": 7, "sort_order": order}
    pages = [answer(world, query | {"page": page}, 9, tie_order=tie_order) for page in range(1, 31)]
    rows = [row for page in pages for row in page.payload["data"]]
    times = [row["inserted_at"] for row in rows]
    assert {row["id"] for row in rows} == world.ids()
    assert len(rows) == len(world)
    assert times == sorted(times, reverse=order == "desc")


@pytest.mark.parametrize(
    ("settings", "date_from", "date_to", "expected"),
    [
        ({}, "2025-06-10", "2025-06-10", (DAY, DAY + timedelta(days=1))),
        ({}, "2025-06-10T00:00:00Z", "2025-06-10T12:00:00Z", (DAY, DAY + timedelta(seconds=43201))),
        ({}, "2025-06-10T03:00:00+03:00", "2025-06-10T00:00:00.500Z", (DAY, DAY + timedelta(seconds=1))),
        ({}, "2025-06-10T00:00:00.500", "2025-06-11", (DAY + timedelta(seconds=1), DAY + timedelta(days=2))),
        (
            {"date_from": "exclusive", "date_to": "exclusive"},
            *("2025-06-10T00:00:00Z", "2025-06-10T12:00:00Z"),
            (DAY + timedelta(seconds=1), DAY + timedelta(hours=12)),
        ),
        (
            {"date_from": "exclusive", "date_to": "exclusive"},
            *("2025-06-09", "2025-06-11"),
            (DAY, DAY + timedelta(days=1)),
        ),
        (
            {"date_unit": "day"},
            *("2025-06-10T12:00:00Z", "2025-06-10T13:00:00Z"),
            (DAY, DAY + timedelta(days=1)),
        ),
        (
            {"date_only_to": "midnight"},
            *("2025-06-10", "2025-06-11"),
            (DAY, DAY + timedelta(days=1, seconds=1)),
        ),
        (
            {"date_only_to": "midnight", "date_to": "exclusive"},
            *("2025-06-10", "2025-06-11"),
            (DAY, DAY + timedelta(days=1)),
        ),
        (
            {"day_zone": "America/Sao_Paulo"},
            *("2025-06-10", "2025-06-10"),
            (DAY + timedelta(hours=3), DAY + timedelta(hours=27)),
        ),
        (
            {"day_zone": "America/Sao_Paulo", "date_unit": "day"},
            *("2025-06-11T01:00:00Z", "2025-06-11T01:00:00Z"),
            (DAY + timedelta(hours=3), DAY + timedelta(hours=27)),
        ),
    ],
)
def test_dates_mean_what_the_switches_say(
    settings: dict[str, Any], date_from: str, date_to: str, expected: tuple[datetime, datetime]
) -> None:
    found = bounds({"date_from": date_from, "date_to": date_to}, Switches(**settings))
    assert found == (int(expected[0].timestamp()), int(expected[1].timestamp()))


@pytest.mark.parametrize("text", ["yesterday", "2025-13-01", "2025-06-10T00:00:00 00:00", "", "9999-12-31"])
def test_a_date_that_is_none_is_refused_or_ignored(text: str, year: World) -> None:
    assert list(answer(year, {"date_to": text}).payload["errors"]) == ["date_to"]
    assert answer(year, {"date_to": text}, bad_date="ignore").payload["meta"]["total_count"] == 450


def test_times_without_zone(year: World) -> None:
    plain, naive = answer(year, {}).payload["data"], answer(year, {}, naive_times=True).payload["data"]
    assert [row["inserted_at"].rstrip("Z") for row in plain] == [row["inserted_at"] for row in naive]
    assert naive[0]["inserted_at"] != plain[0]["inserted_at"]


def test_figures_of_an_empty_range() -> None:
    zeros, nulls = figures(World()), figures(World(), empty_stats="nulls")
    assert (zeros["total_evaluations"], zeros["average_rating"], zeros["satisfaction_rate"]) == (0, 0.0, 0.0)
    assert (nulls["total_evaluations"], nulls["average_rating"], nulls["satisfaction_rate"]) == (
        0,
        None,
        None,
    )
    assert zeros["distribution"] == nulls["distribution"] == dict.fromkeys("12345", 0)
    assert figures(World(), distribution="present")["distribution"] == {}


def test_rounding_and_blank_comments() -> None:
    world = World()
    for rating, comment in ((5, ""), (5, "x"), (1, None)):
        world.insert(DAY, rating=rating, comment=comment)
    assert figures(world)["satisfaction_rate"] == 66.7
    assert figures(world, satisfaction="exact")["satisfaction_rate"] == 200 / 3
    assert figures(world)["with_comments"] == 1
    assert figures(world, comment_counts_blank=True)["with_comments"] == 2
    assert figures(world, distribution="present")["distribution"] == {"1": 1, "5": 2}


def test_a_mean_is_rounded_half_up_and_exactly() -> None:
    world = World()
    for rating in [4] * 3 + [5]:  # 4.25
        world.insert(DAY, rating=rating)
    assert figures(world)["average_rating"] == 4.3


async def test_figures_may_lag_behind_the_table(ask: Any) -> None:
    world, clock = World(until=NOW), [NOW]
    world.insert(NOW - timedelta(days=1))
    lagging = Switches(stats_lag=600)
    async with serve(world, tokens={"secret": "demo"}, switches=lagging, now=lambda: clock[0]) as simulator:

        async def total() -> int:
            reply = await ask(simulator, "/api/v1/evaluations/stats")
            found: int = reply.body["data"]["total_evaluations"]
            return found

        assert await total() == 1
        world.insert(NOW - timedelta(hours=1))
        assert await total() == 1
        clock[0] += timedelta(seconds=600)
        assert await total() == 2


async def test_a_second_evaluation_of_a_call(ask: Any) -> None:
    for setting, status in (("422", 422), ("allow", 201)):
        switches = Switches(duplicate_evaluation=setting)  # type: ignore[arg-type]
        async with serve(World(), tokens={"secret": "demo"}, switches=switches) as simulator:
            for expected in (201, status):
                sent = {"evaluation": {"call_id": "c", "rating": 5}}
                reply = await ask(simulator, "/api/v1/evaluations", "POST", send=sent)
                assert reply.status == expected


@pytest.mark.parametrize(
    ("form", "bare", "wrapped"), [("both", 201, 201), ("bare", 201, 422), ("wrapped", 422, 201)]
)
async def test_the_body_of_the_public_endpoint(ask: Any, form: str, bare: int, wrapped: int) -> None:
    switches = replace(DOCUMENTED, public_body=form)  # type: ignore[arg-type]
    async with serve(World(), switches=switches) as simulator:
        where = "/api/v1/call/evaluate/"
        first = await ask(simulator, where + "a", "POST", token=None, send={"rating": 5})
        second = await ask(simulator, where + "b", "POST", token=None, send={"evaluation": {"rating": 5}})
    assert (first.status, second.status) == (bare, wrapped)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("none", None),
        ("seconds", "3"),
        ("date", "Thu, 01 Jan 2026 00:00:03 GMT"),
        ("rfc850", "Thursday, 01-Jan-26 00:00:03 GMT"),
        ("asctime", "Thu Jan  1 00:00:03 2026"),
        ("negative", "-5"),
        ("fraction", "1.5"),
        ("blank", ""),
        ("zero", "0"),
        ("huge", "99999999999"),
    ],
)
def test_the_forms_of_retry_after(form: Any, text: str | None) -> None:
    assert retry_after(form, 2.4, NOW).get("Retry-After") == text


def test_every_switch_has_a_test() -> None:
    """A setting that no test of this folder names is a guess."""
    texts = "".join(file.read_text("utf-8") for file in Path(__file__).parent.glob("test_*.py"))
    assert [field.name for field in fields(Switches) if not re.search(rf"\b{field.name}\b", texts)] == []
