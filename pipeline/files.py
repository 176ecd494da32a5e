"""Files that are there whole or not at all, also after a power cut.

The order that survived every cut: write a temporary name -> fsync the file -> rename -> fsync the folder.
Temporary names begin with a dot and end in `.tmp`, so that no glob over a lake or a package finds them.
"""

import os
from pathlib import Path

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700


def temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.tmp")


def replace_file(path: Path, content: bytes, mode: int = PRIVATE_FILE) -> None:
    """Put `content` at `path`, durable when this returns."""
    fresh = temporary(path)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)
    sync_folder(path.parent)


def sync_file(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def private_folder(folder: Path) -> Path:
    """The folder, made with mode 0700 together with what is missing above it, durable when this returns."""
    if not folder.exists():
        private_folder(folder.parent)
        folder.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
        sync_folder(folder.parent)
    return folder
