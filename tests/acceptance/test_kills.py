"""kill -9: at every step of a sync, and at random over one sync.

A kill takes nothing from the disk that was written, so a missing fsync is not seen here: that is what the tests of
the power cut are for.
"""

import asyncio
import json
import math
import shutil
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random

import lab
import pytest
from contents import contents
from crash import Nursery, Order, Step
from rate_oracle import most_in_window
from remains import NOTHING, Home, Kept, assert_whole, home, kept, month, reading, source, table

from connectors.simulator.script import Script, jitter
from connectors.simulator.server import Simulator
from connectors.simulator.world import World
from pipeline.config import load

AT_ONCE = 2
SAMPLE = 2  # steps for each of two syncs beside those below; the campaign takes all
ALWAYS = (  # what no sample leaves out: around each change that others build on
    Step("ledger.Ledger.acquire return", 1),
    Step("package.start return", 1),
    Step("os.link state/packages/demo/evaluations/*/.*.page.*.tmp", 1),
    Step("package.seal return", 1),
    Step("load.load call", 1),
    Step("load._merge return", 1),  # the rows are in, nothing else is
    Step("load._record return", 1),
    Step("ledger.Ledger.fence return", 3),  # of the load (the first two are of the settings): about to commit
    Step("load.load return", 1),
    Step("package.finish call", 1),
    Step("engines.DuckDBEngine.commit return", 1),
    Step("os.rename snapshots/.*.tmp", 1),
    Step("lake._swap call", 1),
    Step("os.rename .current.tmp", 1),
    Step("lake._swap return", 1),
    Step("ledger.Ledger.release call", 1),
)


@dataclass(frozen=True, slots=True)
class Scene:
    """What the killed runs have before them: the source, a home to start from, and what a whole run costs there."""

    simulator: Simulator
    nursery: Nursery
    base: Path | None  # a data folder to begin with
    before: Kept
    most: int  # list requests of a run that is not killed, and of one more
    steps: list[Step]

    @property
    def world(self) -> World:
        return self.simulator.world

    def home(self, n: int, folder: Path) -> Home:
        made = home(folder, self.simulator, n, lookback="10d")
        if self.base:
            shutil.copytree(self.base, made.data, symlinks=True)
        return made


def in_order(seen: Counter[str], ordinals: int) -> list[Step]:
    """The steps of a run as it saw them, of each name the first, the last and some between."""
    found = []
    for name, most in seen.items():
        numbers = {1 + round(i * (most - 1) / max(ordinals - 1, 1)) for i in range(ordinals)}
        found += [Step(name, n) for n in sorted(numbers)]
    return found


