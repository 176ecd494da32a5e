"""History against its source: proven only when equal, every visible difference found and mended, in few requests.

The oracle is the simulator's own table. Kills: *proven* without the last comparison · a part that differs and is not
read · repairs without `--repair` · requests beyond the allowance · a deletion outside of what was read · the whole
history read for one row.
"""

import math
import random
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import lab
import pytest

from connectors.simulator.script import Script
from connectors.simulator.world import World
from connectors.simulator.year import generate
from pipeline.audit import Audited
from pipeline.config import Config
from pipeline.run import Request, audit

DAYS = 365


async def audited(to: Config, requests: int = 1000, *, repair: bool = True) -> Audited:
    _, [found] = await audit(to, Request(), requests=requests, repair=repair)
    return found


def differences(world: World, seed: int, n: int) -> list[str]:
    """So many single differences on days of their own: edits that figures show, deletions, late rows."""
    chance = random.Random(seed)
    kinds = []
    for day in chance.sample(range(5, DAYS - 5), n):
        lower = world.until - timedelta(days=day + 1)
        rows = world.rows(lower, lower + timedelta(days=1))
        kind = chance.choice(["edit", "delete", "late"]) if rows else "late"
        kinds.append(kind)
        if kind == "late":
            world.insert(lower + timedelta(seconds=chance.randrange(86_400)), rating=chance.randint(1, 5))
        elif kind == "delete":
            world.delete(chance.choice(rows)["id"])
        else:
            row = chance.choice(rows)
            world.edit(row["id"], rating=row["rating"] % 5 + 1)
    return kinds


async def test_an_equal_history_is_proven_in_two_requests(tmp_path: Path) -> None:
    async with lab.source(generate(3, 5000), tmp_path) as (simulator, to):
        await lab.sync_only(to)
        before = len(simulator.arrivals)
        found = await audited(to)
        assert found.receipt.proof is not None
        assert (found.receipt.proof.state, found.receipt.outcome) == ("proven", "ok")
        assert (len(simulator.arrivals) - before, found.receipt.requests, found.full) == (2, 2, 50)


async def test_ten_differences_on_ten_days_are_found_and_mended(tmp_path: Path) -> None:
    world = generate(3, 20_000)
    async with lab.source(world, tmp_path) as (simulator, to):
        await lab.sync_only(to)
        kinds = Counter(differences(world, 1, 10))
        before = len(simulator.arrivals)
        found = await audited(to)
        spent = len(simulator.arrivals) - before
        assert found.receipt.proof is not None
        assert found.receipt.proof.state == "proven"
        assert lab.loaded(to) == lab.present(world)
        done = found.receipt.loaded
        assert (done.inserted, done.updated, done.deleted) == (kinds["late"], kinds["edit"], kinds["delete"])
        pages = math.ceil(20_000 / DAYS / 100)
        assert spent == found.receipt.requests <= 10 * (2 * math.log2(DAYS) + pages)
        assert spent < found.full


@pytest.mark.parametrize("seed", range(6))
async def test_proven_means_equal_in_every_figure(seed: int, tmp_path: Path) -> None:
    """The source moves while it is audited; names change too, which no figure of a range shows."""
    chance = random.Random(seed)
    world = generate(seed, 900)
    async with lab.source(world, tmp_path, page_size=20) as (simulator, to):
        await lab.sync_only(to)
        differences(world, seed, chance.randrange(8))
        ids = sorted(world.ids())
        for row_id in chance.sample(ids, 3):
            world.edit(row_id, customer_name="Outro Nome")
        if seed % 3 == 0:
            moving = [lambda turn, _: world.delete(ids[turn]) if turn < 6 else None]
            simulator.site.script = Script(before=moving)
        found = await audited(to, requests=chance.choice([4, 12, 40, 400]))
        ours, theirs = figures(lab.loaded(to)), figures(lab.present(world))
        assert found.receipt.proof is not None
        if found.receipt.proof.state == "proven":
            assert ours == theirs
            assert world.ids() == lab.ids(lab.loaded(to))
        else:
            assert ours != theirs


def figures(rows: list[Any]) -> tuple[int, Counter[int], int]:
    return len(rows), Counter(row["rating"] for row in rows), sum(bool(row["comment"]) for row in rows)


@pytest.mark.parametrize("requests", [0, 3, 4, 5, 9, 20])
async def test_an_audit_spends_no_more_than_it_may_and_says_what_is_left(
    requests: int, tmp_path: Path
) -> None:
    world = generate(4, 3000)
    async with lab.source(world, tmp_path) as (simulator, to):
        await lab.sync_only(to)
        differences(world, 2, 6)
        before = len(simulator.arrivals)
        found = await audited(to, requests)
        assert len(simulator.arrivals) - before <= requests
        assert found.receipt.outcome in ("unproven", "paused")
        assert found.receipt.error


async def test_without_repair_nothing_changes(tmp_path: Path) -> None:
    world = generate(4, 20_000)
    async with lab.source(world, tmp_path) as (_, to):
        await lab.sync_only(to)
        loaded = lab.loaded(to)
        differences(world, 3, 4)
        found = await audited(to, repair=False)
        assert found.receipt.outcome == "unproven"
        assert lab.loaded(to) == loaded
        assert sum(part.verdict == "read" for part in found.parts) == 4


async def test_what_was_never_loaded_is_not_audited(tmp_path: Path) -> None:
    async with lab.source(generate(4, 10), tmp_path) as (simulator, to):
        found = await audited(to)
        assert (found.receipt.error, len(simulator.arrivals)) == ("nothing is loaded yet: sync first", 0)


async def test_lagging_statistics_are_searched_by_the_lists_count(tmp_path: Path) -> None:
    """The views behind the figures may be old: what the list counts is then the only sign."""
    world = generate(4, 2000)
    async with lab.source(world, tmp_path) as (simulator, to):
        simulator.site.switches = replace(simulator.site.switches, stats_lag=1e9)
        await lab.sync_only(to)
        world.insert(world.until - timedelta(days=100), rating=5)
        found = await audited(to)
        assert found.receipt.loaded.inserted == 1
        assert lab.loaded(to) == lab.present(world)
        assert found.receipt.outcome == "unproven"  # the figures are still the old ones
