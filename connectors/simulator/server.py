"""The simulator on a loopback port: Voki under /api, and if wanted evaluagent beside it, under /v1."""

import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connectors.simulator.clock import Now, Steady, running_from
from connectors.simulator.evaluagent import application as evaluagent
from connectors.simulator.evaluagent.keys import Gate as KeyGate
from connectors.simulator.evaluagent.keys import Key
from connectors.simulator.evaluagent.switches import ASSUMED
from connectors.simulator.evaluagent.switches import Switches as QualitySwitches
from connectors.simulator.evaluagent.world import QualityWorld
from connectors.simulator.limits import Windows
from connectors.simulator.listen import in_thread, listening, until_signal
from connectors.simulator.log import Arrival, Log
from connectors.simulator.script import Script
from connectors.simulator.switches import DOCUMENTED, Switches
from connectors.simulator.tokens import Gate, User
from connectors.simulator.voki import Site, application
from connectors.simulator.world import World


@dataclass(frozen=True, slots=True)
class Simulator:
    """A running simulator: where it listens, and what a test looks at or changes."""

    base_url: str
    site: Site
    quality: evaluagent.Site | None = None  # evaluagent on the same port

    @property
    def worlds(self) -> dict[str, World]:
        return self.site.worlds

    @property
    def world(self) -> World:
        """The only (or first) tenant's table."""
        return next(iter(self.site.worlds.values()))

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
    worlds: World | Mapping[str, World],
    *,
    switches: Switches = DOCUMENTED,
    script: Script | None = None,
    tokens: Mapping[str, str] | None = None,
    users: Iterable[User] = (),
    now: Now | None = None,
    steady: Steady = time.monotonic,
    port: int = 0,
    log_file: Path | None = None,
    quality: QualityWorld | None = None,
    quality_switches: QualitySwitches = ASSUMED,
    keys: Iterable[Key] = (Key(),),
) -> AsyncIterator[Simulator]:
    """Serve one world or several by tenant on 127.0.0.1. `tokens` are fixed API tokens: token -> tenant.

    Without `now` the calendar starts where the newest world ends and goes on in real time. With `quality`
    both APIs are there, with one calendar, one script and one log; `keys` are those of evaluagent.
    """
    tables = {worlds.tenant: worlds} if isinstance(worlds, World) else dict(worlds)
    ends = [world.until for world in tables.values()] + ([] if quality is None else [quality.until])
    calendar = now or running_from(max(ends), steady)
    log = Log(calendar, steady, log_file)
    site = Site(
        worlds=tables,
        gate=Gate(users, tokens or {}, calendar),
        switches=switches,
        script=script or Script(),
        log=log,
        now=calendar,
        windows=Windows(steady),
    )
    app, beside = application(site), None
    if quality is not None:  # an empty one is false
        beside = evaluagent.Site(
            world=quality,
            gate=KeyGate(keys, calendar, contract=quality.contract),
            switches=quality_switches,
            script=site.script,
            log=log,
            now=calendar,
            windows=Windows(steady),
        )
        evaluagent.add_routes(app, beside)
    try:
        async with listening(app, port) as base_url:
            yield Simulator(base_url, site, beside)
    finally:
        log.close()


def serve_in_thread(worlds: World | Mapping[str, World], **options: Any) -> AbstractContextManager[Simulator]:
    """`serve`, with its loop in a thread: for tests that run the product as another process."""
    return in_thread(serve(worlds, **options))


def run_forever(
    worlds: World | Mapping[str, World], *, announce: Callable[[Simulator], None], **options: Any
) -> int:
    """Serve until SIGINT or SIGTERM, and give that signal's number. `announce` is called once it listens."""
    return until_signal(serve(worlds, **options), announce)
