"""Every check of the marts of quality, coverage and comparison finds the fault that it is there for."""

from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest
from quality_marts import COMPUTED

from pipeline.engines import DuckDBEngine
from pipeline.marts import Mart, build, statements

FAULTS = {
    "quality_outcomes": [
        ("every_evaluation_is_counted_once", "DELETE FROM marts.quality_counts"),
        (
            "every_evaluation_is_counted_once",
            "UPDATE core.quality_evaluations SET _deleted_at = published_at",
        ),
        ("every_evaluation_is_counted_once", "UPDATE marts.quality_counts SET scored = 0"),
        ("every_evaluation_is_counted_once", "UPDATE marts.quality_counts SET score_sum = score_sum + 0.01"),
        ("days_are_within_the_loaded_times", "UPDATE marts.quality_counts SET day = day + 2"),
        ("days_are_within_the_loaded_times", "UPDATE marts.quality_counts SET day = day - 2"),
        ("counts_are_possible", "UPDATE marts.quality_counts SET failed = evaluations + 1"),
        ("counts_are_possible", "UPDATE marts.quality_counts SET auto_failed = evaluations + 1"),
        ("counts_are_possible", "UPDATE marts.quality_counts SET score_sum = 100 * scored + 1"),
        ("ratios_are_possible", "UPDATE marts.quality_counts SET passed = 5, failed = -1"),
        ("ratios_are_possible", "UPDATE marts.quality_counts SET score_sum = NULL WHERE scored > 0"),
        ("key_is_unique", "INSERT INTO marts.quality_counts SELECT * FROM marts.quality_counts"),
        ("scores_are_percent", "UPDATE core.quality_evaluations SET score = 100.5"),
        ("scores_are_percent", "UPDATE core.quality_evaluations SET score = -1"),
    ],
    "quality_by_agent": [
        ("sums_equal_the_days", "DELETE FROM marts.quality_agent_counts WHERE tenant = 't2'"),
        ("sums_equal_the_days", "UPDATE marts.quality_agent_counts SET auto_failed = auto_failed + 1"),
        ("sums_equal_the_days", "UPDATE marts.quality_agent_counts SET score_sum = score_sum + 0.0001"),
        ("last_28_days_are_a_part", "UPDATE marts.quality_agent_counts SET scored_28d = scored + 1"),
        ("last_28_days_are_a_part", "UPDATE marts.quality_agent_counts SET first_day = last_day + 1"),
        ("last_28_days_are_not_empty", "UPDATE marts.quality_agent_counts SET evaluations_28d = 0"),
        ("bounds_enclose_the_rate", "UPDATE marts.quality_agent_counts SET passed = 2, failed = -1"),
        ("key_is_unique", "INSERT INTO marts.quality_agent_counts SELECT * FROM marts.quality_agent_counts"),
    ],
    "evaluation_coverage": [
        ("every_completed_call_is_counted_once", "DELETE FROM marts.coverage_counts"),
        (
            "every_completed_call_is_counted_once",
            "UPDATE core.calls SET _deleted_at = created_at WHERE call_id = 'c2'",
        ),
        ("counts_are_possible", "UPDATE marts.coverage_counts SET rated_calls = completed_calls + 1"),
        ("counts_are_possible", "UPDATE marts.coverage_counts SET ratings = 0"),
        ("coverage_is_a_share", "UPDATE marts.coverage_counts SET rated_calls = completed_calls + 1"),
        ("ratings_are_loaded", "UPDATE marts.coverage_counts SET ratings = 9"),
        ("ratings_are_loaded", "DELETE FROM marts.rating_counts"),
        ("key_is_unique", "INSERT INTO marts.coverage_counts SELECT * FROM marts.coverage_counts"),
        ("ratings_have_their_call", "UPDATE marts.rating_counts SET evaluations = evaluations + 1"),
    ],
    "agent_links": [
        ("an_agent_is_one_user", "UPDATE marts.agent_links SET agent_id = 'a1'"),
        ("a_user_is_one_agent", "UPDATE marts.agent_links SET user_id = 'u1'"),
        ("every_certain_claim_is_a_link", "DELETE FROM marts.agent_links WHERE user_id = 'u1'"),
        ("steps_are_known", "UPDATE marts.agent_links SET matched_by = 'name'"),
        ("steps_are_known", "UPDATE marts.agent_links SET matched_by = NULL"),
    ],
    "agent_quality_vs_satisfaction": [
        ("every_rating_is_given_once", "DELETE FROM marts.user_month_counts WHERE user_id IS NULL"),
        ("every_rating_is_given_once", "UPDATE marts.user_month_counts SET satisfied = 0"),
        ("sums_equal_both_sides", "DELETE FROM marts.comparison_counts"),
        ("sums_equal_both_sides", "UPDATE marts.comparison_counts SET score_sum = score_sum + 0.0001"),
        ("sums_equal_both_sides", "UPDATE marts.comparison_counts SET ratings = ratings + 1"),
        ("counts_are_possible", "UPDATE marts.comparison_counts SET evaluations = 0, ratings = 0"),
        ("counts_are_possible", "UPDATE marts.comparison_counts SET satisfied = ratings + 1"),
        ("counts_are_possible", "UPDATE marts.comparison_counts SET month = month + 1"),
        ("bounds_enclose_the_rates", "UPDATE marts.comparison_counts SET passed = 2, failed = -1"),
        ("bounds_enclose_the_rates", "UPDATE marts.comparison_counts SET satisfied = 3 * ratings"),
        ("key_is_unique", "INSERT INTO marts.comparison_counts SELECT * FROM marts.comparison_counts"),
    ],
    "agents_unmatched": [
        ("every_evaluation_is_compared_or_listed", "DELETE FROM marts.agents_unmatched WHERE side = 'voki'"),
        (
            "every_evaluation_is_compared_or_listed",
            "DELETE FROM marts.agents_unmatched WHERE side = 'evaluagent'",
        ),
        ("every_evaluation_is_compared_or_listed", "DELETE FROM marts.agent_links WHERE user_id = 'u1'"),
        ("reasons_are_known", "UPDATE marts.agents_unmatched SET reason = 'namesake'"),
        ("reasons_are_known", "UPDATE marts.agents_unmatched SET reason = 'mapping names nobody'"),
        ("reasons_are_known", "UPDATE marts.agents_unmatched SET evaluations = 0"),
        ("key_is_unique", "INSERT INTO marts.agents_unmatched SELECT * FROM marts.agents_unmatched"),
        ("mapping_names_somebody", "UPDATE marts.agents_unmatched SET reason = 'mapping names nobody'"),
    ],
}
CASES = [(mart, check, fault) for mart, faults in FAULTS.items() for check, fault in faults]
WARNINGS = {"scores_are_percent", "ratings_have_their_call", "mapping_names_somebody"}


