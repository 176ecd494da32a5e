"""The probe: what two hours of handwork reach, and about as fast as these two cores go. It gives rows, Parquet files,
three marts and counts, and knows no budget, checkpoint, dead letter, history, atomic publish or proof.

Pages are read four at a time, parsed by Arrow fifty at a time, and merged by DuckDB, each in a thread of its own.
"""

# ruff: noqa: S608 - its own constants stand in its SQL

import asyncio
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import aiohttp
import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

AT_ONCE = 4  # requests under way
BEHIND = 3  # batches that may wait to be merged
TOGETHER = 50_000  # rows that are parsed and merged together
COLUMNS = pa.schema(
    [
        *(("id", pa.string()), ("call_id", pa.string()), ("rating", pa.int8()), ("comment", pa.string())),
        *(("customer_name", pa.string()), ("user_name", pa.string()), ("department_name", pa.string())),
        ("inserted_at", pa.timestamp("s", tz="UTC")),
    ]
)
META = pa.struct([("total_count", pa.int64())])
ENVELOPE = pa.schema([("data", pa.list_(pa.struct(list(COLUMNS)))), ("meta", META)])
TABLE = """CREATE TABLE evaluations (id VARCHAR, call_id VARCHAR, rating TINYINT, comment VARCHAR,
    customer_name VARCHAR, user_name VARCHAR, department_name VARCHAR, inserted_at TIMESTAMPTZ)"""
MERGE = "MERGE INTO evaluations USING staged USING (id) WHEN MATCHED THEN UPDATE WHEN NOT MATCHED THEN INSERT"
GROUPS = "CAST(inserted_at AS DATE) AS day, department_name, user_name"
MARTS = (
    f"""CREATE TABLE rating_distribution AS
        SELECT {GROUPS}, rating, count(*) AS evaluations FROM evaluations GROUP BY ALL""",
    f"""CREATE TABLE satisfaction_rate AS
        SELECT {GROUPS}, count(*) AS evaluations, count(*) FILTER (WHERE rating >= 4) AS satisfied,
        sum(rating) AS rating_sum FROM evaluations GROUP BY ALL""",
    """CREATE TABLE satisfaction_by_agent AS
        SELECT user_name, count(*) AS evaluations, avg(rating) AS mean FROM evaluations GROUP BY ALL""",
)


def parse(bodies: Sequence[bytes]) -> Any:
    """Pages as one table, each row looked at: an id, a rating from 1 to 5, a time."""
    options = pa.json.ReadOptions(block_size=max(4 << 20, 1 + max(map(len, bodies))))
    parsing = pa.json.ParseOptions(explicit_schema=ENVELOPE)
    pages = pa.json.read_json(pa.BufferReader(b"\n".join(bodies)), options, parsing)["data"]
    rows = pa.Table.from_batches([pa.RecordBatch.from_struct_array(one.flatten()) for one in pages.chunks])
    good = pc.and_(
        pc.and_(pc.greater_equal(rows["rating"], 1), pc.less_equal(rows["rating"], 5)),
        pc.is_valid(rows["id"]),
    )
    if not pc.all(pc.and_(good, pc.is_valid(rows["inserted_at"]))).as_py():
        raise ValueError("a row is bad")
    return rows


def copy(lake: Path) -> str:
    month = "SELECT *, strftime(inserted_at, '%Y-%m') AS month FROM evaluations"
    return f"COPY ({month}) TO '{lake}' (FORMAT parquet, PARTITION_BY (month), COMPRESSION zstd)"


async def main(url: str, page_size: int, folder: Path) -> None:
    loop, parsing, writing = asyncio.get_running_loop(), ThreadPoolExecutor(1), ThreadPoolExecutor(1)
    db = duckdb.connect(str(folder / "out.duckdb"), config={"autoinstall_known_extensions": "false"})
    db.execute("SET TimeZone = 'UTC'")
    db.execute("SET wal_autocheckpoint = '1GB'")  # once in the end, instead of every few merges
    db.execute(TABLE)

    def merge(rows: Any) -> None:
        db.register("staged", rows)
        db.execute(MERGE)

    async def batch(bodies: Sequence[bytes]) -> None:
        rows = await loop.run_in_executor(parsing, parse, bodies)
        await loop.run_in_executor(writing, merge, rows)

    async with aiohttp.ClientSession(f"{url}/") as session:

        async def get(page: int) -> bytes:
            query = {"page": str(page), "page_size": str(page_size), "sort_order": "asc"}
            async with session.get("api/v1/evaluations", params=query) as answer:
                answer.raise_for_status()
                return await answer.read()

        first = await get(1)
        total = parse_total(first)
        bodies, tasks = [first], []
        pages = list(range(2, -(-total // page_size) + 1))
        for place in range(0, len(pages), AT_ONCE):
            found = await asyncio.gather(*map(get, pages[place : place + AT_ONCE]))
            bodies += found
            if len(bodies) * page_size >= TOGETHER:
                tasks.append(asyncio.create_task(batch(bodies)))
                bodies = []
                await asyncio.gather(*tasks[:-BEHIND])
        if bodies:
            tasks.append(asyncio.create_task(batch(bodies)))
        await asyncio.gather(*tasks)
    for sql in MARTS:
        db.execute(sql)
    db.execute(copy(folder / "lake"))
    [(count,)] = db.execute("SELECT count(*) FROM evaluations").fetchall()
    if count != total:
        raise ValueError(f"{count} rows, the source has {total}")
    db.close()


def parse_total(body: bytes) -> int:
    envelope = pa.json.read_json(pa.BufferReader(body), pa.json.ReadOptions(block_size=1 + len(body)))
    return int(envelope["meta"][0]["total_count"].as_py())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])))
