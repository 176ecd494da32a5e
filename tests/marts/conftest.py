"""A warehouse as the migrations make it, in a file, and the marts as they are shipped."""

from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from pipeline.marts import Mart, load_marts

SQL = Path(__file__).parents[2] / "sql"

NewWarehouse = Callable[[Path], duckdb.DuckDBPyConnection]


@pytest.fixture(scope="session")
def new_warehouse() -> NewWarehouse:
    migrations = [path.read_text(encoding="utf-8") for path in sorted((SQL / "warehouse").glob("*.sql"))]

    def create(path: Path) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(str(path))
        connection.execute("SET TimeZone = 'UTC'")
        for migration in migrations:
            connection.execute(migration)
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
