"""What a sync costs in requests when the source stands still: the pages it has, and five more.

The count is the source's own log. Kills: links by shared rows alone (a hundredth more pages) · links by counts that are
taken for moves where moments are shared · a page asked twice · a second sync that reads more than its lookback.
"""

import math
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import lab
import pytest

from connectors.simulator.switches import DOCUMENTED
from connectors.simulator.world import World
from connectors.simulator.year import generate


async def costs(world: World, folder: Path, page_size: int) -> tuple[int, int]:
    """Requests of the first and of the second sync; both proven, and the table loaded."""
    switches, found = replace(DOCUMENTED, max_page_size=1000), list[int]()
    async with lab.source(world, folder, switches=switches, page_size=page_size) as (simulator, to):
        for _ in range(2):
            before = len(simulator.arrivals)
            receipt = await lab.sync_only(to)
            assert (receipt.outcome, receipt.error) == ("ok", None)
            found.append(len(simulator.arrivals) - before)
            assert receipt.requests == found[-1]
        assert lab.loaded(to) == lab.present(world)
    return found[0], found[1]


@pytest.mark.parametrize(
    ("rows", "page_size"),
    [
        *[(rows, 100) for rows in (0, 1, 99, 100, 101, 199, 200, 5_000, 10_000, 25_000)],
        (4_000, 20),
        (25_000, 1000),
        (60_000, 500),
    ],
)
async def test_a_first_sync_asks_for_each_page_once(rows: int, page_size: int, tmp_path: Path) -> None:
    world = generate(7, rows)
    first, second = await costs(world, tmp_path, page_size)
    assert first <= math.ceil(rows / page_size) + 5
    recent = len(world.rows(world.until - timedelta(days=2, minutes=1)))
    assert second <= math.ceil(recent / page_size) + 3


@pytest.mark.parametrize("rows", [2, 3])
async def test_shared_moments_cost_no_more(rows: int, tmp_path: Path) -> None:
    """Each moment has two or three rows: pages end in the midst of one as often as not."""
    world = lab.table(0)
    for place in range(1200):
        world.tie_burst(lab.NOW - timedelta(days=9) + timedelta(minutes=place), rows)
    first, second = await costs(world, tmp_path, 50)
    assert first <= math.ceil(len(world) / 50) + 5
    assert second <= 3
