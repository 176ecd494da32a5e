"""What analysts' tools read while snapshots come and go: SQLAlchemy with pandas, Polars, pyarrow, DuckDB's own program.

DuckDB 1.5 as a library is in `acceptance/test_snapshots.py`, whole processes beside 15 publishes in
`acceptance/test_readers.py`, Superset and Node beside this file.
Kills: a snapshot that can be reached before it is whole, or that goes while it is read; a file in the newest format;
one that a reader may write; marts that a tool cannot list; months that are no text, times without a zone; a README
that promises more than the tools do.
"""

import json
import subprocess
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pytest
import sqlalchemy as sa
from nightly import ROOT, Account
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

BY_DEPARTMENT = """
SELECT department_name, sum(evaluations)::BIGINT AS evaluations, sum(rating_sum)::BIGINT AS points
FROM marts.satisfaction_rate GROUP BY department_name
"""
PAUSE = 0.05  # seconds between two looks
Figures = dict[str, tuple[int, int]]  # of each department: how many ratings, and their sum


def next_night(demo: Account) -> None:
    demo.now += timedelta(hours=1)
    demo.insert(timedelta(minutes=5), rating=1, department_name="Suporte")
    demo.insert(timedelta(minutes=6), rating=5, department_name="Financeiro")
    assert demo.sync().outcome == "ok"


def true(demo: Account) -> Figures:
    """By the source's own table."""
    ratings = [(str(row["department_name"]), row["rating"]) for row in demo.world.rows()]
    many = Counter(name for name, _ in ratings)
    points: Counter[str] = Counter()
    for name, rating in ratings:
        points[name] += rating
    return {name: (many[name], points[name]) for name in many}


def url(demo: Account) -> str:
    return f"duckdb:///{demo.data}/current/warehouse.duckdb?access_mode=READ_ONLY"


def by_pandas(asked: sa.Engine | sa.Connection) -> Figures:
    frame = pd.read_sql(BY_DEPARTMENT, asked)
    return {row.department_name: (row.evaluations, row.points) for row in frame.itertuples()}


def lazy(evaluations: Path) -> pl.LazyFrame:
    return (
        pl.scan_parquet(evaluations / "**/*.parquet", hive_partitioning=True)
        .filter(pl.col("_deleted_at").is_null())
        .group_by("department_name")
        .agg(pl.len().alias("evaluations"), pl.col("rating").cast(pl.Int64).sum().alias("points"))
    )


def by_polars(asked: pl.LazyFrame) -> Figures:
    return {name: (evaluations, points) for name, evaluations, points in asked.collect().iter_rows()}


# -- SQLAlchemy --------------------------------------------------------------------------------------


def test_sqlalchemy_without_a_pool_reads_the_newest_snapshot_and_with_one_its_first(demo: Account) -> None:
    fresh = sa.create_engine(url(demo), poolclass=NullPool)
    pooled = sa.create_engine(url(demo))
    before = true(demo)
    assert by_pandas(pooled) == by_pandas(fresh) == before
    with fresh.connect() as held:
        assert by_pandas(held) == before
        next_night(demo)
        assert by_pandas(held) == by_pandas(pooled) == before != true(demo)
        assert by_pandas(fresh) == true(demo)  # also while this process has the older one open
    pooled.dispose()
    assert by_pandas(pooled) == true(demo)
    pooled.dispose()


def test_sqlalchemy_lists_the_marts_and_can_write_nothing(demo: Account) -> None:
    file = demo.current() / "warehouse.duckdb"
    before = file.read_bytes()
    by_arguments = sa.create_engine(f"duckdb:///{file}", connect_args={"read_only": True}, poolclass=NullPool)
    for engine in (sa.create_engine(url(demo), poolclass=NullPool), by_arguments):
        seen = sa.inspect(engine)
        assert {"satisfaction_rate", "satisfaction_by_agent"} <= set(seen.get_view_names(schema="marts"))
        assert "evaluations" in seen.get_table_names(schema="core")
        for wish in ("DELETE FROM core.evaluations", "CREATE TABLE marts.mine (x INTEGER)"):
            with engine.connect() as db, pytest.raises(DBAPIError, match="read-only mode"):
                db.execute(sa.text(wish))
    assert file.read_bytes() == before
    assert not file.with_suffix(".duckdb.wal").exists()


# -- Parquet ----------------------------------------------------------------------------------------


def test_polars_and_pyarrow_read_the_snapshot_that_they_resolved(demo: Account) -> None:
    folder = demo.current() / "evaluations"
    before = true(demo)
    early = lazy(folder)  # reads nothing yet
    dataset = ds.dataset(folder, partitioning="hive")
    assert {dataset.schema.field(name).type for name in ("source", "month")} == {pa.string()}
    assert dataset.schema.field("created_at").type == pa.timestamp("us", tz="UTC")
    assert {row["month"] for row in dataset.to_table(["month"]).to_pylist()} >= {"2025-06", "2025-12"}
    next_night(demo)
    assert by_polars(early) == before
    rows = dataset.to_table(filter=pc.field("_deleted_at").is_null()).group_by("department_name")
    found = rows.aggregate([("rating", "count"), ("rating", "sum")]).to_pylist()
    assert {row["department_name"]: (row["rating_count"], row["rating_sum"]) for row in found} == before
    assert by_polars(lazy(demo.current() / "evaluations")) == true(demo) != before


# -- while a sync publishes -------------------------------------------------------------------------


def test_every_look_beside_a_publish_is_at_one_whole_snapshot(demo: Account) -> None:
    engine = sa.create_engine(url(demo), poolclass=NullPool)
    looks: list[tuple[str, Figures]] = []
    over = threading.Event()

    def look() -> None:
        while not over.wait(PAUSE):
            looks.append(("sql", by_pandas(engine)))
            looks.append(("lake", by_polars(lazy((demo.data / "current").resolve() / "evaluations"))))

    published = [true(demo)]
    with ThreadPoolExecutor(1) as reader:
        looking = reader.submit(look)
        try:
            next_night(demo)
            published.append(true(demo))
        finally:
            over.set()
        looking.result()
    for how in ("sql", "lake"):
        places = [published.index(figures) for asked, figures in looks if asked == how]
        assert places == sorted(places)
        assert len(places) > 2


# -- the program duckdb -----------------------------------------------------------------------------


@pytest.mark.superset
def test_the_program_duckdb_reads_both_ways_of_the_readme(demo: Account) -> None:
    program = ROOT / ".venv-superset/bin/duckdb"
    assert program.exists(), "make superset-test makes .venv-superset, with DuckDB's program: it is not there"

    def ask(*words: str) -> list[dict[str, Any]]:
        line = [str(program), *words]
        done = subprocess.run(line, cwd=demo.folder, capture_output=True, text=True, check=True, timeout=60)
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found

    file = ("-json", "-readonly", "data/current/warehouse.duckdb")
    lake = "read_parquet('data/current/evaluations/**/*.parquet', hive_partitioning = true)"
    from_lake = f"SELECT department_name, count(*) AS evaluations, sum(rating)::BIGINT AS points FROM {lake} GROUP BY ALL"  # noqa: S608, E501
    for _ in range(2):
        for words in ((*file, BY_DEPARTMENT), ("-json", ":memory:", from_lake)):
            found = {row["department_name"]: (row["evaluations"], row["points"]) for row in ask(*words)}
            assert found == true(demo)
        next_night(demo)
