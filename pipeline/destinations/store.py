"""The warehouse as one run uses it: every DuckDB call on one thread, every commit behind the run's lease.

Promises that the event loop never waits for DuckDB, that two streams of a run never write at once, and that a
run which lost its lease writes nothing.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

import duckdb
import pyarrow as pa

from connectors.source import Stream, Window
from pipeline import notes
from pipeline.destinations import load as loading
from pipeline.destinations import tables
from pipeline.destinations.load import Package
from pipeline.destinations.loaded import Loaded
from pipeline.destinations.warehouse import Warehouse, rows, transaction
from pipeline.folders import Folders
from pipeline.ledger import Lease, Ledger
from pipeline.notes import Note
from pipeline.receipt import StreamReceipt, figures_json
from pipeline.reconcile import Loaded as LoadedFigures
from pipeline.reconcile import Proof, loaded_figures
from pipeline.statements import statement

_T = TypeVar("_T")


class Store:
    """Owns the thread that talks to DuckDB. Each call opens the working file and closes it again."""

    def __init__(self, folders: Folders, ledger: Ledger, lease: Lease) -> None:
        pa.set_memory_pool(pa.system_memory_pool())  # Arrow's own keeps 20 to 50 MB more of what it got back
        self._folders = folders
        self._ledger = ledger
        self._lease = lease
        self._warehouse = Warehouse(folders.warehouse)
        self._watermarks: dict[
            tuple[str, str], datetime | None
        ] = {}  # as read since the last load; nobody else moves them
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="duckdb")

    def close(self) -> None:
        self._thread.submit(self._warehouse.close)
        self._thread.shutdown()

    def fence(self) -> AbstractContextManager[None]:
        """Held while a commit happens: raises LoadError where the lease is lost."""
        return self._ledger.fence(self._lease)

    async def use(self, work: Callable[[duckdb.DuckDBPyConnection], _T]) -> _T:
        """Run `work` with an open connection on the thread."""

        def call() -> _T:
            with self._warehouse.opened() as connection:
                return work(connection)

        return await self.thread(call)

    async def thread(self, work: Callable[[], _T]) -> _T:
        """Run `work` on the thread, with the working file closed."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def rest(self) -> None:
        """Give back what DuckDB holds, before the thread is used for something else; the next use starts it again."""
        self._thread.submit(self._warehouse.close)

    def soon(self, work: Callable[[], object]) -> None:
        """Run `work` on the thread when its turn comes; nobody waits for it, or hears how it ended."""
        self._thread.submit(work)

    async def watermark(self, source: str, stream: str) -> datetime | None:
        if (source, stream) not in self._watermarks:
            values = {"source": source, "stream": stream}
            found = await self.use(lambda db: db.execute(statement("load/watermark_of"), values).fetchall())
            self._watermarks[source, stream] = found[0][0] if found else None
        return self._watermarks[source, stream]

    async def loaded_pages(self, source: str, stream: str, pass_id: str) -> int:
        return await self.use(lambda db: loading.loaded_pages(db, source, stream, pass_id))

    async def loads(self, source: str, stream: str) -> int:
        """How many packages of a stream are loaded."""
        values = {"source": source, "stream": stream}
        [(count,)] = await self.use(lambda db: db.execute(statement("load/loads"), values).fetchall())
        return int(count)

    async def load(self, package: Package, note: Note) -> Loaded:
        """Load a package, with its note beside the stream's packages."""
        write = partial(notes.write, self._folders.of_stream(package.source, package.stream))
        try:
            return await self.use(
                lambda db: loading.load(
                    db, package, note.loaded_at, self.fence, lambda number: write(number, note)
                )
            )
        finally:
            self._watermarks.pop((package.source, package.stream), None)
            self.soon(pa.system_memory_pool().release_unused)  # else what a load took stays ours for good

    async def figures(self, source: str, tenant: str, stream: Stream, window: Window) -> LoadedFigures:
        return await self.use(lambda db: loaded_figures(db, source, tenant, stream, window))

    async def newest(self, source: str, tenant: str, stream: Stream, window: Window) -> datetime | None:
        """The place of the newest row of a window, if there is one."""
        values = {"source": source, "tenant": tenant, "from": window.lower, "to": window.upper}

        def read(connection: duckdb.DuckDBPyConnection) -> datetime | None:
            tables.bind(connection, stream.contract)
            [(found,)] = connection.execute(statement("reconcile/newest"), values).fetchall()
            return None if found is None else stream.floor(found)

        return await self.use(read)

    async def checked(
        self, source: str, tenant: str, stream: Stream, before: datetime, dense: int
    ) -> list[dict[str, Any]]:
        """Per hour of a stream (per minute in one with more than `dense` rows): rows, and the oldest look at one."""
        values = {"source": source, "tenant": tenant, "before": before, "dense": dense}

        def read(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
            tables.bind(connection, stream.contract)
            return rows(connection, statement("status/checked"), values)

        return await self.use(read)

    async def record_proof(self, run_id: str, source: str, stream: str, proof: Proof) -> None:
        values = {
            "run_id": run_id,
            "source": source,
            "stream": stream,
            "from": proof.window.lower,
            "to": proof.window.upper,
            "source_total": proof.source_total,
            "loaded_total": proof.loaded_total,
            "figures": json.dumps(figures_json(proof)),
            "state": proof.state,
            "reason": proof.reason,
            "checked_at": proof.checked_at,
        }

        def insert(db: duckdb.DuckDBPyConnection) -> None:
            with transaction(db, self.fence):
                db.execute(statement("load/proof"), values)

        await self.use(insert)

    async def record_run(
        self, run_id: str, outcome: str, began: datetime, ended: datetime, streams: Sequence[StreamReceipt]
    ) -> None:
        """The run as the warehouse's readers see it, in meta.runs and meta.stream_runs."""
        names = ("fetched", "inserted", "updated", "unchanged", "deleted", "dead_letters", "duplicates")

        def insert(db: duckdb.DuckDBPyConnection) -> None:
            with transaction(db, self.fence):
                values = {"run_id": run_id, "outcome": outcome, "started_at": began, "finished_at": ended}
                db.execute(statement("load/run"), values)
                for one in streams:
                    counts = {name: getattr(one.loaded, name) for name in names}
                    about = {
                        "source": one.source,
                        "stream": one.stream,
                        "outcome": one.outcome,
                        "error": one.error,
                    }
                    numbers = {"requests": one.requests, **counts}
                    when = {"run_id": run_id, "finished_at": ended}
                    db.execute(statement("load/stream_run"), {**when, **about, **numbers})

        await self.use(insert)
