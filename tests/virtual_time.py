"""Virtual time: an event loop in which waiting costs nothing, so that a day passes in seconds.

Promises that time moves only when every task waits for a timer: it stands still while a thread works for the
loop, and gives real sockets a moment first. Each turn of the loop takes a microsecond, as on a machine;
without that, timers that are due by a float's rounding would come due for ever. A loop in which nothing can
happen any more raises instead of hanging.

    result, elapsed = run_virtual(scenario())     # in scenario: clock = virtual_clock()
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, TypeVar, TypeVarTuple, Unpack

from connectors.clock import Clock

TURN = 1e-6
SOCKET_GRACE = 0.002  # real seconds in which loopback traffic may still arrive
STUCK_AFTER = 20.0  # real seconds

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")


class VirtualSelector(selectors.DefaultSelector):
    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.at_work = 0  # threads that will wake the loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or (timeout > 0 and self.at_work):
            events = super().select(STUCK_AFTER)
            if not events:
                raise RuntimeError("virtual time: nothing will ever wake this loop")
            return events
        sockets = len(self.get_map() or ()) > 1  # the loop's own wake-up pipe is always there
        events = super().select(SOCKET_GRACE if sockets and timeout > 0 else 0)
        self.now += TURN if events else max(timeout, TURN)
        return events


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._virtual = VirtualSelector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.now

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[_Ts]], _T], *args: *_Ts
    ) -> "asyncio.Future[_T]":
        future = super().run_in_executor(executor, func, *args)
        self._virtual.at_work += 1
        future.add_done_callback(self._work_is_done)
        return future

    def _work_is_done(self, _: object) -> None:
        self._virtual.at_work -= 1


def run_virtual(main: Coroutine[Any, Any, _T]) -> tuple[_T, float]:
    """Run `main` to its end; its result, and the virtual seconds it took."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        loop = runner.get_loop()
        started = loop.time()
        result = runner.run(main)
        return result, loop.time() - started


def virtual_clock(
    loop: asyncio.AbstractEventLoop | None = None, *, boot: str = "boot-1", wall: float = 1_750_000_000.0
) -> Clock:
    """The running loop's time as a Clock; `wall` is the wall clock's reading at the loop's zero."""
    here = loop or asyncio.get_running_loop()
    return Clock(wall=lambda: wall + here.time(), steady=here.time, sleep=asyncio.sleep, boot=boot)
