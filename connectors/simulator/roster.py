"""Who works at the made-up contact centre: the people that both systems know, each in its own way.

The same seed gives the same people, so that the two simulators of one `config.yaml` speak of one staff. Most
can be matched by e-mail, some only by the id that the quality system keeps of the other, a few not at all; two
share a name, so that a name alone is never enough.
"""

import random
import unicodedata
import uuid
from dataclasses import dataclass

from connectors.simulator.phrases import DEPARTMENTS, FIRST_NAMES, LAST_NAMES

SIZE = 30
_IDS = uuid.UUID("2b0f5a11-6f1c-4a3e-9b51-f8a45a0e0c7b")


@dataclass(frozen=True, slots=True)
class Person:
    forename: str
    surname: str
    department: str
    email: str  # at Voki
    voki_id: str  # the user's id at Voki
    qa_email: str | None  # at evaluagent
    third_party_id: str | None  # what evaluagent keeps of other systems
    skill: float  # 0 to 1: of ratings and of quality scores alike

    @property
    def name(self) -> str:
        return f"{self.forename} {self.surname}"


def roster(seed: int, size: int = SIZE) -> tuple[Person, ...]:
    """The staff of a seed; the first `size` people are the same for every size above five."""
    source = random.Random(f"roster/{seed}")
    departments = source.sample(DEPARTMENTS, source.randint(5, 8))
    mood = {department: source.uniform(-0.15, 0.15) for department in departments}
    people: list[Person] = []
    taken: set[str] = set()
    while len(people) < size:
        name = (source.choice(FIRST_NAMES), source.choice(LAST_NAMES))
        if " ".join(name) in taken:
            continue
        taken.add(" ".join(name))
        place = len(people)
        if place == 5:  # the namesake of the second person
            name = (people[1].forename, people[1].surname)
        department = departments[place % len(departments)]
        skill = min(1.0, max(0.0, source.betavariate(4, 2) + mood[department]))
        people.append(_person(seed, place, name, department, skill))
    return tuple(people)


def _person(seed: int, place: int, name: tuple[str, str], department: str, skill: float) -> Person:
    """Of ten people seven share an e-mail, two are known by the other system's id, one is not known."""
    email = f"{plain(name[0])}.{plain(name[1])}{place}@centro.example"
    voki_id = str(uuid.uuid5(_IDS, f"{seed}/{place}"))
    known = place % 10
    return Person(
        forename=name[0],
        surname=name[1],
        department=department,
        email=email,
        voki_id=voki_id,
        qa_email=email.upper() if known == 3 else email if known < 7 else None,
        third_party_id=voki_id if known in (7, 8) else None,
        skill=skill,
    )


def plain(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return "".join(letter for letter in letters if letter.isalnum())
