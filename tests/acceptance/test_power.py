"""Power cuts on real filesystems, at any moment of a sync, night after night on one home.

Before a cut the world changes; after it the disk is mounted anew, and readers must see a whole snapshot, the rows
and the watermark must belong together, the next run must lose nothing and ask for hardly anything twice, and the
source must never have seen more requests in a minute than it allows: a grant is on the disk before its request.
Kills: a fsync left out where strace (test_durability.py) does not look; grants that are fast and forgotten.
"""

import math
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
from crash import Nursery, Order
from disks import LOG_FLUSHED, NOTHING_MORE, Disk, disk
from rate_oracle import most_in_window
from remains import Home, assert_whole, home, kept, month, reading, source, table

from connectors.simulator.server import Simulator

FEW, CUTS = 3, 100  # cuts of the suite on each filesystem; of the campaign on both together
NIGHTS = 10  # then a home begins anew, with a first sync
PACE = 8.0  # the runs' clock against ours: their minute is 7.5 s long
PER_MINUTE = 40  # more than a run needs: what paces them within the process goes by our clock
SPARE = 4  # answers that a cut may take: in each lane one on its way and one that is being sealed
KEYS = {"lookback": "10d", "budget": f"{{per_minute: {PER_MINUTE}, per_day: 10000}}"}

pytestmark = [pytest.mark.root]


@dataclass(slots=True)
class Life:
    """One home on a disk that fails, night after night."""

    at: Home
    births: Nursery
    disk: Disk
    random: Random
    lasts: float = 2.0  # seconds of a run, more or less

    def night(self) -> None:
        """The world moves, a run is cut off, the next one heals."""
        before, shown, asked = kept(self.at), reading(self.at.data), len(self.at.lists())
        change(self.at.simulator, self.random)
        self.cut()
        held, now = kept(self.at), reading(self.at.data)
        assert now is not None or shown is None, "readers have lost their snapshot"
        if held.rows != before.rows:
            assert held.rows == table(self.at.simulator.world), "a part of a load is there"
            assert held.watermark != before.watermark
            assert held.loads > before.loads
        else:
            assert held == before
            answers = len(self.at.lists()) - asked
            assert pages(self.at) >= answers - SPARE, f"{pages(self.at)} pages are left of {answers} answers"
        began = time.monotonic()
        ended = self.births.run(Order(self.at.config, pace=PACE))
        self.lasts = time.monotonic() - began
        assert ended.code == 0, ended.out + ended.err
        assert_whole(self.at, self.at.simulator.world)
        arrivals = [arrival.at for arrival in self.at.lists()]
        assert most_in_window(arrivals, 60 / PACE) <= PER_MINUTE
        self.disk.settle()

    def cut(self) -> None:
        """At any moment of a run, or soon after it."""
        child = self.births.start(Order(self.at.config, pace=PACE))
        time.sleep(self.random.uniform(0.0, 1.1 * self.lasts))
        self.disk.cut(self.random.choice([NOTHING_MORE, NOTHING_MORE, LOG_FLUSHED]))
        with suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGKILL)
        child.ended.result(60)
        self.disk.mend()


def pages(at: Home) -> int:
    """The pages on the disk of passes that are not finished."""
    found = (at.state / "packages").rglob("*.page")
    return sum(not (page.parent / "done").exists() for page in found)


def change(simulator: Simulator, random: Random) -> None:
    """What happens at a source between two nights: rows come, change and go within the lookback."""
    world = simulator.world
    recent = [row["id"] for row in world.rows(world.until - timedelta(days=8))]
    for row_id in random.sample(recent, 5):
        world.edit(row_id, rating=random.randint(1, 5), comment=f"mudou {random.random()}")
    world.delete(random.choice(recent))
    for _ in range(random.randint(5, 25)):
        world.insert(world.until - timedelta(minutes=random.randint(1, 10_000)))


def lives(simulator: Simulator, births: Nursery, on: Disk, seed: int) -> Iterator[Life]:
    """One life after another, each on the same disk."""
    for n in range(math.ceil(CUTS / NIGHTS) + 1):
        at = home(on.folder / str(n), simulator, n, **KEYS)
        on.settle()
        yield Life(at, births, on, Random(seed * 1000 + n))


def cut_often(kind: str, cuts: int, births: Nursery, folder: Path, seed: int) -> None:
    with source(month(seed, 450)) as simulator, disk(folder, kind) as on:
        left = cuts
        for life in lives(simulator, births, on, seed):
            for _ in range(min(left, NIGHTS)):
                try:
                    life.night()
                except AssertionError as error:
                    error.add_note(f"{kind}, seed {seed}, cut {cuts - left + 1}")
                    raise
                left -= 1
            if not left:
                return


@pytest.mark.parametrize("kind", ["ext4", "xfs"])
def test_a_power_cut_at_any_moment_loses_nothing(kind: str, births: Nursery, tmp_path: Path) -> None:
    cut_often(kind, FEW, births, tmp_path, seed=21)


@pytest.mark.campaign
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("kind", ["ext4", "xfs"])
def test_campaign_of_power_cuts(
    kind: str, births: Nursery, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    cut_often(kind, CUTS // 2, births, tmp_path, seed=22)
    record_property("rounds", CUTS // 2)
    record_property("filesystem", kind)
