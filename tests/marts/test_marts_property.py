"""Every mart against a second computation, in plain Python, over random rows.

It shares nothing with the SQL: zoneinfo for days, calendar arithmetic of `datetime`, and the textbook form of
the Wilson interval.
"""

# ruff: noqa: S608 - names of tables and marts stand in the SQL here, values never do

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quality_marts import COMPUTED

from pipeline.engines import DuckDBEngine
from pipeline.marts import Mart, build

Z = 1.959963984540054
ZONES = ["UTC", "America/Sao_Paulo", "America/New_York", "Asia/Kathmandu", "Pacific/Auckland", "Pacific/Apia"]
RUN_STATES = ("ok", "paused", "failed", "unproven")


@dataclass(frozen=True)
class Evaluation:
    source: str
    tenant: str
    department: str | None
    agent: str | None
    rating: int
    commented: bool
    created_at: datetime
    deleted: bool


@dataclass(frozen=True)
class Run:
    source: str
    stream: str
    outcome: str
    requests: int
    finished_at: datetime


Days = dict[Evaluation, date]
Rows = list[tuple[Any, ...]]
Row = TypeVar("Row")
Key = TypeVar("Key", bound=Hashable)

# Close to 28 days before one another, around changes of the clock, and anywhere.
anchors = st.sampled_from(
    [
        datetime(2018, 11, 4, 3, tzinfo=UTC),
        datetime(2019, 2, 17, 2, tzinfo=UTC),
        datetime(2024, 3, 10, 5, tzinfo=UTC),
        datetime(2024, 12, 30, tzinfo=UTC),
        datetime(2025, 1, 26, 23, 59, 59, 999999, tzinfo=UTC),
    ]
)
times = st.one_of(
    st.builds(
        lambda anchor, days, seconds: anchor + timedelta(days=days, seconds=seconds),
        anchors,
        st.sampled_from([-29, -28, -27, -1, 0, 1]),
        st.sampled_from([-3600, -1, 0, 1, 3599, 3600, 10800]),
    ),
    st.datetimes(datetime(2016, 1, 1), datetime(2026, 6, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
evaluations = st.builds(
    Evaluation,
    source=st.sampled_from(["avanter", "demo"]),
    tenant=st.sampled_from(["norte", "sul"]),
    department=st.sampled_from([None, "Suporte", "Vendas"]),
    agent=st.sampled_from([None, "Ana", "Rui"]),
    rating=st.integers(1, 5),
    commented=st.booleans(),
    created_at=times,
    deleted=st.sampled_from([False, False, False, True]),
)
runs = st.builds(
    Run,
    source=st.sampled_from(["avanter", "demo"]),
    stream=st.sampled_from(["evaluations", "departments"]),
    outcome=st.sampled_from(RUN_STATES),
    requests=st.integers(0, 400),
    finished_at=times,
)


@pytest.fixture(scope="module")
def shared_file(
    new_warehouse: Callable[[Path], duckdb.DuckDBPyConnection], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """One warehouse for all examples: each starts from what the one before left in the marts."""
    path = tmp_path_factory.mktemp("property") / "warehouse.duckdb"
    new_warehouse(path).close()
    return path


@settings(max_examples=20, deadline=None)
@given(
    rows=st.lists(evaluations, max_size=40),
    history=st.lists(runs, max_size=8, unique_by=lambda run: run.finished_at),
    zone=st.sampled_from(ZONES),
    satisfied_from=st.integers(2, 5),
)
def test_marts_equal_a_second_computation(
    *,
    rows: list[Evaluation],
    history: list[Run],
    zone: str,
    satisfied_from: int,
    shared_file: Path,
    marts: tuple[Mart, ...],
) -> None:
    present = [row for row in rows if not row.deleted]
    day = {row: row.created_at.astimezone(ZoneInfo(zone)).date() for row in present}
    computed = {
        "rating_distribution": distribution(present, day),
        "satisfaction_rate": rates(present, day, satisfied_from),
        "satisfaction_by_department": by_name(present, day, satisfied_from, lambda row: row.department),
        "satisfaction_by_agent": by_name(present, day, satisfied_from, lambda row: row.agent),
        "satisfaction_trend": trend(present, day, satisfied_from),
        "sync_health": health(rows, history),
    }
    # Nothing of evaluagent and no call is loaded here: see test_quality_marts_property.
    computed |= {name: [] for name in COMPUTED}
    assert computed.keys() == {mart.name for mart in marts}
    with duckdb.connect(str(shared_file)) as warehouse:
        warehouse.execute("SET TimeZone = 'UTC'")
        fill(warehouse, rows, history, zone, satisfied_from)
        build(DuckDBEngine(warehouse), marts)
        for name, expected in computed.items():
            assert_close(name, warehouse.execute(f"SELECT * FROM marts.{name}").fetchall(), expected)


def fill(
    warehouse: duckdb.DuckDBPyConnection,
    rows: Sequence[Evaluation],
    history: Sequence[Run],
    zone: str,
    threshold: int,
) -> None:
    for table in ("core.evaluations", "meta.settings", "meta.stream_runs"):
        warehouse.execute(f"DELETE FROM {table}")
    warehouse.execute("INSERT INTO meta.settings VALUES (?, ?)", [zone, threshold])
    insert(
        warehouse,
        "core.evaluations (source, tenant, department_name, agent_name, rating, has_comment, created_at,"
        " _deleted_at, evaluation_id, _first_loaded_at, _loaded_at, _observed_at, _run_id)",
        [
            (
                *(r.source, r.tenant, r.department, r.agent, r.rating, r.commented, r.created_at),
                *(r.created_at if r.deleted else None, str(number), *[r.created_at] * 3, "r"),
            )
            for number, r in enumerate(rows)
        ],
    )
    insert(
        warehouse,
        "meta.stream_runs (run_id, source, stream, outcome, requests, finished_at,"
        " fetched, inserted, updated, unchanged, deleted, dead_letters, duplicates)",
        [
            (f"r{number}", run.source, run.stream, run.outcome, run.requests, run.finished_at, *[0] * 7)
            for number, run in enumerate(history)
        ],
    )


def insert(warehouse: duckdb.DuckDBPyConnection, target: str, rows: Rows) -> None:
    if rows:
        marks = ", ".join(f"({', '.join('?' for _ in row)})" for row in rows)
        warehouse.execute(f"INSERT INTO {target} VALUES {marks}", [value for row in rows for value in row])


def distribution(rows: Iterable[Evaluation], day: Days) -> Rows:
    counts = Counter((r.source, r.tenant, day[r], r.department, r.agent, r.rating) for r in rows)
    return [(*key, count) for key, count in counts.items()]


def rates(rows: Iterable[Evaluation], day: Days, threshold: int) -> Rows:
    groups = grouped(rows, lambda r: (r.source, r.tenant, day[r], r.department, r.agent))
    return [(*key, *counts(group, threshold), *ratios(group, threshold)[:2]) for key, group in groups.items()]


def by_name(
    rows: Sequence[Evaluation], day: Days, threshold: int, name: Callable[[Evaluation], str | None]
) -> Rows:
    newest = {
        key: max(day[row] for row in group)
        for key, group in grouped(rows, lambda r: (r.source, r.tenant)).items()
    }

    def all_figures(group: Sequence[Evaluation]) -> tuple[Any, ...]:
        return *counts(group, threshold), *ratios(group, threshold)

    found: Rows = []
    for (source, tenant, label), group in grouped(rows, lambda r: (r.source, r.tenant, name(r))).items():
        oldest = newest[source, tenant] - timedelta(days=27)
        recent = [row for row in group if day[row] >= oldest]
        days = sorted(day[row] for row in group)
        found.append((source, tenant, label, days[0], days[-1], *all_figures(group), *all_figures(recent)))
    return found


def trend(rows: Sequence[Evaluation], day: Days, threshold: int) -> Rows:
    starts: dict[str, Callable[[date], date]] = {
        "day": lambda d: d,
        "week": lambda d: date.fromisocalendar(*d.isocalendar()[:2], 1),
        "month": lambda d: d.replace(day=1),
    }
    found: Rows = []
    for period, start in starts.items():
        for (source, tenant), tenant_rows in grouped(rows, lambda r: (r.source, r.tenant)).items():
            first_days = {row: start(day[row]) for row in tenant_rows}
            for first_day, group in grouped(tenant_rows, first_days.__getitem__).items():
                evaluations, satisfied, _, rating_sum = counts(group, threshold)
                numbers = (evaluations, satisfied, rating_sum, *ratios(group, threshold))
                found.append((source, tenant, period, first_day, *numbers))
    return found


def health(rows: Sequence[Evaluation], history: Sequence[Run]) -> Rows:
    found: Rows = []
    for (source, stream), group in grouped(enumerate(history), lambda n: (n[1].source, n[1].stream)).items():
        number, last = max(group, key=lambda numbered: numbered[1].finished_at)
        ok = [run.finished_at for _, run in group if run.outcome == "ok"]
        deleted = [row.deleted for row in rows if row.source == source and stream == "evaluations"]
        outcome = (f"r{number}", last.outcome, last.finished_at, max(ok, default=None), last.requests)
        no_letters_and_no_proof = (0, None, None, None, None)
        present = deleted.count(False)
        found.append((source, stream, None, *outcome, present, deleted.count(True), *no_letters_and_no_proof))
    return found


def grouped(rows: Iterable[Row], key: Callable[[Row], Key]) -> dict[Key, list[Row]]:
    groups: dict[Key, list[Row]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return groups


def counts(rows: Sequence[Evaluation], threshold: int) -> tuple[int, int, int, int]:
    ratings = [row.rating for row in rows]
    commented = sum(row.commented for row in rows)
    return len(rows), sum(rating >= threshold for rating in ratings), commented, sum(ratings)


def ratios(rows: Sequence[Evaluation], threshold: int) -> tuple[float | None, ...]:
    n, satisfied, _, total = counts(rows, threshold)
    if n == 0:
        return None, None, None, None
    p = satisfied / n
    centre = (p + Z**2 / (2 * n)) / (1 + Z**2 / n)
    margin = Z / (1 + Z**2 / n) * math.sqrt(p * (1 - p) / n + Z**2 / (4 * n**2))
    return 100 * p, total / n, 100 * max(0.0, centre - margin), 100 * min(1.0, centre + margin)


def assert_close(name: str, actual: Rows, expected: Rows) -> None:
    """Equal as bags of rows; fractions to 1e-9."""

    def ordered(rows: Rows) -> Rows:
        return sorted(rows, key=lambda row: [str(value) for value in row if not isinstance(value, float)])

    assert len(actual) == len(expected), name
    for found, wanted in zip(ordered(actual), ordered(expected), strict=True):
        for left, right in zip(found, wanted, strict=True):
            near = (
                isinstance(left, float)
                and isinstance(right, float)
                and math.isclose(left, right, abs_tol=1e-9)
            )
            assert near or (left == right and type(left) is type(right)), f"{name}: {found} is not {wanted}"
