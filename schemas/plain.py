"""How a whole column of plain values is read at once: what most pages consist of.

Promises to read only what the record's contract reads, to the same value; anything else is `Odd`, and then each record
of the page has to be looked at by itself. Never says what is wrong.
"""

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa

from schemas.contract import TIMESTAMP

SHORTEST_TIME = len("2026-01-01T00:00:00")
YEARS = ("1971", "8998")  # a time zone moves nothing out of the range that can be stored


class Odd(Exception):
    """A value that is not plain."""


def text(values: Sequence[Any]) -> pa.Array:
    return pa.array(values, pa.string())  # refuses what is no text, and a lone surrogate


def key(values: Sequence[Any]) -> pa.Array:
    """Text that is never missing and never empty."""
    if not all(values):
        raise Odd
    return text(values)


def present(values: Sequence[Any]) -> pa.Array:
    """Text that is never missing."""
    if None in values:
        raise Odd
    return text(values)


def filled(values: Sequence[Any]) -> pa.Array:
    """Whether there is any text."""
    return pa.array([value is not None and value != "" for value in values], pa.bool_())


def whole(kind: pa.DataType) -> Callable[[Sequence[Any]], pa.Array]:
    """Integers or nothing; a float or a boolean is neither."""

    def read(values: Sequence[Any]) -> pa.Array:
        if not set(map(type, values)) <= {int, type(None)}:
            raise Odd
        return pa.array(values, kind)

    return read


def between(least: int, most: int, kind: pa.DataType) -> Callable[[Sequence[Any]], pa.Array]:
    """Integers of a range, never missing."""

    def read(values: Sequence[Any]) -> pa.Array:
        if set(map(type, values)) != {int} or min(values) < least or max(values) > most:
            raise Odd
        return pa.array(values, kind)

    return read


def time(values: Sequence[Any]) -> pa.Array:
    """ISO 8601 with a zone, or nothing."""
    texts = text(values)
    written = [value for value in values if value is not None]
    if written:
        shortest = min(map(len, written))
        if shortest < SHORTEST_TIME or min(written)[:4] < YEARS[0] or max(written)[:4] > YEARS[1]:
            raise Odd
    return texts.cast(TIMESTAMP)


def moment(values: Sequence[Any]) -> pa.Array:
    """A time that is never missing."""
    if None in values:
        raise Odd
    return time(values)
