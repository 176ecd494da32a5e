"""One installation from its first night to a calm one, in virtual time: real sockets, real files, the whole product.

`live(seed, ...)` is one life. What happens in it stands in simulation_story.py, how time passes in simulation_time.py,
who changes the source in simulation_stage.py, how a run begins and ends in simulation_night.py and what must hold in
simulation_oracle.py. The same seed is the same life, request by request. Most nights end before marts and snapshot,
which cost more than all the rest; one in fifty is whole, and the last one in every twentieth seed. A promise that does
not hold is a `Broken`, which names the promise, the seed and the night.
"""

import asyncio
import hashlib
import random
import shutil
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import lab
import simulation_oracle as oracle
from quality_lab import config, voki_account
from simulation_night import Ran, bury, live_through
from simulation_oracle import Broken, Reader
from simulation_stage import Stage, change, commit_slowly, purge, script, stage_of
from simulation_story import Night, calm, story
from simulation_time import RepeatableLoop

from connectors.simulator.script import Script
from connectors.simulator.server import Simulator, serve
from pipeline.config import Config
from pipeline.destinations.warehouse import Warehouse

CALM_NIGHTS = 40  # within which a life has to come to rest
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SETTLED = 3 * 86_400.0  # seconds until also a source that compares dates alone shows its newest row


@dataclass(frozen=True, slots=True)
class Lived:
    """What a life amounts to: counts by name, and a hash of everything that happened."""

    counts: Counter[str]
    hash: str


def live(seed: int, folder: Path, reader: Reader, template: Path) -> Lived:
    """One life in `folder`, which is removed. `template` is an empty warehouse, for seeds that need not make one."""
    one = story(seed)
    random.seed(seed)  # the jitter of the client
    state = folder / "data" / "state"
    state.mkdir(parents=True)
    if not one.new:
        shutil.copyfile(template, state / "warehouse.duckdb")
    try:
        with asyncio.Runner(loop_factory=lambda: RepeatableLoop(seed)) as runner:
            return runner.run(_live(stage_of(one, folder, reader)))
    finally:
        shutil.rmtree(folder)


def make_template(file: Path) -> Path:
    """An empty warehouse of today's shape."""
    warehouse = Warehouse(file)
    with warehouse.opened():
        pass
    warehouse.close()
    return file


async def _live(stage: Stage) -> Lived:
    one, loop, when = stage.story, asyncio.get_running_loop(), ""
    async with serve(
        stage.world, tokens=lab.TOKENS, switches=one.switches, now=stage.now, steady=loop.time
    ) as simulator:
        to = config(stage.folder, voki_account(simulator.base_url, **one.keys))
        try:
            for number, night in enumerate(one.nights, 1):
                when = f"seed {one.seed}, night {number}"
                await _rest(stage, simulator, night)
                await _night(stage, simulator, to, night)
            when = f"seed {one.seed}, at rest"
            await _come_to_rest(stage, simulator, to)
        except Broken as broken:
            raise Broken(broken.promise, f"{when}: {broken.what}") from broken
        except Exception as error:
            raise Broken("other", f"{when}: {error!r}") from error
        finally:
            await bury(stage)
        arrivals = simulator.arrivals
    stage.counts["requests"] = len(arrivals)
    stage.trace += [f"{each.endpoint} {sorted(each.query.items())} {each.status}" for each in arrivals]
    return Lived(stage.counts, hashlib.sha256("\n".join(stage.trace).encode()).hexdigest()[:16])


async def _rest(stage: Stage, simulator: Simulator, night: Night) -> None:
    """The time before a night: the table changes, clocks are set, the machine may start anew."""
    await asyncio.sleep(night.gap)
    change(stage, night.changes)
    purge(stage)
    if (
        night.reboot
    ):  # what slept is dead now; a clock that runs ahead over a reboot looks like time that passed
        stage.machine.reboot()
        stage.machine.ahead = min(night.ahead, stage.machine.ahead)
        stage.sleeper = None
    elif night.jump is None:
        stage.machine.ahead = night.ahead
    stage.told.note()
    simulator.site.script = script(stage, night)


