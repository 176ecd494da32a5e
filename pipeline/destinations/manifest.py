"""What a snapshot says of itself: `manifest.json`, with the SHA-256, the rows and the version of each of its files.

A manifest that cannot be read is as one that names no file: what it stands for is written anew.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import structlog

from pipeline.files import replace_file

log = structlog.get_logger()

NAME = "manifest.json"
WAREHOUSE = "warehouse.duckdb"


@dataclass(frozen=True, slots=True)
class File:
    """One Parquet file of a snapshot."""

    path: str  # relative to the snapshot
    table: str
    rows: int
    version: str  # changes whenever the rows behind the file change
    sha256: str


def write(snapshot: Path, run_id: str, number: int, warehouse: str, files: Sequence[File], mode: int) -> None:
    """`number`: how many snapshots were published up to this one; `warehouse`: the SHA-256 of its copy."""
    content = {
        "run_id": run_id,
        "number": number,
        "warehouse": {"path": WAREHOUSE, "sha256": warehouse},
        "files": [asdict(one) for one in files],
    }
    replace_file(snapshot / NAME, json.dumps(content, indent=1).encode(), mode)


def files(snapshot: Path) -> list[File]:
    """The files of a snapshot; empty where its manifest cannot be read (then every file is written anew)."""
    try:
        return [File(**one) for one in _read(snapshot)["files"]]
    except (ValueError, KeyError, TypeError):
        return []


def number(snapshot: Path) -> int:
    """How many snapshots were published up to this one: unlike run ids, they never go back with the clock."""
    found = _read(snapshot).get("number", 0)
    return found if isinstance(found, int) else 0


def warehouse_is_sound(snapshot: Path) -> bool:
    """Whether the copy of the warehouse is the file that was published."""
    try:
        return bool(sha256(snapshot / WAREHOUSE) == _read(snapshot)["warehouse"]["sha256"])
    except (OSError, KeyError, TypeError):
        return False


def sound(snapshot: Path, one: File) -> File | None:
    """The file, where it is what was written then: one that rotted must not be linked on for ever."""
    path = snapshot / one.path
    try:
        found = sha256(path)
    except OSError:  # gone, or not to be read
        found = ""
    if found == one.sha256:
        return one
    log.warning("file_damaged", path=str(path), next="written anew")
    return None


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(snapshot: Path) -> dict[str, Any]:
    try:
        found = json.loads((snapshot / NAME).read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
