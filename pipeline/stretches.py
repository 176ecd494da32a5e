"""Older windows as stretches of about a few pages: which of them some requests can look at again. Arithmetic only.

Promises that nothing of history is left out in silence: what is too dense to be paid for is named.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from connectors.source import Stream, Window

PAGES = 8  # of a stretch, at most
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
BESIDE_PAGES = 2  # requests of a window beside its pages: where two lanes meet, where pages are linked


@dataclass(frozen=True, slots=True)
class Checked:
    """A stretch of history and the oldest look at one of its rows."""

    window: Window
    rows: int
    checked_at: datetime

    def requests(self, page_size: int) -> int:
        return math.ceil(self.rows / page_size) + BESIDE_PAGES


def expected(rows: int, page_size: int, requests: int) -> int | None:
    """About how many requests it takes to look at so many rows again, at most `requests` a run; None: too few."""
    if requests <= BESIDE_PAGES:
        return None
    pages = math.ceil(rows / page_size)
    return pages + BESIDE_PAGES * math.ceil(pages / most_pages(requests))


def chosen(hours: Sequence[Checked], page_size: int, requests: int) -> Iterator[Checked]:
    """Stretches of about a page or more, oldest look first, as long as the requests last.

    What is larger than all of them is left out (`left_out`), or nothing behind it would ever be looked at.
    """
    too_large = left_out(hours, page_size, requests)
    parts = [part for part in stretches(hours, page_size, most_pages(requests)) if part not in too_large]
    for part in sorted(parts, key=lambda part: (part.checked_at, part.window)):
        requests -= part.requests(page_size)
        if requests < 0:
            return
        yield part


def left_out(hours: Sequence[Checked], page_size: int, requests: int) -> list[Checked]:
    """Stretches that so many requests can never pay for: hours come in minutes where they are dense."""
    parts = stretches(hours, page_size, most_pages(requests))
    return [part for part in parts if part.requests(page_size) > requests]


def sentence(too_large: Sequence[Checked], page_size: int, requests: int) -> str:
    """What is never looked at again, and what would help."""
    rows = sum(part.rows for part in too_large)
    most = max(part.requests(page_size) for part in too_large)
    return (
        f"{rows:,} older rows, the first of {too_large[0].window.lower:%Y-%m-%d %H:%M}, stand too close for"
        f" `reread: {requests}` and are never looked at again: raise it to {most}"
    )


def most_pages(requests: int) -> int:
    """Pages of a stretch that so many requests can pay for."""
    return max(min(PAGES, requests - BESIDE_PAGES), 1)


def stretches(hours: Iterable[Checked], page_size: int, pages: int = PAGES) -> Iterator[Checked]:
    """Neighbouring hours together, so that each costs few requests beside its pages; empty hours belong to the one
    before them, so that nothing of history is left out.
    """
    held: Checked | None = None
    for hour in hours:
        if held is None:
            held = hour
        elif held.rows + hour.rows <= pages * page_size:
            held = Checked(
                Window(held.window.lower, hour.window.upper),
                held.rows + hour.rows,
                min(held.checked_at, hour.checked_at),
            )
        else:
            yield replace(held, window=Window(held.window.lower, hour.window.lower))
            held = hour
    if held is not None:
        yield held


def whole_units(stream: Stream, parts: Iterable[Checked]) -> Iterator[Checked]:
    """Parts of one unit together: a source that compares dates alone is asked for days."""
    held: Checked | None = None
    for part in parts:
        window = stream.whole(part.window)
        if held is None or window.lower >= held.window.upper:
            if held is not None:
                yield held
            held = Checked(window, part.rows, part.checked_at)
        else:
            both = Window(held.window.lower, max(held.window.upper, window.upper))
            held = Checked(both, held.rows + part.rows, min(held.checked_at, part.checked_at))
    if held is not None:
        yield held


def checked(row: Mapping[str, Any], end: datetime) -> Checked:
    """A row of status/checked.sql."""
    span = MINUTE if row["is_dense"] else HOUR
    return Checked(Window(row["begins"], min(row["begins"] + span, end)), row["rows"], row["checked_at"])
