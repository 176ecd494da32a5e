"""Every check finds the fault that it is there for; those of quality are in test_quality_marts_checks."""

from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest
from quality_marts import COMPUTED

from pipeline.engines import DuckDBEngine
from pipeline.marts import Mart, build, load_marts, statements

COUNTS = {
    "satisfaction_by_department": "marts.department_counts",
    "satisfaction_by_agent": "marts.agent_counts",
}
BY_GROUP = [
    ("sums_equal_the_days", "DELETE FROM {counts} WHERE tenant = 't2'"),
    ("sums_equal_the_days", "UPDATE {counts} SET with_comments = with_comments - 1 WHERE tenant = 't1'"),
    ("last_28_days_are_a_part", "UPDATE {counts} SET evaluations_28d = evaluations + 1"),
    ("last_28_days_are_a_part", "UPDATE {counts} SET first_day = last_day + 1"),
    ("last_28_days_are_not_empty", "UPDATE {counts} SET evaluations_28d = 0"),
    ("bounds_enclose_the_rate", "UPDATE {counts} SET satisfied = 3 * evaluations"),
    ("bounds_enclose_the_rate", "UPDATE {counts} SET evaluations = 0"),
    ("key_is_unique", "INSERT INTO {counts} SELECT * FROM {counts}"),
]
FAULTS = [
    ("rating_distribution", "settings_are_one_row", "INSERT INTO meta.settings VALUES ('UTC', 5)"),
    ("rating_distribution", "settings_are_one_row", "DELETE FROM meta.settings"),
    ("rating_distribution", "every_evaluation_is_counted_once", "DELETE FROM marts.rating_counts"),
    (
        "rating_distribution",
        "every_evaluation_is_counted_once",
        "UPDATE core.evaluations SET _deleted_at = created_at WHERE tenant = 't2'",
    ),
    (
        "rating_distribution",
        "every_evaluation_is_counted_once",
        "UPDATE marts.rating_counts SET with_comments = 0",
    ),
    (
        "rating_distribution",
        "days_are_within_the_loaded_times",
        "UPDATE marts.rating_counts SET day = day + 90",
    ),
    (
        "rating_distribution",
        "days_are_within_the_loaded_times",
        "UPDATE marts.rating_counts SET day = day - 2",
    ),
    ("rating_distribution", "ratings_are_1_to_5", "UPDATE marts.rating_counts SET rating = 0"),
    ("rating_distribution", "ratings_are_1_to_5", "UPDATE marts.rating_counts SET rating = NULL"),
    (
        "rating_distribution",
        "key_is_unique",
        "INSERT INTO marts.rating_counts SELECT * FROM marts.rating_counts",
    ),
    (
        "satisfaction_rate",
        "sums_equal_the_distribution",
        "DELETE FROM marts.satisfaction_counts WHERE tenant = 't2'",
    ),
    (
        "satisfaction_rate",
        "sums_equal_the_distribution",
        "UPDATE marts.satisfaction_counts SET rating_sum = rating_sum + 1",
    ),
    (
        "satisfaction_rate",
        "counts_are_possible",
        "UPDATE marts.satisfaction_counts SET satisfied = evaluations + 1",
    ),
    ("satisfaction_rate", "ratios_are_possible", "UPDATE marts.satisfaction_counts SET evaluations = 0"),
    (
        "satisfaction_rate",
        "key_is_unique",
        "INSERT INTO marts.satisfaction_counts SELECT * FROM marts.satisfaction_counts",
    ),
    *((mart, check, fault.format(counts=COUNTS[mart])) for mart in COUNTS for check, fault in BY_GROUP),
    (
        "satisfaction_trend",
        "every_period_sums_to_the_whole",
        "DELETE FROM marts.trend_counts WHERE period = 'week'",
    ),
    (
        "satisfaction_trend",
        "periods_start_on_their_first_day",
        "UPDATE marts.trend_counts SET period_start = period_start - 1 WHERE period = 'week'",
    ),
    (
        "satisfaction_trend",
        "periods_start_on_their_first_day",
        "UPDATE marts.trend_counts SET period_start = period_start + 1 WHERE period = 'month'",
    ),
    ("satisfaction_trend", "bounds_enclose_the_rate", "UPDATE marts.trend_counts SET evaluations = 0"),
    (
        "satisfaction_trend",
        "key_is_unique",
        "INSERT INTO marts.trend_counts SELECT * FROM marts.trend_counts",
    ),
    ("sync_health", "key_is_unique", "INSERT INTO marts.sync_health SELECT * FROM marts.sync_health"),
    ("sync_health", "every_stream_that_ran_is_here", "DELETE FROM marts.sync_health"),
    ("sync_health", "times_are_in_order", "UPDATE marts.sync_health SET last_ok_at = NULL"),
    ("sync_health", "proven_totals_are_equal", "UPDATE marts.sync_health SET proof_source_total = 4"),
    ("sync_health", "proven_totals_are_equal", "UPDATE marts.sync_health SET proof_source_total = NULL"),
    ("sync_health", "loaded_rows_are_counted", "UPDATE marts.sync_health SET rows_present = 0"),
    ("sync_health", "newest_proof_holds", "UPDATE marts.sync_health SET proof_state = 'unproven'"),
]
WARNINGS = {"loaded_rows_are_counted", "newest_proof_holds"}


