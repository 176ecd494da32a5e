"""Moments as whole numbers, so that a lane that descends reads upwards like the other. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from connectors.columns import keys_at, units_of
from connectors.source import EPOCH, Answer, Stream, Window


@dataclass(frozen=True, slots=True)
class Axis:
    """Moments as whole numbers that grow in the direction of reading."""

    unit: timedelta
    descending: bool

    def place(self, moment: datetime) -> int:
        number = (moment - EPOCH) // self.unit
        return -number if self.descending else number

    def window(self, begin: int, end: int) -> Window:
        """The moments at the places from `begin` up to, not including, `end`."""
        if self.descending:
            begin, end = 1 - end, 1 - begin
        return Window(EPOCH + self.unit * begin, EPOCH + self.unit * end)

    def ends(self, window: Window) -> tuple[int, int]:
        first, last = self.place(window.lower), self.place(window.upper - self.unit)
        return (last, first + 1) if self.descending else (first, last + 1)


@dataclass(frozen=True, slots=True)
class Located:
    """An answer, and the place of each of its records; None where that cannot be read."""

    answer: Answer
    places: Sequence[int | None]

    def known(self) -> list[int]:
        return [place for place in self.places if place is not None]

    def keys_at(self, stream: Stream, place: int) -> frozenset[str]:
        there = [n for n, at in enumerate(self.places) if at == place]
        return frozenset(keys_at(stream, self.answer.records, there))


def located(stream: Stream, axis: Axis, answer: Answer) -> Located:
    units = units_of(stream, answer.records)
    if units is not None:
        return Located(answer, [-unit for unit in units] if axis.descending else units)
    moments = map(stream.cursor_of, answer.records)
    return Located(answer, [None if moment is None else axis.place(moment) for moment in moments])
