"""Valid records as one Arrow table with the contract's columns, in the contract's order. Pure.

Fields that the contract does not know are kept in `extra` as a JSON object: a new field at the source is seen
and loses nothing. Promises that a page of plain records gives the same rows at once as record by record.
"""

import json
import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa
from pydantic import BaseModel

from connectors.columns import Columns
from pipeline.privacy import Privacy
from schemas.contract import TIMESTAMP, Plain, TableContract
from schemas.plain import ODD

DEEPEST = 100  # levels of an unknown field


def normalize(
    contract: TableContract, records: Sequence[BaseModel], observed_at: datetime, privacy: Privacy
) -> pa.Table:
    """Columns of the contract and `_observed_at`, the source's clock when it gave the rows."""
    columns: list[Any] = []
    for name in contract.columns.names[:-1]:
        values = [getattr(record, name) for record in records]
        if _is_hidden(contract, name, privacy):
            values = [privacy.hide(name, value) for value in values]
        columns.append(pa.array(values, type=contract.columns.field(name).type))
    columns.append(pa.array([_extra(record) for record in records], type=pa.string()))
    columns.append(pa.array([observed_at] * len(records), type=TIMESTAMP))
    return pa.table(columns, schema=staging_schema(contract))


def plain_rows(
    contract: TableContract, records: Columns, observed_at: datetime, privacy: Privacy
) -> pa.Table | None:
    """The same of records that were read as columns, where all of them are plain: each as it should be."""
    try:
        columns = [_plain_column(contract, one, records.read(one), privacy) for one in contract.plain]
    except ODD:
        return None
    columns.append(pa.nulls(len(records), pa.string()))
    columns.append(pa.repeat(pa.scalar(observed_at, TIMESTAMP), len(records)))
    return pa.table(columns, schema=staging_schema(contract))


def staging_schema(contract: TableContract) -> pa.Schema:
    return contract.columns.append(pa.field("_observed_at", TIMESTAMP, nullable=False))


def _plain_column(
    contract: TableContract, one: Plain, column: pa.ChunkedArray, privacy: Privacy
) -> pa.ChunkedArray:
    if not _is_hidden(contract, one.column, privacy):
        return column
    hidden = [privacy.hide(one.column, value) for value in column.to_pylist()]
    return pa.chunked_array([hidden], column.type)


def _is_hidden(contract: TableContract, column: str, privacy: Privacy) -> bool:
    return column in contract.personal and not privacy.keeps(column)


def _extra(record: BaseModel) -> str | None:
    unknown = record.model_extra
    return json.dumps(_plain(unknown, DEEPEST), sort_keys=True) if unknown else None


def _plain(value: Any, left: int) -> Any:
    """As JSON that every reader takes: no NaN, no lone surrogate, no endless nesting (the package has it all)."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict | list) and left == 0:
        return "nested too deeply"
    if isinstance(value, dict):
        return {_plain(name, left): _plain(inner, left - 1) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner, left - 1) for inner in value]
    return value
