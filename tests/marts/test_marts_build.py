"""Order, choice and the one transaction of building marts, on a real warehouse."""

# ruff: noqa: S608 - names of tables and marts stand in the SQL here, values never do

from pathlib import Path

import duckdb
import pytest

from pipeline.engines import DuckDBEngine
from pipeline.marts import CheckResult, Mart, build, load_marts, order, statements
from schemas.errors import CheckFailed, ConfigError

GOOD = "SELECT 'fail' AS severity, 'never' AS check_name, 'nothing' AS detail WHERE false;"


def counting(name: str, source: str = "core.evaluations", checks: str = GOOD) -> Mart:
    """A mart that holds the number of rows of what it reads, or the number that it found there."""
    value = "count(*)" if source.startswith("core") else "max(n)"
    return Mart(name, f"CREATE OR REPLACE TABLE marts.{name} AS SELECT {value} AS n FROM {source};", checks)


# a <- b <- c, a <- d, e alone; d and c are read by f
CHAIN = (
    counting("c", "marts.b"),
    counting("f", "(SELECT * FROM marts.c UNION ALL SELECT * FROM marts.d)"),
    counting("b", "marts.a"),
    counting("e"),
    counting("d", "marts.a"),
    counting("a"),
)


def add_row(warehouse: duckdb.DuckDBPyConnection, rating: int = 5) -> None:
    warehouse.execute(
        "INSERT INTO core.evaluations (source, tenant, evaluation_id, rating, has_comment, created_at,"
        " _first_loaded_at, _loaded_at, _observed_at, _run_id)"
        " SELECT 's', 't', count(evaluation_id), ?, false, t, t, t, t, 'r'"
        " FROM (SELECT TIMESTAMPTZ '2024-05-10 12:00:00+00' AS t)"
        " LEFT JOIN core.evaluations ON true GROUP BY t",
        [rating],
    )


def found(warehouse: duckdb.DuckDBPyConnection, *names: str) -> list[int]:
    return [warehouse.execute(f"SELECT n FROM marts.{name}").fetchall()[0][0] for name in names]


def test_order_puts_a_mart_after_what_it_reads() -> None:
    names = [mart.name for mart in order(CHAIN)]
    assert sorted(names) == list("abcdef")
    for earlier, later in (("a", "b"), ("b", "c"), ("a", "d"), ("c", "f"), ("d", "f")):
        assert names.index(earlier) < names.index(later)
    assert [mart.name for mart in order(reversed(CHAIN))] == names


def test_order_knows_reads_of_checks_and_of_other_letter_case() -> None:
    """And knows comments, texts and other names from them; the signs before are of several bytes."""
    silent = "SELECT 'é marts.no' AS x, smarts.no FROM smarts -- marts.no\n"
    first = counting("z", checks=GOOD + silent)
    by_check = counting("a", checks=GOOD.replace("WHERE", "FROM marts.z WHERE"))
    by_case = counting("b", "MARTS.Z")
    assert order((by_check, by_case, first))[0] == first


def test_order_takes_each_way_to_create() -> None:
    for way in ("CREATE TABLE", "create  or replace VIEW", "-- a\nCREATE TABLE IF NOT EXISTS"):
        order([Mart("a", f'{way} "marts" . "A" AS SELECT 1 AS n;', GOOD)])


