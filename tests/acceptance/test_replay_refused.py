"""A replay that is killed, stopped or refused leaves everything whole, and loses no row without a word.

Kills: a new file that gets its name before it is finished; an old one that is removed first; an old log of changes
beside the new file; a rebuild from what happens to be there.
"""

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any

import lab
import pytest
from contents import contents

from pipeline.destinations import rebuild
from pipeline.destinations.warehouse import connect
from pipeline.replay import replay
from schemas.errors import ConfigError, LoadError

HOUR = timedelta(hours=1)

# -- killed, stopped ---------------------------------------------------------------------------------


async def test_a_stopped_replay_and_one_that_lost_its_lease_change_nothing(tmp_path: Path) -> None:
    async with lab.source(lab.table(30), tmp_path) as (_, to):
        await lab.sync_only(to)
    working = to.data_dir / "state" / "warehouse.duckdb"
    before = working.stat()
    stop = asyncio.Event()
    stop.set()
    stopped = await replay(to, stop=stop)
    assert (stopped.outcome, stopped.snapshot) == ("paused", None)
    fresh = working.with_name(".fresh")
    rebuild.begin(fresh, None, (), ())

    @contextmanager
    def lost() -> Iterator[None]:
        raise LoadError("the lease is lost")
        yield

    with pytest.raises(LoadError, match="lease is lost"):
        rebuild.put_in_place(fresh, working, lost, readable=True)
    assert (working.stat().st_ino, working.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize("readable", [True, False])
def test_the_old_log_of_changes_never_meets_the_new_file(readable: Any, tmp_path: Path) -> None:
    """Of a warehouse whose run was killed: what its log holds is folded in, or set aside with a damaged file."""
    working, fresh = tmp_path / "warehouse.duckdb", tmp_path / ".fresh"
    with connect(tmp_path / "open.duckdb") as db:
        db.execute("CREATE TABLE core.more AS SELECT 1 AS n")
        for suffix in ("", ".wal"):
            shutil.copyfile(f"{tmp_path}/open.duckdb{suffix}", f"{working}{suffix}")
    rebuild.begin(fresh, None, (), ())
    aside = rebuild.put_in_place(fresh, working, nullcontext, readable=readable)
    assert not working.with_name("warehouse.duckdb.wal").exists()
    with connect(working) as db:
        assert db.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'more'").fetchall() == [
            (0,)
        ]
    kept = sorted(path.name for path in tmp_path.glob("warehouse.duckdb.*"))
    assert kept == ([] if readable else ["warehouse.duckdb.damaged", "warehouse.duckdb.damaged.wal"])
    assert (aside is None) == readable


# -- refused -----------------------------------------------------------------------------------------


async def test_what_would_lose_rows_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    async with lab.source(lab.table(40), tmp_path) as (simulator, to):
        with pytest.raises(ConfigError, match="nothing to rebuild from"):
            await replay(to)
        for _ in range(3):
            simulator.world.insert(simulator.world.until - HOUR)
            await lab.sync_only(to)
    working, packages = to.data_dir / "state" / "warehouse.duckdb", to.data_dir / "state" / "packages"
    before = contents(working)
    stream = packages / "demo" / "evaluations"
    first_pass = min(stream.glob("*-1"))
    cases = {
        stream / "loads": "demo/evaluations was loaded by an older evalsync",
        stream / "loads" / "000001.load": "the packages of 1 of its loads before",
        stream / "loads" / "000002.load": "the packages of 1 of its loads before",
        stream / "loads" / "000003.load": "the packages of 1 of its loads before",
        first_pass: r"the packages of 1 of its loads before 20\d\d-\d\d-\d\d .*packages.keep \(it is 30d\)",
        packages / "demo": "demo/evaluations was loaded by an older evalsync",
    }
    for taken, sentence in cases.items():
        away = taken.rename(tmp_path / "away")
        with pytest.raises(ConfigError, match=sentence):
            await replay(to)
        away.rename(taken)
        assert contents(working) == before
        assert [path.name for path in working.parent.glob("*warehouse*")] == [working.name]
    (stream.parent / "ratings" / "loads").mkdir(parents=True)
    with pytest.raises(ConfigError, match=r"demo/ratings was loaded, but config.yaml does not say"):
        await replay(to)
    (stream.parent / "ratings").rename(packages / "other")
    working.rename(tmp_path / "lost")
    with pytest.raises(ConfigError, match="the rows of other would be lost"):
        await replay(to)
