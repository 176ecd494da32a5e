"""The calls behind the evaluations, and those that nobody rated. No I/O, no clock.

A rated call is a function of its evaluation alone: completed, by the same agent, for the same customer,
begun some minutes before the rating. How long it waited and lasted follows from its id. Unrated calls
are drawn from a seed; which share of its calls a department gets rated differs from one to the next.
"""

import random
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

from connectors.simulator.clock import stamp
from connectors.simulator.phrases import FIRST_NAMES, LAST_NAMES
from connectors.simulator.roster import Person, plain
from connectors.simulator.table import Label, Wire

STATUSES = ("queued", "active", "completed", "missed", "cancelled")  # DOC
FILTERS = ("status", "department_id", "user_id")  # DOC; each value has a list of its own
PAST_THE_CUT = frozenset({"duration", "wait_time", "started_at", "completed_at", "inserted_at"})
MISSED, CANCELLED = 0.12, 0.06  # per evaluation; with the unrated ones about 0.6
UNRATED = (0.15, 0.7)  # completed and unrated ones per evaluation, from the keenest department to the laziest
_HOURS = 3 * 3600


@dataclass(frozen=True, slots=True)
class Desk:
    """Who answers: the ids and names of a department and a user, as a call shows them."""

    department_id: str | None = None
    department_name: str | None = None
    user_id: str | None = None
    user_name: str | None = None


def department_id(name: str) -> str:
    """DOC: called a uuid, and the documentation's own examples are none."""
    digits = uuid.uuid5(uuid.NAMESPACE_OID, f"department {name}").hex
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-efgh-{digits[20:]}"


def desk_of(person: Person) -> Desk:
    return Desk(department_id(person.department), person.department, person.voki_id, person.name)


def labels(row: Mapping[str, Any]) -> Iterator[Label]:
    """The lists that a call stands in: all, and one for each value that can be asked for."""
    yield "all"
    for field in FILTERS:
        if isinstance(value := row.get(field), str):
            yield field, value


def call(call_id: str, status: str, began: int, desk: Desk, customer: Any) -> Wire:
    """A call that entered the queue at `began`. Who was not answered has no agent and no duration."""
    luck = _luck(call_id)
    wait, talk = _lengths(luck)
    answered = status in ("active", "completed")
    name = customer if isinstance(customer, str) else ""
    return {
        "id": call_id,
        "status": status,
        "department_id": desk.department_id,
        "department_name": desk.department_name,
        "user_id": desk.user_id if answered else None,
        "user_name": desk.user_name if answered else None,
        "customer_name": customer,
        "customer_email": f"{plain(name) or 'cliente'}{luck % 997}@cliente.example" if luck % 5 else None,
        "customer_phone": f"+55 11 9{luck % 10**8:08d}" if luck % 7 else None,
        "duration": talk if status == "completed" else None,
        "wait_time": None if status == "queued" else wait,
        "started_at": stamp(began + wait) if answered else None,
        "completed_at": stamp(began + wait + talk) if status == "completed" else None,
        "inserted_at": stamp(began),
    }


def rated(call_id: str, at: int, desk: Desk, customer: Any) -> tuple[int, Wire]:
    """The completed call that was rated at `at`."""
    luck = _luck(call_id)
    began = at - 60 - luck // 1_000_000 % 600 - sum(_lengths(luck))
    return began, call(call_id, "completed", began, desk, customer)


def unrated(
    seed: str, crew: Sequence[Person], times: Sequence[int], until: int
) -> Iterator[tuple[int, Wire]]:
    """The calls that came beside evaluations of `crew` at `times`, and a few that wait or go on at the end."""
    source = random.Random(f"calls/{seed}")
    departments = sorted({person.department for person in crew})
    least, step = UNRATED[0], (UNRATED[1] - UNRATED[0]) / max(1, len(departments) - 1)
    desks = {person: desk_of(person) for person in set(crew)}
    places = source.sample(range(len(departments)), len(departments))
    share = {name: least + step * place for name, place in zip(departments, places, strict=True)}
    for at, person in zip(times, crew, strict=True):
        quiet = share[person.department]
        kind = source.random()
        if kind < quiet + MISSED + CANCELLED:
            status = "completed" if kind < quiet else "missed" if kind < quiet + MISSED else "cancelled"
            began = min(at + source.randint(-_HOURS, _HOURS), until - 3600)
            yield began, _drawn(source, status, began, desks[person])
    for i, person in enumerate(crew[-6:]):
        began = until - source.randint(300, 900)
        yield began, _drawn(source, "active" if i % 2 else "queued", began, desks[person])


def _drawn(source: random.Random, status: str, began: int, desk: Desk) -> Wire:
    call_id = str(uuid.UUID(int=source.getrandbits(128)))
    customer = f"{source.choice(FIRST_NAMES)} {source.choice(LAST_NAMES)}"
    return call(call_id, status, began, desk, customer)


def _luck(call_id: str) -> int:
    return crc32(call_id.encode("utf-8", "surrogatepass"))


def _lengths(luck: int) -> tuple[int, int]:
    """Seconds of waiting and of talking."""
    return 5 + luck % 240, 40 + luck // 240 % 1500
