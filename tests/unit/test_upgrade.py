"""A warehouse that another version of evalsync has left: brought to today's shape with its rows, or refused as it is.

Kills: a newer shape that is written to; a step that is made again or left out; rows that a step loses; a step that
stays half made.
"""

import hashlib
from pathlib import Path

import duckdb
import pytest

from pipeline.destinations.warehouse import SETTINGS, VERSION, Warehouse, connect
from pipeline.statements import migrations
from schemas.errors import LoadError

ROW = """
    INSERT INTO core.evaluations BY NAME SELECT
        'demo' AS source, 'norte' AS tenant, 'e1' AS evaluation_id, 5 AS rating, true AS has_comment,
        TIMESTAMPTZ '2025-12-31 12:00:00+00' AS created_at, created_at AS _first_loaded_at,
        created_at AS _loaded_at, created_at AS _observed_at, 'run' AS _run_id
"""
NEWEST = migrations()[-1][0]


def left_by(path: Path, version: int, row: str = ROW) -> None:
    """The file as a version that knew so many steps made it."""
    with duckdb.connect(str(path), config=SETTINGS) as db:
        db.execute("CREATE SCHEMA meta; CREATE TABLE meta.schema_version (version INTEGER NOT NULL)")
        for number, sql in migrations():
            if number <= version:
                db.execute(sql)
                db.execute("INSERT INTO meta.schema_version VALUES (?)", [number])
        db.execute(row)


@pytest.mark.parametrize("version", range(1, NEWEST))
def test_an_older_warehouse_is_brought_to_todays_shape_with_its_rows(version: int, tmp_path: Path) -> None:
    path, fresh = tmp_path / "warehouse.duckdb", tmp_path / "fresh.duckdb"
    left_by(path, version)
    columns = "SELECT table_name, column_name, data_type FROM information_schema.columns ORDER BY ALL"
    with connect(fresh) as db:
        today = db.execute(columns).fetchall()
    warehouse = Warehouse(path)
    for _ in range(2):  # the second time there is nothing to do
        with warehouse.opened() as db:
            assert db.execute("SELECT evaluation_id, rating FROM core.evaluations").fetchall() == [("e1", 5)]
            steps = db.execute("SELECT version FROM meta.schema_version ORDER BY version").fetchall()
            assert steps == [(number,) for number, _ in migrations()]
    warehouse.close()
    with connect(path) as db:
        assert db.execute(columns).fetchall() == today


def test_a_newer_warehouse_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    left_by(path, NEWEST, f"INSERT INTO meta.schema_version VALUES ({NEWEST + 1})")  # noqa: S608 - a number of ours
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    warehouse = Warehouse(path)
    with pytest.raises(LoadError, match="install the newer evalsync"), warehouse.opened():
        pytest.fail("a warehouse of a newer shape was opened")
    with pytest.raises(LoadError, match="install the newer evalsync"), connect(path):
        pytest.fail("a warehouse of a newer shape was opened")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before


def test_a_step_that_fails_leaves_the_shape_before_it(tmp_path: Path) -> None:
    """The third step meets a table that stands in its way."""
    path = tmp_path / "warehouse.duckdb"
    left_by(path, 2, "CREATE TABLE core.calls_history (x INTEGER)")
    before = tables(path)
    with pytest.raises(LoadError, match="calls_history"), connect(path):
        pytest.fail("a warehouse of two steps and a half was opened")
    assert tables(path) == before


def tables(path: Path) -> list[tuple[str, int]]:
    with duckdb.connect(str(path)) as db:
        [(version,)] = db.execute(VERSION).fetchall()
        found = db.execute("SELECT table_name FROM information_schema.tables ORDER BY ALL").fetchall()
    return [(name, version) for (name,) in found]
