"""Whole syncs from a source that moves: what stays is there once, or the run says that it is not proven.

The walk's part of this is in test_moving_source.py. Here rows come late within the lookback, change and go while the
first and the second sync run; then the source stands still, and a third sync must find everything.

Kills: no dedupe · last write wins instead of newest answer · tombstone by absence · deletions that are never seen
(no tombstones) · strict `>` at the watermark · no lookback · proven without a comparison.
"""

import asyncio
import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import lab
import pytest

from connectors.simulator.log import Arrival
from connectors.simulator.script import Churn, Script
from connectors.simulator.server import Simulator, serve
from connectors.simulator.world import World
from pipeline.config import Config
from pipeline.receipt import StreamReceipt

HOUR = timedelta(hours=1)
KINDS = ("grows", "shrinks", "everything", "constant total")


@dataclass(slots=True)
class Story:
    """A table, its churn, and every version of every row that could be seen."""

    kind: str
    world: World
    calendar: lab.Calendar
    chance: random.Random
    page_size: int
    seen: defaultdict[str, set[tuple[int, str | None]]] = field(default_factory=lambda: defaultdict(set))

    def note(self, _turn: int = 0, _arrival: Arrival | None = None) -> None:
        for row in self.world.rows():
            self.seen[row["id"]].add((row["rating"], row["comment"]))

    def script(self) -> Script:
        """Changes within the last 30 hours before each list request, for good or for some requests."""
        pace, every = self.chance.choice([0.1, 0.4, 1.0]), self.chance.random
        only = {"grows": ("late_inserts",), "shrinks": ("deletes",)}.get(
            self.kind, ("late_inserts", "deletes", "edits")
        )
        inside = (self.calendar.at - 30 * HOUR, self.calendar.at - timedelta(seconds=30))
        churn = Churn(
            self.world,
            self.chance.randrange(1 << 30),
            inside=inside,
            now=self.calendar,
            inserts=pace * every() if self.kind != "shrinks" else 0,
            constant_total=self.kind == "constant total",
            turns=self.chance.choice([3, 6, None]),
            **{name: pace * every() for name in only},
        )
        return Script(before=[churn, self.note])


def story(seed: int, kind: str) -> Story:
    chance = random.Random(f"{kind}/{seed}")
    calendar = lab.Calendar()
    world = World(until=calendar.at)
    for _ in range(chance.randint(30, 120)):
        age = chance.choice([20 * 24, 28, 1]) * HOUR * chance.random()
        world.insert(calendar.at - timedelta(seconds=40) - age, rating=chance.randint(1, 5))
    return Story(kind, world, calendar, chance, page_size=chance.randint(15, 60))


def check(one: Story, to: Config, receipt: StreamReceipt, mark: int) -> None:
    """What must be true after any sync."""
    assert receipt.window is not None
    found, window = lab.loaded(to), receipt.window
    [keys] = lab.query(
        to, "SELECT count(*) AS rows, count(DISTINCT evaluation_id) AS ids FROM core.evaluations"
    )
    assert keys["rows"] == keys["ids"]
    now = lab.present(one.world, window)
    stayed = lab.ids(now) & one.world.alive_since(mark)
    if receipt.outcome != "ok":
        assert receipt.outcome in ("unproven", "failed")  # "failed": DriftError
        return
    assert stayed <= lab.ids(found)
    for row in found:
        assert (row["rating"], row["comment"]) in one.seen[row["id"]]
    assert receipt.proof is not None
    assert receipt.proof.state == "proven"
    assert receipt.proof.loaded_total == len(lab.within(found, window)) == len(now)
    if one.kind in ("grows", "shrinks"):  # nothing can cancel out: equal figures are equal tables
        assert lab.within(found, window) == now


async def live(one: Story, simulator: Simulator, folder: Path) -> list[str]:
    """Two syncs while the source moves, one when it has come to rest."""
    simulator.site.worlds["demo"] = one.world
    simulator.site.now = one.calendar
    to = lab.config(simulator.base_url, folder, page_size=one.page_size)
    outcomes = list[str]()
    for _ in range(2):
        simulator.site.script = one.script()
        one.note()
        mark = one.world.mark()
        receipt = await lab.sync_only(to)
        check(one, to, receipt, mark)
        outcomes.append(receipt.outcome)
        one.calendar.at += 6 * HOUR
    simulator.site.script = Script()
    receipt = await lab.sync_only(to)
    assert (receipt.outcome, receipt.error) == ("ok", None)
    assert lab.loaded(to) == lab.present(one.world)
    return outcomes


@pytest.mark.parametrize("kind", KINDS)
async def test_what_stays_is_there_once_or_the_run_is_unproven(kind: str, tmp_path: Path) -> None:
    """Six seeds of each kind, three syncs of each."""
    todo, outcomes = iter(range(6)), Counter[str]()

    async def work() -> None:
        async with serve(World(until=lab.NOW), tokens=lab.TOKENS) as simulator:
            for seed in todo:
                folder = tmp_path / str(seed)
                folder.mkdir()
                outcomes.update(await live(story(seed, kind), simulator, folder))

    async with asyncio.TaskGroup() as group:
        for _ in range(2):
            group.create_task(work())
    assert outcomes["ok"] >= 4  # the proof does not simply say no,
    assert outcomes["unproven"] >= (kind == "everything")  # nor simply yes
