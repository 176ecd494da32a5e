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
from schemas.contract import Plain, TableContract

MICROSECOND = timedelta(microseconds=1)
LIST = "data"  # the member that holds the records


class Columns(Sequence[Record]):
    """The records of one answer. `table` has the columns of their contract, by their names on the wire."""

    def __init__(self, body: bytes, table: pa.Table) -> None:
        self._body = body
        self.table = table
        self._read: dict[str, pa.ChunkedArray] = {}

    def read(self, one: Plain) -> pa.ChunkedArray:
        """A column as its contract has it; the walk and the contract ask for some of the same. Raises one of ODD."""
        if one.column not in self._read:
            self._read[one.column] = one.read(self.table.column(one.wire))
        return self._read[one.column]

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
        pa.array([body], pa.binary()).cast(pa.string())  # is it UTF-8? The reader does not look
        table = pyarrow.json.read_json(pa.BufferReader(wrapped), at_once, declared)
    except (ValueError, pa.ArrowException):
        return None
    found = table.column("body")
    listed, meta = found.chunk(0).flatten() if len(found) == 1 else ([], [])
    rows = listed.flatten() if listed and not listed.null_count else None
    value = meta[0].as_py() if meta else None
    if not rows or rows.null_count or not value or None in value.values():
        return None
    return {LIST: Columns(body, pa.Table.from_struct_array(rows)), "meta": value}


def keys_at(stream: Stream, records: Sequence[Record], places: Sequence[int]) -> list[str]:
    """The keys of the records at these places."""
    if isinstance(records, Columns):
        with suppress(*plain.ODD):
            keys = records.read(_plain(stream.contract, stream.contract.wire_key))
            found: list[str] = keys.take(pa.array(places, pa.int64())).to_pylist()
            return found
    return [stream.key_of(records[place]) for place in places]


def units_of(stream: Stream, records: Sequence[Record]) -> list[int] | None:
    """The cursor of all records in whole units since the epoch; None where each has to be looked at by itself."""
    if isinstance(records, Columns) and stream.contract.wire_cursor:
        with suppress(*plain.ODD):
            moments = records.read(_plain(stream.contract, stream.contract.wire_cursor)).cast(pa.int64())
            unit = stream.unit // MICROSECOND
            return [moment // unit for moment in moments.to_pylist()]
    return None


def _plain(contract: TableContract, wire: str) -> Plain:
    return next(one for one in contract.plain if one.wire == wire)
