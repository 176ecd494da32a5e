"""The seeded year: exactly so many, always the same, the same staff as in the other simulator, and quick.

Kills: a generator that reads a clock, a year that leaks over its end, an agent that nobody employs.
"""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from connectors.simulator.evaluagent.world import UNTIL, QualityWorld
from connectors.simulator.evaluagent.year import generate
from connectors.simulator.roster import roster


def everything(world: QualityWorld) -> tuple[object, ...]:
    return world.rows(), world.contacts(), world.users(), world.roles(), world.groups(), world.conversations()


@pytest.mark.parametrize("n", [0, 1, 7, 600])
def test_exactly_so_many_in_the_year_before(n: int) -> None:
    until = datetime(2025, 7, 1, tzinfo=UTC)
    world = generate(2, n, until=until)
    assert len(world) == len(world.ids()) == len(world.rows()) == n
    assert len(world.rows(until - timedelta(days=365), until)) == n
    assert len(world.conversations()) == n // 8
    assert world.until == until
    assert not world.counts


def test_the_same_again_and_another_for_another_seed() -> None:
    assert everything(generate(2, 300)) == everything(generate(2, 300))
    assert not generate(2, 300).ids() & generate(3, 300).ids()
    assert not generate(2, 300).ids() & generate(2, 300, contract="other").ids()
    assert generate(2, 10).users() == generate(2, 300, until=UNTIL - timedelta(days=1)).users()


def test_the_staff_is_the_roster_and_some_who_are_no_agents() -> None:
    users, people = generate(7, 50).users(), roster(7)
    for user, person in zip(users, people, strict=False):
        assert (user["fullname"], user["email"]) == (person.name, person.qa_email)
        assert user["third_party_id"] == person.third_party_id
    assert len(users) > len(people)
    assert all(user["agent_team"] is None for user in users[len(people) :])
    assert {user["active"] for user in users[: len(people)]} == {True, False}
    groups = {row["id"]: row for row in generate(7, 50).groups()}
    assert all(user["agent_team"] in groups for user in users if user["agent_team"])
    assert all(groups[row["parent"]]["has_children"] for row in groups.values() if row["parent"])
    roles = {row["id"] for row in generate(7, 50).roles()}
    assert all(user["roles"] and set(user["roles"]) <= roles for user in users)


def test_what_evaluations_name_is_there() -> None:
    world = generate(7, 2000)
    rows, agents = world.rows(), {user["id"] for user in world.users()[:30]}
    others = {user["id"] for user in world.users()[30:]}
    assert {row["agent_id"] for row in rows} == agents
    assert {row["evaluator_id"] for row in rows} < others
    assert {row["scorecard_id"] for row in rows} == {card.id for card in world.scorecards()}
    contacts = {one["id"]: one for one in world.contacts()}
    for row in rows:
        assert [one["id"] for one in row["contacts"]] == row["contact_ids"]
        assert all(contacts[name]["evaluation_id"] == row["id"] for name in row["contact_ids"])
        assert row["evaluated_at"] < row["published_at"]
    assert any(len(row["contacts"]) == 2 for row in rows)
    assert any(one["evaluation_id"] is None for one in contacts.values())
    assert len({one["contact_reference"] for one in contacts.values()}) == len(contacts)
    assert {row["integration"] for row in world.conversations()} == {"zendesk", "voki"}
    nulls = Counter(row["score"] is None for row in rows)
    assert 0 < nulls[True] < len(rows) / 20


def test_about_one_second_in_five_hundred_is_shared() -> None:
    times = Counter(row["published_at"] for row in generate(7, 20_000).rows())
    shared = sum(count - 1 for count in times.values())
    assert 20_000 / 1000 < shared < 20_000 / 125


def test_fractions_of_seconds_when_wanted() -> None:
    whole, broken = generate(7, 40), generate(7, 40, fractions=True)
    assert not any("." in row["published_at"] for row in whole.rows())
    assert any("." in row["published_at"] for row in broken.rows())


def test_the_better_agent_passes_more_often() -> None:
    """What the marts shall find: skill shows in the outcomes."""
    world, people = generate(7, 6000), roster(7)
    skill = {user["id"]: person.skill for user, person in zip(world.users(), people, strict=False)}
    ranked = sorted(skill, key=lambda agent: skill[agent])
    worst, best = set(ranked[:10]), set(ranked[-10:])

    def rate(agents: set[str]) -> float:
        outcomes = [row["outcome"] == "Pass" for row in world.rows() if row["agent_id"] in agents]
        return outcomes.count(True) / len(outcomes)

    assert rate(best) > rate(worst) + 0.1
