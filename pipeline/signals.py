"""Ctrl-C and SIGTERM: the first ends a run at the edge of a page, the second at once. Nothing is lost by either."""

import asyncio
import signal
from collections.abc import Iterator
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
