"""The marts of quality, coverage and comparison against a second computation in plain Python, over random rows.

Few ids, names and addresses, so that namesakes, shared addresses and ids that repeat across tenants are common.
"""

# ruff: noqa: S608 - names of tables and marts stand in the SQL here, values never do

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from agent_matching import Row, World
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_marts import assert_close
from quality_marts import COMPUTED

from pipeline.engines import DuckDBEngine
from pipeline.marts import Mart, build

TABLES = {
    "evaluations": "core.evaluations",
    "calls": "core.calls",
    "voki_users": "core.voki_users",
    "quality_evaluations": "core.quality_evaluations",
    "agents": "core.agents",
    "groups": "core.groups",
}
LOADED = datetime(2024, 8, 1, tzinfo=UTC)
STAMPS = {
    "_first_loaded_at": LOADED,
    "_loaded_at": LOADED,
    "_observed_at": LOADED,
    "_checked_at": LOADED,
    "_run_id": "r",
}

gone = st.sampled_from([None, None, None, None, LOADED])
# Around the ends of months, in every zone, and close to 28 days before one another.
times = st.builds(
    lambda anchor, days, seconds: anchor + timedelta(days=days, seconds=seconds),
    st.sampled_from([datetime(2024, 5, 1, tzinfo=UTC), datetime(2024, 11, 3, 4, tzinfo=UTC)]),
    st.sampled_from([-29, -28, -27, -1, 0, 1]),
    st.sampled_from([-10800, -1, 0, 1, 3600, 10800]),
)
maybe_times = st.one_of(st.none(), times)
addresses = st.sampled_from([None, "", "ana@x.br", "ANA@x.br ", "rui@x.br", "Rui@X.br", "eva@x.br"])
user_ids = st.sampled_from(["1", "2", "3"])
agent_ids = st.sampled_from(["a", "b", "c"])


def sourced(world: World) -> World:
    """Tenants of one name at both systems, as two sources."""
    for name in TABLES:
        source = "voki" if name in {"evaluations", "calls", "voki_users"} else "qa"
        for row in getattr(world, name):
            row["source"] = source
    return world


def rows_of(key: str | None, size: int, **columns: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Row]]:
    """Rows of two tenants; each `key` once in its tenant."""
    row = st.fixed_dictionaries({"tenant": st.sampled_from(["t", "t", "u"]), "_deleted_at": gone, **columns})
    unique = (lambda one: (one["tenant"], one[key])) if key else None
    return st.lists(row, max_size=size, unique_by=unique)


evaluations = rows_of(
    None,
    12,
    call_id=st.sampled_from([None, "c1", "c2", "c3", "c4"]),
    agent_name=st.sampled_from([None, "Ana", "Rui", "Zoe"]),
    rating=st.integers(1, 5),
    created_at=times,
)
calls = rows_of(
    "call_id",
    6,
    call_id=st.sampled_from(["c1", "c2", "c3", "c5"]),
    status=st.sampled_from(["completed", "completed", "missed"]),
    department_name=st.sampled_from([None, "Suporte"]),
    agent_id=st.sampled_from([None, "1", "2", "9"]),
    agent_name=st.sampled_from([None, "Ana"]),
    started_at=maybe_times,
    completed_at=maybe_times,
    created_at=times,
)
users = rows_of("user_id", 5, user_id=user_ids, name=st.sampled_from(["Ana", "Rui"]), email=addresses)
quality = rows_of(
    None,
    12,
    outcome=st.sampled_from([None, "Pass", "PASS", "Fail", "fail", "Disputed"]),
    score=st.one_of(st.none(), st.integers(-1, 1_000_001).map(lambda points: points / 10_000)),
    scorecard_id=st.sampled_from([None, "s1"]),
    agent_id=st.sampled_from([None, "a", "b", "z"]),
    auto_failed=st.sampled_from([None, True, False]),
    published_at=times,
)
agents = rows_of(
    "agent_id",
    5,
    agent_id=agent_ids,
    forename=st.sampled_from([None, "Ana"]),
    surname=st.sampled_from([None, "Lima"]),
    fullname=st.sampled_from([None, " ", "Ana L."]),
    username=st.sampled_from([None, "ana"]),
    email=addresses,
    third_party_id=st.sampled_from([None, None, "1", "2", "7"]),
    group_id=st.sampled_from([None, "g"]),
)
groups = rows_of("group_id", 2, group_id=st.just("g"), name=st.sampled_from([None, "Suporte"]))
mapping = st.lists(
    st.tuples(
        st.one_of(user_ids, st.sampled_from(["ana@X.br", "rui@x.br", "ghost"])),
        st.one_of(agent_ids, st.sampled_from(["ANA@x.br", "eva@x.br", "ghost"])),
    ),
    max_size=3,
)
worlds = st.builds(
    World,
    evaluations=evaluations,
    calls=calls,
    voki_users=users,
    quality_evaluations=quality,
    agents=agents,
    groups=groups,
    mapping=mapping,
    zone=st.sampled_from(["UTC", "America/Sao_Paulo", "Asia/Kathmandu", "Pacific/Apia"]),
    satisfied_from=st.integers(2, 5),
).map(sourced)


@pytest.fixture(scope="module")
def shared_file(
    new_warehouse: Callable[[Path], duckdb.DuckDBPyConnection], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """One warehouse for all examples: each starts from what the one before left in the marts."""
    path = tmp_path_factory.mktemp("property") / "warehouse.duckdb"
    new_warehouse(path).close()
    return path


@settings(max_examples=20, deadline=None)
@given(world=worlds)
def test_marts_equal_a_second_computation(
    *, world: World, shared_file: Path, marts: tuple[Mart, ...]
) -> None:
    with duckdb.connect(str(shared_file)) as warehouse:
        warehouse.execute("SET TimeZone = 'UTC'")
        fill(warehouse, world)
        build(DuckDBEngine(warehouse), marts)
        for name, compute in COMPUTED.items():
            assert_close(name, warehouse.execute(f"SELECT * FROM marts.{name}").fetchall(), compute(world))


def fill(warehouse: duckdb.DuckDBPyConnection, world: World) -> None:
    warehouse.execute("DELETE FROM meta.settings")
    warehouse.execute("INSERT INTO meta.settings VALUES (?, ?)", [world.zone, world.satisfied_from])
    warehouse.execute("DELETE FROM meta.agents")
    for line in world.mapping:
        warehouse.execute("INSERT INTO meta.agents VALUES (?, ?)", list(line))
    for name, table in TABLES.items():
        warehouse.execute(f"DELETE FROM {table}")
        rows: list[Row] = [
            {**STAMPS, **row, **numbered(name, number)} for number, row in enumerate(getattr(world, name))
        ]
        if rows:
            columns = sorted(rows[0])
            marks = ", ".join(f"({', '.join('?' for _ in columns)})" for _ in rows)
            values = [row[column] for row in rows for column in columns]
            warehouse.execute(f"INSERT INTO {table} ({', '.join(columns)}) VALUES {marks}", values)


def numbered(name: str, number: int) -> Row:
    if name == "evaluations":
        return {"evaluation_id": str(number), "has_comment": False}
    return {"evaluation_id": str(number)} if name == "quality_evaluations" else {}
