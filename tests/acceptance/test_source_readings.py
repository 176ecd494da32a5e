"""Every way to read what the source's documentation leaves open, P12, P13 and P15 to P19 of the table of failures.

A sync that is called ok has the source's own table, whatever the source means by its bounds, pages and times. What is
declared right under `assume` is read whole; what is declared wrong is an error that names the key, or whole as well.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product, takewhile
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import lab
import pytest

from connectors.simulator.script import Fault, Script
from connectors.simulator.switches import DOCUMENTED, Switches
from connectors.simulator.world import World
from pipeline.receipt import StreamReceipt

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
Bound = Literal["inclusive", "exclusive"]
BOUNDS: tuple[Bound, ...] = ("inclusive", "exclusive")
PAIRS = list(product(BOUNDS, BOUNDS))


def declared(**assume: str) -> dict[str, Any]:
    return {"assume": "{" + ", ".join(f"{name}: {value}" for name, value in assume.items()) + "}"}


async def synced(
    world: World, folder: Path, switches: Switches = DOCUMENTED, script: Script | None = None, **keys: Any
) -> StreamReceipt:
    """A first sync and a second; where one of them says ok, its window is the source's table."""
    calendar = lab.Calendar(world.until)
    async with lab.source(world, folder, switches=switches, script=script, calendar=calendar, **keys) as (
        _,
        to,
    ):
        for _ in range(2):
            receipt = await lab.sync_only(to)
            if receipt.outcome == "ok":
                assert receipt.window is not None
                assert lab.within(lab.loaded(to), receipt.window) == lab.present(world, receipt.window)
                assert lab.ids(lab.present(world, receipt.window)) <= lab.ids(lab.loaded(to))
            calendar.at += timedelta(minutes=10)
        return receipt


def busy_table() -> World:
    """A row in each second, so that every bound has a row on it, and a tie larger than a page."""
    world = lab.table(120, step=SECOND)
    world.tie_burst(lab.NOW - timedelta(minutes=10), 60)
    return world


def early_tie() -> World:
    """The first page is one moment, and does not hold all of it."""
    world = lab.table(50)
    world.tie_burst(lab.NOW - timedelta(hours=10), 70)
    return world


# -- bounds and times ------------------------------------------------------------------------------


@pytest.mark.parametrize(("date_from", "date_to"), PAIRS)
@pytest.mark.parametrize("make", [busy_table, early_tie])
async def test_p13_bounds_that_are_declared_right(
    date_from: Bound, date_to: Bound, make: Any, tmp_path: Path
) -> None:
    switches = replace(DOCUMENTED, date_from=date_from, date_to=date_to, tie_order="shuffled")
    keys = declared(date_from=date_from, date_to=date_to)
    receipt = await synced(make(), tmp_path, switches, page_size=25, **keys)
    assert (receipt.outcome, receipt.error) == ("ok", None)


@pytest.mark.parametrize(
    ("truth", "said"),
    [(a, b) for a, b in product(PAIRS, PAIRS) if a != b],
)
@pytest.mark.parametrize("make", [busy_table, early_tie])
async def test_p13_bounds_that_are_declared_wrong(
    truth: tuple[Bound, Bound], said: tuple[Bound, Bound], make: Any, tmp_path: Path
) -> None:
    """Kills: a window that believes what it is told. `synced` sees that ok is never short."""
    switches = replace(DOCUMENTED, date_from=truth[0], date_to=truth[1])
    receipt = await synced(
        make(), tmp_path, switches, page_size=25, **declared(date_from=said[0], date_to=said[1])
    )
    if (truth[0], said[0]) == ("exclusive", "inclusive"):
        assert receipt.outcome == "failed"
        assert "assume.date_from" in (receipt.error or "")
    elif receipt.outcome == "failed":
        wrong = [
            name
            for name, *pair in zip(("date_from", "date_to"), truth, said, strict=True)
            if pair[0] != pair[1]
        ]
        assert any(f"assume.{name}" in (receipt.error or "") for name in wrong)


