"""Valid records as one Arrow table with the contract's columns, in the contract's order. Pure.

Fields that the contract does not know are kept in `extra` as a JSON object: a new field at the source is seen
and loses nothing. The table never holds two rows of one key.
"""

import json
import math
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from pipeline.privacy import Privacy
from pipeline.validate import Valid
from schemas.contract import TIMESTAMP, TableContract

DEEPEST = 100  # levels of an unknown field


def normalize(contract: TableContract, rows: Sequence[Valid], privacy: Privacy) -> pa.Table:
    """Columns of the contract and `_observed_at`, the source's clock when it gave the row."""
    names = [name for name in contract.columns.names if name != "extra"]
    columns: list[Any] = []
    for name in names:
        values = [getattr(row.record, name) for row in rows]
        if name in contract.personal:
            values = [privacy.hide(name, value) for value in values]
        columns.append(pa.array(values, type=contract.columns.field(name).type))
    columns.append(pa.array([_extra(row) for row in rows], type=pa.string()))
    columns.append(pa.array([row.observed_at for row in rows], type=TIMESTAMP))
    return pa.table(columns, schema=staging_schema(contract))


def normalize_children(contract: TableContract, rows: Sequence[Valid], privacy: Privacy) -> pa.Table | None:
    """The rows of the contract's child table, the newest of each key; None where it has none."""
    child = contract.child
    if child is None:
        return None
    newest: dict[str, Valid] = {}
    for row in sorted(rows, key=lambda row: row.observed_at):
        for record in child.rows(row.record):
            newest[getattr(record, child.contract.key)] = Valid(record, row.observed_at, row.moment)
    return normalize(child.contract, list(newest.values()), privacy)


def staging_schema(contract: TableContract) -> pa.Schema:
    return contract.columns.append(pa.field("_observed_at", TIMESTAMP, nullable=False))


def _extra(row: Valid) -> str | None:
    unknown = row.record.model_extra
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
