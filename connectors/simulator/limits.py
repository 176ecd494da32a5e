"""The server's own rate limits: who may go on, and when the others may come back.

DOC: 5 a minute on /api/auth/*, 30 a minute and IP on public endpoints. UNKNOWN, and therefore switches:
rolling or fixed windows, whose count it is, limits of the other endpoints. A refused request is not
counted.
"""

from collections import deque
from collections.abc import Hashable, Sequence
from typing import Literal

from connectors.simulator.clock import Steady

MINUTE, DAY = 60.0, 86_400.0
Limit = tuple[float, int | None]  # seconds of the window, requests in it; None: no limit


class Windows:
    """Owns the times of the requests that were let through, per caller."""

    def __init__(self, steady: Steady) -> None:
        self._steady = steady
        self._taken: dict[Hashable, deque[float]] = {}

    def take(
        self, caller: Hashable, limits: Sequence[Limit], window: Literal["rolling", "fixed"]
    ) -> float | None:
        """Let one request through (None), or say in how many seconds one will be."""
        now, taken = self._steady(), self._taken.setdefault(caller, deque())
        while taken and taken[0] <= now - DAY:
            taken.popleft()
        waits = [_wait(taken, now, span, most, window) for span, most in limits if most is not None]
        if any(waits):
            return max(waits)
        taken.append(now)
        return None

    def left(self, caller: Hashable, limit: Limit, window: Literal["rolling", "fixed"]) -> int:
        """How many more would be let through now."""
        span, most = limit
        inside = _inside(self._taken.get(caller, deque()), self._steady(), span, window)
        return max(0, (most or 0) - len(inside))


def _wait(taken: deque[float], now: float, span: float, most: int, window: str) -> float:
    inside = _inside(taken, now, span, window)
    if len(inside) < most:
        return 0.0
    return span - now % span if window == "fixed" else inside[-most] + span - now


def _inside(taken: deque[float], now: float, span: float, window: str) -> list[float]:
    if window == "fixed":
        return [at for at in taken if at >= now - now % span]
    return [at for at in taken if at > now - span]
