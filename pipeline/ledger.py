"""The ledger of runs and the lease: state/ledger.sqlite, shared by all processes on the data folder.

Promises: one run at a time; a run whose process is dead, or has not given a sign for `TTL`, loses its lease to the
next; a run that lost its lease cannot commit (`fence` holds the ledger's write lock while it checks the token and
the caller commits). The lease names pid and start of its holder. It also remembers how many requests were granted
when (`saw_grants`), so that a lost or older budget.sqlite is noticed.
"""

import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from connectors.clock import Clock
from pipeline.files import PRIVATE_FILE
from schemas.errors import ConfigError, LoadError, WarehouseBusy

TTL = 120.0  # seconds without a sign of life
PAST = 30  # runs of the same sources that are looked at to see what is due
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
CREATE TABLE IF NOT EXISTS covers (run_id TEXT PRIMARY KEY, sources TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS grants (
    one INTEGER PRIMARY KEY CHECK (one = 1), granted INTEGER NOT NULL, boot TEXT NOT NULL, wall REAL NOT NULL,
    steady REAL NOT NULL
);
"""


@dataclass(frozen=True, slots=True)
class Lease:
    run_id: str
    token: int  # fencing: grows with every lease


@dataclass(frozen=True, slots=True)
class Past:
    """A run that read whole sources, as a night does."""

    run_id: str
    began: datetime
    ended: datetime | None  # None: it is under way, or was killed
    outcome: str | None  # None: it is under way
    covers: frozenset[str]  # sources
    receipt: Mapping[str, Any]


Claim = Callable[[Sequence[Past]], bool]  # of the newest such runs: is another one wanted?


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
                f"{path} cannot be used as the ledger of runs ({error}); check the data folder, or, if the file is"
                " damaged and no run is under way, move it away: only the list of runs is lost"
            ) from None

    def acquire(self, run_id: str, covers: Sequence[str] = (), claim: Claim | None = None) -> Lease:
        """The lease, or WarehouseBusy naming who holds it.

        `covers` are the sources that the run will read whole. With a `claim` the run is begun only where that says
        so: nobody can begin one between the question and the lease.
        """
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
            if claim is not None and not claim(_past(db, None)):
                raise WarehouseBusy("another run has done this meanwhile")
            now, steady = self._clock.wall(), self._clock.steady()
            db.execute(
                "UPDATE lease SET token = ?, run_id = ?, pid = ?, born = ?, boot = ?, started_at = ?, sign_wall = ?,"
                " sign_steady = ?",
                [token + 1, run_id, os.getpid(), _born(os.getpid()), self._clock.boot, now, now, steady],
            )
            db.execute(
                "INSERT INTO runs (run_id, pid, started_at) VALUES (?, ?, ?)", [run_id, os.getpid(), now]
            )
            db.execute("INSERT INTO covers VALUES (?, ?)", [run_id, json.dumps(list(covers))])
            return Lease(run_id, token + 1)

    def past(self) -> list[Past]:
        """The newest runs that read whole sources, newest first, of each choice of sources as many."""
        with self._open() as db:
            return _past(db, self._under_way(db))

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

    def saw_grants(self, granted: int) -> None:
        """So many requests were granted up to now, over all sources."""
        with self._write() as db:
            db.execute(
                "INSERT OR REPLACE INTO grants VALUES (1, ?, ?, ?, ?)",
                [granted, self._clock.boot, self._clock.wall(), self._clock.steady()],
            )

    def grants_seen(self) -> tuple[int, float] | None:
        """How many requests were granted as far as is known, and the seconds since; None where none ever were."""
        with self._open() as db:
            found = db.execute("SELECT granted, boot, wall, steady FROM grants").fetchone()
        if found is None:
            return None
        granted, boot, wall, steady = found
        return granted, max(0.0, self._since(boot, wall, steady))

    def runs(self, most: int = 20) -> list[dict[str, Any]]:
        """The newest runs first: run_id, pid, started_at, finished_at, outcome, receipt."""
        with self._open() as db:
            db.row_factory = sqlite3.Row
            found = db.execute("SELECT * FROM runs ORDER BY started_at DESC LIMIT ?", [most]).fetchall()
        return [{**dict(run), "receipt": json.loads(run["receipt"] or "null")} for run in found]

    def totals(self) -> list[tuple[str, int, float]]:
        """Outcome, how many runs, their seconds in sum. One without an end is `running`, or `lost`: it was killed."""
        with self._open() as db:
            under_way = self._under_way(db)
            return db.execute(
                "SELECT coalesce(outcome, iif(run_id IS ?, 'running', 'lost')) AS ended, count(*),"
                " coalesce(sum(finished_at - started_at), 0.0) FROM runs GROUP BY ended",
                [under_way],
            ).fetchall()

    def _under_way(self, db: sqlite3.Connection) -> str | None:
        """The run that holds the lease and lives."""
        holder, *sign = db.execute(
            "SELECT run_id, pid, born, boot, sign_wall, sign_steady FROM lease"
        ).fetchone()
        return holder if holder is not None and self._alive(*sign) else None

    def _alive(self, pid: int, born: str, boot: str, sign_wall: float, sign_steady: float) -> bool:
        if boot and boot != self._clock.boot:
            return False  # the machine has started anew since
        if _born(pid) != born:
            return False
        return self._since(boot, sign_wall, sign_steady) < TTL

    def _since(self, boot: str, wall: float, steady: float) -> float:
        same = boot == self._clock.boot and boot != ""
        return self._clock.steady() - steady if same else self._clock.wall() - wall

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


def _past(db: sqlite3.Connection, under_way: str | None) -> list[Past]:
    """A run without an end that is not under way was killed."""
    found = db.execute(
        "SELECT run_id, started_at, finished_at, outcome, sources, receipt FROM ("
        "  SELECT *, row_number() OVER (PARTITION BY sources ORDER BY started_at DESC) AS nth"
        "  FROM runs JOIN covers USING (run_id) WHERE sources <> '[]'"
        ") WHERE nth <= ? ORDER BY started_at DESC",
        [PAST],
    ).fetchall()
    return [
        Past(
            run_id,
            datetime.fromtimestamp(began, UTC),
            datetime.fromtimestamp(ended, UTC) if ended else None,
            outcome or ("lost" if run_id != under_way else None),
            frozenset(json.loads(sources)),
            json.loads(receipt or "{}"),
        )
        for run_id, began, ended, outcome, sources, receipt in found
    ]


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
