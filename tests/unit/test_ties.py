"""More rows in one second than fit on a page: every one of them, or an error; through the real client.

Kills: one pass over the pages of a tie · a tie that counts as read when as many rows came as were there at first ·
parts that are believed to hold everything · deletions concluded from pages · a walk that never ends.
"""

import random
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import lab
import pytest

from connectors.simulator.log import Arrival
from connectors.simulator.script import Fault, Script
from connectors.simulator.server import Simulator, serve
from connectors.simulator.switches import DOCUMENTED
from connectors.simulator.world import World
from connectors.source import Page, Window
from connectors.ties import PASSES, read_unit
from schemas.errors import DriftError, FatalSourceError

AT = lab.NOW - timedelta(hours=1)
UNIT = Window(AT, AT + timedelta(seconds=1))
ORDERS: tuple[Literal["stable", "by_id_desc", "shuffled"], ...] = ("stable", "by_id_desc", "shuffled")
SIZES = [(0, 20), (1, 20), (20, 20), (21, 20), (100, 20), (101, 20), (250, 20), (250, 100)]
STAMP = AT.strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[tuple[Simulator, lab.Bench]]:
    async with (
        serve(World(until=lab.NOW), tokens=lab.TOKENS, now=lambda: lab.NOW) as simulator,
        lab.bench(simulator.base_url, tmp_path) as bench,
    ):
        yield simulator, bench


async def read(
    place: tuple[Simulator, lab.Bench],
    world: World,
    page_size: int,
    script: Script | None = None,
    **switches: Any,
) -> list[Page]:
    simulator, bench = place
    simulator.site.worlds["demo"], simulator.site.script = world, script or Script()
    simulator.site.switches = replace(DOCUMENTED, **switches)
    fresh = bench.with_assumptions(lab.voki_account(""))
    return await read_unit(fresh.stream, fresh.ask, UNIT, page_size)


def found(pages: list[Page]) -> set[str]:
    return {record["id"] for page in pages for record in page.answer.records}


def tie(rows: int, *, rating: int | None = None) -> World:
    """A second with so many rows, and neighbours on both sides."""
    world = lab.table(30)
    for number in range(rows):
        world.insert(AT, rating=rating or 1 + number % 5)
    for second in (-1, 1):
        world.insert(AT + second * timedelta(seconds=1))
    return world


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("rows", "page_size"), SIZES)
async def test_all_rows_of_a_moment(
    place: tuple[Simulator, lab.Bench], rows: int, page_size: int, order: Any
) -> None:
    """Only the last page claims the unit: a reader that dies before it has claimed nothing."""
    world = tie(rows)
    pages = await read(place, world, page_size, tie_order=order)
    assert found(pages) == lab.ids(world.rows(UNIT.lower, UNIT.upper))
    assert [page.covers for page in pages] == [None] * (len(pages) - 1) + [UNIT]
    assert pages[-1].certain == UNIT
    assert all(page.certain is None for page in pages[:-1])


@pytest.mark.parametrize("order", ORDERS)
async def test_all_rows_of_a_moment_that_no_part_splits(
    place: tuple[Simulator, lab.Bench], order: Any
) -> None:
    """One rating only: pages by number, over and over, until the count is reached."""
    world = tie(125, rating=5)
    pages = await read(place, world, 100, tie_order=order)
    assert found(pages) == lab.ids(world.rows(UNIT.lower, UNIT.upper))


async def test_rows_of_no_part_are_found(place: tuple[Simulator, lab.Bench]) -> None:
    """A rating that is none stands in no part. Kills: the sum of the parts is the whole."""
    world = tie(60)
    for number, rating in enumerate([0, 9, None, "5", 4.5]):
        world.insert_raw(
            AT, {"id": f"odd-{number}", "rating": rating, "inserted_at": AT.strftime("%Y-%m-%dT%H:%M:%SZ")}
        )
    pages = await read(place, world, 20, tie_order="shuffled")
    assert found(pages) == lab.ids(world.rows(UNIT.lower, UNIT.upper))


@pytest.mark.parametrize("turn", range(2, 13))
async def test_a_row_that_changes_its_part_is_never_called_gone(
    place: tuple[Simulator, lab.Bench], turn: int
) -> None:
    """One row goes to a part that was read, and a new one keeps the count. Kills: the parts' count as a proof."""
    world = tie(60)
    rows = world.rows(UNIT.lower, UNIT.upper)
    victim = next(row["id"] for row in rows if row["rating"] == 5)
    stays = lab.ids(rows)

    def change(now: int, _: Arrival) -> None:
        if now == turn:
            world.edit(victim, rating=1)
            world.insert(AT, rating=4)

    pages = await read(place, world, 20, Script(before=[change]))
    assert stays <= found(pages) or pages[-1].certain is None


