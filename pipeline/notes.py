"""Notes of loads: which pages were loaded, in what order, when and by which run. One small file for each load.

The n-th load of a stream has the note n. It is on the disk before its load commits, and is written while the lease
is held still: so every load that is in the warehouse has one, and a run that lost its lease writes none. Where the
commit did not come, the next load takes the number and the note's place. Promises: the notes from 1 on, without
a gap, are all that a stream's tables were made of; where the first are missing, their packages are not kept any
more; damage is noticed.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from pipeline.files import private_folder, read_head, replace_file, with_head
from schemas.errors import LoadError

FOLDER = "loads"  # beside the passes of a stream


@dataclass(frozen=True, slots=True)
class Note:
    """What a load needs beside its pages to be done again, with the same result."""

    tenant: str
    run_id: str
    pass_id: str
    first_page: int
    last_page: int
    pages: int  # 0: a watermark alone, or letters that were tried again
    begin: datetime  # of the pass's window
    oldest: datetime  # rows before it were left to the source's retention
    watermark: datetime | None
    loaded_at: datetime


def write(stream: Path, number: int, note: Note) -> None:
    """Note a load that is about to commit. Later notes are of a warehouse that is no more: they go."""
    try:
        private_folder(stream / FOLDER)
        for later in sorted(numbers(stream), reverse=True):
            if later > number:
                _path(stream, later).unlink()
        told = {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in asdict(note).items()
        }
        replace_file(_path(stream, number), with_head(told))
    except OSError as error:
        raise LoadError(
            f"{stream / FOLDER}: {error.strerror}; nothing is lost: make room and run again"
        ) from None


def numbers(stream: Path) -> list[int]:
    """The numbers of a stream's notes, in order."""
    return sorted(int(path.stem) for path in (stream / FOLDER).glob("*.load"))


def read(stream: Path, number: int) -> Note | None:
    """A note; None where it is damaged."""
    path = _path(stream, number)
    try:
        with path.open("rb") as file:
            told = read_head(path, file)
    except (OSError, LoadError):
        return None
    for name in ("begin", "oldest", "watermark", "loaded_at"):
        told[name] = told[name] and datetime.fromisoformat(told[name])
    return Note(**told)


def prune(stream: Path) -> None:
    """Remove the first notes as far as their passes are gone. The newest stays: it tells that there were others."""
    for number in numbers(stream)[:-1]:
        note = read(stream, number)
        if note is None or (note.pages and (stream / note.pass_id).exists()):
            return
        _path(stream, number).unlink()


def _path(stream: Path, number: int) -> Path:
    return stream / FOLDER / f"{number:06d}.load"
