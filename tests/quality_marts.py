"""The marts of quality, coverage and comparison, computed in plain Python from rows as `core` has them.

Rows are dicts by column name. Shares nothing with the SQL: zoneinfo for days, Decimal for sums, and the textbook
form of the Wilson interval; who is who is found by agent_matching.
"""

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from agent_matching import Member, Row, World, member, present, said, tenant
from plain_marts import Rows, grouped

Z = 1.959963984540054


def month(day: date) -> date:
    return day.replace(day=1)


def wilson(hits: int, n: int) -> tuple[float | None, float | None, float | None]:
    """Percent of hits, and its bounds as in the textbook."""
    if n == 0:
        return None, None, None
    p = hits / n
    centre = (p + Z**2 / (2 * n)) / (1 + Z**2 / n)
    margin = Z / (1 + Z**2 / n) * math.sqrt(p * (1 - p) / n + Z**2 / (4 * n**2))
    return 100 * p, 100 * max(0.0, centre - margin), 100 * min(1.0, centre + margin)


# -- quality ---------------------------------------------------------------------------------------


def named(world: World) -> dict[Member, tuple[str | None, str | None]]:
    """Agent -> name and group."""
    groups = {member(row, "group_id"): row["name"] for row in present(world.groups)}
    found: dict[Member, tuple[str | None, str | None]] = {}
    for row in present(world.agents):
        parts = " ".join(row.get(part) or "" for part in ("forename", "surname")).strip(" ")
        name = (row.get("fullname") or "").strip(" ") or parts or row.get("username")
        found[member(row, "agent_id")] = (name, groups.get((*tenant(row), row.get("group_id"))))
    return found


def judged(rows: Collection[Row]) -> tuple[int, int, int, int, int, Decimal]:
    """Evaluations, passed, failed, auto-failed, scored, sum of scores."""
    outcomes = Counter((row["outcome"] or "").lower() for row in rows)
    percents = [row["score"] for row in rows if row["score"] is not None and 0 <= row["score"] <= 100]
    scores = [Decimal(repr(score)).quantize(Decimal("0.0001"), ROUND_HALF_UP) for score in percents]
    auto_failed = sum(bool(row["auto_failed"]) for row in rows)
    total = sum(scores, Decimal("0.0000"))
    return len(rows), outcomes["pass"], outcomes["fail"], auto_failed, len(scores), total


def mean(scored: int, total: Decimal) -> float | None:
    return float(total) / scored if scored else None


def quality_outcomes(world: World) -> Rows:
    def key(row: Row) -> tuple[Any, ...]:
        return *tenant(row), world.day(row["published_at"]), row["scorecard_id"], row["agent_id"]

    found: Rows = []
    for (source, name, day, scorecard, agent), rows in grouped(
        present(world.quality_evaluations), key
    ).items():
        counts = judged(rows)
        who = named(world).get((source, name, agent), (None, None))
        rate = wilson(counts[1], counts[1] + counts[2])[0]
        found.append((source, name, day, scorecard, agent, *who, *counts, rate, mean(*counts[4:])))
    return found


def quality_by_agent(world: World) -> Rows:
    rows = present(world.quality_evaluations)
    newest = {
        key: max(world.day(row["published_at"]) for row in group)
        for key, group in grouped(rows, tenant).items()
    }

    def figures(group: list[Row]) -> tuple[Any, ...]:
        counts = judged(group)
        return *counts, *wilson(counts[1], counts[1] + counts[2]), mean(*counts[4:])

    found: Rows = []
    for agent, group in grouped(rows, lambda row: member(row, "agent_id")).items():
        days = [world.day(row["published_at"]) for row in group]
        oldest = newest[agent[:2]] - timedelta(days=27)
        recent = [row for row, day in zip(group, days, strict=True) if day >= oldest]
        who = named(world).get(agent, (None, None))
        found.append((*agent, *who, min(days), max(days), *figures(group), *figures(recent)))
    return found


# -- coverage --------------------------------------------------------------------------------------


def evaluation_coverage(world: World) -> Rows:
    rated = {member(row, "call_id") for row in present(world.evaluations)}
    completed = [row for row in present(world.calls) if row["status"] == "completed"]

    def key(row: Row) -> tuple[Any, ...]:
        time = row["completed_at"] or row["started_at"] or row["created_at"]
        return *tenant(row), world.day(time), row["department_name"], row["agent_name"]

    found: Rows = []
    for group, calls in grouped(completed, key).items():
        hits = sum(member(call, "call_id") in rated for call in calls)
        found.append((*group, len(calls), hits, 100 * hits / len(calls)))
    return found