@pytest.fixture(scope="module")
def built(
    new_warehouse: Callable[[Path], duckdb.DuckDBPyConnection],
    tmp_path_factory: pytest.TempPathFactory,
    marts: tuple[Mart, ...],
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Two calls with a rating each, two linked agents, and one of each side whom nobody is; all checks are content."""
    warehouse = new_warehouse(tmp_path_factory.mktemp("checks") / "warehouse.duckdb")
    stamp = "t AS _first_loaded_at, t AS _loaded_at, t AS _observed_at, t AS _checked_at, 'r' AS _run_id"
    day = "(SELECT TIMESTAMPTZ '2024-05-10 12:00:00+00' AS t)"
    voki, quality = "'s' AS source, 't1' AS tenant", "'q' AS source, unnest(['t1', 't1', 't2']) AS tenant"
    for table, columns in {
        "core.calls": f"{voki}, unnest(['c1', 'c2']) AS call_id, 'completed' AS status,"
        " unnest(['u1', NULL]) AS agent_id, t AS created_at",
        "core.evaluations": f"{voki}, unnest(['1', '2']) AS evaluation_id, unnest(['c1', 'c2']) AS call_id,"
        " unnest([5, 2]) AS rating, true AS has_comment, 'Zoe' AS agent_name, t AS created_at",
        "core.voki_users": f"{voki}, unnest(['u1', 'u2']) AS user_id, 'Ana' AS name,"
        " unnest(['ana@x.br', 'rui@x.br']) AS email",
        "core.agents": "'q' AS source, 't1' AS tenant, unnest(['a1', 'a2']) AS agent_id,"
        " unnest(['ana@x.br', 'rui@x.br']) AS email",
        "core.quality_evaluations": f"{quality}, unnest(['1', '2', '1']) AS evaluation_id,"
        " unnest(['a1', 'a1', 'a9']) AS agent_id, unnest(['Pass', 'Fail', 'Pass']) AS outcome,"
        " unnest([90.5, 20, NULL]) AS score, false AS auto_failed, t AS published_at",
    }.items():
        warehouse.execute(f"INSERT INTO {table} BY NAME SELECT {columns}, {stamp} FROM {day}")  # noqa: S608
    warehouse.execute("DELETE FROM meta.settings")
    warehouse.execute("INSERT INTO meta.settings VALUES ('UTC', 4)")
    assert build(DuckDBEngine(warehouse), marts) == ()
    with warehouse:
        yield warehouse


@pytest.fixture
def faulty(built: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """The same for one fault only."""
    built.begin()
    yield built
    built.rollback()


@pytest.mark.parametrize(("mart", "check", "fault"), CASES)
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


def test_every_check_has_a_fault(marts: tuple[Mart, ...]) -> None:
    tried = {(mart, check) for mart, check, _ in CASES}
    assert FAULTS.keys() == COMPUTED.keys()
    assert len(tried) == sum(len(statements(mart.checks)) for mart in marts if mart.name in FAULTS)


def test_ratings_need_no_call_where_no_call_is_loaded(
    warehouse: duckdb.DuckDBPyConnection, marts: tuple[Mart, ...]
) -> None:
    """Kills a warning in every run of an account whose calls are not wanted."""
    warehouse.execute(
        "INSERT INTO core.evaluations BY NAME SELECT 's' AS source, unnest(['t1', 't2']) AS tenant,"
        " '1' AS evaluation_id, 'c9' AS call_id, 5 AS rating, false AS has_comment, t AS created_at,"
        " t AS _first_loaded_at, t AS _loaded_at, t AS _observed_at, 'r' AS _run_id"
        " FROM (SELECT TIMESTAMPTZ '2024-05-10 12:00:00+00' AS t)"
    )
    assert build(DuckDBEngine(warehouse), marts) == ()
    warehouse.execute(
        "INSERT INTO core.calls BY NAME SELECT 's' AS source, 't2' AS tenant, 'c1' AS call_id,"
        " 'missed' AS status, t AS created_at, t AS _first_loaded_at, t AS _loaded_at, t AS _observed_at,"
        " t AS _checked_at, 'r' AS _run_id FROM (SELECT TIMESTAMPTZ '2024-05-10 12:00:00+00' AS t)"
    )
    (warning,) = build(DuckDBEngine(warehouse), marts)
    assert (warning.check, warning.detail) == (
        "ratings_have_their_call",
        "s/t2: 1 of 1 ratings have no loaded call",
    )
