"""Packages: the pages of one pass, kept on disk as they came.

A pass reads one window of one stream; its folder holds `pass.json` and a file per sealed page. Promises: a sealed
page is never rewritten and never asked for again in the same pass; it is on the disk (file and folder) before
anything builds on it; damage is noticed, in what a page says of itself as in its body, and never counts as read: a
damaged page is set aside and its part is open again, a damaged `pass.json` closes its pass. The parts of the window
that sealed pages cover are the pass's checkpoint: nothing else has to be remembered. Files 0600, folders 0700:
bodies are personal data. Beside the passes lie the notes of what was loaded of them (notes.py).
"""

import hashlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from connectors.source import Page, Window, subtract
from pipeline import notes
from pipeline.files import new_file, read_head, replace_file, sync_folder, with_head
from schemas.errors import LoadError

_ZSTD = pa.Codec("zstd", compression_level=1)


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
        replace_file(place / "pass.json", with_head({"window": _pair(window), "advances": advances}))
        sync_folder(folder)
    return Pass(pass_id, place, window, advances)


def unfinished(folder: Path) -> list[Pass]:
    """The passes that an earlier run left open, oldest first; those that `close_damaged` would close left out."""
    return [one for _, one in _open(folder) if one is not None]


def close_damaged(folder: Path) -> list[str]:
    """Close the passes whose window cannot be read any more, and return their names.

    Nothing is lost by it: the watermark lives with the rows, so the next window begins before what they lack. Their
    pages stay for a replay of what was loaded of them.
    """
    damaged = [place for place, one in _open(folder) if one is None]
    for place in damaged:
        _close(place)
    return [place.name for place in damaged]


def _open(folder: Path) -> Iterator[tuple[Path, Pass | None]]:
    """Every pass that is not closed; None where its pass.json is damaged."""
    for place in sorted(folder.glob("*/")):
        about = place / "pass.json"
        if not about.exists() or (place / "done").exists():
            continue
        try:
            with about.open("rb") as file:
                value = read_head(about, file)
        except (OSError, LoadError):
            yield place, None
        else:
            yield place, Pass(place.name, place, _window(value["window"]), value["advances"])


@dataclass(frozen=True, slots=True)
class Draft:
    """A page as its file will be."""

    head: Mapping[str, Any]
    content: bytes


def draft(page: Page, observed_at: datetime) -> Draft:
    """Compress a page, and say of it what a later run needs to know. Call it off the event loop."""
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
    return Draft(head, with_head(head) + packed)


def seal(one: Pass, number: int, page: Draft) -> Sealed:
    """Put a page on the disk, whole or not at all. Takes two fsyncs; call it off the event loop."""
    path = one.folder / f"{number:06d}.page"
    with _writing(path):
        try:
            new_file(path, page.content)
        except FileExistsError:
            raise LoadError(
                f"{path} is there already: this run lost its lease to a newer one, which goes on with the pass"
            ) from None
    return _said(path, page.head)


def sealed(one: Pass) -> list[Sealed]:
    """The pass's pages, in order of sealing; those that `set_aside_damaged` would set aside left out."""
    return [page for path in _pages(one.folder) if (page := _sealed(path))]


def between(folder: Path, first: int, last: int) -> list[Sealed]:
    """The pages of a pass's folder that have these numbers, and are not damaged in what they say of themselves."""
    paths = (folder / f"{number:06d}.page" for number in range(first, last + 1))
    return [page for path in paths if path.exists() and (page := _sealed(path))]


def body(page: Sealed) -> bytes:
    """The body of a sealed page, verified. Raises LoadError when the file is damaged."""
    try:
        with page.path.open("rb") as file:
            head = read_head(page.path, file)
            packed = file.read()
    except OSError as error:
        raise LoadError(f"{page.path} cannot be read: {error.strerror}") from None
    if hashlib.sha256(packed).hexdigest() != head["sha256"]:
        raise LoadError(f"{page.path} is damaged")
    return _ZSTD.decompress(packed, decompressed_size=head["bytes"], asbytes=True)  # type: ignore[no-any-return]


def set_aside_damaged(one: Pass) -> list[str]:
    """Set aside the pages that are damaged in what they say of themselves, and return their names."""
    damaged = [path for path in _pages(one.folder) if _sealed(path) is None]
    for path in damaged:
        set_aside(path)
    return [path.name for path in damaged]


def set_aside(path: Path) -> None:
    """Out of the way of everything that looks for pages; it goes with its pass."""
    with _writing(path):
        path.rename(path.with_name(f"{path.name}.damaged"))
        sync_folder(path.parent)


def newest_number(one: Pass) -> int:
    """The highest number that a page of the pass ever had, also of those that were set aside; 0 for none."""
    return max((int(path.name.partition(".")[0]) for path in one.folder.glob("[0-9]*.page*")), default=0)


def gaps(one: Pass, pages: Sequence[Sealed]) -> list[Window]:
    """What of the window no sealed page covers."""
    return subtract(one.window, [page.covers for page in pages if page.covers])


def finish(one: Pass) -> None:
    """Everything of the pass is loaded."""
    _close(one.folder)


def reopen(place: Path) -> None:
    """What was loaded of a pass is lost: the next run loads its pages again."""
    with _writing(place):
        (place / "done").unlink(missing_ok=True)
        sync_folder(place)


def _close(place: Path) -> None:
    with _writing(place):
        replace_file(place / "done", b"")


def prune(folder: Path, keep: timedelta, now: datetime) -> None:
    """Remove passes that ended longer than `keep` ago, and the notes that need them."""
    for stream in folder.glob("*/*/"):
        for place in stream.glob("*/"):
            ended = place / "done"
            if not ended.exists():  # open; or killed before it began
                if (place / "pass.json").exists() or place.name == notes.FOLDER:
                    continue
                ended = place
            if now.timestamp() - ended.stat().st_mtime > keep.total_seconds():
                shutil.rmtree(place)
        notes.prune(stream)


@contextmanager
def _writing(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise LoadError(
            f"{place}: {error.strerror}; what was read so far is kept: make room and run again"
        ) from None


def _pages(place: Path) -> list[Path]:
    return sorted(place.glob("*.page"))


def _sealed(path: Path) -> Sealed | None:
    """What a page says of itself; None where it is damaged."""
    try:
        with path.open("rb") as file:
            return _said(path, read_head(path, file))
    except (OSError, LoadError):
        return None


def _said(path: Path, head: Mapping[str, Any]) -> Sealed:
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
