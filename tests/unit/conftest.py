"""What several tests of the loads use."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from pipeline.destinations.warehouse import connect


@pytest.fixture
def db(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with connect(tmp_path / "warehouse.duckdb") as connection:
        yield connection
