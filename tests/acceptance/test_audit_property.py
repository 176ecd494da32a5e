"""Whatever differs between the two sides in a figure that the source exposes, an audit never says *proven*.

The oracle is the simulator's table, counted here from its rows and not by our client. What is *not* promised stands
in test_audit_nightly.py: changes that cancel in every figure.

Kills: figures of the bounds' wrong side · a part that is skipped · *proven* after a repair that did not help · rows
of one second, a fraction of a second or a window's edge that nobody counts · dead letters that are forgotten.
"""

import random
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import lab
import pytest

from connectors.simulator.world import World
from connectors.simulator.year import generate
from connectors.source import DAY, SECOND, Window
from pipeline.audit import audit_stream
from pipeline.config import Config

SEEDS = 8
CAMPAIGN_SEEDS = 1000
RETENTION = 300 * DAY

Change = Callable[[World, random.Random], None]


def moment(world: World, chance: random.Random) -> datetime:
    """Anywhere in the year, often at an edge: midnight, an hour, the second before either, another row's second."""
    at = world.until - timedelta(seconds=chance.randrange(60, 365 * 86_400))
    kind = chance.randrange(4)
    if kind == 0:
        at = at.replace(hour=0, minute=0, second=0)
    elif kind == 1:
        at = at.replace(minute=0, second=0) - SECOND
    elif kind == 2:
        at = datetime.fromisoformat(chance.choice(world.rows())["inserted_at"])
    return at


def late(world: World, chance: random.Random) -> None:
    world.insert(moment(world, chance), rating=chance.randint(1, 5), comment=chance.choice([None, "", "bom"]))


def burst(world: World, chance: random.Random) -> None:
    world.tie_burst(moment(world, chance), chance.randint(2, 30))


def fraction(world: World, chance: random.Random) -> None:
    """A time with milliseconds, at the border of its second."""
    at = moment(world, chance).replace(microsecond=0)
    text = f"{at:%Y-%m-%dT%H:%M:%S}.{chance.choice(['000', '001', '999'])}Z"
    world.insert(at, rating=chance.randint(1, 5), inserted_at=text)


def edit(world: World, chance: random.Random) -> None:
    row = chance.choice(world.rows())
    world.edit(row["id"], rating=chance.randint(1, 5), comment=chance.choice([None, "outro"]))


def move(world: World, chance: random.Random) -> None:
    world.edit(chance.choice(world.rows())["id"], at=moment(world, chance))


def delete(world: World, chance: random.Random) -> None:
    world.delete(chance.choice(world.rows())["id"])


def poison(world: World, chance: random.Random) -> None:
    world.insert(moment(world, chance), rating=chance.choice([0, 9, "muito", None]))


def purge(world: World, chance: random.Random) -> None:
    world.purge(world.until - chance.choice([RETENTION, RETENTION - DAY, 340 * DAY]))


CHANGES: tuple[Change, ...] = (late, late, burst, fraction, edit, edit, move, delete, delete, poison, purge)


def figures(rows: list[Any], window: Window) -> tuple[int, Counter[int], int]:
    """What the source exposes of a window: rows, rows of each rating, rows with a comment."""
    inside = [row for row in rows if window.holds(datetime.fromisoformat(row["inserted_at"]))]
    ratings = Counter(row["rating"] for row in inside if row["rating"] in range(1, 6))
    return len(inside), ratings, sum(bool(row.get("comment")) for row in inside)


async def judge(to: Config, world: World, requests: int) -> str:
    """The audit's word, which is *proven* only where both tables have the same figures."""
    async with lab.at_work(to) as (_, job):
        found = await audit_stream(job, requests)
    proof = found.receipt.proof
    if proof is None:
        return found.receipt.outcome
    ours, theirs = figures(lab.loaded(to), proof.window), figures(world.rows(), proof.window)
    if proof.state == "proven":
        assert ours == theirs
        assert found.receipt.outcome == "ok"
    else:
        assert found.receipt.outcome == "unproven"
        assert found.receipt.error
    return proof.state


async def one_world(seed: int, folder: Path) -> list[str]:
    chance = random.Random(seed)
    world = generate(seed, chance.choice([60, 250, 500]))
    keys: dict[str, Any] = {"retention": "300d"} if chance.random() < 0.3 else {}
    async with lab.source(world, folder, page_size=chance.choice([10, 40]), **keys) as (_, to):
        await lab.sync_only(to)
        said = []
        for _ in range(2):
            for change in chance.choices(CHANGES, k=chance.randint(0, 6)):
                change(world, chance)
            if chance.random() < 0.3:
                await lab.sync_only(to)
            said.append(await judge(to, world, chance.choice([4, 9, 30, 400])))
        return said


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_never_proven_where_a_figure_differs(seed: int, tmp_path: Path) -> None:
    await one_world(seed, tmp_path)


@pytest.mark.campaign
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("share", range(10))
async def test_never_proven_where_a_figure_differs_in_a_thousand_worlds(share: int, tmp_path: Path) -> None:
    said: Counter[str] = Counter()
    for seed in range(share, CAMPAIGN_SEEDS, 10):
        with TemporaryDirectory(dir=tmp_path) as home:
            said.update(await one_world(seed, Path(home)))
    assert said["proven"] > CAMPAIGN_SEEDS / 20  # and it does say so where both sides are equal
    assert said["unproven"] > 0
