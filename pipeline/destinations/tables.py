"""A table of core by its contract: the view that the statements in sql/ read, and the few lines that write it.

Promises that identifiers come from contracts only, values are always bound, and that a row's other versions are
never left beside the newest. Every statement longer than a line or two stands in sql/.
"""

# ruff: noqa: S608 - identifiers of our own contracts stand in the SQL here, values never do

from datetime import datetime
from typing import Any

import duckdb

from schemas.contract import ChildContract, TableContract

OWNED = "source = $source AND tenant = $tenant"
EPOCH = "TIMESTAMPTZ '1970-01-01 00:00:00+00'"


def bind(
    connection: duckdb.DuckDBPyConnection, contract: TableContract, child: ChildContract | None = None
) -> None:
    """Make `kept`: the table's rows with `_key`, `_moment`, `_parent` and `_content` beside their own columns."""
    moment = contract.cursor or EPOCH
    parent = child.parent if child else "NULL"
    connection.execute(
        f"CREATE OR REPLACE TEMP VIEW kept AS SELECT *, {contract.key} AS _key, {moment} AS _moment,"
        f" {parent} AS _parent, {_content(contract)} AS _content FROM core.{contract.table}"
    )


def stage(connection: duckdb.DuckDBPyConnection, contract: TableContract) -> None:
    """Make `staged` of the registered Arrow table `staging`."""
    connection.execute(
        f"CREATE OR REPLACE TEMP VIEW staged AS SELECT {contract.key} AS key, {_content(contract)} AS content,"
        " _observed_at FROM staging"
    )


def insert(
    connection: duckdb.DuckDBPyConnection,
    contract: TableContract,
    owner: dict[str, Any],
    now: datetime,
    run_id: str,
) -> None:
    """Put what is not `known` beside what is there."""
    connection.execute(
        f"INSERT INTO core.{contract.table} BY NAME SELECT CAST($source AS VARCHAR) AS source,"
        " CAST($tenant AS VARCHAR) AS tenant, *, CAST($now AS TIMESTAMPTZ) AS _first_loaded_at,"
        " CAST($now AS TIMESTAMPTZ) AS _loaded_at, CAST($run_id AS VARCHAR) AS _run_id,"
        " _observed_at AS _checked_at FROM staging"
        f" WHERE {contract.key} NOT IN (SELECT key FROM known)",
        {**owner, "now": now, "run_id": run_id},
    )


def update(
    connection: duckdb.DuckDBPyConnection, contract: TableContract, owner: dict[str, Any], now: datetime
) -> None:
    """Put what is `changed` in the place of what was there; note of the rest that it was seen."""
    table, key = f"core.{contract.table}", contract.key
    replaced = f"(SELECT {key} FROM changed)"
    near = _near(contract)
    _keep(connection, contract, owner, now, f"{replaced} AND {near}")
    connection.execute(f"DELETE FROM {table} WHERE {OWNED} AND {key} IN {replaced} AND {near}", owner)
    connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM changed")
    connection.execute(
        f"UPDATE {table} SET _checked_at = staged._observed_at FROM staged"
        f" WHERE {OWNED} AND {key} = staged.key AND _checked_at < staged._observed_at AND {near}",
        owner,
    )


def bury(
    connection: duckdb.DuckDBPyConnection,
    contract: TableContract,
    owner: dict[str, Any],
    now: datetime,
    run_id: str,
) -> None:
    """Rows that are `gone` stay, with the moment at which that was noticed."""
    _keep(connection, contract, owner, now, "(SELECT key FROM gone)")
    connection.execute(
        f"UPDATE core.{contract.table} SET _deleted_at = $now, _loaded_at = $now, _run_id = $run_id"
        f" WHERE {OWNED} AND {contract.key} IN (SELECT key FROM gone)",
        {**owner, "now": now, "run_id": run_id},
    )


def _keep(
    connection: duckdb.DuckDBPyConnection,
    contract: TableContract,
    owner: dict[str, Any],
    now: datetime,
    keys: str,
) -> None:
    """The versions that are about to end go to the table's history."""
    connection.execute(
        f"INSERT INTO core.{contract.table}_history BY NAME"
        " SELECT * EXCLUDE (_checked_at), _loaded_at AS valid_from, $now AS valid_to"
        f" FROM core.{contract.table} WHERE {OWNED} AND {contract.key} IN {keys}",
        {**owner, "now": now},
    )


def as_of(connection: duckdb.DuckDBPyConnection, contract: TableContract, moment: datetime) -> None:
    """Fill a table from the attached warehouse `today`, as it was at a moment."""
    table = f"core.{contract.table}"
    connection.execute(
        f"INSERT INTO {table} BY NAME SELECT * FROM today.{table} WHERE _loaded_at <= $moment"
        " UNION ALL BY NAME SELECT * EXCLUDE (valid_from, valid_to), _observed_at AS _checked_at"
        f" FROM today.{table}_history WHERE valid_from <= $moment AND valid_to > $moment",
        {"moment": moment},
    )


def _near(contract: TableContract) -> str:
    """Within the time of the `known` rows, so that no other part of a long history is read."""
    moment = contract.cursor or EPOCH
    return f"{moment} >= (SELECT min(known.moment) FROM known) AND {moment} <= (SELECT max(known.moment) FROM known)"


def _content(contract: TableContract) -> str:
    fields = ", ".join(f"'{name}': {name}" for name in contract.columns.names)
    return "{" + fields + "}"
