"""Runs that die on purpose: what a test orders of the nursery (nursery.py), and how a run ended.

The nursery forks each run from one warmed process, so that a run does not cost the start of an interpreter, and lets
it kill or stop itself at a named step. The product is watched, never changed.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Step:
    """The n-th time that something happens in a run."""

    name: str
    n: int


@dataclass(frozen=True, slots=True)
class Order:
    """One run. With a clock of its own it goes through `pipeline.run`, else through the command line."""

    config: Path
    words: tuple[str, ...] = ("sync", "--json")
    step: Step | None = None
    number: int = signal.SIGKILL  # what it sends itself on that step
    after: float | None = None  # seconds from its birth until it is killed
    ahead: float = 0.0  # seconds that its clock is ahead of ours
    pace: float = 1.0  # how much faster its clock goes than ours
    seen: Path | None = None  # where it writes the steps that it saw


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended; a negative code is the signal that killed it."""

    code: int
    out: str
    err: str

    @property
    def receipt(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found


@dataclass(slots=True)
class Child:
    born: "Future[int]"
    ended: "Future[int]"
    out: Path

    @property
    def pid(self) -> int:
        return self.born.result(60)

    def wait(self) -> Ended:
        code = self.ended.result(120)
        return Ended(code, self.out.read_text(), self.out.with_suffix(".err").read_text())


class Nursery:
    """Owns the warmed process. Safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._children, self._names, self._lock = (
            folder,
            dict[int, Child](),
            count(1),
            threading.Lock(),
        )
        path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
        self._process = subprocess.Popen(
            [sys.executable, str(ROOT / "tests" / "nursery.py")],
            env={**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def start(self, order: Order) -> Child:
        with self._lock:
            name = next(self._names)
            child = self._children[name] = Child(Future(), Future(), self._folder / f"{name}.out")
            for file in (child.out, child.out.with_suffix(".err")):
                file.touch()  # one that is killed at once says nothing
            plain = {**asdict(order), "config": str(order.config), "seen": order.seen and str(order.seen)}
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps({"name": name, "out": str(child.out), **plain}) + "\n")
        return child

    def run(self, order: Order) -> Ended:
        return self.start(order).wait()

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(60)
        self._reader.join()
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            news = json.loads(line)
            child = self._children[news["name"]]
            if "pid" in news:
                child.born.set_result(news["pid"])
            else:
                child.ended.set_result(news["code"])


@contextmanager
def nursery(folder: Path) -> Iterator[Nursery]:
    folder.mkdir(parents=True, exist_ok=True)
    one = Nursery(folder)
    try:
        yield one
    finally:
        one.close()
