"""A table at the source, and the oracle of what is true there.

Rows are the JSON objects as the API sends them, so that a poisoned row (a value of any JSON type, a
missing or unknown field, an id twice) is just a row. Beside them stand sorted lists of keys, one per
label: totals and pages are two bisections and a slice, and nothing is sorted or copied per request.
A row is never changed in place: an edit puts a new object, so that a snapshot costs no deep copy.
Every public method takes the lock, so that a test may change the table from another thread.
"""

import threading
import uuid
from bisect import bisect_left, insort
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from connectors.simulator.clock import seconds, stamp

Wire = dict[str, Any]
Key = tuple[
    int, str, int
]  # the time in whole numbers (seconds, unless the axis has others), id as text, serial number of the row
Label = Hashable  # "all", and whatever the table's own lists are called
Span = tuple[list[Key], int, int]  # a list of keys and where a range lies in it

NAMESPACE = uuid.UUID("6f1cf8a4-5a0e-4a3e-9b51-0c7b0f0f5a11")


def edge(unix: int) -> Key:
    """The smallest key of a time: everything before it is older."""
    return (unix, "", -1)


@dataclass(frozen=True, slots=True)
class Axis:
    """What orders the rows: a field, its times as whole numbers, and those as they are written."""

    field: str
    place: Callable[[datetime], int]
    text: Callable[[int], str]


INSERTED = Axis("inserted_at", seconds, stamp)


class Table:
    """Owns the rows of one collection, and the order in which things happened to it.

    `space` keeps the ids of its rows apart from those of other tables, `example` makes a plausible row
    of an id and a time, `labels` names the lists that a row stands in.
    """

    def __init__(
        self,
        space: str,
        example: Callable[[str, int], Wire],
        labels: Callable[[Mapping[str, Any]], Iterator[Label]],
        lock: "threading.RLock | None" = None,
        axis: Axis = INSERTED,
    ) -> None:
        self.counts: Counter[str] = Counter()  # inserted, edited, deleted
        self.lock = lock or threading.RLock()
        self._space, self._example, self._labels, self._axis = space, example, labels, axis
        self._serial = 0
        self._rows: dict[Key, Wire] = {}
        self._keys: defaultdict[Label, list[Key]] = defaultdict(list)
        self._by_id: dict[str, tuple[Key, ...]] = {}

    def fill(self, pairs: Iterable[tuple[int, Wire]]) -> None:
        """Add (time, row) in any number: one sort, no row is looked at twice, none is counted."""
        name, labels, lists = self._name, self._labels, self._keys
        for at, row in pairs:
            key = name(at, row)
            for label in labels(row):
                lists[label].append(key)
        for keys in lists.values():
            keys.sort()

    # -- what a test or the API does to the table ------------------------------------------------

    def insert(self, at: datetime, **fields: Any) -> str:
        """Add one plausible row at any time, late or not; `fields` replace its values. Gives its id."""
        with self.lock:
            row_id = str(uuid.uuid5(NAMESPACE, f"{self._space}/{self._serial}"))
            return self.insert_raw(at, self._example(row_id, self._axis.place(at)) | fields)

    def insert_raw(self, at: datetime, row: Mapping[str, Any]) -> str:
        """Add a row exactly as it stands, poisoned or not; `at` is its place in the order."""
        with self.lock:
            wire = dict(row)
            key = self._name(self._axis.place(at), wire)
            for label in self._labels(wire):
                insort(self._keys[label], key)
            self.counts["inserted"] += 1
            return key[1]

    def edit(self, row_id: str, *, at: datetime | None = None, **fields: Any) -> None:
        """Change fields of a row; `at` moves it. It stays the same row for `alive_since`."""
        with self.lock:
            for key in self._by_id[row_id]:
                row = self._drop(key) | fields
                place = key[0] if at is None else self._axis.place(at)
                if at is not None:
                    row[self._axis.field] = self._axis.text(place)
                moved = self._name(place, row, serial=key[2])
                for label in self._labels(row):
                    insort(self._keys[label], moved)
                self.counts["edited"] += 1

    def delete(self, row_id: str) -> None:
        with self.lock:
            for key in self._by_id[row_id]:
                self._drop(key)
                self.counts["deleted"] += 1

    def purge(self, before: datetime) -> int:
        """Take away everything older, as a retention rule does. Gives the number of rows."""
        with self.lock:
            wall = edge(self._axis.place(before))
            gone = self._keys["all"][: bisect_left(self._keys["all"], wall)]
            for keys in self._keys.values():
                del keys[: bisect_left(keys, wall)]
            for key in gone:
                self._forget(key)
            self.counts["deleted"] += len(gone)
            return len(gone)

    # -- what the API and the tests ask ----------------------------------------------------------

    def __len__(self) -> int:
        return len(self._rows)

    def span(self, lower: int | None = None, upper: int | None = None, label: Label = "all") -> Span:
        """The label's keys and where [lower, upper) lies in them. The list is the table's: only read."""
        keys = self._keys.get(label, [])
        low = 0 if lower is None else bisect_left(keys, edge(lower))
        high = len(keys) if upper is None else bisect_left(keys, edge(upper))
        return keys, low, max(low, high)

    def row(self, key: Key) -> Wire:
        return self._rows[key]

    def find(self, row_id: str) -> Wire | None:
        keys = self._by_id.get(row_id)
        return self._rows[keys[-1]] if keys else None

    def rows(self, lower: datetime | None = None, upper: datetime | None = None) -> list[Wire]:
        """The table now, oldest first, of [lower, upper): the oracle."""
        with self.lock:
            place = self._axis.place
            keys, low, high = self.span(
                None if lower is None else place(lower), None if upper is None else place(upper)
            )
            return [dict(self._rows[key]) for key in keys[low:high]]

    def ids(self) -> set[str]:
        with self.lock:
            return set(self._by_id)

    def mark(self) -> int:
        """A moment in the table's history, for `alive_since`."""
        with self.lock:
            return self._serial

    def alive_since(self, mark: int) -> set[str]:
        """Ids of the rows that were there at the mark and have not been away since.

        A serial number is never given twice, so a row deleted and put back does not count.
        """
        with self.lock:
            return {key[1] for key in self._rows if key[2] < mark}

    def snapshot(self, lock: "threading.RLock | None" = None) -> Self:
        """The table as it is now, as a table of its own."""
        with self.lock:
            twin = copy(self)
            vars(twin).update(
                lock=lock or threading.RLock(),
                counts=self.counts.copy(),
                _rows=dict(self._rows),
                _keys=defaultdict(list, {label: list(keys) for label, keys in self._keys.items()}),
                _by_id=dict(self._by_id),
            )
            return twin

    # -- inside ----------------------------------------------------------------------------------

    def _name(self, at: int, row: Wire, *, serial: int | None = None) -> Key:
        """Register a row under its key; the sorted lists are the caller's."""
        if serial is None:
            serial, self._serial = self._serial, self._serial + 1
        key = (at, str(row.get("id", "")), serial)
        self._rows[key] = row
        self._by_id[key[1]] = (*self._by_id.get(key[1], ()), key)
        return key

    def _drop(self, key: Key) -> Wire:
        for label in self._labels(self._rows[key]):
            keys = self._keys[label]
            del keys[bisect_left(keys, key)]
        return self._forget(key)

    def _forget(self, key: Key) -> Wire:
        row = self._rows.pop(key)
        others = tuple(other for other in self._by_id.pop(key[1]) if other != key)
        if others:
            self._by_id[key[1]] = others
        return row
