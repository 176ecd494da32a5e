"""A source that moves while it is read: nothing that stays is lost, and the proof says when something might be.

Each seed is a table, a page size and a churn of its own: inserts at the head, late inserts into the window, edits
and deletes before every request. The oracle is the simulator's table.

Kills: one naive forward pass over page numbers (`test_a_naive_pass_loses_rows` shows that these seeds would tell) ·
links by count that are never questioned · `date_from = last second + 1` without a look at the count · trusting the
total of the first page · a tie that is left at the page's edge.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import aiohttp
import lab
import pytest

from connectors.simulator.script import Churn, Script, jitter
from connectors.simulator.server import Simulator, serve
from connectors.simulator.switches import DOCUMENTED
from connectors.simulator.world import World
from schemas.errors import DriftError

SECOND = timedelta(seconds=1)
ORDERS: tuple[Literal["stable", "by_id_desc", "shuffled"], ...] = ("stable", "by_id_desc", "shuffled")
KINDS = ("moving", "constant total", "ties")
SEEDS = 100  # of each kind


@dataclass(frozen=True, slots=True)
class Trial:
    """One table, how it is read and how it moves."""

    kind: str
    world: World
    begin: datetime
    end: datetime  # of what moves
    page_size: int
    churn: Churn


def trial(seed: int, kind: str) -> Trial:
    """30 to 400 rows within a minute to a day; ties are larger than a page, and come in another order each time."""
    chance = random.Random(f"{kind}/{seed}")
    length = chance.choice([60, 600, 3600, 86_400])
    begin, end = lab.NOW - timedelta(seconds=length + 60), lab.NOW - timedelta(seconds=30)
    world, rows, page_size = World(until=lab.NOW), chance.randint(30, 400), chance.randint(5, 50)

    def moment() -> datetime:
        return begin + SECOND * chance.randrange(length)

    if kind == "ties":
        rows -= len(world.tie_burst(moment(), min(rows, 250, chance.randint(page_size + 1, 6 * page_size))))
    for _ in range(rows):
        world.insert(moment(), rating=chance.randint(1, 5))
    pace = chance.choice([0.02, 0.1, 0.3, 1.0, 2.0]) / (10 if kind == "ties" else 1)
    churn = Churn(
        world,
        seed,
        inside=(begin, end),
        now=lambda: lab.NOW,
        inserts=pace * chance.random(),
        late_inserts=pace * chance.random(),
        edits=pace * chance.random(),
        deletes=pace * chance.random(),
        constant_total=kind == "constant total",
    )
    return Trial(kind, world, begin, end, page_size, churn)


def put(one: Trial, simulator: Simulator, *, latency: float = 0) -> None:
    """Let a running simulator be this trial's source."""
    simulator.site.worlds["demo"] = one.world
    order = "shuffled" if one.kind == "ties" else ORDERS[one.page_size % 3]
    simulator.site.switches = replace(DOCUMENTED, tie_order=order)
    simulator.site.script = Script(before=[one.churn])
    if latency:
        simulator.site.script.latency = jitter(one.page_size, 0, latency)


async def lost_rows(one: Trial, bench: lab.Bench) -> set[str] | None:
    """Ids of rows that were there all the time and came on no page; None: the walk said that it could not."""
    mark = one.world.mark()
    fresh = bench.with_assumptions(lab.voki_account(""))
    try:
        walked = await lab.walk(fresh, one.begin, one.page_size)
    except DriftError:
        return None
    assert walked.gaps() == []
    assert all(page.certain is None or page.covers for page in walked.pages)
    there = lab.ids(one.world.rows(walked.window.lower, walked.window.upper))
    return (there & one.world.alive_since(mark)) - walked.ids()


async def walk_all(
    trials: Iterable[Trial], folder: Path, *, side_by_side: int, latency: float = 0
) -> tuple[list[Trial], Counter[str]]:
    """Walk every trial: those that lost rows, and how often a walk gave up, by kind."""
    todo, losers, given_up = iter(trials), list[Trial](), Counter[str]()

    async def work(place: Path) -> None:
        async with (
            serve(World(until=lab.NOW), tokens=lab.TOKENS, now=lambda: lab.NOW) as simulator,
            lab.bench(simulator.base_url, place) as bench,
        ):
            for one in todo:
                put(one, simulator, latency=latency)
                lost = await lost_rows(one, bench)
                given_up[one.kind] += lost is None
                if lost:
                    losers.append(one)

    async with asyncio.TaskGroup() as group:
        for number in range(side_by_side):
            place = folder / str(number)
            place.mkdir()
            group.create_task(work(place))
    return losers, given_up


@pytest.mark.parametrize("kind", KINDS)
async def test_a_walk_loses_no_row_that_stays(kind: str, tmp_path: Path) -> None:
    """Kills: every link mutant of paging.py named above."""
    await survive(range(SEEDS), kind, tmp_path)


@pytest.mark.campaign
@pytest.mark.parametrize("kind", KINDS)
async def test_campaign_of_ten_thousand_walks(kind: str, tmp_path: Path) -> None:
    await survive(range(10_000, 13_360), kind, tmp_path)


async def survive(seeds: range, kind: str, folder: Path) -> None:
    losers, given_up = await walk_all((trial(seed, kind) for seed in seeds), folder, side_by_side=3)
    assert losers == []
    # Only where more rows of one moment than a page holds keep changing there is no honest answer.
    assert given_up[kind] <= (len(seeds) // 20 if kind == "ties" else 0)


async def test_two_lanes_lose_no_row_that_stays(tmp_path: Path) -> None:
    """A slow source, so that both ends are read at once, and answers come in any order."""
    trials = [trial(seed, kind) for seed in range(1000, 1016) for kind in KINDS]
    losers, given_up = await walk_all(trials, tmp_path, side_by_side=16, latency=0.2)
    assert losers == []
    assert given_up.total() <= 2


async def naive_pass(one: Trial, session: aiohttp.ClientSession, base_url: str) -> set[str]:
    """What everybody writes first: page 1, 2, 3 .. as far as page 1 says there are pages."""
    found: set[str] = set()
    page = pages = 1
    while page <= pages:
        asked = {"page": str(page), "page_size": str(one.page_size), "sort_order": "asc"}
        async with session.get(base_url + "/api/v1/evaluations", params=asked) as answer:
            body = await answer.json()
        found |= lab.ids(body["data"])
        pages = body["meta"]["total_pages"] if page == 1 else pages
        page += 1
    return found


async def test_a_naive_pass_loses_rows() -> None:
    """The oracle has teeth: on the same seeds a pass over page numbers loses rows that stay."""
    headers = {"Authorization": f"Bearer {lab.TOKEN}", "X-Tenant": "demo"}
    losers = Counter[str]()
    async with (
        serve(World(until=lab.NOW), tokens=lab.TOKENS, now=lambda: lab.NOW) as simulator,
        aiohttp.ClientSession(headers=headers) as session,
    ):
        for kind in KINDS:
            for seed in range(40):
                one = trial(seed, kind)
                put(one, simulator)
                mark = one.world.mark()
                found = await naive_pass(one, session, simulator.base_url)
                losers[kind] += bool(one.world.alive_since(mark) - found)
    assert all(losers[kind] >= 10 for kind in KINDS), losers
