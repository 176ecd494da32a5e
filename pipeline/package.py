"""Packages: the pages of one pass, kept on disk as they came.

A pass reads one window of one stream; its folder holds `pass.json` and a file per sealed page. Promises: a sealed
page is never rewritten and never asked for again in the same pass; it is on the disk (file and folder) before
anything builds on it; damage is noticed, in what a page says of itself as in its body. The parts of the window
that sealed pages cover are the pass's checkpoint: nothing else has to be remembered. Files 0600, folders 0700:
bodies are personal data.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from connectors.source import Page, Window, subtract
from pipeline.files import replace_file, sync_folder
from schemas.errors import LoadError

_ZSTD = pa.Codec("zstd", compression_level=3)


@dataclass(frozen=True, slots=True)
class Pass:
    """One reading of one window; unfinished until everything is loaded."""

    id: str
    folder: Path
    window: Window
    advances: bool  # whether the watermark moves to the window's end when it is loaded


@dataclass(frozen=True, slots=True)
class Sealed:
    """What a sealed page says without being opened."""

    number: int
    path: Path
    records: int
    observed_at: datetime
    covers: Window | None
    certain: Window | None
    complete: bool


def start(folder: Path, pass_id: str, window: Window, *, advances: bool) -> Pass:
    """A new pass in `folder` (one per source and stream)."""
    place = folder / pass_id
    with _writing(place):
        place.mkdir(parents=True, mode=0o700)
        replace_file(place / "pass.json", _head({"window": _pair(window), "advances": advances}))
        sync_folder(folder)
    return Pass(pass_id, place, window, advances)


def unfinished(folder: Path) -> list[Pass]:
    """The passes that an earlier run left open, oldest first."""
    passes = []
    for place in sorted(folder.glob("*/")):
        about = place / "pass.json"
        if about.exists() and not (place / "done").exists():
            with about.open("rb") as file:
                value = _read_head(about, file)
            passes.append(Pass(place.name, place, _window(value["window"]), value["advances"]))
    return passes


def seal(one: Pass, number: int, page: Page, observed_at: datetime) -> Sealed:
    """Put a page on the disk, whole or not at all. Takes two fsyncs; call it off the event loop."""
    packed = _ZSTD.compress(page.answer.body, asbytes=True)
    head = {
        "records": len(page.answer.records),
        "observed_at": observed_at.isoformat(),
        "covers": _pair(page.covers),
        "certain": _pair(page.certain),
        "complete": page.answer.complete,
        "bytes": len(page.answer.body),
        "sha256": hashlib.sha256(packed).hexdigest(),
    }
    path = one.folder / f"{number:06d}.page"
    if path.exists():
        raise LoadError(
            f"{path} is there already: this run lost its lease to a newer one, which goes on with the pass"
        )
    with _writing(path):
        replace_file(path, _head(head) + packed)
    return _sealed(path, head)


def sealed(one: Pass) -> list[Sealed]:
    """The pass's pages, in order of sealing. Raises LoadError where what a page says is damaged."""
    pages = []
    for path in sorted(one.folder.glob("*.page")):
        with path.open("rb") as file:
            pages.append(_sealed(path, _read_head(path, file)))
    return pages


def body(page: Sealed) -> bytes:
    """The body of a sealed page, verified. Raises LoadError when the file is damaged."""
    with page.path.open("rb") as file:
        head = _read_head(page.path, file)
        packed = file.read()
    if hashlib.sha256(packed).hexdigest() != head["sha256"]:
        raise _damaged(page.path)
    return _ZSTD.decompress(packed, decompressed_size=head["bytes"], asbytes=True)  # type: ignore[no-any-return]


def gaps(one: Pass, pages: Sequence[Sealed]) -> list[Window]:
    """What of the window no sealed page covers."""
    return subtract(one.window, [page.covers for page in pages if page.covers])


def finish(one: Pass) -> None:
    """Everything of the pass is loaded."""
    with _writing(one.folder):
        replace_file(one.folder / "done", b"")


def prune(folder: Path, keep: timedelta, now: datetime) -> None:
    """Remove finished passes that ended longer than `keep` ago."""
    for done in folder.glob("*/*/*/done"):
        if now.timestamp() - done.stat().st_mtime > keep.total_seconds():
            shutil.rmtree(done.parent)


def _head(value: Mapping[str, Any]) -> bytes:
    """A line of JSON and a line with its SHA-256: a flipped digit of `covers` would hide a gap."""
    text = json.dumps(value).encode()
    return text + b"\n" + hashlib.sha256(text).hexdigest().encode() + b"\n"


def _read_head(path: Path, file: IO[bytes]) -> dict[str, Any]:
    text, checksum = file.readline().removesuffix(b"\n"), file.readline()
    if checksum != hashlib.sha256(text).hexdigest().encode() + b"\n":
        raise _damaged(path)
    value: dict[str, Any] = json.loads(text)
    return value


def _damaged(path: Path) -> LoadError:
    return LoadError(f"{path} is damaged: delete it, and the next run asks for its part again")


@contextmanager
def _writing(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise LoadError(
            f"{place}: {error.strerror}; what was read so far is kept: make room and run again"
        ) from None


def _sealed(path: Path, head: dict[str, Any]) -> Sealed:
    return Sealed(
        number=int(path.stem),
        path=path,
        records=head["records"],
        observed_at=datetime.fromisoformat(head["observed_at"]),
        covers=_window(head["covers"]) if head["covers"] else None,
        certain=_window(head["certain"]) if head["certain"] else None,
        complete=head["complete"],
    )


def _pair(window: Window | None) -> list[str] | None:
    return [window.lower.isoformat(), window.upper.isoformat()] if window else None


def _window(pair: list[str]) -> Window:
    return Window(datetime.fromisoformat(pair[0]), datetime.fromisoformat(pair[1]))
