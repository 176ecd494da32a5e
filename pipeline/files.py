"""Files that are there whole or not at all, also after a power cut.

The order that survived every cut: write a temporary name -> fsync the file -> rename -> fsync the folder.
Temporary names begin with a dot and end in `.tmp`, so that no glob over a lake or a package finds them. What a
file says of itself in its head is checked whenever it is read.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from secrets import token_hex
from typing import IO, Any

from schemas.errors import LoadError

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700


def temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.tmp")


def replace_file(path: Path, content: bytes, mode: int = PRIVATE_FILE) -> None:
    """Put `content` at `path`, durable when this returns."""
    fresh = temporary(path)
    _write(fresh, content, mode)
    fresh.rename(path)
    sync_folder(path.parent)


def new_file(path: Path, content: bytes, mode: int = PRIVATE_FILE) -> None:
    """The same where nothing is yet, whoever else tries: raises FileExistsError."""
    fresh = temporary(path.with_name(f"{path.name}.{token_hex(4)}"))  # of nobody else's writing
    try:
        _write(fresh, content, mode)
        path.hardlink_to(fresh)  # a rename would put one in the place of another
    finally:
        fresh.unlink(missing_ok=True)
    sync_folder(path.parent)


def _write(path: Path, content: bytes, mode: int) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


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


def with_head(value: Mapping[str, Any]) -> bytes:
    """A line of JSON and a line with its SHA-256: a flipped digit of a page's range would hide a gap."""
    text = json.dumps(value).encode()
    return text + b"\n" + hashlib.sha256(text).hexdigest().encode() + b"\n"


def read_head(path: Path, file: IO[bytes]) -> dict[str, Any]:
    """What `with_head` wrote. Raises LoadError where it is damaged."""
    text, checksum = file.readline().removesuffix(b"\n"), file.readline()
    if checksum != hashlib.sha256(text).hexdigest().encode() + b"\n":
        raise LoadError(f"{path} is damaged")
    value: dict[str, Any] = json.loads(text)
    return value
