"""Runs that die on purpose, and what has to hold whenever one died. The product is watched, never changed.

A nursery is one warmed process that forks a run for each order, so that a run does not cost the start of an
interpreter. A forked run can watch its own steps: entry and return of every function that writes, and every file
that is made, renamed, linked or removed. On reaching the ordered step it sends itself the ordered signal.
`python crash.py` is the nursery: orders come as JSON lines on stdin, births and ends go to stdout.
"""

import importlib
import json
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import partial
from itertools import count
from pathlib import Path
from types import CodeType, FrameType
from typing import IO, Any, NoReturn

ROOT = Path(__file__).parents[1]
WATCHED = re.compile(r"(pipeline/(destinations/\w+|engines|files|ledger|marts|package)|connectors/grants)\.py")
FILES = {"os.mkdir", "os.rename", "os.link", "os.symlink", "os.remove", "os.rmdir", "os.chmod", "sqlite3.connect"}
# What differs from run to run in a path: run ids with the number of the pass, page numbers, months.
VARIES = re.compile(r"\d{8}T\d{6}\.\d{6}Z-[0-9a-f]{4}(-\d+)?|\d{6}(?=\.page)|\d{4}-\d\d$")
ASYNC = 0x80 | 0x200  # CO_COROUTINE | CO_ASYNC_GENERATOR: they return at every wait
BORN = 1_790_000_000.0  # when the clocks of another pace showed the true time


@dataclass(frozen=True, slots=True)
class Step:
    """The n-th time that something happens in a run."""

    name: str
    n: int


@dataclass(frozen=True, slots=True)
class Order:
    """One run. With a clock of its own it goes through `pipeline.run`, else through the command line."""

    config: Path
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


# -- the test's side ---------------------------------------------------------------------------------------


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
        self._folder, self._children, self._names, self._lock = folder, dict[int, Child](), count(1), threading.Lock()
        path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
        self._process = subprocess.Popen(
            [sys.executable, __file__],
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


# -- the nursery's side ------------------------------------------------------------------------------------


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
    except BaseException:
        sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _run(order: dict[str, Any]) -> int:
    """The run's exit code."""
    import asyncio

    from connectors.clock import Clock, system_clock
    from pipeline import cli
    from pipeline.config import load
    from pipeline.exits import exit_code
    from pipeline.logs import configure
    from pipeline.run import run
    from schemas.errors import WarehouseBusy

    ahead, pace = order["ahead"], order["pace"]
    if not ahead and pace == 1.0:
        try:
            cli.main(["--config", order["config"], "sync", "--json"], prog_name="evalsync")
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
        if self._last is None or self._last.name.split()[0] not in {*FILES, "open"}:  # each call is slower then
            threading.settrace(self._call)
            sys.settrace(self._call)

    def _reach(self, name: str) -> None:
        with self._lock:
            self.seen[name] += 1
            reached = self._last is not None and (name, self.seen[name]) == (self._last.name, self._last.n)
        if reached:
            os.kill(os.getpid(), self._number)

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
        if event in FILES or (event == "open" and isinstance(values[2], int) and values[2] & (os.O_WRONLY | os.O_RDWR)):
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
    from pipeline import cli, marts, run, terminal  # noqa: F401
    from pipeline.statements import SQL

    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "modules"
        config = Path(folder) / "config.yaml"
        config.write_text("version: 1\nsources: [{name: demo, system: voki, simulator: {evaluations: 9}}]\n")
        order = json.loads(json.dumps(asdict(Order(config)), default=str))
        pid = os.fork() or _born({**order, "out": f"{folder}/run.out", "modules": str(told)})
        os.waitpid(pid, 0)
        for module in json.loads(told.read_text()):
            with suppress(ImportError):
                importlib.import_module(module)
    marts.order(marts.load_marts(SQL / "marts"))


if __name__ == "__main__":
    _warm()
    _live(sys.stdin.buffer)
