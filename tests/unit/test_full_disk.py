"""A file that cannot grow, as on a full disk: a sentence, nothing half made, and a next try that works.

Whole runs on a disk that is full: acceptance/test_disk.py. Here a limit on the size of files stands for it, for a few
calls of this process.
Kills: an OSError of a page that is no LoadError; a DuckDB that is used again after it died.
"""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.source import Answer, Page, Window
from pipeline import package
from pipeline.destinations.warehouse import Warehouse, transaction
from schemas.errors import LoadError

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
DAY = Window(BEGIN, BEGIN + timedelta(days=1))


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    before, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, most))


def test_a_page_that_does_not_fit_is_no_page_and_can_be_sealed_later(tmp_path: Path) -> None:
    one = package.start(tmp_path, "pass", DAY, advances=True)
    body = os.urandom(10_000)  # does not become smaller
    page = Page(Answer([], 0, complete=True, observed_at=BEGIN, body=body), covers=DAY, certain=DAY)
    with (
        no_file_larger_than(5_000),
        pytest.raises(LoadError, match=r"000001\.page: .*make room and run again"),
    ):
        package.seal(one, 1, package.draft(page, BEGIN))
    assert package.sealed(one) == []
    assert package.body(package.seal(one, 1, package.draft(page, BEGIN))) == body


def test_a_database_that_died_is_not_used_again(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    warehouse = Warehouse(path)
    rows = "INSERT INTO core.many SELECT range FROM range(200000)"
    with warehouse.opened() as db:
        db.execute("CREATE TABLE core.many (number BIGINT)")
    with (
        no_file_larger_than(path.stat().st_size + 100_000),
        pytest.raises(LoadError, match=r"disk is full|File too large"),
        warehouse.opened() as db,
        transaction(db),
    ):
        db.execute(rows)
    with warehouse.opened() as db:
        assert db.execute("SELECT count(*) FROM core.many").fetchall() == [(0,)]
        db.execute(rows)
    warehouse.close()
