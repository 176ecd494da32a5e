"""Where two sides differ, found by halving: one request for each step, because figures add up.

Of the two halves of a range only the first is asked for; the second is the whole less the first. Promises to read
nothing and change nothing; to return every smallest part that differs; that what could not be searched within
the allowed requests is returned whole; and every comparison that was made, so that a person can follow it.
What figures cannot see, it cannot find: two changes that cancel in every one of them. Since the source may move
between two requests, whoever acts on the result compares the whole again.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from connectors.source import DAY, EPOCH, SourceTotals, Window
from pipeline.reconcile import Loaded

Verdict = Literal["equal", "halved", "read", "unsearched"]
Figures = Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Part:
    """One comparison: a range, what both sides say of it, and what follows."""

    window: Window
    depth: int
    source: Figures
    loaded: Loaded
    verdict: Verdict
    asked: bool = False  # whether the source was asked, or the figures follow from others

    def missing(self) -> float:
        """How many rows more are here than at the source."""
        return (self.loaded.figures["total"] or 0) - (self.source.get("total") or 0)


def independent(totals: SourceTotals) -> dict[str, float]:
    """The figures that add up over ranges."""
    return {
        name: value or 0
        for name, value in totals.figures.items()
        if name not in totals.derived and name != "listed"
    }


def differs(source: Figures, loaded: Loaded) -> bool:
    """Dead letters are rows that the source counts and the warehouse lacks: with them only the total is comparable."""
    if loaded.quarantined:
        return source.get("total") != (loaded.figures["total"] or 0) + loaded.quarantined
    return any(value != (loaded.figures.get(name) or 0) for name, value in source.items())


async def search(
    window: Window,
    source: Figures,
    unit: timedelta,
    page_size: int,
    totals: Callable[[Window], Awaitable[SourceTotals]],
    loaded: Callable[[Window], Awaitable[Loaded]],
    requests: int,
) -> list[Part]:
    """Every comparison in the order of reading; parts to be read have the verdict `read` or `unsearched`.

    `source` are the figures of the whole window. Each part to be read holds about a page, or one unit of time.
    """
    waiting: list[tuple[Window, int, Figures, Loaded, bool]] = [
        (window, 0, source, await loaded(window), True)
    ]
    parts: list[Part] = []
    while waiting:
        part, depth, theirs, ours, asked = waiting.pop()
        if not differs(theirs, ours):
            parts.append(Part(part, depth, theirs, ours, "equal", asked))
            continue
        if _small(part, unit, page_size, theirs, ours):
            parts.append(Part(part, depth, theirs, ours, "read", asked))
            continue
        if requests < 1:
            parts.append(Part(part, depth, theirs, ours, "unsearched", asked))
            continue
        requests -= 1
        parts.append(Part(part, depth, theirs, ours, "halved", asked))
        first, second = halves(part, unit)
        of_first = independent(await totals(first))
        of_second = {name: (value or 0) - (of_first.get(name) or 0) for name, value in theirs.items()}
        waiting.append((second, depth + 1, of_second, await loaded(second), False))
        waiting.append((first, depth + 1, of_first, await loaded(first), True))
    return parts


def to_read(parts: list[Part]) -> list[Window]:
    return [part.window for part in parts if part.verdict in ("read", "unsearched")]


def halves(window: Window, unit: timedelta) -> tuple[Window, Window]:
    """At midnight UTC while there is one inside, so that the parts are days a person can name."""
    span = window.upper - window.lower
    middle = EPOCH + (window.lower + span / 2 - EPOCH) // unit * unit
    midnight = EPOCH + (middle - EPOCH) // DAY * DAY
    if span > DAY:
        middle = midnight if midnight > window.lower else midnight + DAY
    if not window.lower < middle < window.upper:
        middle = window.lower + span // unit // 2 * unit
    return Window(window.lower, middle), Window(middle, window.upper)


def _small(part: Window, unit: timedelta, page_size: int, theirs: Figures, ours: Loaded) -> bool:
    """Whether reading costs no more than searching on."""
    rows = max(theirs.get("total") or 0, ours.figures["total"] or 0)
    return rows <= page_size or part.upper - part.lower <= unit
