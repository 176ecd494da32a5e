"""The file of grants: made whole or not at all, and refused where it cannot be trusted. Knows nothing of requests.

Promises that the file is private; that a file which is there is never replaced, and one that is gone or empty while
somebody uses it is an error and not a new ledger; that a new file never takes up the journal of a lost one.
"""

import fcntl
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from secrets import token_hex
from urllib.parse import quote

VERSION = 1
SCHEMA = f"""
CREATE TABLE timeline (boot TEXT NOT NULL, steady REAL NOT NULL, wall REAL NOT NULL);
CREATE TABLE pools (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL, name TEXT NOT NULL,
    blocked REAL, -- nothing is granted before this moment
    size INTEGER NOT NULL DEFAULT 0, -- its rows in grants: at least as many as are in use
    UNIQUE (key, name)
);
-- AUTOINCREMENT: the id of a deleted row never comes back, so a late release cannot hit another grant
CREATE TABLE grants (id INTEGER PRIMARY KEY AUTOINCREMENT, pool INTEGER NOT NULL, ends REAL NOT NULL);
CREATE INDEX grants_newest ON grants (pool, ends);
PRAGMA user_version = {VERSION};
"""
BUSY_SECONDS = 5.0


def open_file(path: Path, fill: Callable[[sqlite3.Connection], None]) -> sqlite3.Connection:
    """The file, made and filled where there is none. Raises sqlite3.Error and OSError."""
    if not path.exists():
        _create(path, fill)
    # mode=rw: a file that is gone by now is an error, not a new and empty ledger
    file = sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?mode=rw", uri=True, timeout=BUSY_SECONDS, isolation_level=None
    )
    try:
        file.execute("PRAGMA synchronous = FULL")
        if file.execute("PRAGMA user_version").fetchone()[0] != VERSION:
            raise sqlite3.DatabaseError("not a ledger of this version")
        if (found := file.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
            raise sqlite3.DatabaseError(found)
    except sqlite3.Error:
        file.close()
        raise
    return file


def _create(path: Path, fill: Callable[[sqlite3.Connection], None]) -> None:
    """Put a whole ledger in place or none: an empty file later on is damage, not a new ledger."""
    folder = path.parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = folder / f".{path.name}.{token_hex(8)}"
    os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    try:
        file = sqlite3.connect(draft, isolation_level=None)
        try:
            file.execute("PRAGMA journal_mode = WAL")
            file.executescript(SCHEMA)
            fill(file)
        finally:
            file.close()
        _put(draft, path)
    finally:
        draft.unlink()


def _put(draft: Path, path: Path) -> None:
    """By a link: unlike a rename, it never replaces another process's ledger."""
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(
            directory, fcntl.LOCK_EX
        )  # else the journal could be that of another process's new ledger
        if not path.exists():
            for end in ("-wal", "-shm"):
                path.with_name(path.name + end).unlink(missing_ok=True)
            os.link(draft, path)
        os.fsync(directory)
    finally:
        os.close(directory)
