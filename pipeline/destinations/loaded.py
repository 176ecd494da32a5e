"""What a load did, in counts of rows: of receipts, notes and reports. Data only."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Loaded:
    """Counts of rows."""

    fetched: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    dead_letters: int = 0
    duplicates: int = 0
    withheld: int = 0  # vanished rows that were not marked: too many at once

    def __add__(self, other: "Loaded") -> "Loaded":
        return Loaded(*(getattr(self, name) + getattr(other, name) for name in Loaded.__slots__))
