"""The generated year: exact, repeatable, and with everything in it that breaks a pipeline."""

from collections import Counter
from datetime import UTC, datetime

import pytest

from connectors.simulator.phrases import ODD_COMMENTS
from connectors.simulator.roster import roster
from connectors.simulator.world import FIELDS
from connectors.simulator.year import ZONE, generate


@pytest.mark.parametrize("n", [0, 1, 2, 100, 5000])
def test_exactly_so_many_rows_with_ids_of_their_own(n: int) -> None:
    world = generate(7, n)
    assert len(world) == len(world.ids()) == n


def test_the_same_world_again_and_another_for_any_other_wish() -> None:
    first = generate(7, 200)
    assert first.rows() == generate(7, 200).rows()
    others = (
        generate(8, 200),
        generate(7, 200, tenant="other"),
        generate(7, 200, until=datetime(2025, 1, 1, tzinfo=UTC)),
    )
    assert all(first.ids().isdisjoint(other.ids()) for other in others)


def test_the_year_ends_where_it_should() -> None:
    until = datetime(2025, 7, 3, 12, 30, tzinfo=UTC)
    times = [row["inserted_at"] for row in generate(1, 20_000, until=until).rows()]
    assert times == sorted(times)
    assert "2024-07-03T12:30:00Z" <= times[0] < "2024-07-05"
    assert "2025-07-02" < times[-1] < "2025-07-03T12:30:00Z"


def test_it_looks_like_a_contact_centre() -> None:
    rows = generate(7, 20_000).rows()
    n = len(rows)
    assert 5 <= len({row["department_name"] for row in rows}) <= 8
    agents = Counter(row["user_name"] for row in rows)
    assert 15 <= len(agents) <= 40
    ratings = Counter(row["rating"] for row in rows)
    assert set(ratings) == {1, 2, 3, 4, 5}
    assert ratings[4] + ratings[5] > n * 0.6
    means = [sum(r["rating"] for r in rows if r["user_name"] == name) / agents[name] for name in agents]
    assert max(means) - min(means) > 0.5, "agents differ"
    local = [datetime.fromisoformat(row["inserted_at"]).astimezone(ZONE) for row in rows]
    days, hours = Counter(t.weekday() for t in local), Counter(t.hour for t in local)
    assert days[6] < days[0] / 5
    assert hours[3] < hours[10] / 50


def test_the_seed_alone_says_who_works_there() -> None:
    staff = {(person.name, person.department) for person in roster(7)}
    for world in (generate(7, 3000), generate(7, 3001, tenant="other")):
        assert {(row["user_name"], row["department_name"]) for row in world.rows()} == staff


def test_who_is_more_skilled_is_rated_better() -> None:
    people = sorted(roster(7), key=lambda person: person.skill)
    rows = generate(7, 20_000).rows()

    def mean(name: str, department: str) -> float:
        ratings = [r["rating"] for r in rows if (r["user_name"], r["department_name"]) == (name, department)]
        return float(sum(ratings)) / len(ratings)

    worst, best = ([mean(p.name, p.department) for p in group] for group in (people[:5], people[-5:]))
    assert max(worst) < min(best)


def test_comments_are_there_null_missing_empty_and_odd() -> None:
    rows = generate(7, 20_000).rows()
    texts = [row["comment"] for row in rows if row.get("comment")]
    assert 0.6 <= len(texts) / len(rows) <= 0.7
    for wanted in (
        sum(row.get("comment", 0) is None for row in rows),
        sum("comment" not in row for row in rows),
        sum(row.get("comment") == "" for row in rows),
    ):
        assert wanted > 1000
    assert set(ODD_COMMENTS) <= set(texts)
    assert all(set(FIELDS) - {"comment"} <= set(row) for row in rows)
    odd_ids = sum(row["id"].startswith("ev") for row in rows) / len(rows)
    assert 0.015 < odd_ids < 0.025


def test_some_rows_share_their_second() -> None:
    times = Counter(row["inserted_at"] for row in generate(7, 5000).rows())
    assert sum(count - 1 for count in times.values()) >= 5