@pytest.mark.parametrize(
    ("marts", "sentence"),
    [
        ((counting("a", "marts.b"), counting("b", "marts.a")), "in a circle: (a <- b <- a|b <- a <- b)"),
        ((counting("a", "marts.gone"),), "mart a reads marts.gone, which no mart creates"),
        ((Mart("a", counting("b").sql, GOOD),), "mart a does not create marts.a"),
        (
            (counting("a"), Mart("b", counting("b").sql + counting("a").sql, GOOD)),
            "marts a and b both create marts.a",
        ),
        ((Mart("a", counting("a").sql + "DELETE FROM core.evaluations;", GOOD),), "may only create"),
        ((Mart("a", "CREATE TABLE core.a AS SELECT 1 AS n;", GOOD),), "may only create"),
        ((Mart("a", counting("a").sql, "DROP TABLE marts.a;"),), "mart a: checks.sql must hold SELECT"),
        ((Mart("a", counting("a").sql, "-- none"),), "mart a: checks.sql must hold SELECT"),
        ((Mart("a", "CREATE TABLE marts.a AS SELECT (;", GOOD),), "mart a: SQL that cannot be read"),
    ],
)
def test_order_refuses(marts: tuple[Mart, ...], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        order(marts)


@pytest.mark.parametrize("missing", ["mart.sql", "checks.sql"])
def test_a_folder_without_its_files_is_refused(missing: str, tmp_path: Path) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    for name in {"mart.sql", "checks.sql"} - {missing}:
        (folder / name).write_text(GOOD, encoding="utf-8")
    with pytest.raises(ConfigError, match=f"mart a has no {missing}"):
        load_marts(tmp_path)


def test_no_folder_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no folder of marts"):
        load_marts(tmp_path / "marts")


def test_a_failing_check_leaves_every_mart_as_it_was(warehouse: duckdb.DuckDBPyConnection) -> None:
    """Kills a transaction per mart, and checks that run before all marts are built."""
    engine = DuckDBEngine(warehouse)
    add_row(warehouse)
    build(engine, CHAIN)
    add_row(warehouse)
    broken = counting(
        "z",
        "marts.c",
        "SELECT 'fail' AS severity, 'too_many' AS check_name, 'n is ' || n AS detail FROM marts.z",
    )
    with pytest.raises(CheckFailed, match=r"mart z breaks its check too_many: n is 2$"):
        build(engine, (*CHAIN, broken))
    assert found(warehouse, "a", "b", "c", "d", "e", "f") == [1] * 6
    assert warehouse.execute("SELECT * FROM duckdb_tables() WHERE table_name = 'z'").fetchall() == []

    build(engine, CHAIN)
    assert found(warehouse, "a", "f") == [2, 2]


def test_an_error_in_the_sql_leaves_every_mart_as_it_was(warehouse: duckdb.DuckDBPyConnection) -> None:
    engine = DuckDBEngine(warehouse)
    build(engine, CHAIN)
    add_row(warehouse)
    with pytest.raises(duckdb.Error, match="no_such_table"):
        build(engine, (*CHAIN, counting("z", "core.no_such_table")))
    assert found(warehouse, "a", "e") == [0, 0]


def test_the_shipped_marts_refuse_an_impossible_rating(
    warehouse: duckdb.DuckDBPyConnection, marts: tuple[Mart, ...]
) -> None:
    engine = DuckDBEngine(warehouse)
    add_row(warehouse)
    build(engine, marts)
    add_row(warehouse, rating=6)
    with pytest.raises(CheckFailed, match="mart rating_distribution breaks its check ratings_are_1_to_5"):
        build(engine, marts)
    assert warehouse.execute("SELECT rating, evaluations FROM marts.rating_distribution").fetchall() == [
        (5, 1)
    ]


def test_warnings_are_returned_and_the_marts_stay(warehouse: duckdb.DuckDBPyConnection) -> None:
    warning = "SELECT 'warn' AS severity, 'few' AS check_name, 'n is ' || n AS detail FROM marts.a;"
    results = build(DuckDBEngine(warehouse), (counting("a", checks=GOOD + warning),))
    assert results == (CheckResult("a", "warn", "few", "n is 0"),)
    assert found(warehouse, "a") == [0]


def test_a_severity_nobody_knows_is_a_failure(warehouse: duckdb.DuckDBPyConnection) -> None:
    check = "SELECT 'Warn' AS severity, 'few' AS check_name, unnest(['x', 'y', 'z']) AS detail"
    with pytest.raises(CheckFailed, match=r"mart a breaks its check few: x \(and 2 more\)"):
        build(DuckDBEngine(warehouse), (counting("a", checks=check),))


@pytest.mark.parametrize(
    ("only", "rebuilt"),
    [
        (["e"], "e"),
        (["c"], "abcdf"),  # f reads c, and needs d as well
        (["a"], "abcdf"),
        (["f", "e"], "abcdef"),
        ([], ""),
    ],
)
def test_only_takes_what_it_reads_and_what_reads_it(
    only: list[str], rebuilt: str, warehouse: duckdb.DuckDBPyConnection
) -> None:
    engine = DuckDBEngine(warehouse)
    build(engine, CHAIN)
    add_row(warehouse)
    build(engine, CHAIN, only)
    assert [name for name in "abcdef" if found(warehouse, name) == [1]] == list(rebuilt)


def test_only_leaves_a_branch_alone_that_it_has_no_part_in(warehouse: duckdb.DuckDBPyConnection) -> None:
    engine = DuckDBEngine(warehouse)
    tree = (counting("a"), counting("b", "marts.a"), counting("d", "marts.a"))
    build(engine, tree)
    add_row(warehouse)
    build(engine, tree, {"b"})
    assert found(warehouse, "a", "b", "d") == [1, 1, 0]


def test_only_names_what_there_is(warehouse: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(ConfigError, match="no mart is named g; there are: a, b, c, d, e, f"):
        build(DuckDBEngine(warehouse), CHAIN, ["g"])


def test_statements_are_split_where_they_end() -> None:
    sql = "-- a; b\nSELECT 'é;ü' AS x, -- c;\n 1; ;\nSELECT \"a;b\" /* ; */ FROM t\n-- end;"
    assert statements(sql) == ("SELECT 'é;ü' AS x, -- c;\n 1; ;", 'SELECT "a;b" /* ; */ FROM t\n-- end;')
    assert statements("-- nothing;") == ()
