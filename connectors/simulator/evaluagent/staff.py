"""Who and what stands behind the evaluations of a seeded year: roles, groups, users, scorecards. Data and draws.

The agents are the people of the roster, so that both simulators of one seed speak of one staff; beside them
stand people who only evaluate or administer.
"""

import random
import uuid
from dataclasses import dataclass
from typing import Any

from connectors.simulator.evaluagent.directory import Directory
from connectors.simulator.evaluagent.scoring import FOUR_POINTS, LineItem, Scorecard
from connectors.simulator.roster import Person, roster

_IDS = uuid.UUID("5a0e0c7b-2b0f-4a3e-9b51-6f1cf8a45a11")
ABILITIES = (
    "Edit evaluations",
    "Delete evaluations",
    "Review pre-published evaluations",
    "Process evaluation queries",
    "Delete & re-assign contacts",
    "View own evaluations",
    "Acknowledge evaluations",
    "Evaluate contacts",
    "View team reports",
    "Manage integrations",
)
ROLES = {  # name: places in ABILITIES; the last has none, and so no relationships (OBS)
    "agent": (5, 6),
    "administrator": tuple(range(10)),
    "team-leader": (3, 5, 7, 8),
    "agent-evaluate": (5, 6, 7),
    "quality-analyst": (0, 2, 3, 7),
    "quality-lead": (0, 1, 2, 3, 4, 7, 8),
    "reporting": (8,),
    "integrations": (9,),
    "guest": (),
}
OTHERS = (  # forename, surname, role, active, has an e-mail
    ("Regina", "Prado", "quality-lead", True, True),
    ("Tomás", "Leal", "quality-analyst", True, True),
    ("Ivone", "Sales", "quality-analyst", True, False),
    ("Breno", "Castilho", "quality-analyst", False, True),
    ("Olga", "Reis", "administrator", True, True),
    ("Integração", "API", "integrations", True, False),
)
_TITLES = ("Telefone", "Chat e e-mail", "Cobrança", "Escuta livre")
_PASS_RATES = (85.0, 85.0, 90.0, 80.0)
_ITEMS = (
    *("Saudação", "Identificação do cliente", "Escuta ativa", "Clareza", "Empatia"),
    *("Solução correta", "Registro no sistema", "Tempo de espera explicado", "Encerramento"),
)
_WEIGHTS = (5, 10, 10, 15, 10, 25, 10, 5, 10)


@dataclass(frozen=True, slots=True)
class Staff:
    """The ids that the evaluations name, and how good each agent is."""

    agents: tuple[tuple[str, float], ...]
    evaluators: tuple[str, ...]


def people_in(world: Directory, seed: int) -> Staff:
    """Fill the small tables of a seed: the same seed, the same ids."""

    def named(kind: str, name: object) -> str:
        return str(uuid.uuid5(_IDS, f"{seed}/{kind}/{name}"))

    for name, places in ROLES.items():
        abilities = [(str(uuid.uuid5(_IDS, ABILITIES[place])), ABILITIES[place]) for place in places]
        world.add_role(name, id=named("role", name), abilities=abilities)
    people = roster(seed)
    for group in _groups(people):
        parent = group["parent"]
        fields = group | {"id": named("group", group["name"]), "parent": parent and named("group", parent)}
        world.add_group(**fields)
    agents: list[tuple[str, float]] = []
    for place, person in enumerate(people):
        role = "team-leader" if place % 10 == 4 else "agent"
        roles = [named("role", one) for one in ([role, "agent-evaluate"] if place % 15 == 4 else [role])]
        team = None if place % 13 == 12 else named("group", person.department)
        fields = _agent(person, place) | {"agent_team": team, "roles": roles, "id": named("user", place)}
        agents.append((world.add_user(**fields), person.skill))
    others = [
        world.add_user(id=named("other", place), roles=[named("role", one[2])], **_other(one))
        for place, one in enumerate(OTHERS)
    ]
    return Staff(tuple(agents), tuple(others[:4]))


def scorecards(seed: int, *, numbered: bool) -> tuple[Scorecard, ...]:
    """Four scorecards: two-point and four-point templates, auto-fail line items, one that gives no score."""
    source = random.Random(f"scorecards/{seed}")
    found: list[Scorecard] = []
    for place, title in enumerate(_TITLES):
        chosen = sorted(source.sample(range(len(_ITEMS)), 6 + place % 2 * 2))
        items = [LineItem(_ITEMS[i], _WEIGHTS[i], auto_fail=i == 1, **_template(place, i)) for i in chosen]
        items.append(LineItem("Proteção de dados", 20, auto_fail=True))
        card_id = str(4100 + place) if numbered else str(uuid.uuid5(_IDS, f"{seed}/scorecard/{place}"))
        found.append(
            Scorecard(card_id, title, _PASS_RATES[place], tuple(items), scored=place != len(_TITLES) - 1)
        )
    return tuple(found)


def _template(place: int, item: int) -> dict[str, Any]:
    return {"outcomes": FOUR_POINTS} if place == 1 and item not in (1, 8) else {}


def _groups(people: tuple[Person, ...]) -> list[dict[str, Any]]:
    """One tree of three levels, a group that is closed, and a custom reporting group (DOC)."""
    rows: list[dict[str, Any]] = [
        {"name": "Centro de Contato", "level": "Organisation", "parent": None, "has_children": True},
        {"name": "Operação Brasil", "level": "Site", "parent": "Centro de Contato", "has_children": True},
    ]
    rows += [
        {"name": name, "level": "Team", "parent": "Operação Brasil"}
        for name in dict.fromkeys(person.department for person in people)
    ]
    rows.append(
        {"name": "Plantão de fim de ano", "level": "Team", "parent": "Operação Brasil", "active": False}
    )
    rows.append({"name": "Novatos", "level": "Custom", "parent": None, "is_custom_reporting_group": True})
    return rows


def _agent(person: Person, place: int) -> dict[str, Any]:
    """A user of the list; inactive ones are in it (OBS)."""
    return {
        "forename": person.forename,
        "surname": person.surname,
        "fullname": person.name,
        "username": person.email.partition("@")[0],
        "email": person.qa_email,
        "active": place % 11 != 10,
        "allow_login": place % 11 != 10,
        "reporting_access_id": None,
        "third_party_id": person.third_party_id,
        "start_date": f"2023-{place % 12 + 1:02d}-01",
    }


def _other(one: tuple[str, str, str, bool, bool]) -> dict[str, Any]:
    forename, surname, _, active, reachable = one
    username = f"{forename}.{surname}".lower()
    return {
        "forename": forename,
        "surname": surname,
        "fullname": f"{forename} {surname}",
        "username": username,
        "email": f"{username}@qualidade.example" if reachable else None,
        "active": active,
        "allow_login": active,
        "reporting_access_id": str(uuid.uuid5(_IDS, username)),
        "third_party_id": None,
        "start_date": None,
        "agent_team": None,
    }
