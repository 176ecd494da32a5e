"""A disk that is full: a sentence and a code, the old snapshot stays, the next run heals and loses nothing.

Kills: an OSError of a page that is no LoadError; a ledger that dies of SQLite's own error; a connection that is
used again after it died; a publish that renames before everything is written.
"""

import hashlib
import json
import os
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import duckdb
import pytest
from nightly import Account, account, command

from connectors.simulator.year import generate

MANY = 1500  # rows that come in the night of the full disk


@dataclass(frozen=True, slots=True)
class Full:
    """How the disk is full, and the part that hits it."""

    kilobytes: int
    hits: str
    of_disk: bool = True  # else it is a limit on the size of each file, for which nobody has to be root


def mount(folder: Path) -> None:
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "none", str(folder)], check=True, capture_output=True
    )


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    folder.mkdir()
    mount(folder)
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def cases() -> list[Full]:
    """Who may not mount a disk has the limit on files only."""
    limit = Full(200, "warehouse.duckdb", of_disk=False)
    with tempfile.TemporaryDirectory() as place:
        try:
            mount(Path(place))
        except (OSError, subprocess.CalledProcessError):
            return [limit]
        subprocess.run(["umount", place], check=True)
    return [
        limit,
        Full(0, "ledger.sqlite"),
        Full(200, "warehouse.duckdb"),
        Full(4000, "the previous snapshot stays"),
    ]


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Account:
    with account(generate(5, 300), tmp_path_factory.mktemp("synced")) as demo:
        assert demo.sync().outcome == "ok"
    return demo


@pytest.mark.parametrize("full", cases(), ids=lambda full: f"{full.hits}, {full.kilobytes} KiB")
def test_a_full_disk_stops_a_run_cleanly_and_the_next_one_heals(
    synced: Account, tmp_path: Path, full: Full
) -> None:
    data = tmp_path / "data"
    with (
        small_disk(data) if full.of_disk else nullcontext(),
        account(synced.world.snapshot(), tmp_path) as demo,
    ):
        shutil.copytree(synced.data, data, symlinks=True, dirs_exist_ok=True)
        before = demo.current()
        for second in range(MANY):
            demo.insert(timedelta(seconds=second), rating=3, comment=f"{second} " + "muito bom " * 30)
        demo.now += timedelta(hours=1)
        config = demo.write_config()
        with ballast(data, full) as limit:
            done = command(config, "sync", "--json", preexec_fn=limit)
        assert done.returncode == 1, done
        assert full.hits in done.stderr
        assert any(
            words in done.stderr for words in ("No space left on device", "disk is full", "File too large")
        ), done.stderr
        assert "a defect" not in done.stderr
        assert demo.current() == before
        assert_whole(before)
        listed = len(demo.simulator.log.of("/evaluations"))
        assert demo.sync().outcome == "ok"
        assert_equal(demo)
        # Once all pages, with a link each, and the lookback once more: nothing that was sealed is asked for again.
        assert len(demo.simulator.log.of("/evaluations")) <= max(listed, MANY / 100 + 4) + MANY / 100 + 4
        assert not list(data.glob("snapshots/.*"))


@contextmanager
def ballast(data: Path, full: Full) -> Iterator[Callable[[], None] | None]:
    """Fill the disk but for some KiB; or the limit that the child has to set for itself."""
    most = full.kilobytes * 1024
    if not full.of_disk:
        yield partial(resource.setrlimit, resource.RLIMIT_FSIZE, (most, most))
        return
    room = os.statvfs(data)
    path = data / "ballast"
    path.write_bytes(bytes(room.f_bavail * room.f_frsize - most))
    yield None
    path.unlink()


def assert_whole(snapshot: Path) -> None:
    manifest = json.loads((snapshot / "manifest.json").read_text())
    for one in [manifest["warehouse"], *manifest["files"]]:
        assert hashlib.sha256((snapshot / one["path"]).read_bytes()).hexdigest() == one["sha256"]


def assert_equal(demo: Account) -> None:
    with duckdb.connect(str(demo.current() / "warehouse.duckdb"), read_only=True) as db:
        found = db.sql("SELECT evaluation_id, _deleted_at IS NULL FROM core.evaluations").fetchall()
    assert sorted(found) == sorted((key, True) for key in demo.world.ids())
