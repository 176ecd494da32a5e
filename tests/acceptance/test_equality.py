"""Every row and every figure that readers get, against the source's own table and plain Python. No SQL is shared.

Two nights of one account, with hostile texts, ties, late, changed and deleted rows, in two reporting time zones.
Kills: an edit that is not merged; deleted rows that stay in the marts; a day that is UTC's in every zone; Parquet
whose schema follows its content (COPY).
"""

import json
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pandas as pd
import plain_marts
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
import quality_marts
from nightly import ROOT, Account, account
from plain_marts import Rows, Wire, when

from connectors.simulator.year import generate
from pipeline.receipt import Receipt

TIME = pa.timestamp("us", tz="UTC")
LAKE_SCHEMA = [  # name, type, whether it may be null
    ("tenant", pa.string(), False),
    ("evaluation_id", pa.string(), False),
    ("call_id", pa.string(), True),
    ("rating", pa.int8(), False),
    ("comment", pa.string(), True),
    ("has_comment", pa.bool_(), False),
    ("customer_name", pa.string(), True),
    ("agent_name", pa.string(), True),
    ("department_name", pa.string(), True),
    ("created_at", TIME, False),
    ("extra", pa.string(), True),
    ("_first_loaded_at", TIME, False),
    ("_loaded_at", TIME, False),
    ("_observed_at", TIME, False),
    ("_run_id", pa.string(), False),
    ("_deleted_at", TIME, True),
]
ONLY_IN_DUCKDB = ("source", "_checked_at")  # the source is a folder's name in the lake
HOSTILE: list[Wire] = [
    {
        "comment": "x'); DROP TABLE core.evaluations; --",
        "department_name": "O'Brien\"; --",
        "user_name": "$source",
    },
    {"comment": "a\x00b", "customer_name": "\x00", "department_name": "{}", "user_name": "%s"},
    {
        "comment": "\u202eRTL \u200f \U0001f469\u200d\U0001f467 e\u0301 \u00e9",
        "user_name": "Zo\u00eb",
        "customer_name": None,
    },
    {"comment": "=1+1\t\r\n,;\"'\\", "department_name": "a/b=c?d&e#f%20", "user_name": ""},
    {"comment": "x" * 300_000, "department_name": None, "user_name": None},
    {"comment": " ", "call_id": None, "channel": "voz", "tags": ["a", None, {"b": 1.5}]},
    {"comment": "null", "call_id": 12345, "id": 987654321, "inserted_by": None},
]


@dataclass(frozen=True, slots=True)
class Reading:
    """What two nights left for the readers, and what is true."""

    folder: Path  # the snapshot
    zone: str
    present: list[Wire]
    deleted: list[Wire]
    receipt: Receipt
    requests: int


@pytest.fixture(scope="module", params=["UTC", "America/Sao_Paulo"])
def reading(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reading]:
    zone = request.param
    with account(generate(11, 2500), tmp_path_factory.mktemp("equality")) as demo:
        for number, fields in enumerate(HOSTILE):
            demo.insert(timedelta(days=20 * number, hours=5), rating=1 + number % 5, **fields)
        for moment in (
            "2025-10-19T02:59:59",
            "2025-10-19T03:00:00",
            "2025-11-30T23:59:59",
            "2025-12-01T00:00:00",
        ):
            demo.world.insert(datetime.fromisoformat(moment).replace(tzinfo=UTC), rating=2)
        demo.world.tie_burst(demo.now - timedelta(days=100), 130)
        assert demo.sync(reporting={"timezone": zone}).outcome == "ok"
        deleted = move(demo)
        before = len(demo.simulator.arrivals)
        receipt = demo.sync(reporting={"timezone": zone})
        assert receipt.outcome == "ok"
        requests = len(demo.simulator.arrivals) - before
        yield Reading(demo.current(), zone, demo.world.rows(), deleted, receipt, requests)