@pytest.mark.parametrize("date_to", BOUNDS)
@pytest.mark.parametrize("date_from", BOUNDS)
async def test_p13_only_the_date_counts(date_from: Bound, date_to: Bound, tmp_path: Path) -> None:
    """Rows at 00:00:00 and 23:59:59, more of a day than a page holds."""
    world = World(until=lab.NOW)
    for day, second in product(range(1, 12), (0, 1, 43_200, 86_398, 86_399)):
        world.insert(lab.NOW - day * DAY + second * SECOND, rating=1 + day % 5)
    world.tie_burst(lab.NOW - 5 * DAY, 30)
    switches = replace(
        DOCUMENTED, date_unit="day", date_from=date_from, date_to=date_to, tie_order="shuffled"
    )
    keys = declared(date_unit="day", date_from=date_from, date_to=date_to)
    receipt = await synced(world, tmp_path, switches, page_size=20, **keys)
    assert (receipt.outcome, receipt.error) == ("ok", None)
    assert receipt.watermark == lab.NOW - DAY


async def test_p13_only_the_date_counts_and_nobody_said_so(tmp_path: Path) -> None:
    receipt = await synced(busy_table(), tmp_path, replace(DOCUMENTED, date_unit="day"), page_size=25)
    assert receipt.outcome == "failed"
    assert "assume.date_unit" in (receipt.error or "")


@pytest.mark.parametrize(
    ("zone", "month"), [("America/New_York", 3), ("America/New_York", 11), ("Pacific/Auckland", 4)]
)
async def test_p12_a_source_whose_days_are_not_those_of_utc(zone: str, month: int, tmp_path: Path) -> None:
    """Days of 23 and 25 hours: our windows tile in UTC. No row is called gone; that the figures differ is said."""
    world = lab.table(8 * 24, step=timedelta(hours=1), until=datetime(2025, month, 12, tzinfo=UTC))
    switches = replace(DOCUMENTED, date_unit="day", day_zone=zone)
    keys = {"page_size": 50, "start": f"2025-{month:02d}-06", **declared(date_unit="day")}
    async with lab.source(world, tmp_path, switches=switches, **keys) as (_, to):
        receipt = await lab.sync_only(to)
        assert receipt.outcome == "unproven"
        assert lab.loaded(to, deleted=True) == []


async def test_p12_seconds_do_not_know_of_zones(tmp_path: Path) -> None:
    world = lab.table(15 * 24, step=timedelta(hours=1), until=datetime(2025, 11, 12, tzinfo=UTC))
    receipt = await synced(world, tmp_path, replace(DOCUMENTED, day_zone="America/New_York"), page_size=50)
    assert receipt.outcome == "ok"


async def test_times_without_a_zone_are_utc(tmp_path: Path) -> None:
    receipt = await synced(busy_table(), tmp_path, replace(DOCUMENTED, naive_times=True), page_size=25)
    assert receipt.outcome == "ok"


