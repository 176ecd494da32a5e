"""One tenant: its evaluations, and behind them its calls, departments and users.

The world is the table of the evaluations; the other three are tables beside it, built when they are
first asked for, so that a world of a million evaluations costs nothing that nobody looks at. All four
share one lock. They follow from the evaluations that the world was made of, whatever has happened since:
a generated year has its whole staff and also the calls that nobody rated; a world of given rows or of a
file has the departments and users that those name and the calls that were rated, and nothing that
nobody told of; a world made empty has none. An evaluation that comes or goes later moves nothing else.
"""

import threading
import uuid
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Self

from connectors.simulator import office
from connectors.simulator.clock import moment, read_time, seconds, stamp
from connectors.simulator.office import Office, Plan
from connectors.simulator.table import NAMESPACE, Key, Label, Table, Wire

__all__ = ["FIELDS", "UNTIL", "Key", "Wire", "World", "labels"]

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
NO_PLAN = Plan()


def labels(row: Mapping[str, Any]) -> Iterator[Label]:
    """The lists that an evaluation stands in. A poisoned rating stands in none of the five."""
    yield "all"
    rating, comment = row.get("rating"), row.get("comment")
    if type(rating) is int and 1 <= rating <= 5:
        yield rating
    if comment == "":
        yield "empty"
    elif comment is not None:
        yield "commented"


class World(Table):
    """Owns the tables of one tenant."""

    def __init__(self, tenant: str = "demo", *, until: datetime = UNTIL, plan: Plan = NO_PLAN) -> None:
        super().__init__(tenant, _evaluation, labels)
        self.tenant = tenant
        self.until = until  # where the built-in calendar starts
        self._plan = plan
        self._first: tuple[tuple[Key, Wire], ...] = ()  # the evaluations that it was made of
        self._office: Office | None = None

    @classmethod
    def from_pairs(
        cls,
        pairs: Iterable[tuple[int, Wire]],
        *,
        tenant: str = "demo",
        until: datetime | None = None,
        plan: Plan = NO_PLAN,
    ) -> Self:
        """Make a world of (unix seconds, row).

        Without `until` the calendar starts one second after the newest row.
        """
        world = cls(tenant, until=until or UNTIL, plan=plan)
        world.fill(pairs)
        world._first = tuple(world._rows.items())
        if until is None and (everything := world._keys["all"]):
            world.until = moment(everything[-1][0] + 1)
        return world

    @classmethod
    def from_rows(
        cls, rows: Iterable[Mapping[str, Any]], *, tenant: str = "demo", until: datetime | None = None
    ) -> Self:
        """Make a world of rows as they go over the wire; each needs an `inserted_at` that can be read."""
        return cls.from_pairs(((_time_of(row), dict(row)) for row in rows), tenant=tenant, until=until)

    @property
    def calls(self) -> Table:
        """The calls, by `inserted_at`."""
        return self._opened().calls

    @property
    def departments(self) -> Table:
        return self._opened().departments

    @property
    def users(self) -> Table:
        return self._opened().users

    def tie_burst(self, at: datetime, n: int) -> list[str]:
        """Add n rows of one second."""
        with self.lock:
            return [self.insert(at, rating=1 + i % 5) for i in range(n)]

    def has_call(self, call_id: str) -> bool:
        """Whether the call has been rated. Looks at every row: asked by the few who write, not by readers."""
        with self.lock:
            return any(str(row.get("call_id")) == call_id for row in self._rows.values())

    def snapshot(self, lock: "threading.RLock | None" = None) -> Self:
        """The tables as they are now, as a world of its own."""
        with self.lock:
            twin = super().snapshot(lock)
            behind = office.snapshot(self._office, twin.lock) if self._office else None
            vars(twin).update(_office=behind)
            return twin

    # -- inside ----------------------------------------------------------------------------------

    def _opened(self) -> Office:
        with self.lock:
            if self._office is None:
                evaluations = [(key[0], row) for key, row in self._first]
                self._office = office.opened(self.tenant, self._plan, evaluations, self.lock)
            return self._office


def _evaluation(row_id: str, at: int) -> Wire:
    return {
        "id": row_id,
        "call_id": str(uuid.uuid5(NAMESPACE, f"call/{row_id}")),
        "rating": 5,
        "comment": None,
        "customer_name": "Cliente Avulso",
        "user_name": "Plantão",
        "department_name": "Suporte",
        "inserted_at": stamp(at),
    }


def _time_of(row: Mapping[str, Any]) -> int:
    text = row.get("inserted_at")
    try:
        found = read_time(str(text))
    except ValueError:
        found = None
    if isinstance(found, datetime):
        return seconds(found)
    raise ValueError(f"row {row.get('id')!r}: inserted_at {text!r} is no time; use insert_raw(at, row)")
