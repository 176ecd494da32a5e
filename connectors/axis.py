"""Moments as whole numbers, so that a lane that descends reads upwards like the other. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from connectors.source import EPOCH, Window


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
