"""Which agent is which user, found step by step in plain Python, from rows as `core` has them.

Rows are dicts by column name. Shares nothing with the SQL of agent_links.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

Row = dict[str, Any]
Tenant = tuple[str, str]
Member = tuple[str, str, str | None]
Pair = tuple[Member, Member]


@dataclass(frozen=True)
class Matches:
    """The links with their step, and whom some step found ambiguous."""

    links: dict[Pair, str]
    unsure_users: set[Member]
    unsure_agents: set[Member]


@dataclass(frozen=True)
class World:
    """What is loaded, deleted rows included, and what the configuration says."""

    evaluations: list[Row]
    calls: list[Row]
    voki_users: list[Row]
    quality_evaluations: list[Row]
    agents: list[Row]
    groups: list[Row]
    mapping: list[tuple[str, str]]
    zone: str
    satisfied_from: int

    def day(self, time: datetime) -> date:
        return time.astimezone(ZoneInfo(self.zone)).date()

    @cached_property
    def matches(self) -> Matches:
        return match(claims(self))

    @cached_property
    def both(self) -> bool:
        return bool(present(self.evaluations) and present(self.quality_evaluations))


def present(rows: Iterable[Row]) -> list[Row]:
    return [row for row in rows if row.get("_deleted_at") is None]


def tenant(row: Row) -> Tenant:
    return row["source"], row["tenant"]


def member(row: Row, key: str) -> Member:
    return row["source"], row["tenant"], row[key]


def address(text: str | None) -> str | None:
    return (text or "").strip(" ").lower() or None


def said(text: str, rows: Iterable[Row], key: str) -> list[tuple[Member, bool]]:
    """Who has the id or address `text`, and whether that is certain."""
    rows = list(rows)
    ids = [member(row, key) for row in rows if row[key] == text]
    mails = [
        member(row, key) for row in rows if address(row["email"]) and address(row["email"]) == address(text)
    ]
    return [(who, len(ids) == 1) for who in ids] + [(who, True) for who in mails]


def claims(world: World) -> dict[str, dict[Pair, bool]]:
    """Step -> who might be whom by it alone, and whether the names in it are certain."""
    users, agents = present(world.voki_users), present(world.agents)
    mapping: dict[Pair, bool] = {}
    for user_text, agent_text in world.mapping:
        for user, sure in said(user_text, users, "user_id"):
            for agent, certain in said(agent_text, agents, "agent_id"):
                mapping[user, agent] = mapping.get((user, agent), False) or (sure and certain)
    ids = Counter(row["user_id"] for row in users)
    by_id: dict[Pair, bool] = {}
    by_mail: dict[Pair, bool] = {}
    for u in users:
        for a in agents:
            pair = member(u, "user_id"), member(a, "agent_id")
            if a["third_party_id"] == u["user_id"]:
                by_id[pair] = ids[u["user_id"]] == 1
            if address(u["email"]) and address(u["email"]) == address(a["email"]):
                by_mail[pair] = True
    return {"mapping": mapping, "third_party_id": by_id, "email": by_mail}


def match(steps: dict[str, dict[Pair, bool]]) -> Matches:
    found = Matches({}, set(), set())
    users_taken: set[tuple[Member, Tenant]] = set()
    agents_taken: set[tuple[Member, Tenant]] = set()
    for step, candidates in steps.items():
        live = {
            (user, agent): sure
            for (user, agent), sure in candidates.items()
            if (user, agent[:2]) not in users_taken and (agent, user[:2]) not in agents_taken
        }
        of_user = Counter((user, agent[:2]) for user, agent in live)
        of_agent = Counter((agent, user[:2]) for user, agent in live)
        for (user, agent), sure in live.items():
            if sure and of_user[user, agent[:2]] == of_agent[agent, user[:2]] == 1:
                found.links[user, agent] = step
            else:
                found.unsure_users.add(user)
                found.unsure_agents.add(agent)
        users_taken.update(of_user)
        agents_taken.update(of_agent)
    return found
