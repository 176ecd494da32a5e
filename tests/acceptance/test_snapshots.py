"""What a publish leaves on the disk: what is linked, what is new, what is kept, and what notices damage.

Kills: copies in place of links; links by name and not by version; a hash of something else; snapshots that are
pruned below `keep`; leftovers that stay or are reachable; Parquet without page checksums; a publish that fails
for ever because an older file is gone; a publish by a run that has lost its lease; DuckDB 2's own file format.
"""

import asyncio
import hashlib
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from nightly import ROOT, Account

from pipeline.destinations import lake
from pipeline.destinations.warehouse import ROW_GROUP, Fence
from pipeline.present import rebuild_marts
from pipeline.replay import replay
from schemas.errors import ConfigError, LoadError, PublishError
from schemas.voki import EVALUATIONS


def months(snapshot: Path) -> dict[str, Path]:
    return {path.parent.name: path for path in (snapshot / "evaluations").rglob("*.parquet")}


def next_night(demo: Account) -> Path:
    """One new row, one sync; the new snapshot."""
    demo.now += timedelta(hours=1)
    demo.insert(timedelta(minutes=5))
    assert demo.sync().outcome == "ok"
    return demo.current()


def test_unchanged_months_are_linked_and_changed_ones_are_new(demo: Account) -> None:
    first = months(demo.current())
    late = demo.insert(timedelta(days=40))  # before the lookback: only a full sync or an audit finds it
    demo.insert(timedelta(hours=3))
    demo.now += timedelta(hours=1)
    assert demo.sync().outcome == "ok"
    second = months(demo.current())
    assert first.keys() == second.keys()
    same = {month for month in first if first[month].stat().st_ino == second[month].stat().st_ino}
    assert first.keys() - same == {"month=2025-12"}
    assert all(first[month].name == second[month].name for month in same)
    assert first["month=2025-12"].name != second["month=2025-12"].name
    demo.world.delete(late)


def test_a_deleted_row_and_a_changed_one_make_their_month_new(demo: Account) -> None:
    """The count of rows stays; a version by count alone would link the old file."""
    first = months(demo.current())
    row = demo.world.rows(demo.now - timedelta(days=2))[-1]
    demo.world.edit(row["id"], comment="outra coisa")
    demo.now += timedelta(hours=1)
    assert demo.sync().outcome == "ok"
    second = months(demo.current())
    demo.world.delete(row["id"])
    demo.now += timedelta(hours=1)
    assert demo.sync().outcome == "ok"
    third = months(demo.current())
    assert len({folder["month=2025-12"].stat().st_ino for folder in (first, second, third)}) == 3
    found = pq.read_table(third["month=2025-12"], filters=[("evaluation_id", "=", row["id"])]).to_pylist()
    assert [(one["comment"], one["_deleted_at"] is not None) for one in found] == [("outra coisa", True)]
    assert third["month=2025-11"].stat().st_nlink == 3


def test_a_replay_under_another_privacy_is_seen_in_the_files(demo: Account) -> None:
    """Every row has the time of its first load. Kills: months that are told apart by the times of their loads alone."""
    before = pq.read_table(demo.current() / "evaluations")
    assert before["customer_name"].null_count < len(before)
    assert asyncio.run(replay(demo.config(privacy={"customer_name": "drop"}))).outcome == "ok"
    after = pq.read_table(demo.current() / "evaluations")
    assert after["customer_name"].null_count == len(after) == len(before)


def test_rebuilding_marts_links_every_month(demo: Account) -> None:
    first = months(demo.current())
    snapshot, _ = asyncio.run(rebuild_marts(demo.config(), ()))
    assert {path.stat().st_ino for path in months(snapshot).values()} == {
        path.stat().st_ino for path in first.values()
    }
    assert demo.current() == snapshot


