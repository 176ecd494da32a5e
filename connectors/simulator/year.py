"""A seeded year of a contact centre: the world behind the shipped config and most tests.

The same (seed, evaluations, until, tenant) give the same rows, always, and the seed alone says who works
there. Departments and agents differ in quality, days of the week and hours of the day in São Paulo in
load, ratings lean to 4 and 5, about two in three have a comment, the others null, nothing, or an empty
text. Calls that nobody rated are drawn when somebody asks for calls.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import accumulate
from zoneinfo import ZoneInfo

from connectors.simulator.calls import unrated
from connectors.simulator.clock import seconds, stamp
from connectors.simulator.office import Plan
from connectors.simulator.phrases import COMMENTS, ENDINGS, FIRST_NAMES, LAST_NAMES, ODD_COMMENTS
from connectors.simulator.roster import Person, roster
from connectors.simulator.world import UNTIL, Wire, World

ZONE = ZoneInfo("America/Sao_Paulo")
DAYS = 365
YEAR = DAYS * 86_400
WEEK = (1.15, 1.1, 1.05, 1.0, 0.95, 0.4, 0.1)  # load from Monday to Sunday
HOURS = (1, 1, 0, 0, 0, 1, 3, 12, 45, 80, 95, 90, 60, 70, 92, 95, 85, 65, 35, 20, 12, 8, 4, 2)
RATINGS = (1, 2, 3, 4, 5)
POOR, GOOD = (22, 16, 20, 22, 20), (2, 2, 6, 26, 64)  # shares of the ratings of the worst and the best agent


@dataclass(frozen=True, slots=True)
class Agent:
    person: Person
    name: str
    department: str
    ratings: tuple[float, ...]  # cumulative weights of 1 to 5


def generate(seed: int, evaluations: int, *, until: datetime = UNTIL, tenant: str = "demo") -> World:
    """A world of exactly so many rows in the year before `until`."""
    name = f"{seed}/{evaluations}/{until.isoformat()}/{tenant}"
    source, people = random.Random(name), roster(seed)
    agents = [_agent(person) for person in people]
    busy = list(accumulate(source.uniform(0.1, 1.0) for _ in agents))
    crew = source.choices(agents, cum_weights=busy, k=evaluations)
    times = _times(source, evaluations, seconds(until))
    rows = ((at, _row(source, at, agent)) for at, agent in zip(times, crew, strict=True))
    staff = [agent.person for agent in crew]
    plan = Plan(people, partial(unrated, name, staff, times, seconds(until)))
    return World.from_pairs(rows, tenant=tenant, until=until, plan=plan)


def _agent(person: Person) -> Agent:
    shares = (poor + person.skill * (good - poor) for poor, good in zip(POOR, GOOD, strict=True))
    return Agent(person, person.name, person.department, tuple(accumulate(shares)))


def _name(source: random.Random) -> str:
    return f"{source.choice(FIRST_NAMES)} {source.choice(LAST_NAMES)}"


def _times(source: random.Random, n: int, until: int) -> list[int]:
    """Sorted seconds in the year before `until`; about one in five hundred shares its second with another."""
    start = until - YEAR
    first = datetime.fromtimestamp(start, ZONE).replace(hour=0, minute=0, second=0, microsecond=0)
    days = [first + timedelta(days=day) for day in range(DAYS + 1)]
    load = accumulate(
        WEEK[day.weekday()] * (0.85 + 0.3 * i / DAYS) * source.uniform(0.8, 1.2) for i, day in enumerate(days)
    )
    midnights = source.choices([seconds(day) for day in days], cum_weights=list(load), k=n)
    hours = source.choices(range(24), weights=HOURS, k=n)
    times = sorted(
        # What falls outside at the two ends of the year comes in again at the other.
        start + (midnight + hour * 3600 + int(source.random() * 3600) - start) % YEAR
        for midnight, hour in zip(midnights, hours, strict=True)
    )
    for i in range(1, n):
        if source.random() < 0.002:
            times[i] = times[i - 1]
    return times


def _row(source: random.Random, at: int, agent: Agent) -> Wire:
    rating = source.choices(RATINGS, cum_weights=agent.ratings)[0]
    row: Wire = {
        "id": _id(source, "ev" if source.random() < 0.02 else ""),
        "call_id": _id(source, ""),
        "rating": rating,
        "comment": None,
        "customer_name": _name(source),
        "user_name": agent.name,
        "department_name": agent.department,
        "inserted_at": stamp(at),
    }
    kind = source.random()
    if kind < 0.65:
        row["comment"] = _comment(source, rating)
    elif kind < 0.75:
        row["comment"] = ""
    elif kind < 0.85:
        del row["comment"]
    return row


def _id(source: random.Random, prefix: str) -> str:
    """A uuid, or with the prefix what the documentation's examples show in its place: not quite hex."""
    digits = prefix + f"{source.getrandbits(128):032x}"[len(prefix) :]
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _comment(source: random.Random, rating: int) -> str:
    kind = source.random()
    if kind < 0.03:
        return source.choice(ODD_COMMENTS)
    text = source.choice(COMMENTS[rating])
    return f"{text} {source.choice(ENDINGS)}" if kind < 0.3 else text


def spread(start: datetime) -> Iterator[int]:
    """Times over the year from `start`, each a function of its place alone: for rows that have none."""
    base, step = seconds(start), 0.6180339887498949  # the golden section fills a year evenly at any length
    place = 0
    while True:
        yield base + int(place * step % 1 * YEAR)
        place += 1
