"""The nursery: one warmed process without threads that forks a run for each order. `python nursery.py` is it.

Orders come as JSON lines on stdin, births and ends go to stdout (see crash.py). A forked run can watch its own
steps: entry and return of every function that writes, and every file that is made, renamed, linked or removed. On
reaching the ordered step it sends itself the ordered signal.
"""

import asyncio
import importlib
import json
import os
import re
import select
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from types import CodeType, FrameType
from typing import IO, Any, NoReturn

from crash import ROOT, Order, Step

from connectors.clock import Clock, system_clock
from pipeline import cli, marts
from pipeline.config import load
from pipeline.exits import exit_code
from pipeline.logs import configure
from pipeline.run import run
from pipeline.statements import SQL
from schemas.errors import WarehouseBusy

WATCHED = re.compile(
    r"(pipeline/(destinations/\w+|engines|files|ledger|marts|package)|connectors/grants)\.py"
)
FILES = {
    "os.mkdir",
    "os.rename",
    "os.link",
    "os.symlink",
    "os.remove",
    "os.rmdir",
    "os.chmod",
    "sqlite3.connect",
}
# What differs from run to run in a path: run ids with the number of the pass, page numbers, drafts of pages, months.
VARIES = re.compile(
    r"\d{8}T\d{6}\.\d{6}Z-[0-9a-f]{4}(-\d+)?|\d{6}(?=\.page)|(?<=\.page\.)[0-9a-f]{8}(?=\.tmp)|\d{4}-\d\d$"
)
ASYNC = 0x80 | 0x200  # CO_COROUTINE | CO_ASYNC_GENERATOR: they return at every wait
BORN = 1_790_000_000.0  # when the clocks of another pace showed the true time


