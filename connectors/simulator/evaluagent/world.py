"""The tables of one contract: what is true at evaluagent. The oracle of every completeness test.

An evaluation is a flat dict: `id`, the attributes under their wire names, `agent_id` and `contact_ids`; how it
looks on the wire is shapes.py and the switches. They stand in a table ordered by `published_at` in whole
microseconds, so that a page is two bisections and a slice. Contacts are beside them, by id. No row is ever
changed in place. One lock guards all.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.simulator.clock import EPOCH, read_time
from connectors.simulator.evaluagent.directory import Directory, Ids
from connectors.simulator.evaluagent.scoring import Wire
from connectors.simulator.table import Axis, Key, Label, Span, Table

MICRO = timedelta(microseconds=1)
UNTIL = datetime(2026, 1, 1, tzinfo=UTC)


def micros(moment: datetime) -> int:
    return (moment - EPOCH) // MICRO


def stamp(at: int) -> str:
    """2025-01-28T09:00:00Z, with a fraction only where there is one."""
    return (EPOCH + at * MICRO).isoformat().replace("+00:00", "Z")


def moment_of(text: str) -> datetime:
    """Read an ISO 8601 time; a date alone is its midnight. Anything else is a ValueError."""
    found = read_time(text)
    return found if isinstance(found, datetime) else datetime(found.year, found.month, found.day, tzinfo=UTC)


PUBLISHED = Axis("published_at", micros, stamp)


class QualityWorld(Directory):
    """Owns the evaluations and contacts of one contract, and the order in which things happened to them."""

    def __init__(self, contract: str = "demo", *, until: datetime = UNTIL, ids: Ids = "uuid") -> None:
        super().__init__(contract, ids)
        self.until = until  # where the built-in calendar starts
        self._evaluations = Table(contract, _plausible, _everything, self.lock, PUBLISHED)
        self._contacts: dict[str, Wire] = {}

    # -- what a test or the API does to the tables -----------------------------------------------

    def publish(self, at: datetime, *, references: Sequence[str] | None = None, **fields: Any) -> str:
        """Publish one plausible evaluation at any time, late or not; `fields` replace its values. Gives its id.

        `references` are those of its contacts, made for it; without any it gets one of its own. `contact_ids`
        among the fields names contacts that are there already.
        """
        with self.lock:
            row_id = str(fields.pop("id", None) or self.new_id("evaluations"))
            if "contact_ids" not in fields:
                chosen = [f"call-{row_id}"] if references is None else references
                fields["contact_ids"] = [self.add_contact(at, reference=name) for name in chosen]
            for contact_id in fields["contact_ids"]:
                self.edit_contact(contact_id, evaluation_id=row_id)
            agents = (row["id"] for row in self._tables["users"].values() if row.get("agent_team"))
            fields.setdefault("agent_id", next(agents, None))
            fields.setdefault("scorecard_id", next(iter(self._scorecards), "scorecard"))
            self.counts["published"] += 1
            return self._evaluations.insert(at, id=row_id, **fields)

    def publish_raw(self, at: datetime, resource: Mapping[str, Any]) -> str:
        """Add a resource object that is sent exactly as it stands; `at` is its place in the order."""
        with self.lock:
            self.counts["published"] += 1
            row = {"id": str(resource.get("id", "")), "raw": dict(resource)}
            return self._evaluations.insert_raw(at, row)

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
            self._evaluations.edit(row_id, at=at, **fields)
            self.counts["edited"] += 1

    def delete(self, row_id: str) -> None:
        """Take an evaluation away; its contacts stay, not evaluated."""
        with self.lock:
            for contact in list(self.contacts_of(self._evaluations.find(row_id) or {})):
                self.edit_contact(contact["id"], evaluation_id=None)
            self._evaluations.delete(row_id)
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
        """Add many (microseconds, evaluation), then their contacts; none is counted."""
        with self.lock:
            self._evaluations.fill(rows)
            self._contacts |= {contact["id"]: contact for contact in contacts}

    # -- what the API and the tests ask ----------------------------------------------------------

    def __len__(self) -> int:
        return len(self._evaluations)

    def span(self, lower: int | None = None, upper: int | None = None) -> Span:
        """The keys and where [lower, upper) lies in them, in microseconds. The list is the table's: only read."""
        return self._evaluations.span(lower, upper)

    def row(self, key: Key) -> Wire:
        return self._evaluations.row(key)

    def find(self, row_id: str) -> Wire | None:
        return self._evaluations.find(row_id)

    def contacts_of(self, row: Mapping[str, Any]) -> Iterator[Wire]:
        """The contacts of an evaluation that are still kept."""
        for contact_id in row.get("contact_ids", ()):
            if contact_id in self._contacts:
                yield self._contacts[contact_id]

    def rows(self, lower: datetime | None = None, upper: datetime | None = None) -> list[Wire]:
        """The evaluations now, oldest first, of [lower, upper), each with its `contacts`: the oracle."""
        with self.lock:
            return [
                row | {"contacts": [dict(one) for one in self.contacts_of(row)]}
                for row in self._evaluations.rows(lower, upper)
            ]

    def contacts(self) -> list[Wire]:
        """Every contact that is kept, evaluated or not."""
        with self.lock:
            return [dict(row) for row in self._contacts.values()]

    def ids(self) -> set[str]:
        return self._evaluations.ids()

    def mark(self) -> int:
        """A moment in the history of the evaluations, for `alive_since`."""
        return self._evaluations.mark()

    def alive_since(self, mark: int) -> set[str]:
        """Ids of the evaluations that were there at the mark and have not been away since."""
        return self._evaluations.alive_since(mark)

    def snapshot(self) -> "QualityWorld":
        """The tables as they are now, as a world of their own."""
        with self.lock:
            twin = QualityWorld(self.contract, until=self.until, ids=self.id_form)
            twin.counts, twin._named = self.counts.copy(), self._named
            twin._scorecards, twin._contacts = dict(self._scorecards), dict(self._contacts)
            twin._tables = {name: dict(table) for name, table in self._tables.items()}
            twin._evaluations = self._evaluations.snapshot(twin.lock)
            return twin


def _plausible(row_id: str, at: int) -> Wire:
    """A perfect evaluation."""
    return {
        "id": row_id,
        "published_at": stamp(at),
        "outcome": "Pass",
        "score": 100.0,
        "evaluator_id": None,
        "evaluated_at": stamp(at),
        "auto_failed": False,
        "line_items": [],
    }


def _everything(_row: Mapping[str, Any]) -> Iterator[Label]:
    yield "all"
