"""The grants of all processes on one data folder: one SQLite file (grants_file.py), which nothing else opens.

Promises that a grant is on disk before `take` returns; that a slot is in use until its window has passed
after the moment its row ends; that processes which take at once never get more than the limit together;
that a file which cannot be trusted grants nothing; and that a new or an older file in the place of a lost one
grants nothing either until a day after the last request that it may not know of. It never waits for a slot and
knows no HTTP.

A row `ends` when its answer came. Until then it ends `hold` seconds after the grant, so a process that dies
leaves a slot in use a little too long, never too short. All times in the file are readings of the steady
clock of one boot. The first step after a reboot shifts them on to the new boot by what the wall clock has
gone beyond its latest reading of all steps before, and by nothing when it is behind that.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from connectors import grants_file
from connectors.clock import Clock
from schemas.errors import ConfigError, RetryableSourceError

_BUSY_TRIES = 6
_SWEEP_EVERY = 500  # grants between two deletions of rows that no window can see any more

# The pool of all keys and groups: closed while it is not known what they have spent.
_ALL = ("", "")

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Trace:
    """What is known of earlier grants from outside of this file."""

    granted: int  # at least so many were given out here
    age: float  # for so many seconds none has been


@dataclass(frozen=True, slots=True)
class Window:
    """At most `limit` requests in every rolling `seconds`."""

    name: str
    limit: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Taken:
    row: int
    at: float  # the steady clock when it was granted


@dataclass(frozen=True, slots=True)
class Wait:
    """No slot is free sooner than in `seconds`; `cause` is the window's name, "block", or "lost"."""

    seconds: float
    cause: str


