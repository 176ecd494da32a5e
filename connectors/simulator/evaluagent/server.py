"""The simulator of evaluagent on a loopback port: inside a running loop, or in a thread beside a test."""

import time
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connectors.simulator.clock import Now, Steady, running_from
from connectors.simulator.evaluagent.application import Site, application
from connectors.simulator.evaluagent.keys import Gate, Key
from connectors.simulator.evaluagent.switches import ASSUMED, Switches
from connectors.simulator.evaluagent.world import QualityWorld
from connectors.simulator.limits import Windows
from connectors.simulator.listen import in_thread, listening
from connectors.simulator.log import Arrival, Log
from connectors.simulator.script import Script


@dataclass(frozen=True, slots=True)
class QualitySimulator:
    """A running simulator: where it listens, and what a test looks at or changes."""

    base_url: str
    site: Site

    @property
    def world(self) -> QualityWorld:
        return self.site.world

    @property
    def gate(self) -> Gate:
        return self.site.gate

    @property
    def script(self) -> Script:
        return self.site.script

    @property
    def switches(self) -> Switches:
        return self.site.switches

    @property
    def log(self) -> Log:
        return self.site.log

    @property
    def arrivals(self) -> list[Arrival]:
        return self.site.log.arrivals


@asynccontextmanager
async def serve(
    world: QualityWorld,
    *,
    switches: Switches = ASSUMED,
    script: Script | None = None,
    keys: Iterable[Key] = (Key(),),
    now: Now | None = None,
    steady: Steady = time.monotonic,
    port: int = 0,
    log_file: Path | None = None,
) -> AsyncIterator[QualitySimulator]:
    """Serve one contract on 127.0.0.1. Without `now` the calendar starts at `world.until`, in real time."""
    calendar = now or running_from(world.until, steady)
    log = Log(calendar, steady, log_file)
    site = Site(
        world=world,
        gate=Gate(keys, calendar, contract=world.contract),
        switches=switches,
        script=script or Script(),
        log=log,
        now=calendar,
        windows=Windows(steady),
    )
    try:
        async with listening(application(site), port) as base_url:
            yield QualitySimulator(base_url, site)
    finally:
        log.close()


def serve_in_thread(world: QualityWorld, **options: Any) -> AbstractContextManager[QualitySimulator]:
    """`serve`, with its loop in a thread: for tests that run the product as another process."""
    return in_thread(serve(world, **options))
