"""A warehouse made anew beside the one that is there, and put in its place.

Promises: until it is in its place nothing has changed; a kill leaves the old file or the new one, each whole; a file
that cannot be read is set aside and never deleted; a run that lost its lease puts nothing in place.
"""

# ruff: noqa: S608 - identifiers of our own contracts stand in the SQL here, values never do

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import structlog

from pipeline.destinations import manifest
from pipeline.destinations.warehouse import Fence, connect, quoted, transaction
from pipeline.files import PRIVATE_FILE, sync_file, sync_folder
from schemas.contract import TableContract
from schemas.errors import LoadError, WarehouseBusy

log = structlog.get_logger()

OF_SOURCES = ("loads", "watermarks", "dead_letters")  # made by loads, so they come with them
OF_RUNS = ("runs", "stream_runs", "proofs")  # what packages do not tell


@dataclass(frozen=True, slots=True)
class Old:
    """A warehouse that can be read: the working file, or the copy of it that readers have."""

    path: Path
    loads: Mapping[tuple[str, str], int]  # how many of each (source, stream) it holds
    working: bool


def working(path: Path) -> Old | None:
    """The working file; None where it is not there or cannot be read. Raises WarehouseBusy."""
    return _old(path, working=True) if path.exists() else None


def published(snapshot: Path) -> Old | None:
    """A snapshot's copy; None where it is not the file any more that was published."""
    if not manifest.warehouse_is_sound(snapshot):
        return None
    return _old(snapshot / manifest.WAREHOUSE, working=False)


def _old(path: Path, *, working: bool) -> Old | None:
    try:
        with connect(path, read_only=True) as db:
            found = db.execute("SELECT source, stream, count(*) FROM meta.loads GROUP BY ALL").fetchall()
    except WarehouseBusy:
        raise
    except LoadError as error:
        log.warning("warehouse_damaged", why=str(error))
        return None
    return Old(path, {(source, stream): count for source, stream, count in found}, working)


def begin(fresh: Path, old: Path | None, contracts: Sequence[TableContract], sources: Sequence[str]) -> None:
    """A new file with what is known of earlier runs, and all that the old one holds of other sources than these.

    Raises LoadError where the old one cannot be read, and WarehouseBusy.
    """
    clear(fresh)
    with connect(fresh) as db:
        if old is None:
            return
        db.execute(f"ATTACH '{quoted(old)}' AS old (READ_ONLY)")
        kept = [table for one in contracts for table in (f"core.{one.table}", f"core.{one.table}_history")]
        kept += [f"meta.{name}" for name in OF_SOURCES]
        others = "source NOT IN (SELECT unnest(CAST($sources AS VARCHAR[])))"
        with transaction(db):
            for table in kept:
                db.execute(
                    f"INSERT INTO {table} BY NAME FROM old.{table} WHERE {others}", {"sources": list(sources)}
                )
            for name in OF_RUNS:
                db.execute(f"INSERT INTO meta.{name} BY NAME FROM old.meta.{name}")
        db.execute("DETACH old")


def clear(fresh: Path) -> None:
    """Remove what a killed rebuild has left."""
    for leftover in fresh.parent.glob(f"{fresh.name}*"):
        if leftover.is_dir():
            shutil.rmtree(leftover)
        else:
            leftover.unlink()


def rows(db: duckdb.DuckDBPyConnection, contract: TableContract, source: str) -> int:
    """How many rows of a source a table holds that are there at the source."""
    sql = f"SELECT count(*) FROM core.{contract.table} WHERE source = $source AND _deleted_at IS NULL"
    [(count,)] = db.execute(sql, {"source": source}).fetchall()
    return int(count)


def set_back(db: duckdb.DuckDBPyConnection, source: str, stream: str, moment: datetime) -> None:
    """Have everything from a moment on read again."""
    sql = (
        "UPDATE meta.watermarks SET watermark = least(watermark, $moment)"
        " WHERE source = $source AND stream = $stream"
    )
    db.execute(sql, {"moment": moment, "source": source, "stream": stream})


def put_in_place(fresh: Path, path: Path, fence: Fence, *, readable: bool) -> Path | None:
    """Put a finished file in the place of the working one; where that cannot be read, it is set aside under a name
    that is returned.

    The old file's log of changes (.wal) must never meet the new file: it is folded in or set aside first.
    """
    fresh.chmod(PRIVATE_FILE)
    sync_file(fresh)
    wal = path.with_name(f"{path.name}.wal")
    aside = path.with_name(f"{path.name}.damaged")
    with fence():
        readable = readable and _folded(path)
        try:
            if not readable:
                _set_aside(wal, aside.with_name(f"{aside.name}.wal"))
                _set_aside(path, aside)
            wal.unlink(missing_ok=True)
            sync_folder(path.parent)
            fresh.rename(path)
            sync_folder(path.parent)
        except OSError as error:
            raise LoadError(f"{path}: {error.strerror}; the rebuilt warehouse is not in its place") from None
    return aside if not readable and aside.exists() else None


def _folded(path: Path) -> bool:
    """Whether the file could be opened, and so holds all of its log of changes when it is closed again."""
    try:
        with connect(path) as db:
            db.execute("CHECKPOINT")
    except WarehouseBusy:
        raise
    except LoadError:
        return False
    return True


def _set_aside(path: Path, aside: Path) -> None:
    """A second name; the file keeps its own until another takes it, or for a log, is removed."""
    aside.unlink(missing_ok=True)
    if path.exists():
        aside.hardlink_to(path)