class Grants:
    """Owns the connection; every call belongs on the one thread that opened it."""

    def __init__(
        self, path: Path, clock: Clock, *, hold: float, longest: float, trace: Trace | None = None
    ) -> None:
        self._path, self._clock = path, clock
        self._hold, self._longest = hold, longest
        self._file = self._safely(lambda: self._open(trace))
        if trace is not None:
            self._safely(lambda: self._compare(trace))

    def pool(self, key: str, name: str) -> int:
        """The counter of one credential on one endpoint group."""
        return self._safely(lambda: self._pool(key, name))

    def take(self, pool: int, windows: Sequence[Window]) -> Taken | Wait:
        return self._safely(lambda: self._take(pool, windows))

    def release(self, row: int) -> None:
        """The answer came: the slot's windows run from now."""

        def end() -> None:
            # Without an fsync: a power cut that undoes it only holds the slot longer.
            self._file.execute("PRAGMA synchronous = NORMAL")
            try:
                with self._step() as now:
                    self._file.execute("UPDATE grants SET ends = ? WHERE id = ?", (now, row))
            finally:
                self._file.execute("PRAGMA synchronous = FULL")

        self._safely(end)

    def block(self, pool: int, seconds: float) -> None:
        """Nothing is granted in `pool` for `seconds` from now; a longer block stays."""

        def shut() -> None:
            with self._step() as now:
                self._file.execute(
                    "UPDATE pools SET blocked = max(coalesce(blocked, ?1), ?1) WHERE id = ?2",
                    (now + seconds, pool),
                )

        self._safely(shut)

    def used(self, pool: int, windows: Sequence[Window]) -> tuple[int, ...]:
        """Slots in use, for each window."""

        def count() -> tuple[int, ...]:
            with self._step() as now:
                return tuple(self._in_use(pool, window, now) for window in windows)

        return self._safely(count)

    def granted(self) -> int:
        """How many grants were ever given out."""
        return self._safely(self._granted)

    def closed(self) -> float:
        """Seconds for which nothing is granted at all, because it is not known what was spent."""

        def left() -> float:
            with self._step() as now:
                return max(0.0, self._closed_until(now) - now)

        return self._safely(left)

    def reopen(self) -> None:
        """Grant again although it is not known what was spent: somebody has decided so."""

        def clear() -> None:
            with self._step():
                self._file.execute("UPDATE pools SET blocked = NULL WHERE key = ? AND name = ?", _ALL)

        self._safely(clear)

    def close(self) -> None:
        self._file.close()

    def _granted(self) -> int:
        found = self._file.execute("SELECT seq FROM sqlite_sequence WHERE name = 'grants'").fetchone()
        return 0 if found is None else int(found[0])

    def _closed_until(self, now: float) -> float:
        found = self._file.execute("SELECT blocked FROM pools WHERE key = ? AND name = ?", _ALL).fetchone()
        return now if found is None or found[0] is None else float(found[0])

    def _compare(self, trace: Trace) -> None:
        """An older copy of the file does not know of the newest grants."""
        if self._granted() < trace.granted:
            with self._step() as now:
                self._shut(self._file, now, trace)

    def _shut(self, file: sqlite3.Connection, now: float, trace: Trace) -> None:
        """What it does not know of may be counted until `hold` after its grant."""
        until = now + max(0.0, self._longest + self._hold - trace.age)
        file.execute(
            "INSERT INTO pools (key, name, blocked) VALUES (?, ?, ?)"
            " ON CONFLICT DO UPDATE SET blocked = max(coalesce(blocked, 0), excluded.blocked)",
            (*_ALL, until),
        )

    def _pool(self, key: str, name: str) -> int:
        with self._step():
            self._file.execute("INSERT OR IGNORE INTO pools (key, name) VALUES (?, ?)", (key, name))
            found = self._file.execute("SELECT id FROM pools WHERE key = ? AND name = ?", (key, name))
            return int(found.fetchone()[0])

    def _take(self, pool: int, windows: Sequence[Window]) -> Taken | Wait:
        with self._step() as now:
            free_at, cause = self._free_at(pool, windows, now)
            if free_at > now:
                return Wait(free_at - now, cause)
            row = self._file.execute(
                "INSERT INTO grants (pool, ends) VALUES (?, ?)", (pool, now + self._hold)
            ).lastrowid
            if not row:
                raise sqlite3.DatabaseError("a grant was not stored")
            self._file.execute("UPDATE pools SET size = size + 1 WHERE id = ?", (pool,))
            if row % _SWEEP_EVERY == 0:
                self._sweep(pool, now)
            return Taken(row, now)

    def _sweep(self, pool: int, now: float) -> None:
        self._file.execute("DELETE FROM grants WHERE pool = ? AND ends <= ?", (pool, now - self._longest))
        self._file.execute(
            "UPDATE pools SET size = (SELECT count(*) FROM grants WHERE pool = ?1) WHERE id = ?1", (pool,)
        )

    def _free_at(self, pool: int, windows: Sequence[Window], now: float) -> tuple[float, str]:
        """When the next slot is free at the earliest, and what it waits for.

        Of the rows in use, all but limit - 1 have to leave the window first. A row whose answer is still out
        may end now at the earliest: no wait is ever longer than it must be.
        """
        blocked, size = self._file.execute("SELECT blocked, size FROM pools WHERE id = ?", (pool,)).fetchone()
        moments = [(now if blocked is None else blocked, "block"), (self._closed_until(now), "lost")]
        for window in windows:
            if size < window.limit:
                continue  # the day is counted only when it may be full
            surplus = self._in_use(pool, window, now) - window.limit
            if surplus >= 0:
                (ends,) = self._file.execute(
                    "SELECT ends FROM grants WHERE pool = ? AND ends > ? ORDER BY ends LIMIT 1 OFFSET ?",
                    (pool, now - window.seconds, surplus),
                ).fetchone()
                moments.append((min(ends, now) + window.seconds, window.name))
        return max(moments)

    def _in_use(self, pool: int, window: Window, now: float) -> int:
        statement = (
            "SELECT count(*) FROM grants WHERE pool = ? AND ends > ?"  # the index alone: 0.4 ms of 10,000
        )
        return int(self._file.execute(statement, (pool, now - window.seconds)).fetchone()[0])

    @contextmanager
    def _step(self) -> Iterator[float]:
        """One atomic step of all processes; yields the time in the file's own terms."""
        execute = self._file.execute
        execute("BEGIN IMMEDIATE")
        try:
            boot, steady, wall = self._readings()  # after the lock: a later step never has an earlier time
            before = self._file.total_changes
            self._align(boot, steady, wall)
            yield steady
            if self._file.total_changes != before:
                # max: a wall clock that was behind for a while does not seem to jump ahead over a reboot
                execute("UPDATE timeline SET boot = ?, steady = ?, wall = max(wall, ?)", (boot, steady, wall))
            execute("COMMIT")
        finally:
            if self._file.in_transaction:
                execute("ROLLBACK")

    def _readings(self) -> tuple[str, float, float]:
        boot, wall = self._clock.boot, self._clock.wall()
        return boot, self._clock.steady() if boot else wall, wall

    def _align(self, boot: str, steady: float, wall: float) -> None:
        """Shift the file's times on to this boot, if its last step was made in another one."""
        was = self._file.execute("SELECT boot, steady, wall FROM timeline").fetchone()
        if was[0] == boot and steady >= was[1]:
            return
        shift = steady - was[1] - max(0.0, wall - was[2])
        self._file.execute("UPDATE grants SET ends = ends + ?", (shift,))
        self._file.execute("UPDATE pools SET blocked = blocked + ?", (shift,))

    def _open(self, trace: Trace | None) -> sqlite3.Connection:
        def fill(file: sqlite3.Connection) -> None:
            boot, steady, wall = self._readings()
            file.execute("INSERT INTO timeline VALUES (?, ?, ?)", (boot, steady, wall))
            if trace is not None:
                self._shut(file, steady, trace)  # closed from its first moment

        return grants_file.open_file(self._path, fill)

    def _safely(self, step: Callable[[], _T]) -> _T:
        """Run `step`; a busy file is tried again, any other trouble refuses the request."""
        for _ in range(_BUSY_TRIES):
            try:
                return step()
            except sqlite3.Error as error:
                code = getattr(error, "sqlite_errorcode", 0) & 0xFF
                if code not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL):
                    raise ConfigError(
                        f"{self._path}: the ledger of requests cannot be used ({error}), so nothing is sent. "
                        "Check the disk and the file's permissions; if the file is damaged, move it away: "
                        "a new one grants nothing until 24 hours after the last request."
                    ) from error
            except OSError as error:
                raise ConfigError(
                    f"{self._path}: the ledger of requests cannot be made ({error.strerror}). "
                    "Give the state folder of this data_dir to the user who runs evalsync."
                ) from error
        raise RetryableSourceError(
            f"{self._path}: another process has locked the ledger of requests for "
            f"{_BUSY_TRIES * grants_file.BUSY_SECONDS:.0f} seconds; end it if it hangs"
        )
