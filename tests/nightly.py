"""A simulated Voki account whose calendar the test turns, and syncs of it, night after night.

Everything is real: a socket, the configuration's text, the run, the files below `folder`.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from connectors.simulator.server import Simulator, serve_in_thread
from connectors.simulator.world import World
from connectors.simulator.year import generate
from pipeline.config import Config, parse
from pipeline.receipt import Receipt
from pipeline.run import Request, run

ROOT = Path(__file__).parents[1]
TOKEN = "secret"
LIFTED = {"per_minute": 1_000_000, "per_day": 1_000_000, "force": True}


@dataclass(slots=True)
class Account:
    """One account at a running simulator, and the folder that it is synced into."""

    simulator: Simulator
    folder: Path
    now: datetime  # by the source's clock

    @property
    def world(self) -> World:
        return self.simulator.world

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def current(self) -> Path:
        """The newest snapshot, resolved once."""
        return (self.data / "current").resolve(strict=True)

    def config(self, source: Mapping[str, Any] | None = None, **sections: Any) -> Config:
        path = self.write_config(source, **sections)
        return parse(path.read_text(), {}, path, now=datetime.now(UTC))

    def write_config(self, source: Mapping[str, Any] | None = None, **sections: Any) -> Path:
        """JSON is YAML."""
        account = {
            "system": "voki",
            "name": "demo",
            "base_url": self.simulator.base_url,
            "tenant": self.world.tenant,
            "auth": {"token": TOKEN},
            "streams": ["evaluations"],
            "budget": LIFTED,
            "audit": 0,
        }
        everything = {"version": 1, "data_dir": str(self.data), "sources": [account | dict(source or {})]}
        path = self.folder / "config.yaml"
        path.write_text(json.dumps(everything | sections))
        return path

    def sync(
        self, source: Mapping[str, Any] | None = None, request: Request | None = None, **sections: Any
    ) -> Receipt:
        return asyncio.run(run(self.config(source, **sections), request or Request()))

    def insert(self, ago: timedelta, **fields: Any) -> str:
        return self.world.insert(self.now - ago, **fields)


@contextmanager
def account(world: World, folder: Path, **options: Any) -> Iterator[Account]:
    """Serve the world on loopback; its clock stands still where the world ends until the test turns it."""
    folder.mkdir(exist_ok=True)
    box: list[Account] = []
    calendar = lambda: box[0].now if box else world.until  # noqa: E731
    with serve_in_thread(world, tokens={TOKEN: world.tenant}, now=calendar, **options) as simulator:
        box.append(Account(simulator, folder, world.until))
        yield box[0]


def command(
    config: Path, *words: str, before: list[str] | None = None, **options: Any
) -> "subprocess.CompletedProcess[str]":
    """`evalsync WORDS` as a user runs it; `before` goes in front of the interpreter."""
    line = [*(before or []), sys.executable, "-m", "pipeline", "--config", str(config), *words]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        line, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=False, **options
    )


def synced_once(folder: Path) -> Account:
    """An account that was synced once; it is copied and left as it is."""
    with account(generate(5, 400), folder) as demo:
        assert demo.sync().outcome == "ok"
    return demo


@contextmanager
def copy_of(synced: Account, folder: Path) -> Iterator[Account]:
    """The same source and the same data, in a folder of its own."""
    shutil.copytree(synced.data, folder / "data", symlinks=True)
    with account(synced.world.snapshot(), folder) as demo:
        yield demo
