"""A warehouse as the migrations make it, in a file, and the marts as they are shipped."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from pipeline.marts import Mart, load_marts

SQL = Path(__file__).parents[2] / "sql"

NewWarehouse = Callable[[Path], duckdb.DuckDBPyConnection]


@pytest.fixture(scope="session")
def new_warehouse(tmp_path_factory: pytest.TempPathFactory) -> NewWarehouse:
    """Copies of one file: the migrations are dearer than most tests."""
    empty = tmp_path_factory.mktemp("empty") / "warehouse.duckdb"
    with duckdb.connect(str(empty)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for path in sorted((SQL / "warehouse").glob("*.sql")):
            connection.execute(path.read_text(encoding="utf-8"))

    def create(path: Path) -> duckdb.DuckDBPyConnection:
        shutil.copyfile(empty, path)
        connection = duckdb.connect(str(path))
        connection.execute("SET TimeZone = 'UTC'")
        return connection

    return create


@pytest.fixture
def warehouse(new_warehouse: NewWarehouse, tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with new_warehouse(tmp_path / "warehouse.duckdb") as connection:
        connection.execute("DELETE FROM meta.settings")
        connection.execute("INSERT INTO meta.settings VALUES ('UTC', 4)")
        yield connection


@pytest.fixture(scope="session")
def marts() -> tuple[Mart, ...]:
    return load_marts(SQL / "marts")
