"""The tables of one contract: what is true at evaluagent. The oracle of every completeness test.

An evaluation is a flat dict: `id`, the attributes under their wire names, `agent_id` and `contact_ids`; how it
looks on the wire is shapes.py and the switches. Beside the rows stands one sorted list of keys, so that a page
is two bisections and a slice. Times are whole microseconds. A row is never changed in place: an edit puts a new
object, so that a snapshot costs no deep copy. Every public method takes the lock.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.simulator.clock import EPOCH, read_time
from connectors.simulator.evaluagent.directory import Directory, Ids
from connectors.simulator.evaluagent.scoring import Wire

Key = tuple[int, str, int]  # published_at in unix microseconds, id as text, serial number of the row

MICRO = timedelta(microseconds=1)
UNTIL = datetime(2026, 1, 1, tzinfo=UTC)


def micros(moment: datetime) -> int:
    return (moment - EPOCH) // MICRO


def edge(at: int) -> Key:
    """The smallest key of a moment: everything before it is older."""
    return (at, "", -1)


def stamp(at: int) -> str:
    """2025-01-28T09:00:00Z, with a fraction only where there is one."""
    return (EPOCH + at * MICRO).isoformat().replace("+00:00", "Z")


def moment_of(text: str) -> datetime:
    """Read an ISO 8601 time; a date alone is its midnight. Anything else is a ValueError."""
    found = read_time(text)
    return found if isinstance(found, datetime) else datetime(found.year, found.month, found.day, tzinfo=UTC)


class QualityWorld(Directory):
    """Owns the evaluations and contacts of one contract, and the order in which things happened to them."""

    def __init__(self, contract: str = "demo", *, until: datetime = UNTIL, ids: Ids = "uuid") -> None:
        super().__init__(contract, ids)
        self.until = until  # where the built-in calendar starts
        self._serial = 0
        self._rows: dict[Key, Wire] = {}
        self._keys: list[Key] = []
        self._by_id: dict[str, tuple[Key, ...]] = {}
        self._contacts: dict[str, Wire] = {}

    # -- what a test or the API does to the tables -----------------------------------------------

    def publish(self, at: datetime, *, references: Sequence[str] | None = None, **fields: Any) -> str:
        """Publish one plausible evaluation at any time, late or not; `fields` replace its values. Gives its id.

        `references` are those of its contacts, made for it; without any it gets one of its own. `contact_ids`
        among the fields names contacts that are there already.
        """
        with self.lock:
            row_id = str(fields.pop("id", None) or self.new_id("evaluations"))
            agents = [row["id"] for row in self._tables["users"].values() if row.get("agent_team")]
            row: Wire = {
                "id": row_id,
                "published_at": stamp(micros(at)),
                "outcome": "Pass",
                "score": 100.0,
                "scorecard_id": next(iter(self._scorecards), "scorecard"),
                "evaluator_id": None,
                "evaluated_at": stamp(micros(at - timedelta(hours=1))),
                "auto_failed": False,
                "line_items": [],
                "agent_id": agents[0] if agents else None,
            } | fields
            if "contact_ids" not in row:
                chosen = [f"call-{row_id}"] if references is None else references
                row["contact_ids"] = [self.add_contact(at, reference=name) for name in chosen]
            for contact_id in row["contact_ids"]:
                self.edit_contact(contact_id, evaluation_id=row_id)
            self._put(micros(at), row)
            return row_id

    def publish_raw(self, at: datetime, resource: Mapping[str, Any]) -> str:
        """Add a resource object that is sent exactly as it stands; `at` is its place in the order."""
        with self.lock:
            return self._put(micros(at), {"id": str(resource.get("id", "")), "raw": dict(resource)})

    def tie_burst(self, at: datetime, n: int) -> list[str]:
        """Publish n evaluations at one moment."""
        with self.lock:
            return [self.publish(at, score=float(100 - i % 50)) for i in range(n)]

    def add_contact(self, at: datetime, *, reference: str, **fields: Any) -> str:
        """A contact that nobody has evaluated yet."""
        with self.lock:
            contact_id = self.new_id("contacts")
            self._contacts[contact_id] = {
                "id": contact_id,
                "contact_reference": reference,
                "contact_date": stamp(micros(at)),
                "channel": "Telephony",
                "evaluation_id": None,
            } | fields
            return contact_id

    def edit_contact(self, contact_id: str, **fields: Any) -> None:
        with self.lock:
            self._contacts[contact_id] = self._contacts[contact_id] | fields

    def edit(self, row_id: str, at: datetime | None = None, **fields: Any) -> None:
        """Change an evaluation. Without `at` it keeps its publication date, as after a dispute."""
        with self.lock:
            for key in self._by_id[row_id]:
                row = self._drop(key) | fields
                if at is not None:
                    row["published_at"] = stamp(micros(at))
                insort(self._keys, self._name(key[0] if at is None else micros(at), row, serial=key[2]))
                self.counts["edited"] += 1

    def delete(self, row_id: str) -> None:
        """Take an evaluation away; its contacts stay, not evaluated."""
        with self.lock:
            for key in self._by_id[row_id]:
                for contact_id in self._drop(key).get("contact_ids", ()):
                    if contact_id in self._contacts:
                        self.edit_contact(contact_id, evaluation_id=None)
                self.counts["deleted"] += 1

    def purge(self, *, evaluated: datetime | None = None, not_evaluated: datetime | None = None) -> int:
        """Retention (DOC): contacts older than these are gone, their evaluations stay. Gives the number."""
        with self.lock:
            gone = [
                contact_id
                for contact_id, row in self._contacts.items()
                if (limit := evaluated if row["evaluation_id"] else not_evaluated)
                and moment_of(row["contact_date"]) < limit
            ]
            for contact_id in gone:
                del self._contacts[contact_id]
            self.counts["purged"] += len(gone)
            return len(gone)

    def fill(self, rows: Iterable[tuple[int, Wire]], contacts: Iterable[Wire]) -> None:
        """Add many (microseconds, evaluation), then their contacts: one sort, none is counted."""
        with self.lock:
            self._keys += [self._name(at, row) for at, row in rows]
            self._contacts |= {contact["id"]: contact for contact in contacts}
            self._keys.sort()

    # -- what the API and the tests ask ----------------------------------------------------------

    def __len__(self) -> int:
        return len(self._rows)

    def span(self, lower: int | None = None, upper: int | None = None) -> tuple[list[Key], int, int]:
        """The keys and where [lower, upper) lies in them, in microseconds. The list is the table's: only read."""
        low = 0 if lower is None else bisect_left(self._keys, edge(lower))
        high = len(self._keys) if upper is None else bisect_left(self._keys, edge(upper))
        return self._keys, low, max(low, high)

    def row(self, key: Key) -> Wire:
        return self._rows[key]

    def find(self, row_id: str) -> Wire | None:
        keys = self._by_id.get(row_id)
        return self._rows[keys[-1]] if keys else None

    def contacts_of(self, row: Mapping[str, Any]) -> Iterator[Wire]:
        """The contacts of an evaluation that are still kept."""
        for contact_id in row.get("contact_ids", ()):
            if contact_id in self._contacts:
                yield self._contacts[contact_id]

    def rows(self, lower: datetime | None = None, upper: datetime | None = None) -> list[Wire]:
        """The evaluations now, oldest first, of [lower, upper), each with its `contacts`: the oracle."""
        with self.lock:
            keys, low, high = self.span(
                None if lower is None else micros(lower), None if upper is None else micros(upper)
            )
            return [
                self._rows[key] | {"contacts": [dict(one) for one in self.contacts_of(self._rows[key])]}
                for key in keys[low:high]
            ]

    def contacts(self) -> list[Wire]:
        """Every contact that is kept, evaluated or not."""
        with self.lock:
            return [dict(row) for row in self._contacts.values()]

    def ids(self) -> set[str]:
        with self.lock:
            return set(self._by_id)

    def mark(self) -> int:
        """A moment in the history of the evaluations, for `alive_since`."""
        with self.lock:
            return self._serial

    def alive_since(self, mark: int) -> set[str]:
        """Ids of the evaluations that were there at the mark and have not been away since."""
        with self.lock:
            return {key[1] for key in self._rows if key[2] < mark}

    def snapshot(self) -> "QualityWorld":
        """The tables as they are now, as a world of their own."""
        with self.lock:
            twin = QualityWorld(self.contract, until=self.until, ids=self.id_form)
            twin.counts, twin._named, twin._serial = self.counts.copy(), self._named, self._serial
            twin._scorecards, twin._contacts = dict(self._scorecards), dict(self._contacts)
            twin._tables = {name: dict(table) for name, table in self._tables.items()}
            twin._rows, twin._by_id, twin._keys = dict(self._rows), dict(self._by_id), list(self._keys)
            return twin

    # -- inside ----------------------------------------------------------------------------------

    def _put(self, at: int, row: Wire) -> str:
        key = self._name(at, row)
        insort(self._keys, key)
        self.counts["published"] += 1
        return key[1]

    def _name(self, at: int, row: Wire, *, serial: int | None = None) -> Key:
        """Register a row under its key; the sorted list is the caller's."""
        if serial is None:
            serial, self._serial = self._serial, self._serial + 1
        key = (at, str(row["id"]), serial)
        self._rows[key] = row
        self._by_id[key[1]] = (*self._by_id.get(key[1], ()), key)
        return key

    def _drop(self, key: Key) -> Wire:
        del self._keys[bisect_left(self._keys, key)]
        others = tuple(other for other in self._by_id.pop(key[1]) if other != key)
        if others:
            self._by_id[key[1]] = others
        return self._rows.pop(key)
