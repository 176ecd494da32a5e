"""The table of one tenant: what is true at the source. The oracle of every completeness test.

Rows are the JSON objects as the API sends them, so that a poisoned row (a rating of any JSON type, a
missing or unknown field, an id twice) is just a row. Beside them stand sorted lists of keys, one per
label: totals and pages are two bisections and a slice, and nothing is sorted or copied per request.
A row is never changed in place: an edit puts a new object, so that a snapshot costs no deep copy.
Every public method takes the lock, so that a test may change the table from another thread.
"""

import threading
import uuid
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Self

from connectors.simulator.clock import moment, read_time, seconds, stamp

Wire = dict[str, Any]
Key = tuple[int, str, int]  # inserted_at in unix seconds, id as text, serial number of the row
Label = str | int  # "all"; a rating from 1 to 5; "commented"; "empty"

FIELDS = (
    "id",
    "call_id",
    "rating",
    "comment",
    "customer_name",
    "user_name",
    "department_name",
    "inserted_at",
)
UNTIL = datetime(2026, 1, 1, tzinfo=UTC)
_IDS = uuid.UUID("6f1cf8a4-5a0e-4a3e-9b51-0c7b0f0f5a11")


def edge(unix: int) -> Key:
    """The smallest key of a second: everything before it is older."""
    return (unix, "", -1)


def labels(row: Mapping[str, Any]) -> Iterator[Label]:
    """The lists that a row stands in. A poisoned rating stands in none of the five."""
    yield "all"
    rating, comment = row.get("rating"), row.get("comment")
    if type(rating) is int and 1 <= rating <= 5:
        yield rating
    if comment == "":
        yield "empty"
    elif comment is not None:
        yield "commented"


class World:
    """Owns the table of one tenant, and the order in which things happened to it."""

    def __init__(self, tenant: str = "demo", *, until: datetime = UNTIL) -> None:
        self.tenant = tenant
        self.until = until  # where the built-in calendar starts
        self.counts: Counter[str] = Counter()  # inserted, edited, deleted
        self.lock = threading.RLock()
        self._serial = 0
        self._rows: dict[Key, Wire] = {}
        self._keys: dict[Label, list[Key]] = {
            label: [] for label in ("all", 1, 2, 3, 4, 5, "commented", "empty")
        }
        self._by_id: dict[str, tuple[Key, ...]] = {}
        self._calls: Counter[str] = Counter()

    @classmethod
    def from_pairs(
        cls, pairs: Iterable[tuple[int, Wire]], *, tenant: str = "demo", until: datetime | None = None
    ) -> Self:
        """Make a world of (unix seconds, row): one sort, no row is looked at twice.

        Without `until` the calendar starts one second after the newest row.
        """
        world = cls(tenant, until=until or UNTIL)
        for at, row in pairs:
            key = world._name(at, row)
            for label in labels(row):
                world._keys[label].append(key)
        for keys in world._keys.values():
            keys.sort()
        if until is None and (everything := world._keys["all"]):
            world.until = moment(everything[-1][0] + 1)
        return world

    @classmethod
    def from_rows(
        cls, rows: Iterable[Mapping[str, Any]], *, tenant: str = "demo", until: datetime | None = None
    ) -> Self:
        """Make a world of rows as they go over the wire; each needs an `inserted_at` that can be read."""
        return cls.from_pairs(((_time_of(row), dict(row)) for row in rows), tenant=tenant, until=until)

    # -- what a test or the API does to the table ------------------------------------------------

    def insert(self, at: datetime, **fields: Any) -> str:
        """Add one plausible row at any time, late or not; `fields` replace its values. Gives its id."""
        with self.lock:
            row_id = str(uuid.uuid5(_IDS, f"{self.tenant}/{self._serial}"))
            row = {
                "id": row_id,
                "call_id": str(uuid.uuid5(_IDS, f"call/{row_id}")),
                "rating": 5,
                "comment": None,
                "customer_name": "Cliente Avulso",
                "user_name": "Plantão",
                "department_name": "Suporte",
                "inserted_at": stamp(seconds(at)),
            } | fields
            return self.insert_raw(at, row)

    def insert_raw(self, at: datetime, row: Mapping[str, Any]) -> str:
        """Add a row exactly as it stands, poisoned or not; `at` is its place in the order."""
        with self.lock:
            wire = dict(row)
            key = self._name(seconds(at), wire)
            for label in labels(wire):
                insort(self._keys[label], key)
            self.counts["inserted"] += 1
            return key[1]

    def tie_burst(self, at: datetime, n: int) -> list[str]:
        """Add n rows of one second."""
        with self.lock:
            return [self.insert(at, rating=1 + i % 5) for i in range(n)]

    def edit(self, row_id: str, *, at: datetime | None = None, **fields: Any) -> None:
        """Change fields of a row; `at` moves it. It stays the same row for `alive_since`."""
        with self.lock:
            for key in self._by_id[row_id]:
                row = self._drop(key) | fields
                if at is not None:
                    row["inserted_at"] = stamp(seconds(at))
                place = key[0] if at is None else seconds(at)
                moved = self._name(place, row, serial=key[2])
                for label in labels(row):
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
            wall = edge(seconds(before))
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

    def span(
        self, lower: int | None = None, upper: int | None = None, label: Label = "all"
    ) -> tuple[list[Key], int, int]:
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

    def has_call(self, call_id: str) -> bool:
        return self._calls[call_id] > 0

    def rows(self, lower: datetime | None = None, upper: datetime | None = None) -> list[Wire]:
        """The table now, oldest first, of [lower, upper): the oracle."""
        with self.lock:
            keys, low, high = self.span(
                None if lower is None else seconds(lower), None if upper is None else seconds(upper)
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

    def snapshot(self) -> "World":
        """The table as it is now, as a world of its own."""
        with self.lock:
            copy = World(self.tenant, until=self.until)
            copy.counts, copy._calls = self.counts.copy(), self._calls.copy()
            copy._serial, copy._rows, copy._by_id = self._serial, dict(self._rows), dict(self._by_id)
            copy._keys = {label: list(keys) for label, keys in self._keys.items()}
            return copy

    # -- inside ----------------------------------------------------------------------------------

    def _name(self, at: int, row: Wire, *, serial: int | None = None) -> Key:
        """Register a row under its key; the sorted lists are the caller's."""
        if serial is None:
            serial, self._serial = self._serial, self._serial + 1
        key = (at, str(row.get("id", "")), serial)
        self._rows[key] = row
        self._by_id[key[1]] = (*self._by_id.get(key[1], ()), key)
        self._calls[str(row.get("call_id"))] += 1
        return key

    def _drop(self, key: Key) -> Wire:
        for label in labels(self._rows[key]):
            keys = self._keys[label]
            del keys[bisect_left(keys, key)]
        return self._forget(key)

    def _forget(self, key: Key) -> Wire:
        row = self._rows.pop(key)
        others = tuple(other for other in self._by_id.pop(key[1]) if other != key)
        if others:
            self._by_id[key[1]] = others
        self._calls[str(row.get("call_id"))] -= 1
        return row


def _time_of(row: Mapping[str, Any]) -> int:
    text = row.get("inserted_at")
    try:
        found = read_time(str(text))
    except ValueError:
        found = None
    if isinstance(found, datetime):
        return seconds(found)
    raise ValueError(f"row {row.get('id')!r}: inserted_at {text!r} is no time; use insert_raw(at, row)")
