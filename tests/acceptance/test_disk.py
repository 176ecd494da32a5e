"""A disk that is full, and the order in which things reach it.

Disk full: a sync that cannot write ends with a sentence and a code, the old snapshot stays, and the next run heals
with nothing lost and nothing asked twice. Order: strace on a real run; a power cut keeps what was fsynced.
Kills: a page's OSError that is no LoadError; a connection that is used again after it died; a snapshot folder that
is renamed before its files are whole; any one fsync left out of package.seal, replace_file or publish.
"""

import hashlib
import json
import os
import re
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest
from nightly import Account, account, command

from connectors.simulator.year import generate

MANY = 1500  # rows that come in one night


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[None]:
    """A disk of its own for `folder`; as root only."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def busy_night(demo: Account) -> None:
    for second in range(MANY):
        demo.insert(timedelta(seconds=second), rating=3, comment=f"{second} " + "muito bom " * 30)
    demo.now += timedelta(hours=1)


def assert_whole(snapshot: Path) -> None:
    manifest = json.loads((snapshot / "manifest.json").read_text())
    for one in [manifest["warehouse"], *manifest["files"]]:
        assert hashlib.sha256((snapshot / one["path"]).read_bytes()).hexdigest() == one["sha256"]


def assert_equal(demo: Account) -> None:
    with duckdb.connect(str(demo.current() / "warehouse.duckdb"), read_only=True) as db:
        found = db.sql("SELECT evaluation_id, _deleted_at IS NULL FROM core.evaluations").fetchall()
    assert sorted(found) == sorted((key, True) for key in demo.world.ids())


def assert_sentence(done: "subprocess.CompletedProcess[str]") -> None:
    """A person can read why: on stderr, or in the receipt."""
    said = done.stderr + done.stdout
    assert "No space left on device" in said or "disk is full" in said or "File too large" in said, said
    assert "a defect" not in said
    assert "Traceback" not in said


def limited_to(bytes_per_file: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_per_file, bytes_per_file))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a disk; the test below needs no root")
@pytest.mark.parametrize("left", [0, 100, 1000, 2500, 6500])
def test_a_full_disk_stops_a_run_cleanly_wherever_it_hits(tmp_path: Path, left: int) -> None:
    """From the ledger's first write over pages, load and marts to the last file of the snapshot (KiB left)."""


def test_a_full_disk_in_the_load_and_in_the_publish(tmp_path: Path) -> None:
    """By a limit on the size of each file."""
