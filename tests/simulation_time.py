"""Time and fate of the simulated runs: a loop that repeats itself exactly, and lives that end at any step of it.

A `Life` stands for the process of one run: its tasks can be stopped in the middle, woken again, or never. What a
stopped one left open stays as it is; nothing of it cleans up. What a thread does is done as one piece, so a life
never ends inside of it: that is what the kills of test_kills.py are for.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Executor
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from typing import Any, TypeVar, TypeVarTuple, Unpack

from virtual_time import VirtualLoop

from connectors.clock import Clock

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")

BORN = 1_767_225_600.0  # 2026-01-01, when every loop begins


class RepeatableLoop(VirtualLoop):
    """Virtual time in which threads change nothing: their work is done when it is ordered, told some turns later."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self._turns = random.Random(f"turns/{seed}")
        self.set_task_factory(_task)

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[_Ts]], _T], *args: *_Ts
    ) -> "asyncio.Future[_T]":
        future: asyncio.Future[_T] = self.create_future()
        try:
            result = func(*args) if executor is None else executor.submit(func, *args).result()
        except Exception as error:  # noqa: BLE001 - it belongs to whoever waits
            self._tell(self._turns.randrange(4), future, error, None)
        else:
            self._tell(self._turns.randrange(4), future, None, result)
        return future

    def _tell(
        self, turns: int, future: "asyncio.Future[_T]", error: Exception | None, result: _T | None
    ) -> None:
        if turns:
            self.call_soon(self._tell, turns - 1, future, error, result)
        elif future.done():
            return  # nobody waits any more
        elif error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]


class Life:
    """Owns the tasks of one run, and counts their steps: `fate` is what happens at which of them."""

    def __init__(self) -> None:
        self.steps = 0
        self.fate: dict[int, Callable[[], None]] = {}
        self.asleep = asyncio.Event()
        self._beds: list[asyncio.Future[None]] = []

    def start(self, main: Coroutine[Any, Any, _T]) -> "asyncio.Task[_T]":
        context = copy_context()
        context.run(_LIFE.set, self)
        return asyncio.get_running_loop().create_task(main, context=context)

    def step(self) -> None:
        self.steps += 1
        if act := self.fate.pop(self.steps, None):
            act()

    def sleep(self) -> None:
        """As SIGSTOP, and as SIGKILL where nobody wakes it."""
        self.asleep.set()

    def wake(self) -> None:
        self.asleep.clear()
        for bed in self._beds:
            if not bed.done():
                bed.set_result(None)
        self._beds.clear()

    def bed(self) -> "asyncio.Future[None]":
        """What a task waits for while its life sleeps: its own, because a cancelled task cancels it."""
        self._beds.append(asyncio.get_running_loop().create_future())
        return self._beds[-1]


_LIFE: ContextVar[Life | None] = ContextVar("life", default=None)


def _task(loop: asyncio.AbstractEventLoop, main: Any, context: Any = None) -> "asyncio.Task[Any]":
    life = context.get(_LIFE) if context is not None else _LIFE.get()
    return asyncio.Task(main if life is None else _Lived(life, main), loop=loop, context=context)


class _Lived(Coroutine[Any, Any, _T]):
    """A coroutine as it is, but for its life's sleep between two steps; what came meanwhile is told when it wakes."""

    def __init__(self, life: Life, main: Coroutine[Any, Any, _T]) -> None:
        self._life, self._main = life, main
        self._in_bed = False
        self._error: BaseException | None = None

    def send(self, _: Any) -> Any:
        return self._step(None)

    def throw(self, error: Any, value: Any = None, trace: Any = None) -> Any:
        del value, trace
        return self._step(error)

    def close(self) -> None:
        self._main.close()

    def __await__(self) -> Generator[Any, Any, _T]:
        return self._main.__await__()

    def _step(self, error: BaseException | None) -> Any:
        self._error = error or self._error
        if not self._in_bed:
            self._life.step()
        self._in_bed = self._life.asleep.is_set()
        if self._in_bed:
            return next(self._life.bed().__await__())
        told, self._error = self._error, None
        return self._main.send(None) if told is None else self._main.throw(told)


@dataclass(slots=True)
class Machine:
    """The computer that runs live on: its clock can be set, and it can be started anew."""

    ahead: float = 0.0  # of the true time
    boots: int = 1
    booted: float = -3600.0

    def reboot(self) -> None:
        self.boots += 1
        self.booted = asyncio.get_running_loop().time() - 30.0

    def clock(self) -> Clock:
        loop = asyncio.get_running_loop()
        booted = self.booted
        return Clock(
            wall=lambda: BORN + loop.time() + self.ahead,
            steady=lambda: loop.time() - booted,
            sleep=asyncio.sleep,
            boot=f"boot-{self.boots}",
        )
