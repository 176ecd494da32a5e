"""What readers see: snapshots/<run>/ with warehouse.duckdb, Parquet files and a manifest; `current` names the newest.

Promises: a reader sees one whole snapshot, old or new; nothing half written is ever reachable; readers never
block a sync; a file whose rows have not changed is hard-linked, not written, and one that no longer is
what its manifest says is written anew. Every block of the warehouse is read before it is given to readers. All files of
a table have one schema and checksums in every page; the manifest has the SHA-256, the rows and the version of each.

Order, which survives a power cut: files under a temporary folder -> fsync each -> rename the folder -> fsync its
parent -> swap the symlink -> fsync the data folder.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.destinations import manifest, tables
from pipeline.destinations.manifest import WAREHOUSE, File
from pipeline.destinations.warehouse import Fence, batches, connect, rows, verify
from pipeline.files import sync_file, sync_folder
from pipeline.folders import current
from pipeline.statements import statement
from schemas.contract import LOAD_COLUMNS, TIMESTAMP, TableContract
from schemas.errors import PublishError

HASHES = 2  # files that are copied or read through at once, while the warehouse is read
DISKS = 1  # files that are written at once, while the rows of the next are read: two take 50 MB more, and no less time
READERS = 0o640  # files that an analyst or a BI tool of the same group may read
READERS_FOLDER = 0o750


@dataclass(frozen=True, slots=True)
class Snapshot:
    run_id: str
    folder: Path
    files: Sequence[File]


def publish(
    warehouse: Path,
    data: Path,
    run_id: str,
    contracts: Sequence[TableContract],
    keep: int,
    fence: Fence = nullcontext,
) -> Snapshot:
    """Make the snapshot of this run and point `current` to it. Raises PublishError; then the old one stays."""
    root = data / "snapshots"
    fresh = root / f".{run_id}.tmp"
    try:
        root.mkdir(mode=READERS_FOLDER, exist_ok=True)
        with fence():  # else it could be what another run is writing just now
            for leftover in root.glob(".*.tmp"):
                shutil.rmtree(leftover)
        fresh.mkdir(mode=READERS_FOLDER)
        files = _write(warehouse, fresh, current(data), run_id, contracts)
        place = root / run_id
        with fence():  # else another run may have written the file while it was copied
            fresh.rename(place)
            sync_folder(root)
            _swap(data, place)
        _prune(root, keep, place)
    except OSError as error:
        where = error.filename or root
        why = error.strerror or str(error).partition("\n")[0]  # Arrow's have no number
        raise PublishError(
            f"{where}: {why}; the previous snapshot stays, the rows are loaded and come with the next run"
        ) from None
    finally:
        shutil.rmtree(fresh, ignore_errors=True)  # nothing, unless it failed
    return Snapshot(run_id, place, files)


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of one file that is to be in a snapshot."""

    folder: str
    table: str
    version: str
    read: Callable[[], pa.RecordBatchReader]


def _write(
    warehouse: Path, fresh: Path, previous: Path | None, run_id: str, contracts: Sequence[TableContract]
) -> list[File]:
    with connect(warehouse) as db, ThreadPoolExecutor(HASHES) as aside, ThreadPoolExecutor(DISKS) as disk:
        db.execute("CHECKPOINT")
        copying = aside.submit(_copy, warehouse, fresh / WAREHOUSE)  # nothing writes to the file any more
        sound = _looked_through(aside, previous, contracts)
        parts = [part for contract in contracts for part in _partitions(db, contract)]
        verify(db, [contract.table for contract in contracts])  # these were read for their parts
        writing: list[Future[File]] = []
        for part in [*parts, *_whole_tables(db, run_id)]:
            before = sound[part.folder].result() if part.folder in sound else None
            writing.append(_begin(disk, fresh, previous, before, part, run_id))
            for earlier in writing[-1 - DISKS : -DISKS]:  # no more of them in memory than this
                earlier.result()
        files = [one.result() for one in writing]
        warehouse_sha256 = copying.result()
    number = 1 + max(map(manifest.number, fresh.parent.iterdir()))
    manifest.write(fresh, run_id, number, warehouse_sha256, files, READERS)
    for folder, _, _ in os.walk(fresh):
        sync_folder(Path(folder))
    return files


def _looked_through(
    aside: ThreadPoolExecutor, previous: Path | None, contracts: Sequence[TableContract]
) -> dict[str, Future[File | None]]:
    """The files of the lake's tables in the snapshot before, by folder; None for one that is damaged.

    Also of those that will turn out to have changed: a night changes few, and to know it the warehouse has to be read.
    """
    if previous is None:
        return {}
    tables_of_lake = {contract.table for contract in contracts}
    found = [one for one in manifest.files(previous) if one.path.partition("/")[0] in tables_of_lake]
    return {one.path.rpartition("/")[0]: aside.submit(manifest.sound, previous, one) for one in found}


