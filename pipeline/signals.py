"""Ctrl-C and SIGTERM: the first ends a run at the edge of a page, the second at once. Nothing is lost by either.

SIGHUP is for who wants to be told of a changed configuration.
"""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class Signals:
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    number: int = 0  # of the first signal that came; 0 for none


@contextmanager
def stop_on_signals() -> Iterator[Signals]:
    """Watch for signals while the body runs, in the running loop's task. The second leaves with its exit code."""
    signals, loop, task = Signals(), asyncio.get_running_loop(), asyncio.current_task()

    def receive(number: int) -> None:
        if signals.number and task is not None:
            task.cancel()
        signals.number = signals.number or number
        signals.stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, receive, number)
    try:
        yield signals
    except asyncio.CancelledError:
        if not signals.number:
            raise
        raise SystemExit(128 + signals.number) from None
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


@contextmanager
def call_on_hangup(call: Callable[[], object]) -> Iterator[None]:
    """SIGHUP calls this while the body runs, in the running loop."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, call)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)
