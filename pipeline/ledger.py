"""The ledger of runs and the lease: state/ledger.sqlite, shared by all processes on the data folder.

Promises: one run at a time; a run whose process is dead, or has not given a sign for `TTL`, loses its lease to the
next; a run that lost its lease cannot commit (`fence` holds the ledger's write lock while it checks the token and
the caller commits). The lease names pid and start of its holder.
"""

import json
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from connectors.clock import Clock
from pipeline.files import PRIVATE_FILE
from schemas.errors import ConfigError, LoadError, WarehouseBusy

TTL = 120.0  # seconds without a sign of life
TABLES = """
CREATE TABLE IF NOT EXISTS lease (
    one INTEGER PRIMARY KEY CHECK (one = 1), token INTEGER NOT NULL, run_id TEXT, pid INTEGER, born TEXT,
    boot TEXT, started_at REAL, sign_wall REAL, sign_steady REAL
);
INSERT OR IGNORE INTO lease (one, token) VALUES (1, 0);
CREATE TABLE IF NOT EXISTS runs (
    run_id TEXT PRIMARY KEY, pid INTEGER NOT NULL, started_at REAL NOT NULL, finished_at REAL, outcome TEXT,
    receipt TEXT
);
"""


@dataclass(frozen=True, slots=True)
class Lease:
    run_id: str
    token: int  # fencing: grows with every lease


class Ledger:
    """Owns the ledger's file; opens it for each call, so that no lock outlives a call."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        try:
            path.touch(mode=PRIVATE_FILE)
            with self._connected() as db:
                db.executescript(TABLES)
        except (OSError, sqlite3.DatabaseError) as error:
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
                raise WarehouseBusy(f"{path} is locked by another process; try again") from None
            raise ConfigError(
                f"{path} cannot be used as the ledger of runs ({error}); check the data folder"
            ) from None

    def acquire(self, run_id: str) -> Lease:
        """The lease, or WarehouseBusy naming who holds it."""
        with self._write() as db:
            held = db.execute(
                "SELECT token, run_id, pid, born, boot, started_at, sign_wall, sign_steady FROM lease"
            ).fetchone()
            token, holder, pid, born, boot, started_at, sign_wall, sign_steady = held
            if holder is not None and self._alive(pid, born, boot, sign_wall, sign_steady):
                since = datetime.fromtimestamp(started_at, UTC).isoformat(timespec="seconds")
                raise WarehouseBusy(f"another run holds the lease: process {pid}, since {since} ({holder})")
            if holder is not None:
                db.execute("UPDATE runs SET outcome = 'lost' WHERE run_id = ? AND outcome IS NULL", [holder])
            now, steady = self._clock.wall(), self._clock.steady()
            db.execute(
                "UPDATE lease SET token = ?, run_id = ?, pid = ?, born = ?, boot = ?, started_at = ?, sign_wall = ?,"
                " sign_steady = ?",
                [token + 1, run_id, os.getpid(), _born(os.getpid()), self._clock.boot, now, now, steady],
            )
            db.execute(
                "INSERT INTO runs (run_id, pid, started_at) VALUES (?, ?, ?)", [run_id, os.getpid(), now]
            )
            return Lease(run_id, token + 1)

    def sign(self, lease: Lease) -> None:
        """A sign of life. Raises LoadError when the lease is lost."""
        with self._write() as db:
            _check(db, lease)
            db.execute(
                "UPDATE lease SET sign_wall = ?, sign_steady = ?", [self._clock.wall(), self._clock.steady()]
            )

    @contextmanager
    def fence(self, lease: Lease) -> Iterator[None]:
        """Nobody can take the lease while the body runs. Raises LoadError when somebody already did."""
        with self._write() as db:
            _check(db, lease)
            yield

    def release(self, lease: Lease, outcome: str, receipt: Mapping[str, Any]) -> None:
        """End the run: its outcome and receipt are kept, the lease is free."""
        with self._write() as db:
            db.execute(
                "UPDATE runs SET finished_at = ?, outcome = ?, receipt = ? WHERE run_id = ?",
                [self._clock.wall(), outcome, json.dumps(receipt), lease.run_id],
            )
            db.execute("UPDATE lease SET run_id = NULL WHERE token = ?", [lease.token])

    def runs(self, most: int = 20) -> list[dict[str, Any]]:
        """The newest runs first: run_id, pid, started_at, finished_at, outcome, receipt."""
        with self._open() as db:
            db.row_factory = sqlite3.Row
            found = db.execute("SELECT * FROM runs ORDER BY started_at DESC LIMIT ?", [most]).fetchall()
        return [{**dict(run), "receipt": json.loads(run["receipt"] or "null")} for run in found]

    def _alive(self, pid: int, born: str, boot: str, sign_wall: float, sign_steady: float) -> bool:
        if boot and boot != self._clock.boot:
            return False  # the machine has started anew since
        if _born(pid) != born:
            return False
        same = boot == self._clock.boot and boot != ""
        silent = self._clock.steady() - sign_steady if same else self._clock.wall() - sign_wall
        return silent < TTL

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=30.0, isolation_level=None)) as db:
            db.execute("PRAGMA synchronous = FULL")
            yield db

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._connected() as db:
                yield db
        except sqlite3.DatabaseError as error:
            raise LoadError(f"{self._path} cannot be read or written ({error}); check the disk") from None

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        with self._open() as db:
            try:
                db.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                    raise
                raise WarehouseBusy(
                    f"{self._path} is locked by another process ({error}); try again"
                ) from None
            try:
                yield db
            except BaseException:
                if db.in_transaction:  # a full disk has ended it already
                    db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")


def _check(db: sqlite3.Connection, lease: Lease) -> None:
    [(token, run_id)] = db.execute("SELECT token, run_id FROM lease").fetchall()
    if token != lease.token or run_id != lease.run_id:
        raise LoadError(
            "this run lost its lease to a newer one (it was stopped for too long): nothing was committed"
        )


def _born(pid: int) -> str:
    """When a process began, so that a reused pid is not taken for it; empty where it is not there."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "" if not _exists(pid) else "alive"
    return "" if fields[0] in ("Z", "X") else fields[19]


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