def _live(orders: IO[bytes]) -> None:
    """Fork a run for each order, kill those whose time is over, tell of each birth and end; then kill the rest."""
    waiting = select.poll()
    waiting.register(orders, select.POLLIN | select.POLLHUP)
    alive: dict[int, tuple[int, int, float | None]] = {}  # pidfd -> name, pid, when it is to die
    pending, told = b"", False
    while not told:
        deadlines = [due for _, _, due in alive.values() if due is not None]
        pause = max(min(deadlines) - time.monotonic(), 0) * 1000 if deadlines else None
        for descriptor, _ in waiting.poll(pause):
            if descriptor != orders.fileno():
                waiting.unregister(descriptor)
                name, pid, _ = alive.pop(descriptor)
                os.close(descriptor)
                _tell(name=name, code=os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
                continue
            piece = os.read(descriptor, 1 << 16)
            told = not piece
            *lines, pending = (pending + piece).split(b"\n")
            for line in lines:
                order = json.loads(line)
                pid = os.fork() or _born(order)
                birth, after = time.monotonic(), order["after"]
                pidfd = os.pidfd_open(pid)
                waiting.register(pidfd, select.POLLIN)
                alive[pidfd] = order["name"], pid, None if after is None else birth + after
                _tell(name=order["name"], pid=pid)
        for descriptor, (name, pid, due) in alive.items():
            if due is not None and due <= time.monotonic():
                os.kill(pid, signal.SIGKILL)
                alive[descriptor] = name, pid, None
    for _, pid, _ in alive.values():
        os.kill(pid, signal.SIGKILL)


def _tell(**news: int) -> None:
    sys.stdout.write(json.dumps(news) + "\n")
    sys.stdout.flush()


def _born(order: dict[str, Any]) -> NoReturn:
    """The forked run, from its birth to its end."""
    code = 70
    try:
        for number, path in ((1, order["out"]), (2, order["out"].replace(".out", ".err"))):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        steps = Steps(Step(**order["step"]) if order["step"] else None, order["number"])
        if order["step"] or order["seen"]:
            steps.watch()
        code = _run(order)
        sys.settrace(None)
        if order["seen"]:
            Path(order["seen"]).write_text(json.dumps(steps.seen))
        if "modules" in order:
            Path(order["modules"]).write_text(json.dumps(sorted(sys.modules)))
    except BaseException:  # noqa: BLE001 - whatever it is, the fork ends here
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _run(order: dict[str, Any]) -> int:
    """The run's exit code."""
    ahead, pace = order["ahead"], order["pace"]
    if not ahead and pace == 1.0:
        try:
            cli.main(["--config", order["config"], *order["words"]], prog_name="evalsync")
        except SystemExit as end:
            return int(end.code or 0)
        return 0
    configure(sys.stderr)
    ours = system_clock()
    clock = Clock(
        wall=lambda: BORN + (ours.wall() - BORN) * pace + ahead,
        steady=lambda: ours.steady() * pace + ahead,
        sleep=lambda seconds: asyncio.sleep(seconds / pace),
        boot=ours.boot,
    )
    try:
        receipt = asyncio.run(run(load(Path(order["config"]), os.environ), clock=clock))
    except WarehouseBusy as busy:
        sys.stderr.write(f"{busy}\n")
        return 75
    print(json.dumps(receipt.as_json()))  # noqa: T201 - what the command line prints
    return exit_code(receipt.outcome, 0)


class Steps:
    """Counts the steps of this process, and sends it a signal on one of them."""

    def __init__(self, last: Step | None, number: int) -> None:
        self.seen: Counter[str] = Counter()
        self._last, self._number, self._lock = last, number, threading.Lock()
        self._names: dict[CodeType, str] = {}

    def watch(self) -> None:
        sys.addaudithook(self._file)
        if self._last is None or self._last.name.split()[0] not in {
            *FILES,
            "open",
        }:  # each call is slower then
            threading.settrace(self._call)
            sys.settrace(self._call)

    def _reach(self, name: str) -> None:
        with self._lock:
            self.seen[name] += 1
            reached = self._last is not None and (name, self.seen[name]) == (self._last.name, self._last.n)
        if reached:
            signal.pthread_kill(threading.get_ident(), self._number)  # this very thread goes no further

    def _call(self, frame: FrameType, _: str, __: object) -> Callable[..., Any] | None:
        """Entry of a function; its return is seen only where it is a step."""
        name = self._names.get(frame.f_code)
        if name is None:
            name = self._names[frame.f_code] = _name(frame.f_code)
        if not name:
            return None
        self._reach(f"{name} call")
        frame.f_trace_lines = False
        return partial(self._leave, name)

    def _leave(self, name: str, _: FrameType, event: str, __: object) -> None:
        if event == "return":
            self._reach(f"{name} return")

    def _file(self, event: str, values: tuple[Any, ...]) -> None:
        if event in FILES or (
            event == "open" and isinstance(values[2], int) and values[2] & (os.O_WRONLY | os.O_RDWR)
        ):
            path = str(values[1] if event == "os.symlink" else values[0])
            inside = path.rpartition("/data/")[2]
            if inside != path:
                self._reach(f"{event} {VARIES.sub('*', inside)}")


def _name(code: CodeType) -> str:
    """What a function is called here; empty for those that are no step."""
    place = code.co_filename.removeprefix(f"{ROOT}/")
    if not WATCHED.fullmatch(place) or code.co_flags & ASYNC or "<" in code.co_name:
        return ""
    return f"{Path(place).stem}.{code.co_qualname}"


def _warm() -> None:
    """Import all that a run imports, as a run in a fork tells it: imports start no threads, runs do."""
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "modules"
        config = Path(folder) / "config.yaml"
        config.write_text(
            "version: 1\nsources: [{name: demo, system: voki, streams: [evaluations], simulator: {evaluations: 9}}]\n"
        )
        order = json.loads(json.dumps(asdict(Order(config)), default=str))
        pid = os.fork() or _born({**order, "out": f"{folder}/run.out", "modules": str(told)})
        os.waitpid(pid, 0)
        for module in json.loads(told.read_text()):
            with suppress(ImportError):
                importlib.import_module(module)
    marts.order(marts.load_marts(SQL / "marts"))
    importlib.import_module("pipeline.service")  # `serve` is forked, too


if __name__ == "__main__":
    _warm()
    _live(sys.stdin.buffer)
