"""What a table promises: its record, its columns, its key, its place in time. Data only.

One `TableContract` serves normalize (wire record -> Arrow row), load (merge by key) and the lake (one schema
for every Parquet file). Adding a stream is adding one of these, an entry in the connector's streams.py and
a migration.
"""

from dataclasses import dataclass

import pyarrow as pa
from pydantic import BaseModel

# Columns that every core table has beside those of its contract, in this order.
OWNER_COLUMNS = ("source", "tenant")
LOAD_COLUMNS = ("_first_loaded_at", "_loaded_at", "_observed_at", "_run_id", "_deleted_at")
TIMESTAMP = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True, slots=True)
class TableContract:
    table: str  # the table in core, and the folder in the lake
    record: type[BaseModel]  # wire record -> typed record; unknown fields are kept
    columns: pa.Schema  # the columns of the contract, in order, `extra` last
    key: str  # unique within (source, tenant)
    cursor: str  # the column whose month a row belongs to
    wire_key: str  # the key's name on the wire
    wire_cursor: str  # the cursor's name on the wire
    personal: tuple[str, ...] = ()  # columns of personal data, named as on the wire: subject to `privacy`