def _begin(
    disk: ThreadPoolExecutor, fresh: Path, previous: Path | None, before: File | None, part: Part, run_id: str
) -> Future[File]:
    """A part on its way: linked where the file before has its rows, else written while the next one is read."""
    if previous and before and before.version == part.version:
        same = replace(before, table=part.table)  # a manifest may be damaged, and is not to go on so
        return disk.submit(_link, fresh, previous, same)
    reader = part.read()
    head = list(islice(reader, 2))
    writing = disk.submit(_file, fresh, part, run_id, reader.schema, chain(head, reader))
    if len(head) > 1:  # it is never in memory as a whole: the database is read till its end
        writing.result()
    return writing


def _copy(warehouse: Path, copy: Path) -> str:
    """Copy the warehouse; the checksum of what was written."""
    shutil.copyfile(warehouse, copy)
    copy.chmod(READERS)
    sync_file(copy)
    return manifest.sha256(copy)


def _partitions(db: duckdb.DuckDBPyConnection, contract: TableContract) -> Iterator[Part]:
    """One part per source and month of the cursor, in UTC; per source where a table has no place in time."""
    schema = _lake_schema(contract)
    tables.bind(db, contract)
    for found in rows(db, statement("publish/parts")):
        values = {"source": found["source"], "month": found["month"]}
        month = f"/month={found['month']}" if contract.cursor else ""
        yield Part(
            folder=f"{contract.table}/source={found['source']}{month}",
            table=contract.table,
            version=f"{_version(schema)}:{found['version']}",
            read=partial(_rows_of, db, contract, values, schema),
        )


def _whole_tables(db: duckdb.DuckDBPyConnection, run_id: str) -> Iterator[Part]:
    """Marts (views too) and meta tables, one file each; they change with every run."""
    for one in rows(db, statement("publish/tables")):
        name = f"{one['schema']}/{one['name']}"
        sql = f'SELECT * FROM "{one["schema"]}"."{one["name"]}"'  # noqa: S608 - names of our own catalog
        yield Part(name, one["name"], run_id, partial(batches, db, sql))


def _rows_of(
    db: duckdb.DuckDBPyConnection, contract: TableContract, values: Mapping[str, Any], schema: pa.Schema
) -> pa.RecordBatchReader:
    tables.bind(db, contract)
    found = batches(db, statement("publish/rows"), values)
    return pa.RecordBatchReader.from_batches(
        schema, (batch.select(schema.names).cast(schema) for batch in found)
    )


def _version(schema: pa.Schema) -> str:
    """Changes with the columns, so that a file of an older shape is written anew."""
    return hashlib.sha256(schema.to_string().encode()).hexdigest()[:12]


def _lake_schema(contract: TableContract) -> pa.Schema:
    """One schema for every file of a table, declared and never taken from the content."""
    load = [
        pa.field(name, pa.string() if name == "_run_id" else TIMESTAMP, nullable=name == "_deleted_at")
        for name in LOAD_COLUMNS
    ]
    return pa.schema([pa.field("tenant", pa.string(), nullable=False), *contract.columns, *load])


def _file(fresh: Path, part: Part, run_id: str, schema: pa.Schema, content: Iterable[pa.RecordBatch]) -> File:
    """Write a part; its name is unique to the run, so that no cache takes it for an older file."""
    folder = fresh / part.folder
    _make(folder)
    path = folder / f"{run_id}.parquet"
    count = 0
    with path.open("xb") as sink:
        path.chmod(READERS)
        with pq.ParquetWriter(sink, schema, compression="zstd", write_page_checksum=True) as writer:
            for batch in content:
                writer.write_batch(batch)
                count += batch.num_rows
        sink.flush()
        os.fsync(sink.fileno())
    pa.system_memory_pool().release_unused()  # to the machine, before the next one takes as much
    return File(str(path.relative_to(fresh)), part.table, count, part.version, manifest.sha256(path))


def _make(folder: Path) -> None:
    """With the folders above it, which `parents=True` would give to everybody under a lax umask."""
    if not folder.exists():
        _make(folder.parent)
        folder.mkdir(mode=READERS_FOLDER, exist_ok=True)  # another file's thread may be making it


def _link(fresh: Path, previous: Path, same: File) -> File:
    path = fresh / same.path
    _make(path.parent)
    path.hardlink_to(previous / same.path)
    return same


def _swap(data: Path, place: Path) -> None:
    fresh = data / ".current.tmp"
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(place.relative_to(data), target_is_directory=True)
    fresh.replace(data / "current")
    sync_folder(data)


def _prune(root: Path, keep: int, newest: Path) -> None:
    there = [place for place in root.iterdir() if not place.name.startswith(".")]
    snapshots = sorted(there, key=lambda place: (manifest.number(place), place.name))
    for place in snapshots[:-keep]:
        if place != newest:
            shutil.rmtree(place)
