"""Readers beside 15 publishes: real processes, and each state that they see is one that was published.

This file is also the readers: `python test_readers.py loop|hold DATA STOP`. A loop opens the published file, asks
several tables that must agree, closes it, then does the same with Parquet, having resolved `current` once. A holder
opens the file once and keeps asking.
Kills: writing into the file that is read; publishing before the marts or the run's record; a snapshot that is
removed while it is the newest or the one before.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

PUBLISHES = 15
PAUSE = 0.25  # seconds between two looks of a reader
FIGURES = (  # each has to say the same of one state
    "SELECT count(*) FROM core.evaluations WHERE _deleted_at IS NULL",
    "SELECT sum(inserted) - sum(deleted) FROM meta.loads",
    "SELECT sum(evaluations) FROM marts.rating_distribution",
    "SELECT sum(evaluations) FROM marts.satisfaction_rate",
    "SELECT sum(evaluations) FROM marts.satisfaction_by_agent",
    "SELECT sum(evaluations) FROM marts.satisfaction_trend WHERE period = 'month'",
    "SELECT rows_present FROM marts.sync_health",
)
POINTS = (
    "SELECT sum(rating) FROM core.evaluations WHERE _deleted_at IS NULL",
    "SELECT sum(rating_sum) FROM marts.satisfaction_by_department",
)
RUN = ("SELECT max(run_id) FROM meta.runs", "SELECT last_run_id FROM marts.sync_health")


# -- the readers -----------------------------------------------------------------------------------


def ask(db: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """One state, in several statements."""
    return {
        name: [
            int(value) if name != "run" else value for sql in asked for (value,) in db.execute(sql).fetchall()
        ]
        for name, asked in (("rows", FIGURES), ("points", POINTS), ("run", RUN))
    }


def ask_parquet(data: Path) -> dict[str, Any]:
    folder = (data / "current").resolve()
    rows = ds.dataset(folder / "evaluations", format="parquet", partitioning="hive").to_table()
    rows = rows.filter(pc.is_null(rows["_deleted_at"]))
    rates = pq.read_table(folder / "marts" / "satisfaction_rate")
    runs = pq.read_table(folder / "meta" / "runs")
    return {
        "rows": [rows.num_rows, pc.sum(rates["evaluations"]).as_py()],
        "points": [pc.sum(rows["rating"]).as_py(), pc.sum(rates["rating_sum"]).as_py()],
        "run": [pc.max(runs["run_id"]).as_py(), folder.name],
    }


def say(how: str, look: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps({"how": how, **look}) + "\n")
    sys.stdout.flush()


def read(how: str, data: Path, stop: Path) -> None:
    """A line of JSON per look; an error ends the process with its traceback."""
    file = str(data / "current" / "warehouse.duckdb")
    if how == "hold":
        with duckdb.connect(file, read_only=True, config={"threads": 1}) as db:
            while not stop.exists():
                say(how, ask(db))
                time.sleep(PAUSE)
        return
    while not stop.exists():
        with duckdb.connect(file, read_only=True, config={"threads": 1}) as db:
            say("duckdb", ask(db))
        say("parquet", ask_parquet(data))
        time.sleep(PAUSE)


if __name__ == "__main__":
    pa.set_cpu_count(1)
    read(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
    sys.exit(0)


# -- the tests -------------------------------------------------------------------------------------

from nightly import ROOT, Account, account  # noqa: E402 - the readers start without them

from connectors.simulator.world import World  # noqa: E402


@contextmanager
def readers(demo: Account, *kinds: str) -> "Iterator[list[subprocess.Popen[str]]]":
    stop = demo.folder / "stop"
    env = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
    outputs = [(demo.folder / f"{number}.{kind}").open("w+") for number, kind in enumerate(kinds)]
    started = [
        subprocess.Popen(
            [sys.executable, __file__, kind, str(demo.data), str(stop)], env=env, stdout=out, text=True
        )
        for kind, out in zip(kinds, outputs, strict=True)
    ]
    try:
        while any(os.fstat(out.fileno()).st_size == 0 for out in outputs):
            assert all(one.poll() is None for one in started)
            time.sleep(0.02)
        yield started
    finally:
        stop.touch()
        for one, out in zip(started, outputs, strict=True):
            one.wait(30)
            out.close()


def few_days() -> World:
    """Two months at most, so that a publish is cheap."""
    world = World()
    for hour in range(120):
        world.insert(
            world.until - timedelta(hours=hour + 1), rating=1 + hour % 5, user_name=f"Ana {hour % 7}"
        )
    return world


def state(demo: Account) -> tuple[int, int]:
    rows = demo.world.rows()
    return len(rows), sum(row["rating"] for row in rows)


def next_night(demo: Account, number: int) -> None:
    """New rows each night, now and then a change and a deletion."""
    demo.now += timedelta(hours=1)
    for minute in range(2 + number % 3):
        demo.insert(timedelta(minutes=minute + 1), rating=1 + number % 5)
    if number % 5 == 0:
        near = demo.world.rows(demo.now - timedelta(hours=20))
        demo.world.delete(str(near[0]["id"]))
        demo.world.edit(str(near[-1]["id"]), rating=1 + number % 4)


def test_two_bi_loops_and_a_holder_beside_thirty_publishes(tmp_path: Path) -> None:
    with account(few_days(), tmp_path) as demo:
        published = {demo.sync().run_id: state(demo)}
        with readers(demo, "loop", "loop", "hold") as started:
            for number in range(PUBLISHES):
                next_night(demo, number)
                receipt = demo.sync()
                assert (receipt.outcome, receipt.error) == ("ok", None)  # no lock of a reader is in its way
                published[receipt.run_id] = state(demo)
                assert all(one.poll() is None for one in started), "a reader has failed"
        assert [one.returncode for one in started] == [0, 0, 0]
        looks = [json.loads(line) for file in tmp_path.glob("?.*") for line in file.read_text().splitlines()]
    assert len(set(published.values())) == len(published) == PUBLISHES + 1
    for look in looks:
        [run_id] = set(look["run"])
        assert (set(look["rows"]), set(look["points"])) == tuple({value} for value in published[run_id])
    seen = {
        how: {look["run"][0] for look in looks if look["how"] == how} for how in ("duckdb", "parquet", "hold")
    }
    assert seen["hold"] == {next(iter(published))}  # an open reader keeps its file, also when it is pruned
    assert min(len(seen["duckdb"]), len(seen["parquet"])) >= 10  # they did look in between


def test_a_parquet_reader_stays_within_the_snapshot_that_it_resolved(tmp_path: Path) -> None:
    """For two publishes at least, since three snapshots are kept."""
    with account(few_days(), tmp_path) as demo:
        demo.sync()
        folder = demo.current()
        before = ds.dataset(folder / "evaluations", partitioning="hive").to_table()
        for number in range(2):
            next_night(demo, number)
            assert demo.sync().outcome == "ok"
        again = ds.dataset(folder / "evaluations", partitioning="hive").to_table()
        assert again.equals(before)
        newest = ds.dataset(demo.current() / "evaluations", partitioning="hive").to_table()
        assert newest.num_rows > before.num_rows


def test_a_sync_neither_touches_a_published_file_nor_minds_who_holds_it(tmp_path: Path) -> None:
    """Not even a reader that opened it for writing, which locks out every other reader of that file."""
    with account(few_days(), tmp_path) as demo:
        demo.sync()
        file = demo.current() / "warehouse.duckdb"
        before = file.read_bytes(), file.stat().st_mtime_ns, file.stat().st_ino
        with duckdb.connect(str(file)):
            next_night(demo, 1)
            assert demo.sync().outcome == "ok"
        assert (file.read_bytes(), file.stat().st_mtime_ns, file.stat().st_ino) == before
        assert demo.current() != file.parent
