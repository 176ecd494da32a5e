"""Everything that a warehouse holds, as plain rows: two warehouses are the same when these are equal.

Looks at files only; uses nothing of the product.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

Rows = list[tuple[Any, ...]]


def contents(file: Path, *schemas: str) -> Mapping[str, Rows]:
    """Every table of these schemas (all by default) with all its columns, the rows in an order of their own."""
    with duckdb.connect(str(file), read_only=True) as db:
        db.execute("SET TimeZone = 'UTC'")
        names = db.execute(
            "SELECT table_schema, table_name FROM information_schema.tables"
            " WHERE table_schema IN ('core', 'meta', 'marts')"
        ).fetchall()
        return {
            f"{schema}.{name}": sorted(db.table(f"{schema}.{name}").fetchall(), key=repr)
            for schema, name in sorted(names)
            if not schemas or schema in schemas
        }


def differing(ones: Mapping[str, Rows], others: Mapping[str, Rows]) -> dict[str, tuple[Rows, Rows]]:
    """The tables that are not the same, each with the rows that only one side has."""
    return {
        name: (
            [row for row in ones.get(name, []) if row not in others.get(name, [])],
            [row for row in others.get(name, []) if row not in ones.get(name, [])],
        )
        for name in ones.keys() | others.keys()
        if ones.get(name) != others.get(name)
    }


def mart_rows(db: duckdb.DuckDBPyConnection) -> dict[str, Rows]:
    """What the marts show, with the tables behind them."""
    names = db.execute(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'marts' ORDER BY ALL"
    ).fetchall()
    return {name: db.execute(f"SELECT * FROM marts.{name} ORDER BY ALL").fetchall() for (name,) in names}  # noqa: S608
