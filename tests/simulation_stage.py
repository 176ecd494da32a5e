"""The stage of one life: its folder, its machine, the source's table and what changes it. Runs no sync."""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from simulation_oracle import Chronicle, Reader
from simulation_story import Night, Story
from simulation_time import Life, Machine

from connectors.simulator.script import Churn, Script
from connectors.simulator.world import World

COMMENTS = (None, "", "Bom", "Demorou")


@dataclass(slots=True)
class Stage:
    """A life while it is lived."""

    story: Story
    folder: Path
    reader: Reader
    world: World
    told: Chronicle
    chance: random.Random
    machine: Machine = field(default_factory=Machine)
    trace: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    graves: list[tuple[Life, "asyncio.Task[Any]"]] = field(default_factory=list)  # stopped, and never ended
    sleeper: Life | None = None  # the one of them that will be woken
    spare: int = 0  # grants whose request may never have left
    mark: int = 0  # of the table, where the oldest pass that is still open began
    turn: int = 0  # of the chronicle, likewise
    at_rest: bool = True  # the source has not moved during a run
    established: set[str] = field(default_factory=set)  # rows that a run called ok has brought
    on_time: set[str] = field(default_factory=set)  # rows that were there before a watermark could pass them

    @property
    def state(self) -> Path:
        return self.folder / "data" / "state"

    def now(self) -> datetime:
        """The true time, which is the source's."""
        return self.story.begins + timedelta(seconds=asyncio.get_running_loop().time())


def stage_of(story: Story, folder: Path, reader: Reader) -> Stage:
    """The installation before its first night, and its source."""
    world, chance = World(until=story.begins), random.Random(f"stage/{story.seed}")
    stage = Stage(story, folder, reader, world, Chronicle(world), chance)
    span = story.days * 86_400
    for _ in range(story.rows):
        _insert(stage, story.begins - timedelta(seconds=60 + span * chance.random()))
    if story.ties:
        world.tie_burst(story.begins - timedelta(seconds=60 + span / 2), story.ties)
    stage.told.note()
    stage.on_time = world.ids()
    return stage


def change(stage: Stage, changes: int) -> None:
    """New rows on time, and late ones, edits and deletions anywhere in history."""
    world, chance, now = stage.world, stage.chance, stage.now()
    for _ in range(changes):
        kind, known = chance.choice(["new", "new", "late", "edit", "delete"]), sorted(world.ids())
        if kind == "new" or not known:
            stage.on_time.add(_insert(stage, now - timedelta(seconds=chance.uniform(0, 20))))
        elif kind == "late":
            _insert(stage, now - timedelta(days=stage.story.days * chance.random(), seconds=30))
        elif kind == "edit":
            rating, comment = chance.randint(1, 5), chance.choice(COMMENTS)
            world.edit(chance.choice(known), rating=rating, comment=comment)
        else:
            world.delete(chance.choice(known))
        stage.told.note()


def commit_slowly(stage: Stage) -> None:
    """A row shows some seconds after its time, as where a transaction takes long."""
    stage.on_time.add(_insert(stage, stage.now() - timedelta(seconds=4)))
    stage.told.note()


def purge(stage: Stage) -> None:
    if stage.story.purge:
        stage.told.purge(stage.now() - timedelta(days=stage.story.purge))


def script(stage: Stage, night: Night) -> Script:
    """What the source does during a night."""
    found = Script(faults=list(night.faults), seed=stage.story.seed)
    if night.latency:
        chance = random.Random(f"latency/{stage.story.seed}")
        found.latency = lambda: chance.uniform(0, night.latency)
    if night.churn:
        more = dict(night.churn)
        hours, now = more.pop("hours"), stage.now()
        inside = (now - timedelta(hours=hours, seconds=60), now - timedelta(seconds=30))
        seed = stage.chance.randrange(1 << 30)
        churn = Churn(stage.world, seed, inside=inside, now=stage.now, **more)
        found.before = [churn, stage.told.note]
    return found


def _insert(stage: Stage, at: datetime) -> str:
    chance = stage.chance
    return stage.world.insert(at, rating=chance.randint(1, 5), comment=chance.choice(COMMENTS))
