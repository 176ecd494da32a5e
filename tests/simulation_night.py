"""One night of a life: the product's run as a process of its own would have it, until it ends or is made to end."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from simulation_oracle import Broken
from simulation_stage import Stage
from simulation_story import Night
from simulation_time import Life

from connectors.clock import Clock
from connectors.registry import SOURCES
from pipeline.config import Config
from pipeline.history import look_back
from pipeline.job import Asked
from pipeline.receipt import Outcome, StreamReceipt, outcome_of
from pipeline.run import Request, Unwatched, _jobs, _open, _sync, run
from schemas.errors import WarehouseBusy

MOST_LANES = 4  # requests that one run may have under way


@dataclass(frozen=True, slots=True)
class Ran:
    """How a run ended; without an outcome it did not come to its end."""

    outcome: Outcome | None = None
    streams: Sequence[StreamReceipt] = ()
    requests: Mapping[str, int] = field(default_factory=dict)
    alone: bool = True  # no other run was awake


async def live_through(stage: Stage, to: Config, night: Night) -> Ran:
    """Start a run and let the night end it. One that slept through the night before is woken in the middle."""
    life, stop = Life(), asyncio.Event()
    task = life.start(_run(to, stage.machine.clock(), stop, night))
    older, stage.sleeper = stage.sleeper, None
    if night.jump is not None and not night.reboot:
        life.fate[night.jump] = lambda: setattr(stage.machine, "ahead", night.ahead)
    life.fate[night.step] = {
        "itself": lambda: None,
        "stopped": stop.set,
        "cancelled": lambda: _cancel(task),
    }.get(night.ending, life.sleep)
    if older is not None:
        life.fate[night.step // 2] = older.wake
    await _end_or_sleep(life, task)
    if night.ending == "slept" and not task.done():
        await asyncio.sleep(night.pause)
        life.wake()
        await asyncio.wait({task})
    if older is not None:
        older.wake()
        await asyncio.wait([grave for one, grave in stage.graves if one is older])
    if task.done():
        # A run that is stopped, or sleeps for too long, between a grant and its request leaves the grant unused.
        stage.spare += MOST_LANES * (night.ending in ("stopped", "slept"))
        return _ended(stage, task, alone=older is None and night.ending != "slept")
    stage.graves.append((life, task))
    stage.spare += MOST_LANES
    stage.sleeper = life if night.ending == "replaced" else None
    stage.counts["crashes"] += 1
    return Ran(alone=False)


async def bury(stage: Stage) -> None:
    """End what never ended, so that nothing is left open; what it writes now nobody looks at."""
    for life, task in stage.graves:
        task.cancel()
        life.wake()
        await asyncio.wait({task})
        with suppress(asyncio.CancelledError):
            task.exception()


def _cancel(task: "asyncio.Task[Ran]") -> None:
    task.cancel()


async def _end_or_sleep(life: Life, task: "asyncio.Task[Ran]") -> None:
    asleep = asyncio.create_task(life.asleep.wait())
    await asyncio.wait({task, asleep}, return_when=asyncio.FIRST_COMPLETED)
    asleep.cancel()


def _ended(stage: Stage, task: "asyncio.Task[Ran]", *, alone: bool) -> Ran:
    stage.counts["runs"] += 1
    if task.cancelled():
        stage.counts["crashes"] += 1
        stage.spare += MOST_LANES
        return Ran(alone=False)
    error = task.exception()
    if error is None:
        ran = task.result()
        return Ran(ran.outcome, ran.streams, ran.requests, alone)
    if isinstance(error, WarehouseBusy):
        stage.counts["refused"] += 1
        return Ran(alone=False)
    raise Broken("other", f"the run raised {error!r}") from error


async def _run(to: Config, clock: Clock, stop: asyncio.Event, night: Night) -> Ran:
    """A whole run, or one that ends before marts and snapshot."""
    request = Request(asked=Asked(full=night.full), max_requests=night.most)
    if night.whole:
        receipt = await run(to, request, clock=clock, stop=stop)
        return Ran(receipt.outcome, receipt.streams, receipt.requests)
    async with _open(to, request, clock, stop, SOURCES) as (held, opened):
        jobs = _jobs(held, request, opened, Unwatched())
        streams = await look_back(opened, jobs, await _sync(opened, jobs, Unwatched()))
        requests = {source.account.name: source.client.requests.total() for source in opened}
        return Ran(outcome_of(streams), streams, requests)