@pytest.fixture(scope="module")
def built(
    new_warehouse: Callable[[Path], duckdb.DuckDBPyConnection],
    tmp_path_factory: pytest.TempPathFactory,
    marts: tuple[Mart, ...],
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Three evaluations of two tenants, one run and its proof; every check is content with them."""
    warehouse = new_warehouse(tmp_path_factory.mktemp("checks") / "warehouse.duckdb")
    warehouse.execute("""
        DELETE FROM meta.settings;
        INSERT INTO meta.settings VALUES ('UTC', 4);

        INSERT INTO core.evaluations BY NAME
        SELECT
            's' AS source, unnest(['t1', 't1', 't2']) AS tenant, unnest(['1', '2', '1']) AS evaluation_id,
            unnest([5, 2, 4]) AS rating, true AS has_comment, t AS created_at, t AS _first_loaded_at,
            t AS _loaded_at, t AS _observed_at, 'r' AS _run_id
        FROM (SELECT TIMESTAMPTZ '2024-05-10 12:00:00+00' AS t);

        INSERT INTO meta.stream_runs BY NAME
        SELECT
            'r' AS run_id, 's' AS source, 'evaluations' AS stream, 'ok' AS outcome, 3 AS requests,
            3 AS fetched, 3 AS inserted, 0 AS updated, 0 AS unchanged, 0 AS deleted, 0 AS dead_letters,
            0 AS duplicates, TIMESTAMPTZ '2024-05-11 02:00:00+00' AS finished_at;

        INSERT INTO meta.proofs BY NAME
        SELECT
            'r' AS run_id, 's' AS source, 'evaluations' AS stream, t AS "from", t AS "to", 3 AS source_total,
            3 AS loaded_total, '{}' AS figures, 'proven' AS state, t AS checked_at
        FROM (SELECT TIMESTAMPTZ '2024-05-11 00:00:00+00' AS t);
    """)
    assert build(DuckDBEngine(warehouse), marts) == ()
    with warehouse:
        yield warehouse


@pytest.fixture
def faulty(built: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """The same for one fault only."""
    built.begin()
    yield built
    built.rollback()


@pytest.mark.parametrize(("mart", "check", "fault"), FAULTS)
def test_check_finds(
    mart: str, check: str, fault: str, faulty: duckdb.DuckDBPyConnection, marts: tuple[Mart, ...]
) -> None:
    faulty.execute(fault)
    (checks,) = (shipped.checks for shipped in marts if shipped.name == mart)
    rows = [row for statement in statements(checks) for row in faulty.execute(statement).fetchall()]

    assert check in {name for _, name, _ in rows}
    for severity, name, detail in rows:
        assert severity == ("warn" if name in WARNINGS else "fail")
        assert detail


def test_every_check_has_a_fault() -> None:
    shipped = load_marts(Path(__file__).parents[2] / "sql" / "marts")
    tried = {(mart, check) for mart, check, _ in FAULTS}
    assert len(tried) == sum(len(statements(mart.checks)) for mart in shipped if mart.name not in COMPUTED)
