"""Every mart against its case folders.

A case is a folder `<mart>/<case>/` with input tables as CSV (`core_evaluations.csv`, `meta_runs.csv`, ...; an
empty field is null, a column left out gets a plain value), `settings.json` where it matters, and
`expected.csv` with all columns and rows of the mart, worked out by hand.
"""

# ruff: noqa: S608 - names of tables and marts stand in the SQL here, values never do

import csv
import json
import math
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlglot
from contents import mart_rows
from sqlglot import exp
from sqlglot.errors import ErrorLevel

from pipeline.engines import DuckDBEngine
from pipeline.marts import Mart, build, load_marts, order, statements

HERE = Path(__file__).parent
SHIPPED = HERE.parents[1] / "sql" / "marts"
CASES = sorted(path for path in HERE.glob("*/*") if path.is_dir() and path.name != "__pycache__")
STATEMENTS = [
    pytest.param(statement, id=f"{mart.name}-{number}")
    for mart in load_marts(SHIPPED)
    for number, statement in enumerate((*statements(mart.sql), *statements(mart.checks)))
]
PLAIN = {"VARCHAR": "x", "TIMESTAMP WITH TIME ZONE": "2024-01-01T00:00:00Z", "BOOLEAN": "false"}


def test_every_mart_has_cases_and_every_case_a_mart() -> None:
    with_cases = {case.parent.name for case in CASES}
    assert with_cases == {path.name for path in SHIPPED.iterdir() if path.is_dir()}
    assert [case for case in CASES if not (case / "expected.csv").is_file()] == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}-{case.name}")
def test_case(case: Path, warehouse: duckdb.DuckDBPyConnection, marts: tuple[Mart, ...]) -> None:
    load_case(warehouse, case)
    build(DuckDBEngine(warehouse), marts)

    header, *expected = csv.reader((case / "expected.csv").read_text(encoding="utf-8").splitlines())
    actual = warehouse.execute(f"SELECT * FROM marts.{case.parent.name}")
    assert [column[0] for column in actual.description or []] == header
    assert_same_rows(actual.fetchall(), expected)


@pytest.mark.parametrize("session_zone", ["UTC", "Asia/Tokyo"])
def test_files_run_as_they_stand_in_any_session(
    session_zone: str,
    warehouse: duckdb.DuckDBPyConnection,
    marts: tuple[Mart, ...],
    tmp_path: Path,
) -> None:
    """Kills a reporting day taken from the session's zone, and a file that only this pipeline can run."""
    load_case(warehouse, HERE / "rating_distribution" / "midnight_in_sao_paulo")
    build(DuckDBEngine(warehouse), marts)
    built = mart_rows(warehouse)
    warehouse.close()

    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as shell:
        shell.execute(f"SET TimeZone = '{session_zone}'")
        for mart in order(marts):
            shell.execute(mart.sql)
        for mart in marts:
            for statement in shell.extract_statements(mart.checks):
                assert shell.execute(statement).fetchall() == []
        shell.execute("SET TimeZone = 'UTC'")
        assert mart_rows(shell) == built


def test_a_rerun_gives_the_same_rows(warehouse: duckdb.DuckDBPyConnection, marts: tuple[Mart, ...]) -> None:
    load_case(warehouse, HERE / "satisfaction_by_agent" / "last_28_days")
    build(DuckDBEngine(warehouse), marts)
    first = mart_rows(warehouse)
    build(DuckDBEngine(warehouse), tuple(reversed(marts)))
    assert mart_rows(warehouse) == first


def test_views_work_when_the_warehouse_is_attached_under_another_name(
    warehouse: duckdb.DuckDBPyConnection, marts: tuple[Mart, ...], tmp_path: Path
) -> None:
    load_case(warehouse, HERE / "rating_distribution" / "one_row")
    build(DuckDBEngine(warehouse), marts)
    warehouse.close()
    with duckdb.connect() as reader:
        reader.execute(f"ATTACH '{tmp_path / 'warehouse.duckdb'}' AS published (READ_ONLY)")
        assert reader.execute("SELECT rating FROM published.marts.rating_distribution").fetchall() == [(5,)]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_statements_are_portable_and_read_no_clock(statement: str) -> None:
    """A function that sqlglot does not know would reach Spark as it is, and may not exist there."""
    spark = sqlglot.transpile(statement, read="duckdb", write="spark", unsupported_level=ErrorLevel.RAISE)
    assert len([one for one in spark if not one.startswith("/*")]) == 1  # a comment may follow

    parsed = sqlglot.parse_one(statement, read="duckdb")
    clocks = (exp.CurrentDate, exp.CurrentTimestamp, exp.CurrentTime, exp.CurrentDatetime, exp.Rand)
    assert list(parsed.find_all(exp.Anonymous, exp.Pivot, exp.Qualify, *clocks)) == []


def load_case(warehouse: duckdb.DuckDBPyConnection, case: Path) -> None:
    for path in sorted(case.glob("*.csv")):
        if path.name != "expected.csv":
            load_table(warehouse, path.stem.replace("_", ".", 1), path)
    settings = case / "settings.json"
    if settings.is_file():
        values = json.loads(settings.read_text(encoding="utf-8"))
        warehouse.execute(
            "UPDATE meta.settings SET timezone = ?, satisfied_from = ?",
            [values["timezone"], values["satisfied_from"]],
        )


def load_table(warehouse: duckdb.DuckDBPyConnection, table: str, path: Path) -> None:
    columns = warehouse.execute(f"DESCRIBE {table}").fetchall()
    with path.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert set(rows[0] if rows else ()) <= {column[0] for column in columns}
    values = [
        [
            row.get(name, PLAIN.get(kind, "0") if null == "NO" else "") or None
            for name, kind, null, *_ in columns
        ]
        for row in rows
    ]
    if values:
        marks = ", ".join("?" for _ in columns)
        warehouse.executemany(f"INSERT INTO {table} VALUES ({marks})", values)


def assert_same_rows(actual: list[tuple[Any, ...]], expected: list[list[str]]) -> None:
    shown = sorted([as_text(value) for value in row] for row in actual)
    assert len(shown) == len(expected)
    for found, wanted in zip(shown, sorted(expected), strict=True):
        for left, right in zip(found, wanted, strict=True):
            assert left == right or close(left, right), f"{found} is not {wanted}"


def as_text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else str(value)


def close(left: str, right: str) -> bool:
    """Equal to 1e-9, for numbers with a fraction only."""
    if "." not in left or "." not in right:
        return False
    try:
        return math.isclose(float(left), float(right), rel_tol=0, abs_tol=1e-9)
    except ValueError:
        return False
