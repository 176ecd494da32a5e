"""Marts of the days that have changed alone, against the same marts from scratch."""

# ruff: noqa: S608 - names of tables and marts stand in the SQL here, values never do

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from contents import mart_rows
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.engines import DuckDBEngine
from pipeline.marts import Mart, build, order, refresh
from schemas.errors import CheckFailed, ConfigError

ZONES = ["UTC", "America/Sao_Paulo", "Asia/Kathmandu", "Pacific/Kiritimati", "Etc/GMT+12"]
START = datetime(2026, 1, 1, tzinfo=UTC)
GOOD = "SELECT 'fail' AS severity, 'never' AS check_name, 'nothing' AS detail WHERE false;"
CREATE = "CREATE OR REPLACE TABLE marts.a AS SELECT 1 AS n;"


@dataclass(frozen=True)
class Seeing(DuckDBEngine):
    """Keeps what it was told to run."""

    seen: list[str] = field(default_factory=list)

    def execute(self, sql: str) -> None:
        self.seen.append(sql)
        super().execute(sql)

    @property
    def from_scratch(self) -> bool:
        return any("TABLE marts.rating_counts AS" in sql for sql in self.seen)


@dataclass(frozen=True)
class Edit:
    """What one load did to a row; a key that is not there is inserted."""

    key: int
    tenant: str
    rating: int
    commented: bool
    created_at: datetime
    deleted: bool


# Around midnight in every zone, close enough that days are shared, and before 1970, where division goes the other way.
moments = st.builds(
    lambda base, hours, seconds: base + timedelta(hours=hours, seconds=seconds),
    st.sampled_from([datetime(2025, 12, 31, tzinfo=UTC), datetime(1969, 12, 31, tzinfo=UTC)]),
    st.integers(-36, 36),
    st.sampled_from([-1, 0, 1]),
)
edits = st.builds(
    Edit,
    key=st.integers(0, 7),
    tenant=st.sampled_from(["norte", "sul"]),
    rating=st.integers(1, 5),
    commented=st.booleans(),
    created_at=moments,
    deleted=st.sampled_from([False, False, True]),
)