@pytest.mark.parametrize("kind", ["edits", "deletes", "inserts"])
@pytest.mark.parametrize("seed", range(8))
async def test_a_moment_that_changes_for_a_while(
    place: tuple[Simulator, lab.Bench], seed: int, kind: str
) -> None:
    """Rows get another rating, go or come while the moment is read; what stays is found."""
    chance = random.Random(seed)
    world = tie(chance.randint(50, 120), rating=chance.choice([None, 5]))
    stays = lab.ids(world.rows(UNIT.lower, UNIT.upper))

    def change(turn: int, _: Arrival) -> None:
        victim = chance.choice(sorted(stays))
        if turn > 8:
            return
        if kind == "edits":
            world.edit(victim, rating=chance.randint(1, 5))
        elif kind == "inserts":
            world.insert(AT)
        else:
            world.delete(victim)
            stays.discard(victim)

    pages = await read(place, world, 20, Script(before=[change]), tie_order="shuffled")
    assert stays <= found(pages)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("at", [{7}, {8}, {9}, {8, 9}, {9, 10}, set(range(8, 14))])
async def test_a_count_that_never_moves(place: tuple[Simulator, lab.Bench], at: set[int], order: Any) -> None:
    """Before a request a row that was read goes, and one comes in at the end: the exchange shifts a row past the walk,
    and the count is right by accident. Kills: as many keys as rows is the end; keys that are never begun anew.
    """
    world = tie(60, rating=5)
    stays = [row["id"] for row in world.rows(UNIT.lower, UNIT.upper)]

    def exchange(turn: int, _: Arrival) -> None:
        if turn in at:
            world.delete(stays.pop(0))
            world.insert(AT, id=f"zz-{turn:02d}")

    pages = await read(place, world, 20, Script(before=[exchange]), tie_order=order)
    assert set(stays) <= found(pages)


async def test_a_moment_that_never_rests_is_drift(place: tuple[Simulator, lab.Bench]) -> None:
    """Bounded. Kills: an endless walk; a count that is compared with that of the first page."""
    simulator, world = place[0], tie(60, rating=5)
    before = len(simulator.arrivals)

    def grow(_turn: int, _arrival: Arrival) -> None:
        world.insert(AT)

    with pytest.raises(DriftError, match="share one moment"):
        await read(place, world, 20, Script(before=[grow]))
    assert len(simulator.arrivals) - before < 2 * PASSES * (60 + 2 * PASSES * 10) / 20


async def test_a_page_number_that_is_ignored_is_drift(place: tuple[Simulator, lab.Bench]) -> None:
    with pytest.raises(DriftError, match="share one moment"):
        await read(place, tie(60, rating=5), 20, Script(faults=[Fault("same_page")]))


@pytest.mark.parametrize("past_end", ["empty", "404", "422", "last"])
async def test_pages_that_vanish_are_an_end_only_when_the_count_agrees(
    place: tuple[Simulator, lab.Bench], past_end: Any
) -> None:
    world = tie(90, rating=5)
    victims = [row["id"] for row in world.rows(UNIT.lower, UNIT.upper)][:45]

    def shrink(turn: int, _: Arrival) -> None:
        if turn == 9:
            for victim in victims:
                world.delete(victim)

    pages = await read(place, world, 20, Script(before=[shrink]), past_end=past_end, tie_order="shuffled")
    assert lab.ids(world.rows(UNIT.lower, UNIT.upper)) <= found(pages)


async def test_a_refusal_of_the_first_page_is_no_end(place: tuple[Simulator, lab.Bench]) -> None:
    faults = [Fault(404, match="list", at=frozenset({7}))]
    with pytest.raises(FatalSourceError):
        await read(place, tie(90, rating=5), 20, Script(faults=faults))


async def test_an_answer_about_more_than_the_moment_calls_nothing_gone(
    place: tuple[Simulator, lab.Bench],
) -> None:
    """A source that compares days only: its answer is not a picture of this second."""
    pages = await read(place, lab.table(20), 100, date_unit="day")
    assert found(pages)
    assert all(page.certain is None for page in pages)
