"""One package into the warehouse: a single transaction, guarded by the lease.

Promises: see warehouse.py. A tombstone is written only for a row that an answer proves gone (`tiles`), never
because it was merely not seen, never for what the source's declared retention has purged, never for so many
rows at once that a broken answer is the likelier reason, and never for a whole old range, which is a purge.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa

from pipeline.destinations import tables
from pipeline.destinations.loaded import Loaded
from pipeline.destinations.warehouse import Fence, transaction
from pipeline.statements import statement
from pipeline.validate import DeadLetter
from schemas.contract import TIMESTAMP, TableContract

MANY = 100  # so many rows may vanish at once without a question (of a list without a place in time fewer),
FEW = 10
LARGE_SHARE = 0.2  # or this share of the rows that are there
OLD = timedelta(days=28)  # no retention is shorter: what is younger was deleted


@dataclass(frozen=True, slots=True)
class Tile:
    """A range of which an answer held every row."""

    begin: datetime
    end: datetime
    observed_at: datetime


@dataclass(frozen=True, slots=True)
class Package:
    """What one load takes: rows of some sealed pages, and what those pages prove."""

    source: str
    tenant: str
    stream: str
    contract: TableContract
    pass_id: str
    run_id: str
    first_page: int
    last_page: int
    fetched: int
    duplicates: int
    table: pa.Table
    child: pa.Table | None  # rows of the contract's child table
    dead: Sequence[DeadLetter]
    tiles: Sequence[Tile]
    oldest: datetime  # rows before it are left to the source's retention
    watermark: datetime | None  # moves there with this load


def load(
    connection: duckdb.DuckDBPyConnection,
    package: Package,
    now: datetime,
    fence: Fence,
    note: Callable[[int], None] = lambda _: None,
) -> Loaded:
    """Load a package, or nothing of it. A package that is loaded already changes nothing.

    `note` is called with the load's number within its stream just before the commit, inside of the fence.
    """
    if _is_loaded(connection, package):
        return Loaded()
    number = _loads(connection, package) + 1

    @contextmanager
    def noted() -> Iterator[None]:
        with fence():
            note(number)
            yield

    with transaction(connection, noted):
        _stage(connection, package)
        inserted, updated = _merge(connection, package, package.contract, now)
        deleted, withheld = _bury(connection, package, now)
        _quarantine(connection, package, now)
        result = Loaded(
            fetched=package.fetched,
            inserted=inserted,
            updated=updated,
            unchanged=package.table.num_rows - inserted - updated,
            deleted=deleted,
            dead_letters=len(package.dead),
            duplicates=package.duplicates,
            withheld=withheld,
        )
        _record(connection, package, result, now)
        if package.child is not None:
            _load_child(connection, package, package.child, now)
    return result


def _loads(connection: duckdb.DuckDBPyConnection, package: Package) -> int:
    """How many packages of the stream are loaded."""
    values = {"source": package.source, "stream": package.stream}
    [(count,)] = connection.execute(statement("load/loads"), values).fetchall()
    return int(count)


def _is_loaded(connection: duckdb.DuckDBPyConnection, package: Package) -> bool:
    return package.first_page <= loaded_pages(connection, package.source, package.stream, package.pass_id)


def loaded_pages(connection: duckdb.DuckDBPyConnection, source: str, stream: str, pass_id: str) -> int:
    """The number of the last page of a pass that is loaded; 0 for none."""
    [(last,)] = connection.execute(
        statement("load/loaded_pages"), {"source": source, "stream": stream, "pass_id": pass_id}
    ).fetchall()
    return int(last)


def _stage(connection: duckdb.DuckDBPyConnection, package: Package) -> None:
    """The package as views that the statements in sql/load read."""
    keys: pa.ChunkedArray = package.table.column(package.contract.key)
    dead = pa.array([letter.record_key for letter in package.dead], type=pa.string())
    _show(connection, package.contract, package.table, pa.chunked_array([*keys.chunks, dead], pa.string()))
    connection.register("healed", pa.table({"key": keys}))
    connection.register("tiles", _tiles(package.tiles))
    connection.register("letters", _letters(package.dead))


def _show(
    connection: duckdb.DuckDBPyConnection, contract: TableContract, table: pa.Table, present: pa.ChunkedArray
) -> None:
    connection.register("staging", table)
    connection.register("present", pa.table({"key": present}))
    tables.stage(connection, contract)


def _tiles(tiles: Sequence[Tile]) -> pa.Table:
    names = {"from": "begin", "to": "end", "observed_at": "observed_at"}
    return pa.table(
        {
            name: pa.array([getattr(tile, field) for tile in tiles], type=TIMESTAMP)
            for name, field in names.items()
        }
    )


def _letters(dead: Sequence[DeadLetter]) -> pa.Table:
    texts = ("record_key", "reason", "pointer", "raw")
    columns = {name: pa.array([getattr(one, name) for one in dead], type=pa.string()) for name in texts}
    return pa.table({**columns, "cursor": pa.array([one.moment for one in dead], type=TIMESTAMP)})


def _merge(
    connection: duckdb.DuckDBPyConnection, package: Package, contract: TableContract, now: datetime
) -> tuple[int, int]:
    """(rows inserted, rows updated)."""
    child = package.contract.child
    tables.bind(connection, contract, child if contract is not package.contract else None)
    owner = _owner(package)
    connection.execute(statement("load/known"), owner)
    [(staged, known)] = connection.execute(
        "SELECT (SELECT count(*) FROM staging), (SELECT count(*) FROM known)"
    ).fetchall()
    changed = 0
    if known:
        connection.execute(statement("load/changed"), {**owner, "now": now, "run_id": package.run_id})
        [(changed,)] = connection.execute("SELECT count(*) FROM changed").fetchall()
        tables.update(connection, contract, owner, now)
    tables.insert(connection, contract, owner, now, package.run_id)
    return staged - known, changed


def _bury(connection: duckdb.DuckDBPyConnection, package: Package, now: datetime) -> tuple[int, int]:
    """(rows marked deleted, rows that vanished in too large a number to be believed)."""
    if not package.tiles:
        return 0, 0
    owner = _owner(package)
    connection.execute(statement("load/gone"), {**owner, "oldest": package.oldest})
    if not _gone(connection):
        return 0, 0
    withheld = _spare_purged(connection, owner)
    gone = _gone(connection)
    if gone > (MANY if package.contract.cursor else FEW):
        [(present,)] = connection.execute(statement("load/range"), owner).fetchall()
        if gone > LARGE_SHARE * present:
            connection.execute("DELETE FROM gone")
            return 0, withheld + gone
    if gone:
        tables.bury(connection, package.contract, owner, now, package.run_id)
    return gone, withheld


def _gone(connection: duckdb.DuckDBPyConnection) -> int:
    [(count,)] = connection.execute("SELECT count(*) FROM gone").fetchall()
    return int(count)


def _spare_purged(connection: duckdb.DuckDBPyConnection, owner: dict[str, Any]) -> int:
    """Rows that are not believed gone: old ones, more than a few, the first of what was read, none left between."""
    connection.execute(statement("load/purged"), {**owner, "age": OLD})
    [(purged,)] = connection.execute("SELECT count(*) FROM purged").fetchall()
    if purged <= FEW:
        return 0
    connection.execute("DELETE FROM gone WHERE key IN (SELECT key FROM purged)")
    return int(purged)


def _load_child(
    connection: duckdb.DuckDBPyConnection, package: Package, rows: pa.Table, now: datetime
) -> None:
    """Rows that came inside of the package's records: they live and end with them."""
    child = package.contract.child
    if child is None:
        return
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE gone_parents AS SELECT CAST(NULL AS VARCHAR) AS key LIMIT 0"
    )
    if package.tiles:
        connection.execute("INSERT INTO gone_parents SELECT key FROM gone")
    parents = package.table.select([package.contract.key, "_observed_at"]).rename_columns(
        ["key", "observed_at"]
    )
    connection.register("parents", parents)
    _show(connection, child.contract, rows, rows.column(child.contract.key))
    _merge(connection, package, child.contract, now)
    connection.execute(statement("load/gone_children"), _owner(package))
    tables.bury(connection, child.contract, _owner(package), now, package.run_id)


def _owner(package: Package) -> dict[str, Any]:
    return {"source": package.source, "tenant": package.tenant}


def _quarantine(connection: duckdb.DuckDBPyConnection, package: Package, now: datetime) -> None:
    place = {"source": package.source, "stream": package.stream}
    connection.execute(statement("load/dead_letters_healed"), place)
    if package.dead:
        connection.execute(statement("load/dead_letters"), {**place, "now": now, "run_id": package.run_id})


def _record(connection: duckdb.DuckDBPyConnection, package: Package, result: Loaded, now: datetime) -> None:
    place = {"source": package.source, "stream": package.stream, "run_id": package.run_id, "now": now}
    counts: dict[str, Any] = {
        name: getattr(result, name)
        for name in ("fetched", "inserted", "updated", "unchanged", "deleted", "dead_letters", "duplicates")
    }
    pages = {"pass_id": package.pass_id, "first_page": package.first_page, "last_page": package.last_page}
    connection.execute(
        statement("load/load_record"), {**place, **pages, **counts, "valid": package.table.num_rows}
    )
    if package.watermark is not None:
        connection.execute(statement("load/watermark"), {**place, "watermark": package.watermark})
