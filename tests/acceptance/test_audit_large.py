"""A million evaluations over three years, audited: few requests where the sides are equal, few where ten days differ.

What the figures cost in requests is counted at the source. Kills: a search that reads what is equal · a comparison
for each month or day · a whole history read for one row.
"""

import math
import random
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from itertools import chain
from pathlib import Path

import lab
import pytest

from connectors.simulator.switches import DOCUMENTED
from connectors.simulator.world import UNTIL, World
from connectors.simulator.year import generate
from connectors.source import DAY
from pipeline.audit import Audited
from pipeline.run import Request, audit

ROWS = 1_000_000
YEARS = 3
DAYS = 365 * YEARS
PAGE = 100
DIFFERENCES = 10


def years(rows: int) -> World:
    """So many rows, evenly over the years."""
    each = [
        generate(year, rows // YEARS + (year < rows % YEARS), until=UNTIL - 365 * year * DAY)
        for year in range(YEARS)
    ]
    pairs = chain.from_iterable(((key[0], row) for key, row in one._rows.items()) for one in each)
    return World.from_pairs(pairs, until=UNTIL)


def differ(world: World, chance: random.Random) -> Counter[str]:
    """A single difference on each of ten days."""
    kinds: Counter[str] = Counter()
    for day in chance.sample(range(5, DAYS - 5), DIFFERENCES):
        lower = world.until - (day + 1) * DAY
        row = chance.choice(world.rows(lower, lower + DAY))
        kind = ("edit", "delete", "late")[day % 3]
        kinds[kind] += 1
        if kind == "late":
            world.insert(lower + timedelta(seconds=chance.randrange(86_400)), rating=chance.randint(1, 5))
        elif kind == "delete":
            world.delete(row["id"])
        else:
            world.edit(row["id"], rating=row["rating"] % 5 + 1)
    return kinds


@pytest.mark.campaign
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("rows", [ROWS])
async def test_a_million_evaluations(rows: int, tmp_path: Path) -> None:
    world = years(rows)
    switches = replace(DOCUMENTED, max_page_size=None)
    async with lab.source(world, tmp_path, switches=switches, page_size=1000) as (simulator, first):
        await lab.sync_only(first)
        to = lab.config(simulator.base_url, tmp_path, page_size=PAGE)

        async def audited() -> tuple[Audited, int]:
            before = len(simulator.arrivals)
            _, [found] = await audit(to, Request(), requests=1000)
            return found, len(simulator.arrivals) - before

        equal, spent = await audited()
        assert equal.receipt.proof is not None
        assert equal.receipt.proof.state == "proven"
        assert equal.receipt.proof.loaded_total == rows
        assert spent <= 3
        kinds = differ(world, random.Random(1))
        found, spent_on_ten = await audited()
        told = f"{rows:,} rows: {spent} requests where equal, {spent_on_ten} for {dict(kinds)}, all: {found.full:,}"
        (tmp_path.parent / "figures.txt").write_text(told)
        assert found.receipt.proof is not None
        assert found.receipt.proof.state == "proven"
        done = found.receipt.loaded
        assert (done.inserted, done.updated, done.deleted) == (kinds["late"], kinds["edit"], kinds["delete"])
        pages = math.ceil(rows / DAYS / PAGE)
        assert spent_on_ten <= DIFFERENCES * (2 * math.log2(DAYS) + pages)
        assert lab.loaded(to) == lab.present(world)