def sample(steps: Sequence[Step], n: int) -> list[Step]:
    """The steps that no sample leaves out, and about n more, evenly."""
    missing = {step.name for step in ALWAYS} - {step.name for step in steps}
    assert not missing, f"no step of a run is called so any more: {missing}"
    others = [step for step in steps if step not in ALWAYS]
    every = max(len(others) // n, 1)
    return [*ALWAYS, *others[every // 2 :: every]]


def prepare(simulator: Simulator, births: Nursery, folder: Path, *, first: bool, ordinals: int) -> Scene:
    """Count the steps of a run that is left alone, and its requests."""
    base, before = None, NOTHING
    if not first:
        old = home(folder / "base", simulator, 1, lookback="10d")
        assert births.run(Order(old.config)).code == 0
        base, before = old.data, kept(old)
        change(simulator.world)
    scene = Scene(simulator, births, base, before, 0, [])
    counted, seen = scene.home(0, folder / "counted"), folder / "seen.json"
    assert births.run(Order(counted.config, seen=seen)).code == 0
    assert births.run(Order(counted.config)).code == 0
    steps = in_order(Counter(json.loads(seen.read_text())), ordinals)
    return Scene(simulator, births, base, before, len(counted.lists()), steps)


def change(world: World) -> None:
    """What happens at a source between two nights: rows come, change and go within the lookback."""
    recent = [row["id"] for row in world.rows(world.until - timedelta(days=8))]
    assert len(recent) > 20
    world.delete(recent[3])
    for row_id in recent[4:9]:
        world.edit(row_id, rating=1, comment="mudou")
    for hours in range(1, 60):
        world.insert(world.until - timedelta(hours=hours))


def die_and_go_on(scene: Scene, folder: Path, n: int, step: Step) -> bool:
    """Kill a run at the step, look, run again, look; whether the step came at all."""
    at = scene.home(n, folder / str(n))
    died = scene.nursery.run(Order(at.config, step=step))
    assert died.code in (-9, 0), died.err
    after, now = kept(at), reading(at.data)
    if after != scene.before:  # rows, watermark and load record came together, or did not come
        assert_loaded(after, scene)
    assert now is not None or scene.base is None
    ended = scene.nursery.run(Order(at.config))
    assert ended.code == 0, ended.out + ended.err
    assert_whole(at, scene.world)
    assert_loaded(kept(at), scene)
    asked = len(at.lists())
    # On a slow machine both lanes of a walk send, and meet in the middle of a page: one more for each run.
    assert asked <= scene.most + 3, f"{asked} requests for lists, {scene.most} are needed"
    shutil.rmtree(at.folder)
    return died.code == -9


def assert_loaded(after: Kept, scene: Scene) -> None:
    assert after.rows == table(scene.world)
    assert after.watermark is not None
    assert after.watermark != scene.before.watermark
    assert after.loads > scene.before.loads


def die_at_each(scene: Scene, steps: Sequence[Step], folder: Path) -> None:
    def one(numbered: tuple[int, Step]) -> bool:
        n, step = numbered
        try:
            return die_and_go_on(scene, folder, 2 + n, step)
        except AssertionError as error:
            error.add_note(f"killed at {step.name}, number {step.n}")
            raise

    with ThreadPoolExecutor(AT_ONCE) as threads:
        died = list(threads.map(one, enumerate(steps)))
    assert sum(died) >= 0.9 * len(steps), "hardly a run came to the step that it was to die at"


@pytest.mark.parametrize("first", [True, False], ids=["first sync", "second sync"])
def test_a_kill_at_any_step_loses_nothing_and_doubles_nothing(
    first: bool, births: Nursery, tmp_path: Path
) -> None:
    """After each kill: all of a load or nothing of it, a whole snapshot; after the next run: every row once.

    Kills: watermark in a transaction before, or after, the rows; load record outside of the transaction; a load
    that does not look whether it was done; a snapshot written in its place, without a rename; `current` removed
    before it is made anew; a new pass instead of the one that was left.
    """
    with source(month(11, 450)) as simulator:
        scene = prepare(simulator, births, tmp_path, first=first, ordinals=2)
        die_at_each(scene, sample(scene.steps, SAMPLE), tmp_path)


@pytest.mark.campaign
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("first", [True, False], ids=["first sync", "second sync"])
def test_campaign_of_kills_at_every_step(
    first: bool, births: Nursery, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    with source(month(11, 450)) as simulator:
        scene = prepare(simulator, births, tmp_path, first=first, ordinals=4)
        record_property("rounds", len(scene.steps))
        die_at_each(scene, scene.steps, tmp_path)


# -- of a replay -------------------------------------------------------------------------------------------

REPLAYED = (
    Step("load.load return", 1),
    Step("rebuild.put_in_place call", 1),
    Step("rebuild._folded return", 1),
    Step("os.rename state/.warehouse.duckdb.replay", 1),
    Step("rebuild.clear return", 2),
)


def test_a_killed_replay_leaves_a_whole_warehouse(births: Nursery, tmp_path: Path) -> None:
    """Kills: a new file that gets its name before it is finished; an old one that is removed first."""
    with source(month(11, 60)) as simulator:
        at = home(tmp_path, simulator, 1)
        asyncio.run(lab.sync_only(load(at.config, {})))
    working = at.state / "warehouse.duckdb"
    before = contents(working)
    for step in REPLAYED:
        died = births.run(Order(at.config, words=("replay",), step=step))
        assert died.code == -9, (step, died.err)
        assert contents(working) == before, step
    assert [path.name for path in at.state.glob("*warehouse*")] == [working.name]


# -- at random ---------------------------------------------------------------------------------------------

PACE = 12.0  # the runs' clock against ours: their minute is 5 s long
PER_MINUTE = 60
ROWS, PAGES, KILLS, OFTEN = 1500, 120, 12, 100  # OFTEN: in the campaign
SPARE = 10  # what runs cost besides: a window to open, figures to compare


@dataclass(slots=True)
class Deaths:
    """One sync, and the runs that die over it."""

    at: Home
    births: Nursery
    killed: int = 0
    shown: str | None = None  # what readers saw last

    def run(self, after: float | None) -> None:
        ended = self.births.run(Order(self.at.config, after=after, pace=PACE))
        assert ended.code in (-9, 0), ended.out + ended.err
        self.killed += ended.code == -9

    def look(self) -> None:
        """Readers see a whole snapshot; rows and watermark belong together."""
        shown = reading(self.at.data)
        assert shown is not None or self.shown is None
        self.shown = shown
        held = kept(self.at)
        assert (held.watermark is None) == (not held.rows)
        assert not held.rows or held.rows == table(self.at.simulator.world)


def measured(births: Nursery, at: Home) -> tuple[float, float, int]:
    """Of one calm run: seconds until its first request and until its end, and its requests for lists."""
    before, began = len(at.lists()), time.monotonic()
    assert births.run(Order(at.config)).code == 0
    ended, asked = time.monotonic(), at.lists()[before:]
    return asked[0].at - began, ended - began, len(asked)


def survive(births: Nursery, folder: Path, seed: int, kills: int) -> int:
    """Kill runs at random over one sync until `kills` have died, then let one end; how many died."""
    random, script = Random(seed), Script(latency=jitter(seed, 0.002, 0.03))
    with source(month(12, ROWS), script) as simulator:
        keys = {"page_size": math.ceil(ROWS / PAGES), "lookback": "1h"}
        calm = home(folder / "calm", simulator, 0, **keys)
        _, _, pages = measured(births, calm)
        begin, end, _ = measured(births, calm)
        paced = f"{{per_minute: {PER_MINUTE}, per_day: 10000}}"
        deaths = Deaths(home(folder / "dying", simulator, 1, **keys, budget=paced), births)
        while deaths.killed < kills:
            anywhere = random.random() < 0.15
            deaths.run(random.uniform(0, end) if anywhere else random.uniform(0.5 * begin, begin + 0.1))
            if deaths.killed % 5 == 0:
                deaths.look()
        deaths.run(None)
        asked = deaths.at.lists()
        assert_whole(deaths.at, simulator.world)
        assert len(asked) <= pages + kills + SPARE
        assert most_in_window([arrival.at for arrival in asked], 60 / PACE) <= PER_MINUTE
        return deaths.killed


def test_random_kills_over_one_sync(births: Nursery, tmp_path: Path) -> None:
    """Kills: a budget that is counted in memory; a new pass for each run, which asks again for what was sealed."""
    survive(births, tmp_path, seed=7, kills=KILLS)


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(30))
def test_campaign_of_three_thousand_kills(
    seed: int, births: Nursery, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    record_property("rounds", survive(births, tmp_path, seed, kills=OFTEN))