# -- comparison ------------------------------------------------------------------------------------


def agent_links(world: World) -> Rows:
    users = {member(row, "user_id"): row["name"] for row in present(world.voki_users)}
    return [
        (*user, users[user], *agent, named(world)[agent][0], step)
        for (user, agent), step in world.matches.links.items()
    ]


def server(world: World, row: Row) -> tuple[Member | None, str | None]:
    """The user who gave the service to a rating, or why it is nobody."""
    for call in present(world.calls):
        if member(call, "call_id") == member(row, "call_id"):
            return ((*tenant(row), call["agent_id"]), None) if call["agent_id"] else (None, "nobody")
    same = [
        u for u in present(world.voki_users) if tenant(u) == tenant(row) and u["name"] == row["agent_name"]
    ]
    if len(same) == 1:
        return member(same[0], "user_id"), None
    return None, "ambiguous" if same else "nobody"


def agent_quality_vs_satisfaction(world: World) -> Rows:
    if not world.both:
        return []
    users = {member(row, "user_id"): row["name"] for row in present(world.voki_users)}
    ratings = grouped(present(world.evaluations), lambda row: server(world, row)[0])
    quality = grouped(present(world.quality_evaluations), lambda row: member(row, "agent_id"))
    found: Rows = []
    for (user, agent), step in world.matches.links.items():
        stars = grouped(ratings[user], lambda row: month(world.day(row["created_at"])))
        marks = grouped(quality[agent], lambda row: month(world.day(row["published_at"])))
        for first in stars.keys() | marks.keys():
            n, passed, failed, _, scored, total = judged(marks[first])
            satisfied = sum(row["rating"] >= world.satisfied_from for row in stars[first])
            found.append(
                (
                    *(*user[:2], *agent, named(world)[agent][0], user[2], users[user], step, first),
                    *(
                        n,
                        passed,
                        failed,
                        *wilson(passed, passed + failed),
                        scored,
                        total,
                        mean(scored, total),
                    ),
                    *(len(stars[first]), satisfied, *wilson(satisfied, len(stars[first]))),
                )
            )
    return found


def agents_unmatched(world: World) -> Rows:
    if not world.both:
        return []
    return [*unmatched_users(world), *unmatched_agents(world), *names_of_nobody(world)]


def unmatched_users(world: World) -> Iterator[tuple[Any, ...]]:
    users = {member(row, "user_id"): row for row in present(world.voki_users)}
    linked = {user for user, _ in world.matches.links}

    def label(row: Row) -> tuple[Any, ...]:
        user, reason = server(world, row)
        return (user, None, None) if user else (tenant(row), row["agent_name"], reason)

    for (who, name, reason), rows in grouped(present(world.evaluations), label).items():
        if reason is not None:
            yield "voki", *who, None, name, None, reason, len(rows)
        elif who not in linked:
            row = users.get(who, {"name": None, "email": None})
            why = "ambiguous" if who in world.matches.unsure_users else "nobody"
            yield "voki", *who, row["name"], row["email"], why, len(rows)


def unmatched_agents(world: World) -> Iterator[tuple[Any, ...]]:
    mails = {member(row, "agent_id"): row["email"] for row in present(world.agents)}
    linked = {agent for _, agent in world.matches.links}
    quality = grouped(present(world.quality_evaluations), lambda row: member(row, "agent_id"))
    for who, rows in quality.items():
        if who not in linked:
            why = "ambiguous" if who in world.matches.unsure_agents else "nobody"
            yield "evaluagent", *who, named(world).get(who, (None, None))[0], mails.get(who), why, len(rows)


def names_of_nobody(world: World) -> Iterator[tuple[Any, ...]]:
    sides = (("voki", 0, world.voki_users, "user_id"), ("evaluagent", 1, world.agents, "agent_id"))
    for side, place, rows, key in sides:
        for text in {line[place] for line in world.mapping}:
            if not said(text, present(rows), key):
                yield side, None, None, text, None, None, "mapping names nobody", 0


COMPUTED: dict[str, Callable[[World], Rows]] = {
    "quality_outcomes": quality_outcomes,
    "quality_by_agent": quality_by_agent,
    "evaluation_coverage": evaluation_coverage,
    "agent_links": agent_links,
    "agent_quality_vs_satisfaction": agent_quality_vs_satisfaction,
    "agents_unmatched": agents_unmatched,
}