def test_the_manifest_names_every_file_with_its_hash_and_rows(demo: Account) -> None:
    folder = demo.current()
    manifest = json.loads((folder / "manifest.json").read_text())
    named = {one["path"]: one for one in manifest["files"]}
    on_disk = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert on_disk == named.keys() | {"manifest.json", "warehouse.duckdb"}
    assert manifest["run_id"] == folder.name
    for one in [manifest["warehouse"], *named.values()]:
        content = (folder / one["path"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == one["sha256"], one["path"]
    for one in named.values():
        assert pq.read_metadata(folder / one["path"]).num_rows == one["rows"], one["path"]


def test_a_flipped_byte_is_never_read_as_other_data(demo: Account) -> None:
    """In the body of every page it is an error; anywhere at all it is an error or changes nothing."""
    dice = random.Random(3)
    path = max(months(demo.current()).values(), key=lambda file: file.stat().st_size)
    whole, metadata = path.read_bytes(), pq.read_metadata(path)
    table = pq.read_table(pa.BufferReader(whole), page_checksum_verification=True)
    chunks = [metadata.row_group(0).column(number) for number in range(metadata.num_columns)]
    assert all(chunk.has_dictionary_page or chunk.data_page_offset for chunk in chunks)
    for chunk in chunks:
        begin = chunk.dictionary_page_offset or chunk.data_page_offset
        end = begin + chunk.total_compressed_size
        with pytest.raises(OSError, match="CRC"):
            pq.read_table(pa.BufferReader(flipped(whole, end - 1, 0x10)), page_checksum_verification=True)
        for _ in range(12):
            spoiled = flipped(whole, dice.randrange(begin, end), 1 << dice.randrange(8))
            try:
                found = pq.read_table(pa.BufferReader(spoiled), page_checksum_verification=True)
            except (OSError, pa.ArrowException):
                continue
            assert found.equals(table), chunk.path_in_schema


@pytest.mark.parametrize("table", ["evaluations", "evaluations_history"])
def test_a_block_that_nothing_else_reads_is_read_before_it_is_published(table: str, demo: Account) -> None:
    """Comments of months that are linked, and of old versions. Kills: a copy of the file without a look at it."""
    dice = random.Random(1)
    ids = [  # so much text that it has blocks of its own
        demo.insert(timedelta(minutes=minutes), comment=dice.randbytes(2000).hex()) for minutes in range(300)
    ]
    assert demo.sync().outcome == "ok"
    for one in ids if table == "evaluations_history" else []:
        demo.world.edit(one, rating=1)
    demo.now += timedelta(hours=1)
    assert demo.sync().outcome == "ok"
    warehouse, before = demo.data / "state" / "warehouse.duckdb", demo.current()
    with duckdb.connect(str(warehouse), read_only=True) as db:
        stored = db.sql(
            "SELECT column_name, block_id FROM pragma_storage_info(?)", params=[f"core.{table}"]
        ).fetchall()
    shared = {block for name, block in stored if name != "comment"}
    blocks = {block for name, block in stored if name == "comment" and block >= 0} - shared
    assert blocks
    for block in blocks:
        warehouse.write_bytes(flipped(warehouse.read_bytes(), 3 * 4096 + block * 262_144 + 9, 1))
    with pytest.raises(LoadError):
        lake.publish(warehouse, demo.data, "run", [EVALUATIONS], 3)
    assert demo.current() == before


def flipped(content: bytes, place: int, mask: int) -> bytes:
    return content[:place] + bytes([content[place] ^ mask]) + content[place + 1 :]


def test_as_many_snapshots_stay_as_are_kept(demo: Account) -> None:
    made = [demo.current()]
    for number in range(4):
        made.append(publish(demo, f"2999010{number}T000000").folder)
        assert demo.current() == made[-1]
    assert sorted((demo.data / "snapshots").iterdir()) == sorted(made[-3:])
    demo.now += timedelta(hours=1)
    assert demo.sync(snapshots={"keep": 4}).outcome == "ok"
    assert len(list((demo.data / "snapshots").iterdir())) == 4
    with pytest.raises(ConfigError, match="keep"):
        demo.config(snapshots={"keep": 2})


def publish(demo: Account, run_id: str, fence: Fence = nullcontext) -> lake.Snapshot:
    return lake.publish(demo.data / "state/warehouse.duckdb", demo.data, run_id, (EVALUATIONS,), 3, fence)


def test_leftovers_go_and_are_never_seen(demo: Account) -> None:
    leftover = demo.data / "snapshots" / ".20200101T000000.000000Z-dead.tmp"
    (leftover / "evaluations").mkdir(parents=True)
    (leftover / "evaluations" / "half.parquet").write_bytes(b"PAR1")
    (demo.data / ".current.tmp").symlink_to("nowhere")
    assert not [
        path
        for path in demo.data.glob("snapshots/*/**/*.parquet")
        if leftover in path.parents and path.is_relative_to(demo.current())
    ]
    next_night(demo)
    assert not leftover.exists()
    assert not (demo.data / ".current.tmp").is_symlink()
    assert {place.name[0] for place in (demo.data / "snapshots").iterdir()} == {"2"}


def test_a_lost_or_damaged_manifest_or_file_is_written_anew(demo: Account) -> None:
    """An analyst who deletes a file of a snapshot must not stop every later publish."""
    months(demo.current())["month=2025-03"].unlink()
    whole = months(next_night(demo))
    assert "month=2025-03" in whole
    (demo.current() / "manifest.json").write_text("{")
    assert months(next_night(demo)).keys() == whole.keys()


def test_a_month_larger_than_a_row_group_is_written_in_pieces_with_every_row(demo: Account) -> None:
    """In the order of time over all pieces; the parts that follow it are written too."""
    with duckdb.connect(str(demo.data / "state" / "warehouse.duckdb")) as db:
        db.execute(
            "INSERT INTO core.evaluations BY NAME SELECT t.* REPLACE (t.evaluation_id || '-' || n AS evaluation_id,"
            " TIMESTAMPTZ '2024-05-01 00:00:00+00' + n * INTERVAL 1 SECOND AS created_at)"
            " FROM (FROM core.evaluations LIMIT 1) AS t, range(2 * $batch + 7) AS r(n)",
            {"batch": ROW_GROUP},
        )
    snapshot = publish(demo, "large")
    [large] = [one for one in snapshot.files if "month=2024-05" in one.path]
    file = pq.ParquetFile(snapshot.folder / large.path)
    sizes = [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)]
    assert (sum(sizes), large.rows) == (2 * ROW_GROUP + 7, 2 * ROW_GROUP + 7)
    assert max(sizes) <= ROW_GROUP
    moments = file.read(["created_at"]).column(0)
    assert moments.equals(moments.sort())
    others = {one.path for one in snapshot.files} - {large.path}
    assert all(pq.ParquetFile(snapshot.folder / one).metadata for one in others)
    assert any(one.startswith("evaluations/") and "2025-" in one for one in others)


def test_a_row_before_1970_is_in_the_file_of_its_month(demo: Account) -> None:
    with duckdb.connect(str(demo.data / "state" / "warehouse.duckdb")) as db:
        db.execute(
            "INSERT INTO core.evaluations BY NAME SELECT t.* REPLACE ('old' AS evaluation_id,"
            " TIMESTAMPTZ '1969-12-31 23:59:59+00' AS created_at) FROM (FROM core.evaluations LIMIT 1) AS t"
        )
    path = months(publish(demo, "old").folder)["month=1969-12"]
    assert pq.ParquetFile(path).read(["evaluation_id"]).column(0).to_pylist() == ["old"]


def test_current_is_a_relative_link_so_that_the_folder_can_be_moved(demo: Account) -> None:
    assert not (demo.data / "current").readlink().is_absolute()
    moved = demo.data.rename(demo.folder / "elsewhere")
    with duckdb.connect(str(moved / "current" / "warehouse.duckdb"), read_only=True) as db:
        assert db.sql("SELECT count(*) FROM core.evaluations").fetchall() == [(400,)]


def test_a_run_without_its_lease_publishes_nothing(demo: Account) -> None:
    """It was stopped and woke up: another run may have written the file that it copied."""
    before = demo.current()

    @contextmanager
    def lost() -> Iterator[None]:
        raise LoadError("this run lost its lease")
        yield

    with pytest.raises(LoadError):
        publish(demo, "29990101T000000", lost)
    assert demo.current() == before
    next_night(demo)
    assert not list((demo.data / "snapshots").glob("*2999*"))


def test_a_publish_that_fails_leaves_the_old_snapshot(demo: Account) -> None:
    before = demo.current()
    (demo.data / "snapshots" / "29990101T000000").write_text("a file in the way of the folder")
    with pytest.raises(PublishError, match="the previous snapshot stays"):
        publish(demo, "29990101T000000")
    assert demo.current() == before
    assert not list((demo.data / "snapshots").glob(".*"))


# -- other versions of DuckDB ------------------------------------------------------------------------

READ_ALL = """
import json, sys, duckdb
db = duckdb.connect(sys.argv[1], read_only=True)
db.execute("SET TimeZone = 'UTC'")
names = db.execute("SELECT table_schema || '.' || table_name FROM information_schema.tables ORDER BY ALL").fetchall()
print(json.dumps({
    "version": duckdb.__version__,
    "counts": {name: db.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for (name,) in names},
    "marts": {
        name: sorted(map(repr, db.execute(f"SELECT COLUMNS(*)::VARCHAR FROM {name}").fetchall()))
        for (name,) in names if name.startswith("marts.")
    },
}))
"""


def test_the_snapshot_opens_in_duckdb_2_and_in_1_5(demo: Account) -> None:
    older = ROOT / ".venv-duckdb15/bin/python"
    assert older.exists(), "make test makes .venv-duckdb15, with DuckDB 1.5: it is not there"
    answers = []
    for python in (sys.executable, str(older)):
        line = [python, "-c", READ_ALL, str(demo.current() / "warehouse.duckdb")]
        done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        answers.append(json.loads(done.stdout))
    assert [answer.pop("version")[:3] for answer in answers] == ["2.0", "1.5"]
    assert answers[0] == answers[1]
    assert answers[0]["counts"]["core.evaluations"] == len(demo.world)
