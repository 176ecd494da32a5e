"""What disks do to files: ways to spoil one."""

import random
from pathlib import Path


def flipped(path: Path, place: int, mask: int = 0x10) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        [byte] = file.read(1)
        file.seek(place)
        file.write(bytes([byte ^ mask]))


def empty(path: Path) -> None:
    path.write_bytes(b"")


def garbage(path: Path) -> None:
    path.write_bytes(random.Random(1).randbytes(path.stat().st_size))


def cut(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 3)


def header(path: Path) -> None:
    flipped(path, 4096 + 100)
    flipped(path, 8192 + 100)
