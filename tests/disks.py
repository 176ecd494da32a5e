"""Disks that lose their power: a file with a real filesystem in it, mounted, cut off, mounted again. Needs root.

After `cut` nothing more of what was written reaches the disk, and every call that would write fails with EIO; `mend`
is the next morning: the journal is replayed, and what was not durable is gone.
"""

import fcntl
import os
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import which

import pytest

SHUTDOWN = 0x8004587D  # one number for ext4, XFS and others
LOG_FLUSHED, NOTHING_MORE = 1, 2  # whether the journal still gets what it holds in memory
KINDS = {"ext4": "e2fsprogs", "xfs": "xfsprogs"}
SIZE = 512 << 20  # sparse


@dataclass(frozen=True, slots=True)
class Disk:
    image: Path
    folder: Path

    def mount(self) -> None:
        options = "loop,errors=remount-ro" if self.image.stem == "ext4" else "loop"
        _run("mount", "-o", options, str(self.image), str(self.folder))

    def cut(self, how: int = NOTHING_MORE) -> None:
        """The power is gone."""
        place = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(place, SHUTDOWN, struct.pack("I", how))
        finally:
            os.close(place)

    def turn_read_only(self) -> None:
        """What Linux makes of an ext4 that has met an error; nobody has to close a file for it."""
        [device] = _run("findmnt", "-n", "-o", "SOURCE", str(self.folder)).split()
        Path(f"/sys/fs/ext4/{Path(device).name}/trigger_fs_error").write_text("1")

    def mend(self) -> None:
        """The power is back. Nobody may have a file open here."""
        self.unmount()
        self.mount()

    def unmount(self) -> None:
        """A process that was just killed may hold it a moment longer."""
        deadline = time.monotonic() + 10.0
        while subprocess.run(["umount", str(self.folder)], capture_output=True, check=False).returncode:
            assert time.monotonic() < deadline, f"{self.folder} is still in use"
            time.sleep(0.05)

    def settle(self) -> None:
        """All that was written so far is durable: the evening before."""
        _run("sync", "-f", str(self.folder))


@contextmanager
def disk(folder: Path, kind: str) -> Iterator[Disk]:
    """An empty disk of that kind at `folder`/disk; its device is detached when it is unmounted."""
    if os.geteuid() != 0:
        pytest.fail("only root can mount a disk: run the tests that are marked `root` as root")
    if which(f"mkfs.{kind}") is None:
        pytest.fail(f"mkfs.{kind} is not installed: install {KINDS[kind]} (the tests marked `root` need it)")
    one = Disk(folder / f"{kind}.image", folder / "disk")
    one.folder.mkdir(parents=True)
    with one.image.open("wb") as file:
        file.truncate(SIZE)
    _run(f"mkfs.{kind}", "-q", str(one.image))
    one.mount()
    try:
        yield one
    finally:
        one.unmount()
        one.image.unlink()


def _run(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr.strip()}"
    return done.stdout