def move(demo: Account) -> list[Wire]:
    """A night in which rows come, come late, change and go; the rows that went."""
    near = [str(row["id"]) for row in demo.world.rows(demo.now - timedelta(days=1, hours=12))]
    assert len(near) >= 6
    gone = [demo.world.find(row_id) or {} for row_id in near[:2]]
    for row_id in near[:2]:
        demo.world.delete(row_id)
    demo.world.edit(near[2], rating=1, comment="Corrigido")
    demo.world.edit(near[3], comment=None, user_name="Outra Pessoa", late_field=True)
    demo.world.edit(near[4], at=demo.now - timedelta(minutes=30))
    demo.insert(timedelta(hours=30), rating=3, comment="tarde")
    demo.now += timedelta(hours=8)
    for minutes in (1, 2, 300):
        demo.insert(timedelta(minutes=minutes), rating=5)
    return gone


def wanted(reading: Reading) -> dict[str, dict[str, Any]]:
    """The contract's columns of every row, from the wire."""
    rows = [(row, False) for row in reading.present] + [(row, True) for row in reading.deleted]
    return {str(row["id"]): core_row(row) | {"deleted": gone} for row, gone in rows}


def core_row(row: Wire) -> dict[str, Any]:
    known = (
        "id",
        "call_id",
        "rating",
        "comment",
        "customer_name",
        "user_name",
        "department_name",
        "inserted_at",
    )
    call, extra = row.get("call_id"), {name: value for name, value in row.items() if name not in known}
    return {
        "source": "demo",
        "tenant": "demo",
        "evaluation_id": str(row["id"]),
        "call_id": None if call is None else str(call),
        "rating": row["rating"],
        "comment": row.get("comment"),
        "has_comment": row.get("comment") not in (None, ""),
        "customer_name": row.get("customer_name"),
        "agent_name": row.get("user_name"),
        "department_name": row.get("department_name"),
        "created_at": when(row),
        "extra": extra or None,
    }


def seen(rows: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Rows that a reader got, in the form of `wanted`; a key that comes twice is an error."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        core = {
            name: row[name]
            for name in core_row(HOSTILE[0] | {"id": "", "rating": 1, "inserted_at": "2026-01-01"})
        }
        core["extra"] = None if row["extra"] is None else json.loads(row["extra"])
        key = row["evaluation_id"]
        assert key not in found, key
        found[key] = core | {"deleted": row["_deleted_at"] is not None}
    return found


def test_the_warehouse_has_every_row_as_the_source_has_it(reading: Reading) -> None:
    with opened(reading) as db:
        rows = db.sql("SELECT * FROM core.evaluations").to_arrow_table().to_pylist()
    assert seen(rows) == wanted(reading)


def test_parquet_has_every_row_for_pyarrow(reading: Reading) -> None:
    dataset = ds.dataset(reading.folder / "evaluations", format="parquet", partitioning="hive")
    rows = dataset.to_table().to_pylist()
    assert seen(rows) == wanted(reading)
    assert all(row["month"] == f"{row['created_at']:%Y-%m}" for row in rows)
    with opened(reading) as db:  # the columns of the load too
        loaded = db.sql("SELECT * FROM core.evaluations").to_arrow_table().to_pylist()
    by_key = {row["evaluation_id"]: row for row in rows}
    for row in loaded:
        del row["_checked_at"]  # in the warehouse only, so that unchanged files stay as they are
        assert row == {name: by_key[row["evaluation_id"]][name] for name in row}


def test_parquet_has_every_row_for_polars_and_pandas(reading: Reading) -> None:
    lake = reading.folder / "evaluations"
    frame = pl.read_parquet(lake / "**/*.parquet", hive_partitioning=True)
    assert frame["created_at"].dtype == pl.Datetime("us", "UTC")
    assert seen(frame.to_dicts()) == wanted(reading)
    table = pd.read_parquet(lake)
    assert seen(plain(row) for row in table.to_dict("records")) == wanted(reading)


def plain(row: dict[Hashable, Any]) -> dict[str, Any]:
    """A row of pandas with None where nothing is."""
    return {str(name): None if pd.isna(value) else value for name, value in row.items()}


