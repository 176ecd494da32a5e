"""`evalsync replay`: the whole warehouse again from kept packages, row for row, without a request.

Compared are all columns of all tables of core, meta and marts; none is left out.
Kills: a note that is written after the commit; loads in the order of their passes' names, or of the clock; tombstones,
letters, contacts or history that are not made again; today's time in place of then.
"""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import lab
import pytest
import quality_lab as quality
from contents import contents, differing
from remains import month

from connectors.clock import system_clock
from connectors.http import Ceiling
from connectors.simulator.evaluagent.server import serve as serve_quality
from connectors.simulator.evaluagent.world import QualityWorld
from connectors.simulator.server import serve
from connectors.simulator.world import World
from pipeline import package
from pipeline.config import Config
from pipeline.job import Asked
from pipeline.lease import hold
from pipeline.replay import replay
from pipeline.run import Request, Unwatched, _job, run
from pipeline.sources import open_source
from pipeline.sync import sync_stream
from schemas.errors import ConfigError

SEEDS = 100  # of the campaign
HOUR = timedelta(hours=1)


@dataclass
class Life:
    """Two accounts that live on, and the installation that follows them."""

    to: Config
    voki: World
    quality: QualityWorld
    calendar: lab.Calendar
    chance: random.Random
    asked: Callable[[], int]  # requests so far, by the sources' logs

    @property
    def working(self) -> Path:
        return self.to.data_dir / "state" / "warehouse.duckdb"


@asynccontextmanager
async def life(folder: Path, seed: int) -> AsyncIterator[Life]:
    voki = month(seed, 60)
    calendar, rated = lab.Calendar(voki.until), quality.table(25, step=5 * HOUR, until=voki.until)
    async with (
        serve(voki, tokens=lab.TOKENS, now=calendar) as ratings,
        serve_quality(rated, keys=(quality.KEY,), now=calendar) as evaluations,
    ):
        streams = ["evaluations", "users"]
        to = quality.config(
            folder,
            quality.voki_account(
                ratings.base_url, streams=streams, page_size=20, retention="20d", lookback="9d"
            ),
            quality.account(evaluations.base_url, lookback="9d"),
            privacy={"comment": "drop"},
        )
        logs = (ratings.arrivals, evaluations.arrivals)
        yield Life(to, voki, rated, calendar, random.Random(seed), lambda: sum(map(len, logs)))


def change(one: Life) -> None:
    """What happens in a night: rows come in time and late, change, go, break their contract and are mended."""
    one.calendar.at += timedelta(hours=one.chance.randint(5, 30))
    now, chance = one.calendar.at, one.chance
    ids = [row["id"] for row in one.voki.rows(now - timedelta(days=8))]
    gone, *changed = chance.sample(ids, 5)
    one.voki.delete(gone)
    for row_id in changed:
        one.voki.edit(row_id, user_name=f"Pessoa {chance.randint(1, 9)}")
    one.voki.insert(now - timedelta(minutes=chance.randint(1, 8 * 1440)))
    one.voki.users.delete(min(one.voki.users.ids()))
    broken = [row["id"] for row in one.voki.rows() if row["rating"] == 999]
    recent = [row["id"] for row in one.voki.rows(now - timedelta(days=7))]
    for row_id in chance.sample(broken, len(broken) // 2):
        one.voki.edit(row_id, rating=3)
    for row_id in chance.sample(recent, 2):
        one.voki.edit(row_id, rating=999)
    ids = [row["id"] for row in one.quality.rows(now - timedelta(days=8))]
    gone, *changed = chance.sample(ids, min(4, len(ids)))
    one.quality.delete(gone)
    for row_id in changed:
        one.quality.edit(row_id, score=float(chance.randint(0, 100)))
        [contact, *_] = one.quality.contacts_of(one.quality.find(row_id) or {})
        one.quality.edit_contact(contact["id"], channel=chance.choice(["phone", "chat"]))
    one.quality.publish(now - timedelta(seconds=chance.randint(60, 9999)))
    one.quality.add_user(forename=f"Nova {chance.randint(1, 99)}")


async def nights(one: Life) -> None:
    """A first night, one that follows, one that is stopped, and one by a clock that was set back."""
    await quality.sync_all(one.to)
    change(one)
    await quality.sync_all(one.to)
    change(one)
    await stopped_night(one)
    change(one)
    clock = system_clock()
    await run(one.to, Request(), clock=replace(clock, wall=lambda: clock.wall() - 86_400.0))


async def stopped_night(one: Life) -> None:
    """Every stream anew from the beginning, with too few requests: passes are left open, some of it is loaded."""
    asked = Request(asked=Asked(full=True))
    async with hold(one.to, system_clock(), asyncio.Event()) as held:
        for source in one.to.sources:
            ceiling = Ceiling(one.chance.randint(2, 7))
            async with open_source(source, held.folders, held.clock, ceiling) as opened:
                for stream in opened.streams:
                    await sync_stream(_job(held, asked, opened, stream, Unwatched()))


async def is_made_again(one: Life) -> None:
    """With the warehouse lost; and what readers see too."""
    before, asked = contents(one.working), one.asked()
    one.working.unlink()
    replayed = await replay(one.to)
    assert (replayed.outcome, one.asked()) == ("ok", asked)
    assert {stream["lost"] for stream in json.loads(json.dumps(replayed.as_json()))["streams"]} == {0}
    assert differing(before, contents(one.working)) == {}
    assert differing(before, contents(one.to.data_dir / "current" / "warehouse.duckdb")) == {}


async def test_the_same_tables_without_a_request(tmp_path: Path) -> None:
    async with life(tmp_path, 1) as one:
        await nights(one)
        before = contents(one.working)
        # All that a replay has to make again is there.
        assert before["meta.dead_letters"]
        for table in ("evaluations", "quality_evaluations", "quality_contacts"):
            assert before[f"core.{table}_history"], table
        await is_made_again(one)
        # Packages that are not kept any more: what they brought is in the copy that readers have.
        package.prune(one.working.parent / "packages", timedelta(), datetime.now(UTC) + HOUR)
        with pytest.raises(
            ConfigError, match=r"of its loads before .* are not kept any more; a rebuild would"
        ):
            await replay(one.to)
        one.working.unlink()
        assert "of the snapshot" in (await replay(one.to)).remarks[0]
        assert differing(before, contents(one.working)) == {}


@pytest.mark.campaign
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("seed", range(SEEDS))
async def test_campaign_of_lives_and_their_replays(seed: int, tmp_path: Path) -> None:
    """Also of one source at a time, and a sync that goes on as if nothing had been."""
    async with life(tmp_path, seed) as one:
        await nights(one)
        before = contents(one.working)
        await is_made_again(one)
        for name in ("demo", "acme"):
            assert {stream.source for stream in (await replay(one.to, (name,))).streams} == {name}
            assert differing(before, contents(one.working)) == {}
        change(one)
        await quality.sync_all(one.to)
        quality.assert_equal(one.to, one.quality)
