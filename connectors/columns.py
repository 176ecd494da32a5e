"""Answers whose records are read as columns at once: what most pages consist of.

Promises that a body means the same as when `parse` reads it: whatever the two readers could take differently is left
to `parse`, and a record that somebody looks at by itself is what `parse` makes of it. Never says what is wrong.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from functools import cached_property
from typing import Any, overload

import pyarrow as pa
import pyarrow.json

from connectors.responses import parse
from connectors.source import Record, Stream
from schemas import plain
from schemas.contract import TableContract

MICROSECOND = timedelta(microseconds=1)
LIST = "data"  # the member that holds the records


class Columns(Sequence[Record]):
    """The records of one answer. `table` has the columns of their contract, by their names on the wire."""

    def __init__(self, body: bytes, table: pa.Table) -> None:
        self._body = body
        self.table = table

    @cached_property
    def _records(self) -> Sequence[Record]:
        found: Sequence[Record] = parse(self._body)[LIST]
        return found

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @overload
    def __getitem__(self, place: int) -> Record: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Record]: ...
    def __getitem__(self, place: int | slice) -> Record | Sequence[Record]:
        return self._records[place]


def reading(contract: TableContract, counts: Sequence[str]) -> Callable[[bytes], Any]:
    """`parse` for bodies of the shape {"data": [records], "meta": {counts}}, of a contract with `plain` columns."""
    kinds = {one.wire: one.kind for one in contract.plain}
    record = pa.struct([pa.field(name, kind) for name, kind in kinds.items()])
    meta = pa.struct([pa.field(name, pa.int64()) for name in counts])
    envelope = pa.struct([pa.field(LIST, pa.list_(record)), pa.field("meta", meta)])
    schema = pa.schema([pa.field("body", envelope)])

    def read(body: bytes) -> Any:
        found = _columns(body, schema)
        return parse(body) if found is None else found

    return read


def _columns(body: bytes, schema: pa.Schema) -> dict[str, Any] | None:
    """The value of a body, its records as `Columns`; None where `parse` might see something else.

    The body goes in as a member of an object, because Arrow reads several documents in one text and dies of a bare
    null; and with every field declared, because it guesses (texts as times) and dies of what is nested very deeply.
    """
    wrapped = b'{"body":' + body + b"}"
    at_once = pyarrow.json.ReadOptions(use_threads=False, block_size=len(wrapped) + 1)
    declared = pyarrow.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="error")
    try:
        body.decode()  # Arrow does not look
        table = pyarrow.json.read_json(pa.BufferReader(wrapped), at_once, declared)
    except (ValueError, pa.ArrowException):
        return None
    found = table.column("body").combine_chunks()
    listed, meta = found.flatten() if len(found) == 1 else ([], [])
    rows = listed.flatten() if listed and not listed.null_count else None
    value = meta[0].as_py() if meta else None
    if not rows or rows.null_count or not value or None in value.values():
        return None
    return {LIST: Columns(body, pa.Table.from_struct_array(rows)), "meta": value}


def keys_of(stream: Stream, records: Sequence[Record]) -> list[str]:
    """The key of each record."""
    if isinstance(records, Columns):
        with suppress(*plain.ODD):
            keys: list[str] = plain.key(records.table.column(stream.contract.wire_key)).to_pylist()
            return keys
    return [stream.key_of(record) for record in records]


def units_of(stream: Stream, records: Sequence[Record]) -> list[int] | None:
    """The cursor of all records in whole units since the epoch; None where each has to be looked at by itself."""
    if isinstance(records, Columns) and stream.contract.wire_cursor:
        with suppress(*plain.ODD):
            moments = plain.moment(records.table.column(stream.contract.wire_cursor)).cast(pa.int64())
            found = plain.arrow().divide(moments, stream.unit // MICROSECOND)  # none is negative
            units: list[int] = found.to_pylist()
            return units
    return None