def test_all_parquet_files_have_the_one_declared_schema(reading: Reading) -> None:
    files = sorted((reading.folder / "evaluations").rglob("*.parquet"))
    assert len(files) == len({when(row).strftime("%Y-%m") for row in reading.present})
    for file in files:
        fields = [(field.name, field.type, field.nullable) for field in pq.read_schema(file)]
        assert fields == LAKE_SCHEMA, file
    with opened(reading) as db:  # what may be null is what may be null in the warehouse
        columns = db.sql(
            "SELECT column_name, is_nullable FROM information_schema.columns WHERE table_name = 'evaluations'"
        )
        nullable = {
            name: answer == "YES" for name, answer in columns.fetchall() if name not in ONLY_IN_DUCKDB
        }
    assert nullable == {name: may for name, _, may in LAKE_SCHEMA}


def test_tables_published_as_parquet_equal_those_in_the_warehouse(reading: Reading) -> None:
    with opened(reading) as db:
        names = db.sql(
            "SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema <> 'core'"
        ).fetchall()
        assert {"meta.runs", "meta.proofs", "meta.loads", "marts.sync_health"} <= {
            ".".join(name) for name in names
        }
        for schema, table in names:
            files = list((reading.folder / schema / table).glob("*.parquet"))
            assert len(files) == 1
            there = pq.read_table(files[0], page_checksum_verification=True).to_pylist()
            here = db.sql(f'SELECT * FROM "{schema}"."{table}"').to_arrow_table().to_pylist()  # noqa: S608
            assert Counter(map(repr, there)) == Counter(map(repr, here)), table


# -- marts -----------------------------------------------------------------------------------------


def test_every_mart_equals_plain_python_over_the_source(reading: Reading) -> None:
    day = {id(row): when(row).astimezone(ZoneInfo(reading.zone)).date() for row in reading.present}
    computed = {
        "rating_distribution": plain_marts.distribution(reading.present, day),
        "satisfaction_rate": plain_marts.rates(reading.present, day),
        "satisfaction_by_department": plain_marts.by_name(reading.present, day, "department_name"),
        "satisfaction_by_agent": plain_marts.by_name(reading.present, day, "user_name"),
        "satisfaction_trend": plain_marts.trend(reading.present, day),
        "sync_health": health(reading),
    }
    assert computed.keys() | quality_marts.COMPUTED.keys() == {
        folder.name for folder in (ROOT / "sql/marts").iterdir()
    }
    with opened(reading) as db:
        for name, expected in computed.items():
            plain_marts.assert_close(name, db.sql(f"SELECT * FROM marts.{name}").fetchall(), expected)  # noqa: S608


def test_the_two_zones_put_rows_on_other_days(reading: Reading) -> None:
    """Else the test above could not tell them apart."""
    other = [
        row
        for row in reading.present
        if when(row).astimezone(ZoneInfo("America/Sao_Paulo")).date() != when(row).date()
    ]
    assert len(other) >= 20


def health(reading: Reading) -> Rows:
    """The moments of the run itself lie within it; they are taken from there."""
    with opened(reading) as db:
        [(finished, checked)] = db.sql(
            "SELECT last_finished_at, proof_checked_at FROM marts.sync_health"
        ).fetchall()
    receipt, stream = reading.receipt, reading.receipt.streams[0]
    assert receipt.started_at <= checked <= finished <= receipt.finished_at
    assert stream.window is not None
    inside = sum(stream.window.holds(when(row)) for row in reading.present)
    run = (stream.window.upper, receipt.run_id, "ok", finished, finished, reading.requests)
    rows = (len(reading.present), len(reading.deleted), 0)
    return [("demo", "evaluations", *run, *rows, "proven", inside, inside, checked)]


def opened(reading: Reading) -> duckdb.DuckDBPyConnection:
    db = duckdb.connect(str(reading.folder / "warehouse.duckdb"), read_only=True)
    db.execute("SET TimeZone = 'UTC'")
    return db