async def _night(stage: Stage, simulator: Simulator, to: Config, night: Night) -> Ran:
    before, turn = len(simulator.arrivals), stage.told.turn
    ran = await live_through(stage, to, night)
    simulator.site.script = Script()
    stage.told.note()
    quiet = stage.told.turn == turn
    stage.at_rest &= quiet
    if night.changes:
        commit_slowly(stage)
    if ran.alone and ran.outcome is not None:
        sent, told = len(simulator.arrivals) - before, sum(ran.requests.values())
        oracle.require(sent == told, "other", f"the receipt says {told} requests, the source counts {sent}")
    kept = _check(stage, simulator, ran, quiet=quiet, whole=night.whole)
    stage.trace.append(
        f"{ran.outcome} {sorted(kept.there.values(), key=str)} {sorted(kept.deleted)} {kept.watermark}"
    )
    if ran.outcome in ("ok", "unproven"):  # no pass is left open
        stage.mark, stage.turn = stage.world.mark(), stage.told.turn
    return ran


def _check(stage: Stage, simulator: Simulator, ran: Ran, *, quiet: bool, whole: bool) -> oracle.Kept:
    """Everything that must hold after a run, however it ended."""
    told, one = stage.told, stage.story
    kept = stage.reader.kept(stage.state / "warehouse.duckdb")
    oracle.check_rows(told, kept, retention=one.purge is not None)
    oracle.check_stayed(told, kept, stage.established)
    if stage.at_rest:
        oracle.check_watermark(told, kept, stage.on_time)
    for stream in ran.streams:
        stage.counts[stream.outcome] += 1
        if stream.outcome == "ok" and stream.window and not stream.window.empty:
            bounds = (stream.window.lower, stream.window.upper)
            oracle.check_proven(told, kept, bounds, stage.mark, stage.turn)
            stage.established |= kept.there.keys() - told.away
        proofs = [stream.proof, stream.audit.proof if stream.audit else None]
        for proof in proofs if quiet else ():
            if proof is not None and proof.state == "proven":
                oracle.check_figures(told, kept, (proof.window.lower, proof.window.upper))
    oracle.check_budget(simulator.arrivals, one.per_minute, one.per_day)
    oracle.check_ledger(stage.state / "budget.sqlite", simulator.arrivals, stage.spare)
    published = whole and ran.outcome is not None and ran.alone
    oracle.check_snapshot(stage.reader, stage.folder / "data", kept, whole=published)
    return kept


async def _come_to_rest(stage: Stage, simulator: Simulator, to: Config) -> None:
    """Nights without faults or changes, everything read once more, until a run says ok: then all must be equal."""
    began, night = stage.now(), calm(SETTLED, full=True)
    for _ in range(CALM_NIGHTS):
        await _rest(stage, simulator, night)
        ran = await _night(stage, simulator, to, night)
        stage.counts["calm nights"] += 1
        stream = next(iter(ran.streams), None)
        whole_history = (
            stream and stream.window and stream.window.lower == EPOCH and stream.window.upper > began
        )
        night = calm(90_000.0, full=night.full and not whole_history)
        if ran.outcome == "ok" and not night.full:
            break
    else:
        raise Broken("other", f"after {CALM_NIGHTS} calm nights: {ran}")
    if stage.story.whole_end:
        await _night(stage, simulator, to, replace(night, whole=True))
    kept = stage.reader.kept(stage.state / "warehouse.duckdb")
    oracle.check_end(stage.told, kept, _horizon(stage))


def _horizon(stage: Stage) -> datetime:
    """What is older the source may have purged."""
    if stage.story.purge is None:
        return EPOCH
    return stage.now() - timedelta(days=stage.story.purge) + timedelta(hours=1)
