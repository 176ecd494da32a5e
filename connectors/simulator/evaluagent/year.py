"""A seeded year of quality work: the contract behind the shipped config and most tests.

The same (seed, evaluations, until, contract) give the same tables, always, and the same seed the same staff as in
Voki's simulator. Agents differ in skill, scorecards in line items and pass rates; scores and outcomes follow
the vendor's rule. About one second in five hundred is shared by two evaluations.
"""

import random
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from itertools import accumulate

from connectors.simulator.evaluagent.directory import Ids
from connectors.simulator.evaluagent.scoring import (
    FAIL,
    NOT_APPLICABLE,
    PASS,
    LineItem,
    Outcome,
    Scorecard,
    Wire,
    result,
    shown_items,
)
from connectors.simulator.evaluagent.staff import Staff, people_in, scorecards
from connectors.simulator.evaluagent.world import UNTIL, QualityWorld, micros, stamp

SECOND = 1_000_000
DAYS = 365
YEAR = DAYS * 86_400
HOURS = (0, 0, 0, 0, 0, 0, 0, 1, 4, 9, 10, 11, 10, 8, 7, 9, 11, 11, 10, 8, 5, 2, 1, 0)  # of UTC
CHANNELS = ("Telephony", "Telephony", "Chat", "Email")
CARDS = (55, 30, 13, 2)  # shares of the scorecards
INTEGRATIONS = ("zendesk", "voki")

Name = Callable[[str], str]
Bag = tuple[list[Wire], Name, random.Random]


def generate(
    seed: int,
    evaluations: int,
    *,
    until: datetime = UNTIL,
    contract: str = "demo",
    ids: Ids = "uuid",
    fractions: bool = False,
) -> QualityWorld:
    """A contract with exactly so many published evaluations in the year before `until`.

    `fractions`: they are published at any microsecond, not at whole seconds.
    """
    source = random.Random(f"{seed}/{evaluations}/{until.isoformat()}/{contract}")
    world = QualityWorld(contract, until=until, ids=ids)
    staff, cards = people_in(world, seed), scorecards(seed, numbered=ids == "integer")
    world.add_scorecards(cards)
    name: Name = partial(_uuid, source) if ids == "uuid" else world.new_id
    contacts: list[Wire] = []
    times = _times(source, evaluations, micros(until), fractions=fractions)
    world.fill(_rows((contacts, name, source), times, staff, cards), contacts)
    world.fill((), _waiting(source, name, evaluations // 10, micros(until)))
    for place in range(evaluations // 8):
        world.add_conversation(**_conversation(source, name, contacts[place * 8], staff))
    world.counts.clear()
    return world


def _times(source: random.Random, n: int, until: int, *, fractions: bool) -> list[int]:
    start = until - YEAR * SECOND
    days = source.choices(
        range(DAYS), cum_weights=list(accumulate(3 if i % 7 < 5 else 1 for i in range(DAYS))), k=n
    )
    hours = source.choices(range(24), weights=HOURS, k=n)
    times = [
        start + (day * 86_400 + hour * 3600 + int(source.random() * 3600)) * SECOND
        for day, hour in zip(days, hours, strict=True)
    ]
    if fractions:
        times = [at + int(source.random() * SECOND) for at in times]
    times.sort()
    for i in range(1, n):
        if source.random() < 0.002:
            times[i] = times[i - 1]
    return times


def _rows(
    bag: Bag, times: list[int], staff: Staff, cards: tuple[Scorecard, ...]
) -> Iterator[tuple[int, Wire]]:
    _, name, source = bag
    shown = [shown_items(card) for card in cards]
    busy = list(accumulate(source.uniform(0.1, 1.0) for _ in staff.agents))
    crew = source.choices(staff.agents, cum_weights=busy, k=len(times))
    chosen = source.choices(range(len(cards)), weights=CARDS, k=len(times))
    for at, (agent, skill), place in zip(times, crew, chosen, strict=True):
        card = cards[place]
        given = [_drawn(source, item, skill) for item in card.items]
        found = result(card, given)
        row_id, worked = name("evaluations"), at - source.randrange(1, 5 * 86_400) * SECOND
        contact_ids = [
            _contact(bag, row_id, worked - source.randrange(1, 14 * 86_400) * SECOND)
            for _ in range(2 if source.random() < 0.02 else 1)
        ]
        untold = found.score is None and source.random() < 0.25
        yield (
            at,
            {
                "id": row_id,
                "published_at": stamp(at),
                "outcome": None if untold else found.outcome,
                "score": found.score,
                "scorecard_id": card.id,
                "evaluator_id": source.choice(staff.evaluators),
                "evaluated_at": stamp(worked),
                "auto_failed": found.auto_failed,
                "line_items": [shown[place][i, outcome.name] for i, outcome in enumerate(given)],
                "agent_id": agent,
                "contact_ids": contact_ids,
            },
        )


def _drawn(source: random.Random, item: LineItem, skill: float) -> Outcome:
    """The outcome of one line item: the better the agent, the more often it is passed."""
    draw = source.random()
    if draw < 0.05:
        return NOT_APPLICABLE
    fails = 0.012 * (1.2 - skill) if item.auto_fail else 0.22 * (1.15 - skill)
    if draw > 1 - fails:
        return FAIL
    partial_ones = item.outcomes[1:-2]
    if partial_ones and draw > 1 - 2 * fails:
        return source.choice(partial_ones)
    return PASS


def _contact(bag: Bag, evaluation_id: str | None, at: int) -> str:
    contacts, name, source = bag
    contact_id = name("contacts")
    contacts.append(
        {
            "id": contact_id,
            "contact_reference": _uuid(source, "reference"),  # of the call at the telephone system
            "contact_date": stamp(at - at % SECOND),
            "channel": source.choice(CHANNELS),
            "evaluation_id": evaluation_id,
        }
    )
    return contact_id


def _waiting(source: random.Random, name: Name, n: int, until: int) -> list[Wire]:
    """Contacts that nobody has evaluated."""
    found: list[Wire] = []
    for _ in range(n):
        _contact((found, name, source), None, until - source.randrange(1, YEAR) * SECOND)
    return found


def _conversation(source: random.Random, name: Name, contact: Wire, staff: Staff) -> Wire:
    return {
        "id": name("conversations"),
        "integration": source.choice(INTEGRATIONS),
        "contact_reference": contact["contact_reference"],
        "channel": contact["channel"],
        "started_at": contact["contact_date"],
        "duration": source.randrange(30, 1800),
        "sentiment": round(source.uniform(-1, 1), 2),
        "topics": source.sample(
            ["billing", "delivery", "refund", "outage", "contract"], k=source.randint(0, 2)
        ),
        "agent_id": source.choice(staff.agents)[0],
    }


def _uuid(source: random.Random, _kind: str) -> str:
    digits = f"{source.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
