"""How a whole column of plain values is read at once: what most pages consist of.

Promises to read only what the record's contract reads, to the same value; anything else is one of `ODD`, and then each
record of the page has to be looked at by itself. Never says what is wrong.
"""

from collections.abc import Callable
from types import ModuleType

import pyarrow as pa

from schemas.contract import TIMESTAMP

SHORTEST_TIME = len("2026-01-01T00:00:00")
YEARS = ("1971", "8998")  # a time zone moves nothing out of the range that can be stored


class Odd(Exception):
    """A value that is not plain."""


ODD = (Odd, pa.ArrowException)


def arrow() -> ModuleType:
    """Arrow's functions. They take 30 ms to load, which only a command that reads pages has to pay."""
    import pyarrow.compute  # noqa: PLC0415 - that is the point

    functions: ModuleType = pyarrow.compute
    return functions


def text(values: pa.ChunkedArray) -> pa.ChunkedArray:
    return values


def key(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Text that is never missing and never empty."""
    if values.null_count or arrow().min(arrow().binary_length(values)).as_py() == 0:
        raise Odd
    return values


def present(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Never missing."""
    if values.null_count:
        raise Odd
    return values


def filled(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Whether there is any text."""
    return arrow().fill_null(arrow().binary_length(values), 0).cast(pa.bool_())


def whole(kind: pa.DataType) -> Callable[[pa.ChunkedArray], pa.ChunkedArray]:
    """Integers or nothing."""
    return lambda values: values.cast(kind)


def between(least: int, most: int, kind: pa.DataType) -> Callable[[pa.ChunkedArray], pa.ChunkedArray]:
    """Integers of a range, never missing."""

    def read(values: pa.ChunkedArray) -> pa.ChunkedArray:
        ends = arrow().min_max(present(values)).as_py()
        if ends["min"] < least or ends["max"] > most:
            raise Odd
        return values.cast(kind)

    return read


def time(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """ISO 8601 with a zone, or nothing."""
    if values.null_count < len(values):
        ends = arrow().min_max(values).as_py()
        shortest = arrow().min(arrow().binary_length(values)).as_py()
        if shortest < SHORTEST_TIME or ends["min"][:4] < YEARS[0] or ends["max"][:4] > YEARS[1]:
            raise Odd
    return values.cast(TIMESTAMP)


def moment(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """A time that is never missing."""
    return time(present(values))
