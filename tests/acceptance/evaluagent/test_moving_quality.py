"""Syncs of evaluagent while evaluations are published, late and in time, edited and deleted between any two requests.

40 contracts side by side, half of them without totals; then they stand still, and a second sync must find everything.

Kills: offsets over a list that shifts; last write wins instead of newest answer; a deletion that is never seen; a
tombstone for a row that only moved; proven without a comparison; contacts of a deleted evaluation.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import lab
import pytest
import quality_lab as quality
from quality_lab import EVALUATIONS, Row

from connectors.simulator.evaluagent.server import QualitySimulator, serve
from connectors.simulator.evaluagent.switches import Switches
from connectors.simulator.evaluagent.world import QualityWorld
from connectors.simulator.script import Churn, Script
from connectors.source import Window
from pipeline.receipt import StreamReceipt

HOUR = timedelta(hours=1)
KINDS = ("grows", "shrinks", "everything", "constant total")
SEEDS = 7


@dataclass
class Story:
    kind: str
    totals: bool
    world: QualityWorld
    calendar: lab.Calendar
    chance: random.Random
    mark: int = 0

    def script(self) -> Script:
        """Changes within the last 30 hours before each list request, for good or for some requests."""
        pace, every = self.chance.choice([0.2, 0.5, 1.0]), self.chance.random
        only = {"grows": ("late_inserts",), "shrinks": ("deletes",)}.get(
            self.kind, ("late_inserts", "deletes", "edits")
        )
        churn = Churn(
            self.world,
            self.chance.randrange(1 << 30),
            inside=(self.calendar.at - 30 * HOUR, self.calendar.at - timedelta(seconds=30)),
            now=self.calendar,
            inserts=pace * every() if self.kind != "shrinks" else 0,
            constant_total=self.kind == "constant total",
            turns=self.chance.choice([3, 6, None]),
            **{name: pace * (0.3 + every()) for name in only},
        )
        return Script(before=[churn])

    def inside(self, window: Window) -> set[str]:
        return {row["id"] for row in self.world.rows(window.lower, window.upper)}


def story(seed: int, kind: str) -> Story:
    chance = random.Random(f"{kind}/{seed}")
    calendar = lab.Calendar()
    world = QualityWorld(until=calendar.at)
    world.add_user(agent_team="team")
    for _ in range(chance.randint(30, 60)):
        age = timedelta(seconds=int(chance.choice([20 * 24, 28, 1]) * 3600 * chance.random()))
        world.publish(calendar.at - timedelta(seconds=40) - age)
    if seed % 3 == 0:
        world.tie_burst(calendar.at - 9 * HOUR, 25)
    return Story(kind, totals=seed % 2 == 0, world=world, calendar=calendar, chance=chance)


@dataclass(frozen=True)
class Told:
    """What two syncs said and left, and what was there."""

    stories: Mapping[str, Story]
    first: Mapping[str, StreamReceipt]
    after_first: Mapping[str, list[Row]]
    present: Mapping[str, set[str]]  # in the first window, when its sync had ended
    stayed: Mapping[str, set[str]]
    second: Mapping[str, StreamReceipt]
    after_second: Mapping[str, list[Row]]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    return asyncio.run(live(tmp_path_factory.mktemp("moving")))


async def live(folder: Path) -> Told:
    stories = {
        f"s{seed}_{place}": story(seed, kind) for seed in range(SEEDS) for place, kind in enumerate(KINDS)
    }
    async with AsyncExitStack() as stack:
        simulators: dict[str, QualitySimulator] = {}
        accounts = []
        for name, one in stories.items():
            switches = Switches(
                total_at="page.total" if one.totals else "absent",
                # Of a shuffled tie that no page holds, what is gone is never certain: the run stays unproven.
                tie_order="shuffled" if one.kind == "grows" else "stable",
            )
            opening = serve(one.world, switches=switches, now=one.calendar, script=one.script())
            simulators[name] = await stack.enter_async_context(opening)
            one.mark = one.world.mark()
            size = {"paging": {"page_size": one.chance.randint(15, 40)}}
            accounts.append(
                quality.account(simulators[name].base_url, name, streams=[EVALUATIONS], assume=size)
            )
        to = quality.config(folder, *accounts)
        first = {name: receipts[0] for name, receipts in (await quality.sync_all(to)).items()}
        after_first = quality.by_source(to, EVALUATIONS)
        windows = {name: receipt.window for name, receipt in first.items() if receipt.window}
        present = {name: stories[name].inside(window) for name, window in windows.items()}
        stayed = {
            name: found & stories[name].world.alive_since(stories[name].mark)
            for name, found in present.items()
        }
        for name, one in stories.items():
            simulators[name].site.script = Script()
            one.calendar.at += 6 * HOUR
        second = {name: receipts[0] for name, receipts in (await quality.sync_all(to)).items()}
        return Told(stories, first, after_first, present, stayed, second, quality.by_source(to, EVALUATIONS))


def test_what_stays_is_there_once_while_the_source_moves(told: Told) -> None:
    outcomes = Counter(receipt.outcome for receipt in told.first.values())
    for name, receipt in told.first.items():
        if receipt.outcome != "ok":
            assert receipt.outcome in ("unproven", "failed")  # "failed": DriftError
            continue
        rows = told.after_first[name]
        assert len(rows) == len(quality.ids(rows))
        assert told.stayed[name] <= quality.ids(rows), name
    assert outcomes["ok"] >= 20


def test_proven_is_said_of_equal_tables_only(told: Told) -> None:
    proven = 0
    for name, receipt in told.first.items():
        one = told.stories[name]
        if receipt.proof is None or receipt.proof.state != "proven":
            continue
        assert one.totals, "proven without a total"
        assert receipt.window is not None
        window, proven = receipt.window, proven + 1
        inside = {row["evaluation_id"] for row in told.after_first[name] if window.holds(row["published_at"])}
        assert receipt.proof.loaded_total == len(inside) == len(told.present[name])
        if one.kind in ("grows", "shrinks"):  # nothing can cancel out: equal figures are equal tables
            assert inside == told.present[name]
    assert proven >= 8


def test_when_it_stands_still_everything_is_found(told: Told) -> None:
    for name, receipt in told.second.items():
        one = told.stories[name]
        assert receipt.outcome == "ok", (name, receipt.error)
        assert receipt.proof is not None
        assert receipt.proof.state == ("proven" if one.totals else "not_comparable")
        assert told.after_second[name] == quality.truth(one.world, EVALUATIONS), name
