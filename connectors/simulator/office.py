"""What stands behind the evaluations of a tenant: its departments, its users and its calls.

A generated world brings its staff and its unrated calls as a `Plan`. A world of given rows has the
departments and users that they name, with ids made of the names, and the calls that were rated.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from threading import RLock
from typing import Any

from connectors.simulator import calls
from connectors.simulator.calls import Desk, desk_of
from connectors.simulator.clock import stamp
from connectors.simulator.roster import Person, plain
from connectors.simulator.table import Label, Table, Wire

FOUNDED = 1_677_672_000  # 1 March 2023, 12:00 UTC
_FORTNIGHT = 14 * 86_400

Pair = tuple[int, Wire]  # unix seconds, row


@dataclass(frozen=True, slots=True)
class Plan:
    """What a world has beside its evaluations, not yet built."""

    people: tuple[Person, ...] = ()
    unrated: Callable[[], Iterable[Pair]] = tuple


@dataclass(frozen=True, slots=True)
class Office:
    departments: Table
    users: Table
    calls: Table


def opened(tenant: str, plan: Plan, evaluations: Collection[Pair], lock: RLock) -> Office:
    """Build the tables of a plan and of evaluations."""
    desks = {(person.department, person.name): desk_of(person) for person in plan.people}
    for names in {_names(row): None for _, row in evaluations}:
        desks.setdefault(names, _known_by_name(*names))
    office = Office(
        Table(f"{tenant}/departments", _new_department, _everything, lock),
        Table(f"{tenant}/users", _new_user, _everything, lock),
        Table(f"{tenant}/calls", _new_call, calls.labels, lock),
    )
    office.departments.fill(_departments(plan, desks.values()))
    office.users.fill(_users(plan, desks.values()))
    rated = {
        call_id: calls.rated(call_id, at, desks[_names(row)], row.get("customer_name"))
        for at, row in evaluations
        if (call_id := _text(row.get("call_id")))
    }
    office.calls.fill(chain(plan.unrated(), rated.values()))
    return office


def snapshot(office: Office, lock: RLock) -> Office:
    tables = (office.departments, office.users, office.calls)
    return Office(*(table.snapshot(lock) for table in tables))


def name_id(name: str) -> str:
    """The id of a department or user of whom nothing but the name is known."""
    return f"id-{name}".lower().replace(" ", "-")


def department_row(row_id: str, name: str, at: int, *, heads: int = 0) -> Wire:
    """DOC, every field."""
    return {
        "id": row_id,
        "name": name,
        "identifier": plain(name) or row_id,
        "description": f"Atendimento: {name}",
        "active": True,
        "sector_id": None,
        "max_queue_size": 20,
        "max_wait_time": 300,
        "user_count": heads,
        "inserted_at": stamp(at),
        "updated_at": stamp(at),
    }


def user_row(row_id: str, name: str, email: str, role: str, at: int) -> Wire:
    """DOC, every field."""
    return {
        "id": row_id,
        "name": name,
        "email": email,
        "role": role,
        "active": True,
        "avatar_url": None,
        "mfa_enabled": False,
        "locale": "pt-BR",
        "inserted_at": stamp(at),
        "updated_at": stamp(at),
    }


def _names(evaluation: Mapping[str, Any]) -> tuple[str, str]:
    """Its department and user; a poisoned row may have anything there."""
    return _text(evaluation.get("department_name")), _text(evaluation.get("user_name"))


def _known_by_name(department: str, user: str) -> Desk:
    there = (name_id(department), department) if department else (None, None)
    return Desk(*there, *((name_id(user), user) if user else (None, None)))


def _departments(plan: Plan, desks: Iterable[Desk]) -> Iterator[Pair]:
    heads = Counter(person.department for person in plan.people)
    names = {desk.department_id: desk.department_name for desk in desks}
    for place, (row_id, name) in enumerate(names.items()):
        if row_id and name:
            at = FOUNDED + place * 3600
            yield at, department_row(row_id, name, at, heads=heads[name])


def _users(plan: Plan, desks: Iterable[Desk]) -> Iterator[Pair]:
    """The staff of the plan: one manager, a few supervisors, some who have left. Others are attendants."""
    for place, person in enumerate(plan.people):
        at = FOUNDED + place * _FORTNIGHT
        role = "manager" if place == 0 else "supervisor" if place % 7 == 3 else "attendant"
        row = user_row(person.voki_id, person.name, person.email, role, at)
        picture = f"https://cdn.example/avatars/{person.voki_id}.png" if place % 3 == 1 else None
        yield at, row | {"active": place % 11 != 10, "mfa_enabled": place == 0, "avatar_url": picture}
    names = {desk.user_id: desk.user_name for desk in desks}
    staff = {person.voki_id for person in plan.people}
    for row_id, name in names.items():
        if row_id and name and row_id not in staff:
            email = f"{plain(name) or 'pessoa'}@centro.example"
            yield FOUNDED, user_row(row_id, name, email, "attendant", FOUNDED)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _everything(_row: Mapping[str, Any]) -> Iterator[Label]:
    yield "all"


def _new_department(row_id: str, at: int) -> Wire:
    return department_row(row_id, f"Setor {row_id[:8]}", at)


def _new_user(row_id: str, at: int) -> Wire:
    return user_row(row_id, f"Pessoa {row_id[:8]}", f"{row_id[:8]}@centro.example", "attendant", at)


def _new_call(row_id: str, at: int) -> Wire:
    desk = Desk(name_id("Suporte"), "Suporte", name_id("Plantão"), "Plantão")
    return calls.call(row_id, "completed", at, desk, "Cliente Avulso")
