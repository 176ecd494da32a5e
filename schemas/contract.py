"""What a table promises: its record, its columns, its key, its place in time. Data only.

One `TableContract` serves normalize (wire record -> Arrow row), load (rows merged by key) and the lake (one schema
for every Parquet file). Adding a stream is adding one of these, an entry in the connector's streams.py and
a migration.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pyarrow as pa
from pydantic import BaseModel

# Columns that every core table has after those of its contract, in this order; `source` and `tenant` come before.
# Beside them `_checked_at`, the source's clock when it last gave the row, changed or not: in the warehouse only,
# because a Parquet file that changed with every look at its rows could never be linked from the snapshot before.
LOAD_COLUMNS = ("_first_loaded_at", "_loaded_at", "_observed_at", "_run_id", "_deleted_at")
TIMESTAMP = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True, slots=True)
class Plain:
    """A column, the field of the wire that it comes from, and how all its values are read at once (plain.py)."""

    column: str
    wire: str
    read: Callable[[pa.ChunkedArray], pa.ChunkedArray]
    kind: pa.DataType = pa.string()  # on the wire: text, or int64


@dataclass(frozen=True, slots=True)
class TableContract:
    table: str  # the table in core, and the folder in the lake
    record: type[BaseModel]  # wire record -> typed record; unknown fields are kept
    columns: pa.Schema  # the columns of the contract, in order, `extra` last
    key: str  # unique within (source, tenant)
    cursor: str | None  # the column whose month a row belongs to; None: a list without a place in time
    wire_key: str  # the key's name on the wire
    wire_cursor: str | None = None  # the cursor's name on the wire
    personal: tuple[str, ...] = ()  # columns of personal data, named as on the wire: subject to `privacy`
    figures: str = "total"  # sql/reconcile/<figures>.sql: what is compared with the source's totals
    child: "ChildContract | None" = None  # rows that come inside of this table's records
    # All columns but `extra`, where a page of plain records can be read at once.
    plain: tuple[Plain, ...] = ()


@dataclass(frozen=True, slots=True)
class ChildContract:
    """A table filled from the records of another: its rows live and end with them."""

    contract: TableContract
    parent: str  # the column that holds the parent's key
    rows: Callable[[BaseModel], Sequence[BaseModel]]  # a parent's record -> its rows here


def columns(*fields: tuple[str, pa.DataType], required: tuple[str, ...]) -> pa.Schema:
    """A contract's columns: (name, type) pairs, those in `required` never null, and `extra` at the end."""
    named = [pa.field(name, kind, nullable=name not in required) for name, kind in fields]
    return pa.schema([*named, pa.field("extra", pa.string())])
