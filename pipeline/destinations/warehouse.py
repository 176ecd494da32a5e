"""The working file: state/warehouse.duckdb, private to evalsync. Readers get a copy (lake.py).

Promises: rows, tombstones, dead letters, watermark and load record commit together or not at all; loading a
package twice changes nothing; the commit happens only while the run still holds its lease. The file is open only
while it is used, so that a stopped process does not keep others out. After an error the connection is not used
again. A damaged file is named, with what to do, and never deleted.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from pipeline.files import sync_file, sync_folder, temporary
from pipeline.statements import migrations, statement
from schemas.errors import LoadError, WarehouseBusy

THREADS = min(4, os.cpu_count() or 1)
# Files in this format open in every DuckDB from 1.2 on.
STORAGE_VERSION = "v1.2.0"
SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "storage_compatibility_version": STORAGE_VERSION,
    "autoinstall_known_extensions": "false",
    # Else it takes four fifths of the machine's memory for a cache that a sync hardly uses. What needs more goes to the
    # disk for a while. DuckDB asks for 125 MB a thread; with 64 MB it could not sort a month of a million rows.
    "memory_limit": f"{max(256, 128 * THREADS)}MB",
    "threads": THREADS,
}

DAMAGE = re.compile(
    r"corrupt|checksum|not a valid DuckDB database|could not read enough bytes|deserializ|replaying WAL",
    re.IGNORECASE,
)
VERSION = "SELECT coalesce(max(version), 0) FROM meta.schema_version"

ROW_GROUP = 122_880  # rows: a row group in DuckDB's file, and in the lake's
Fence = Callable[[], AbstractContextManager[None]]  # holds the lease still while a commit happens


@contextmanager
def connect(path: Path, *, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """An open warehouse; made, and brought to today's shape, where needed. Call it off the event loop.

    Raises WarehouseBusy (another process has the file open) and LoadError (it cannot be read or written).
    """
    try:
        if not path.exists():
            _create(path)
        connection = duckdb.connect(str(path), read_only=read_only, config=SETTINGS)
    except duckdb.Error as error:
        raise _trouble(path, error) from None
    except OSError as error:
        raise LoadError(f"{path}: {error.strerror}") from None
    try:
        connection.execute("SET TimeZone = 'UTC'")
        if not read_only:
            _migrate(connection)
        yield connection
    except duckdb.Error as error:
        raise _trouble(path, error) from error
    finally:
        connection.close()


class Warehouse:
    """The working file as one run uses it, again and again: one DuckDB, to which the file is attached while it is used.

    Starting a DuckDB takes several times as long as attaching a file. Belongs to one thread.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._duckdb: duckdb.DuckDBPyConnection | None = None

    @contextmanager
    def opened(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """The file, brought to today's shape where needed; closed again in the end. Raises as `connect` does."""
        try:
            if not self.path.exists():
                _create(self.path)
            first = self._duckdb is None
            connection = self._duckdb = self._duckdb or self._start()
            connection.execute(f"ATTACH '{quoted(self.path)}' AS warehouse")
            connection.execute("USE warehouse")
            if first:
                _migrate(connection)
            yield connection
            connection.execute("USE memory")
            connection.execute("DETACH warehouse")
        except duckdb.Error as error:
            self.close()
            raise _trouble(self.path, error) from error
        except OSError as error:
            self.close()
            raise LoadError(f"{self.path}: {error.strerror}") from None
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the DuckDB, and with it whatever an error has left open."""
        if self._duckdb is not None:
            self._duckdb.close()
            self._duckdb = None

    def _start(self) -> duckdb.DuckDBPyConnection:
        spill = {"temp_directory": f"{self.path}.tmp"}  # else it would be the folder of whoever started us
        connection = duckdb.connect(":memory:", config={**SETTINGS, **spill})
        connection.execute("SET TimeZone = 'UTC'")
        return connection


def quoted(path: Path) -> str:
    """A path inside of an SQL literal; ATTACH takes no bound value."""
    return str(path).replace("'", "''")


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection, fence: Fence = nullcontext) -> Iterator[None]:
    """All or nothing; the commit happens inside `fence`, which raises where it may not."""
    connection.execute("BEGIN TRANSACTION")
    try:
        yield
        with fence():
            connection.execute("COMMIT")
    except BaseException:
        with suppress(duckdb.Error):  # on a dead connection (disk full, for one) closing the file undoes it
            connection.execute("ROLLBACK")
        raise


def rows(
    connection: duckdb.DuckDBPyConnection, sql: str, values: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """The result of one statement as dictionaries."""
    cursor = connection.execute(sql, dict(values) if values else None)
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def arrow(
    connection: duckdb.DuckDBPyConnection, sql: str, values: Mapping[str, Any] | None = None
) -> pa.Table:
    """The result of one statement as an Arrow table."""
    return batches(connection, sql, values).read_all()


def batches(
    connection: duckdb.DuckDBPyConnection, sql: str, values: Mapping[str, Any] | None = None
) -> pa.RecordBatchReader:
    """The same in batches of at most `ROW_GROUP` rows, to be read before the connection is used again."""
    return connection.sql(sql, params=dict(values) if values else None).to_arrow_reader(ROW_GROUP)


def verify(connection: duckdb.DuckDBPyConnection, read: Sequence[str]) -> None:
    """Read everything but the tables of core that were `read`: a damaged block is met here and not by a reader.

    Raises duckdb.Error.
    """
    for one in rows(connection, statement("publish/every_table"), {"read": list(read)}):
        name = f'"{one["schema"]}"."{one["name"]}"'
        connection.execute(f"SELECT last(COLUMNS(*)) FROM {name}").fetchall()  # noqa: S608 - of our own catalog


def _create(path: Path) -> None:
    """Under a temporary name, then renamed: a file whose making was interrupted cannot be opened again."""
    fresh = temporary(path)
    for leftover in path.parent.glob(f"{fresh.name}*"):
        leftover.unlink()
    with duckdb.connect(str(fresh), config=SETTINGS) as connection:
        _migrate(connection)
        connection.execute("CHECKPOINT")
    fresh.chmod(0o600)
    sync_file(fresh)
    fresh.rename(path)
    sync_folder(path.parent)


def _migrate(connection: duckdb.DuckDBPyConnection) -> None:
    steps = migrations()
    try:
        [(current,)] = connection.execute(VERSION).fetchall()
    except duckdb.CatalogException:
        connection.execute("CREATE SCHEMA IF NOT EXISTS meta")
        connection.execute("CREATE TABLE meta.schema_version (version INTEGER NOT NULL)")
        current = 0
    if current > steps[-1][0]:
        raise LoadError(
            f"the warehouse has shape {current}, this evalsync knows {steps[-1][0]}: install the newer evalsync"
        )
    for version, sql in steps:
        if version > current:
            with transaction(connection):
                connection.execute(sql)
                connection.execute("INSERT INTO meta.schema_version VALUES (?)", [version])


def _trouble(path: Path, error: duckdb.Error) -> LoadError:
    text = str(error)
    first = text.splitlines()[0][:300] if text else type(error).__name__
    if DAMAGE.search(text):  # first: such sentences speak of blocks, and a few of locks or checkpoints
        return LoadError(f"{path} is damaged ({first}): {_mend(path)}")
    if re.search(r"\block", text, re.IGNORECASE):
        return WarehouseBusy(
            f"{path} is open in another process; only evalsync may open it: read data/current instead"
        )
    if isinstance(error, duckdb.OutOfMemoryException):
        return LoadError(f"{path}: out of memory; close other programs or sync fewer rows at a time")
    if "CHECKPOINT" in text:  # DuckDB does not say why
        return LoadError(
            f"{path}: could not be written to its end, perhaps because the disk is full; nothing is lost:"
            " make room and run again"
        )
    return LoadError(f"{path}: {first}")


def _mend(path: Path) -> str:
    if path.parent.name != "state":  # a snapshot's copy
        return "`evalsync marts` publishes a new one, without a request"
    return (
        "run `evalsync replay`, which rebuilds it from the kept packages without a request, or move it away"
        " and run `evalsync sync --full`"
    )