@pytest.fixture(scope="module")
def shared_file(
    new_warehouse: Callable[[Path], duckdb.DuckDBPyConnection], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    path = tmp_path_factory.mktemp("days") / "warehouse.duckdb"
    new_warehouse(path).close()
    return path


@settings(max_examples=5, deadline=None)
@given(nights=st.lists(st.lists(edits, max_size=5), min_size=2, max_size=5), zone=st.sampled_from(ZONES))
def test_days_and_from_scratch_give_the_same_marts(
    *, nights: list[list[Edit]], zone: str, shared_file: Path, marts: tuple[Mart, ...]
) -> None:
    with duckdb.connect(str(shared_file)) as warehouse:
        warehouse.execute("SET TimeZone = 'UTC'")
        for table in ("core.evaluations", "meta.settings", "meta.mart_days", "meta.mart_makers"):
            warehouse.execute(f"DELETE FROM {table}")
        warehouse.execute("INSERT INTO meta.settings VALUES (?, 4)", [zone])
        for number, night in enumerate(nights):
            for second, one in enumerate(night):
                put(warehouse, one, START + timedelta(days=number, seconds=second))
            engine = Seeing(warehouse)
            refresh(engine, marts)
            by_days = mart_rows(warehouse)
            build(DuckDBEngine(warehouse), marts)
            assert by_days == mart_rows(warehouse)
            assert engine.from_scratch == (number == 0)


def put(warehouse: duckdb.DuckDBPyConnection, one: Edit, loaded_at: datetime) -> None:
    """As a load does it: every change gives the row a new `_loaded_at`."""
    warehouse.execute(
        "DELETE FROM core.evaluations WHERE tenant = ? AND evaluation_id = ?", [one.tenant, str(one.key)]
    )
    warehouse.execute(
        "INSERT INTO core.evaluations (source, tenant, evaluation_id, rating, has_comment, created_at,"
        " _first_loaded_at, _loaded_at, _observed_at, _run_id, _deleted_at)"
        " VALUES ('s', $1, $2, $3, $4, $5, $6, $6, $6, 'r', $7)",
        [
            *(one.tenant, str(one.key), one.rating, one.commented, one.created_at, loaded_at),
            loaded_at if one.deleted else None,
        ],
    )


def first(warehouse: duckdb.DuckDBPyConnection, marts: tuple[Mart, ...]) -> None:
    put(warehouse, Edit(1, "norte", 5, True, START, False), START)
    put(warehouse, Edit(2, "norte", 1, True, START + timedelta(days=9), False), START)
    refresh(DuckDBEngine(warehouse), marts)


def test_days_that_did_not_change_are_not_counted_again(
    warehouse: duckdb.DuckDBPyConnection, marts: tuple[Mart, ...]
) -> None:
    first(warehouse, marts)
    mark = "UPDATE marts.rating_counts SET department_name = 'as it was'"
    warehouse.execute(mark)
    put(warehouse, Edit(2, "norte", 2, True, START + timedelta(days=9), False), START + timedelta(seconds=1))
    refresh(DuckDBEngine(warehouse), marts)
    found = warehouse.execute(
        "SELECT rating, department_name FROM marts.rating_counts ORDER BY ALL"
    ).fetchall()
    assert found == [(2, None), (5, "as it was")]


@pytest.mark.parametrize("zone", ZONES[-2:])  # the furthest from UTC
@pytest.mark.parametrize(
    "changed", [datetime(2025, 12, 31, 0, tzinfo=UTC), datetime(1969, 12, 31, 23, tzinfo=UTC)]
)
def test_the_whole_of_a_touched_day_is_counted_again(
    zone: str, changed: datetime, warehouse: duckdb.DuckDBPyConnection, marts: tuple[Mart, ...]
) -> None:
    """Of rows at every hour of six days one changes: its reporting days begin and end in other days of UTC."""
    warehouse.execute("UPDATE meta.settings SET timezone = ?", [zone])
    for hour in range(-72, 73):
        put(warehouse, Edit(hour, "sul", 5, True, changed + timedelta(hours=hour), False), START)
    refresh(DuckDBEngine(warehouse), marts)
    put(warehouse, Edit(0, "sul", 1, True, changed, False), START + timedelta(days=1))
    refresh(DuckDBEngine(warehouse), marts)
    by_days = mart_rows(warehouse)
    build(DuckDBEngine(warehouse), marts)
    assert by_days == mart_rows(warehouse)


@pytest.mark.parametrize("change", ["timezone = 'Asia/Tokyo'", "satisfied_from = 5"])
def test_other_settings_make_all_anew(
    change: str, warehouse: duckdb.DuckDBPyConnection, marts: tuple[Mart, ...]
) -> None:
    first(warehouse, marts)
    warehouse.execute(f"UPDATE meta.settings SET {change}")
    engine = Seeing(warehouse)
    refresh(engine, marts)
    assert engine.from_scratch


def test_other_sql_makes_all_anew(warehouse: duckdb.DuckDBPyConnection, marts: tuple[Mart, ...]) -> None:
    first(warehouse, marts)
    engine = Seeing(warehouse)
    refresh(engine, (*marts, Mart("a", CREATE, GOOD)))
    assert engine.from_scratch


def test_a_refused_refresh_is_not_remembered(
    warehouse: duckdb.DuckDBPyConnection, marts: tuple[Mart, ...]
) -> None:
    """The days that it lacks are made by the next one."""
    first(warehouse, marts)
    put(warehouse, Edit(2, "norte", 7, True, START + timedelta(days=9), False), START + timedelta(seconds=1))
    with pytest.raises(CheckFailed, match="ratings_are_1_to_5"):
        refresh(DuckDBEngine(warehouse), marts)
    warehouse.execute("UPDATE core.evaluations SET rating = 3 WHERE rating = 7")
    refresh(DuckDBEngine(warehouse), marts)
    assert warehouse.execute("SELECT rating FROM marts.rating_counts ORDER BY ALL").fetchall() == [(3,), (5,)]


@pytest.mark.parametrize(
    "days",
    ["DELETE FROM core.evaluations;", "INSERT INTO marts.b SELECT 1;", "DROP TABLE marts.a;", "SELECT 1;"],
)
def test_days_may_change_their_own_tables_alone(days: str) -> None:
    with pytest.raises(ConfigError, match=r"mart a: days\.sql may only change its own tables"):
        order([Mart("a", CREATE, GOOD, days), Mart("b", CREATE.replace("marts.a", "marts.b"), GOOD)])
