"""Parts of a run by themselves, on a warehouse that is there: what they cost without start, network and lease.

This and stages.py are the only places of the benchmarks that know the product's functions.
"""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

from pipeline import marts
from pipeline.destinations import lake
from pipeline.destinations.warehouse import connect
from pipeline.engines import DuckDBEngine
from pipeline.present import TABLES
from pipeline.statements import SQL

GROUP_BY = """
    CREATE TEMP TABLE grouped AS
    SELECT source, tenant, CAST(created_at AS DATE) AS day, department_name, agent_name, rating,
        count(*) AS evaluations, count(*) FILTER (WHERE comment <> '') AS with_comments
    FROM core.evaluations WHERE _deleted_at IS NULL GROUP BY ALL
"""


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def sync(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def build_marts(warehouse: Path) -> float:
    """All marts from scratch, with their checks."""
    with TemporaryDirectory(dir=warehouse.parent) as place:
        copy = Path(shutil.copyfile(warehouse, Path(place) / "warehouse.duckdb"))
        with connect(copy) as db:
            return seconds(lambda: marts.build(DuckDBEngine(db), marts.load_marts(SQL / "marts")))


def group_by(warehouse: Path) -> float:
    """What the marts cannot go below: one GROUP BY of the columns of the largest."""
    with connect(warehouse, read_only=True) as db:
        return seconds(lambda: db.execute(GROUP_BY))


def publish(data: Path) -> float:
    """A snapshot of a warehouse that has not changed since the last one."""
    return seconds(lambda: lake.publish(data / "state" / "warehouse.duckdb", data, "bench", TABLES, keep=3))
