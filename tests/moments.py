"""Moments at which a test acts: the source was asked so often, holds its answer back, or hangs."""

import threading
from dataclasses import dataclass, field

from connectors.simulator.log import Arrival


@dataclass(slots=True)
class Alarm:
    """Rings when the source was asked for a list so many times."""

    at: int
    rang: threading.Event = field(default_factory=threading.Event)

    def __call__(self, turn: int, _arrival: Arrival) -> None:
        if turn == self.at:
            self.rang.set()


@dataclass(slots=True)
class Hang:
    """A source that does not answer any more from some request on."""

    at: int
    rang: threading.Event = field(default_factory=threading.Event)
    turns: int = 0

    def __call__(self) -> float:
        self.turns += 1
        if self.turns < self.at:
            return 0.01
        self.rang.set()
        return 300.0


@dataclass(slots=True)
class Turnstile:
    """While shut it holds the source at a list request until it is opened; no run can end meanwhile."""

    shut: bool = True
    reached: threading.Event = field(default_factory=threading.Event)
    opened: threading.Event = field(default_factory=threading.Event)

    def __call__(self, _turn: int, _arrival: Arrival) -> None:
        if self.shut:
            self.reached.set()
            self.opened.wait(120)
