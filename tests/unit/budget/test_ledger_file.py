"""The ledger as a file: private, made once, and never trusted when it is damaged."""

import asyncio
import os
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from connectors.budget import Budget
from connectors.clock import system_clock
from connectors.source import Limit
from schemas.errors import ConfigError

MANY = Limit(1_000_000, 1_000_000)


def open_budget(path: Path) -> Budget:
    return Budget(path, system_clock(), {"list": MANY}, key="key", place_source="demo")


async def fill(path: Path, count: int) -> None:
    with closing(open_budget(path)) as budget:
        for _ in range(count):
            await budget.release(await budget.grant("list"))


async def test_file_and_folder_are_private(tmp_path: Path) -> None:
    path = tmp_path / "state" / "budget.sqlite"
    with closing(open_budget(path)) as budget:
        await budget.grant("list")
        modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert modes == {f"budget.sqlite{end}": 0o600 for end in ("", "-wal", "-shm")}


async def test_commits_reach_the_disk(tmp_path: Path) -> None:
    """WAL with synchronous=FULL: each commit is fsynced. Mutant: the default of a faster build."""
    with closing(open_budget(tmp_path / "budget.sqlite")) as budget:
        ask = budget._grants._file.execute
        found = await budget._run(
            lambda: (ask("PRAGMA journal_mode").fetchone()[0], ask("PRAGMA synchronous").fetchone()[0])
        )
    assert found == ("wal", 2)


async def test_many_may_make_the_file_at_once(tmp_path: Path) -> None:
    """Mutants: the last one replaces the others' ledger; a half-made file is opened."""
    path = tmp_path / "budget.sqlite"
    start = threading.Barrier(8)

    def one() -> None:
        start.wait()
        asyncio.run(fill(path, 5))

    with ThreadPoolExecutor(8) as threads:
        for future in [threads.submit(one) for _ in range(8)]:
            future.result()
    with closing(open_budget(path)) as budget:
        (left,) = await budget.left()
    assert left.minute_left == 1_000_000 - 40
    assert {name for _, _, names in os.walk(tmp_path) for name in names} == {"budget.sqlite"}


def empty(path: Path) -> None:
    path.write_bytes(b"")


def rubbish(path: Path) -> None:
    path.write_bytes(b"\x89no database" * 1000)


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def zeroed(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(-4096, os.SEEK_END)  # rows, which nothing reads at the start
        file.write(bytes(4096))


def foreign(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as file:
        file.execute("CREATE TABLE grants (id INTEGER PRIMARY KEY)")


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA user_version = 99")


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("damage", [empty, rubbish, cut, zeroed, foreign, newer, folder])
async def test_a_file_that_cannot_be_trusted_grants_nothing(tmp_path: Path, damage: object) -> None:
    """Mutant: begin with a new and empty ledger."""
    path = tmp_path / "budget.sqlite"
    await fill(path, 300)
    assert callable(damage)
    damage(path)
    with pytest.raises(
        ConfigError, match=r"budget\.sqlite: the ledger of requests cannot be used"
    ) as refused:
        open_budget(path)
    assert "nothing is sent" in str(refused.value)


async def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    with pytest.raises(ConfigError, match=r"budget\.sqlite: the ledger of requests cannot be made"):
        open_budget(tmp_path / "state" / "budget.sqlite")


async def test_trouble_on_the_way_refuses_grants_but_keeps_the_answer(tmp_path: Path) -> None:
    """Mutants: grant without the ledger; a page that came is lost because its release failed."""
    path = tmp_path / "budget.sqlite"
    with closing(open_budget(path)) as budget:
        grant = await budget.grant("list")
        with closing(sqlite3.connect(path)) as other:
            other.execute("DROP TABLE grants")
        with capture_logs() as logs:
            await budget.release(grant)
        assert [(line["event"], line["log_level"]) for line in logs] == [("release_failed", "warning")]
        with pytest.raises(ConfigError, match="no such table"):
            await budget.grant("list")


async def test_a_busy_file_is_waited_for(tmp_path: Path) -> None:
    """Another process is in its step. Mutants: fail at once; the time is read before the lock."""
    path = tmp_path / "budget.sqlite"
    with closing(open_budget(path)) as budget, closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        waiting = asyncio.create_task(budget.grant("list"))
        await asyncio.sleep(0.2)
        assert not waiting.done()
        freed = system_clock().steady()
        other.execute("COMMIT")
        assert (await waiting).until >= freed + 90


async def test_rows_that_no_window_sees_are_deleted(tmp_path: Path) -> None:
    """Mutant: the file grows for ever."""
    path = tmp_path / "budget.sqlite"
    with closing(open_budget(path)) as budget:
        await budget.grant("list")
        long_ago = system_clock().steady() - 25 * 3_600
        with closing(sqlite3.connect(path)) as other:
            other.executemany("INSERT INTO grants (pool, ends) VALUES (1, ?)", [(long_ago,)] * 498)
            other.execute("UPDATE pools SET size = 499")
            other.commit()
        await budget.grant("list")
        with closing(sqlite3.connect(path)) as other:
            found = other.execute("SELECT count(*), max(grants.id), size FROM grants, pools").fetchone()
        assert found == (2, 500, 2)