@asynccontextmanager
async def without_date(base_url: str) -> AsyncIterator[str]:
    """A line to the simulator that leaves out the Date header of each answer."""
    host, port = urlsplit(base_url).hostname, urlsplit(base_url).port

    async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        answers, questions = await asyncio.open_connection(host, port)
        questions.write(head.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        answer = await answers.read()
        lines, _, body = answer.partition(b"\r\n\r\n")
        kept = [line for line in lines.split(b"\r\n") if not line.lower().startswith(b"date:")]
        writer.write(b"\r\n".join(kept) + b"\r\n\r\n" + body)
        for one in (writer, questions):
            await one.drain()
            one.close()
            await one.wait_closed()

    server = await asyncio.start_server(serve_one, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize("page_size", [20, 100])
async def test_p7_no_date_header(page_size: int, tmp_path: Path) -> None:
    """The newest row is the clock: the window ends behind it, and the rows after it come with the next run."""
    world = lab.table(50)
    async with lab.source(world, tmp_path) as (simulator, _), without_date(simulator.base_url) as base_url:
        to = lab.config(base_url, tmp_path, page_size=page_size)
        newest = lab.NOW - timedelta(minutes=1)
        for _ in range(2):
            receipt = await lab.sync_only(to)
            assert (receipt.outcome, receipt.watermark) == ("ok", newest - 5 * SECOND)
            assert receipt.window is not None
            assert lab.within(lab.loaded(to), receipt.window) == lab.present(world, receipt.window)
            newest += timedelta(minutes=1)
            world.insert(newest)


# -- pages -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("shown", ["used", "asked"])
async def test_p15_a_page_size_that_is_capped_silently(shown: Any, tmp_path: Path) -> None:
    """Kills: the next page begins where a page of the asked size would have ended."""
    world = lab.table(350)
    world.tie_burst(lab.NOW - timedelta(hours=3), 150)
    receipt = await synced(world, tmp_path, replace(DOCUMENTED, meta_page_size=shown), page_size=500)
    assert (receipt.outcome, receipt.error) == ("ok", None)


async def test_p15_a_page_size_that_is_refused(tmp_path: Path) -> None:
    receipt = await synced(lab.table(10), tmp_path, replace(DOCUMENTED, over_max="422"), page_size=500)
    assert receipt.outcome == "failed"
    assert "422" in (receipt.error or "")
    assert receipt.watermark is None


async def test_p16_the_page_number_is_ignored(tmp_path: Path) -> None:
    """Windows do not care. A tie that only page numbers could read ends with an error, not in a loop."""
    script = Script(faults=[Fault("same_page", match="list")])
    assert (await synced(lab.table(200), tmp_path, script=script, page_size=20)).outcome == "ok"
    world = lab.table(20)
    for _ in range(70):
        world.insert(lab.NOW - timedelta(hours=3), rating=5)
    folder = tmp_path / "tie"
    folder.mkdir()
    receipt = await synced(world, folder, script=script, page_size=20)
    assert receipt.outcome == "failed"
    assert "share one moment" in (receipt.error or "")
    assert receipt.requests < 150
    assert receipt.watermark is None


@pytest.mark.parametrize("at", [1, 2, 5])
async def test_p17_an_empty_page_is_asked_again(at: int, tmp_path: Path) -> None:
    """Kills: an empty page is the end."""
    script = Script(faults=[Fault("empty_page", match="list", at=frozenset({at}))])
    assert (await synced(lab.table(200), tmp_path, script=script, page_size=50)).outcome == "ok"


@pytest.mark.parametrize("past_end", ["empty", "404", "422", "last"])
async def test_p18_pages_that_vanish_under_a_walk_over_a_tie(past_end: Any, tmp_path: Path) -> None:
    """A tie of one rating shrinks while it is paged, in every way to say that a page is not there."""
    world = lab.table(20)
    tie = [world.insert(lab.NOW - timedelta(hours=3), rating=5) for _ in range(90)]

    def shrink(turn: int, _: object) -> None:
        if 4 <= turn <= 8:
            for row_id in tie[10 * (turn - 4) : 10 * (turn - 3)]:
                world.delete(row_id)

    switches = replace(DOCUMENTED, past_end=past_end, tie_order="shuffled")
    async with lab.source(
        world, tmp_path, switches=switches, script=Script(before=[shrink]), page_size=20
    ) as (_, to):
        receipt = await lab.sync_only(to)
        assert receipt.outcome in ("ok", "unproven")
        assert lab.ids(lab.present(world)) <= lab.ids(lab.loaded(to))


async def test_p19_a_failed_window_leaves_the_watermark_and_what_was_read(tmp_path: Path) -> None:
    """Kills: watermark = now; pages that are asked for again."""
    world, script = lab.table(200), Script(faults=[Fault(403, match="list", at=frozenset({4}))])
    async with lab.source(world, tmp_path, script=script, page_size=20) as (simulator, to):
        failed = await lab.sync_only(to)
        assert (failed.outcome, failed.watermark) == ("failed", None)
        assert 40 <= len(lab.loaded(to)) < 200
        before = len(simulator.arrivals)
        receipt = await lab.sync_only(to)
        assert (receipt.outcome, receipt.error) == ("ok", None)
        assert lab.loaded(to) == lab.present(world)
        read = {one.query["date_from"] for one in simulator.arrivals[:3]}
        resumed = takewhile(
            lambda one: "date_to" in one.query, simulator.arrivals[before:]
        )  # then a new window
        asked = [one.query["date_from"] for one in resumed if one.query.get("page_size") == "20"]
        assert len(asked) >= 7
        assert not read & set(asked)
