"""A table as a file: CSV for spreadsheets, Parquet for engines.

Promises that no cell of a CSV file is taken for a formula: text that begins like one gets an apostrophe before it.
"""

import csv
import io
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n")


def csv_file(table: pa.Table) -> bytes:
    """UTF-8 with a byte order mark, which Excel needs to know it."""
    text = io.StringIO(newline="")
    lines = csv.writer(text, lineterminator="\r\n")
    lines.writerow(table.column_names)
    for batch in table.to_batches(max_chunksize=10_000):
        lines.writerows([_cell(value) for value in row.values()] for row in batch.to_pylist())
    return text.getvalue().encode("utf-8-sig")


def parquet_file(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, str) and value.lstrip(" ").startswith(FORMULAS):
        return f"'{value}"
    return value
