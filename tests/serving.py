"""`evalsync serve` as a real process, forked from the nursery: where it listens, what it logged, what it ran."""

import json
import os
import re
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from crash import Child, Ended, Nursery, Order
from remains import Home

from connectors.clock import system_clock
from pipeline.folders import Folders
from pipeline.ledger import Ledger

T = TypeVar("T")

PATIENCE = 60.0  # seconds that a busy machine may take


@dataclass(frozen=True, slots=True)
class Serving:
    at: Home
    child: Child

    def address(self) -> str:
        """As it says, once it has begun to say anything."""
        out = self.child.out
        return until(
            lambda: out.exists() and re.search(r"^dashboard: (\S+)", out.read_text(), re.MULTILINE), self
        )[1]

    def status(self) -> int:
        """Of the page that people look at."""
        with urllib.request.urlopen(self.address(), timeout=PATIENCE) as answer:  # noqa: S310 - loopback
            return int(answer.status)

    def logged(self, event: str) -> list[dict[str, Any]]:
        """Every line is a document of its own, whatever it says."""
        lines = self.child.out.with_suffix(".err").read_text().splitlines(keepends=True)
        found = [json.loads(line) for line in lines if line.endswith("\n")]
        return [one for one in found if one["event"] == event]

    def send(self, number: int) -> None:
        os.kill(self.child.pid, number)

    def end(self, number: int) -> Ended:
        self.send(number)
        return self.child.wait()


def start(births: Nursery, at: Home) -> Serving:
    return Serving(at, births.start(Order(at.config, words=("serve",))))


def schedule(at: Home, *entries: str) -> None:
    """Write these entries into the home's configuration, in the place of the ones that are there."""
    kept = at.config.read_text().partition("schedule:")[0]
    at.config.write_text(f"{kept}schedule: [{', '.join(entries)}]\nserve: {{port: 0}}\n")


def runs(at: Home) -> list[dict[str, Any]]:
    """As the ledger has them, oldest first."""
    file = Folders(at.data).ledger
    return Ledger(file, system_clock()).runs(200)[::-1] if file.exists() else []


def until(found: Callable[[], T | Literal[False] | None], *alive: Serving) -> T:
    """Wait for it, while these are alive."""
    deadline = time.monotonic() + PATIENCE
    while not (it := found()):
        for one in alive:
            assert not one.child.ended.done(), one.child.wait()
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.02)
    return it
