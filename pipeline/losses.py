"""Loads that the warehouse has lost: noted beside the packages (notes.py), and no longer in it.

A damaged log of changes (.wal) opens silently short, and a backup that is put back is older than the notes. Promises
that what can be loaded again from kept packages is, without a request; and that it is said what was lost.
"""

from datetime import datetime
from pathlib import Path

from pipeline import notes, package
from pipeline.notes import Note


def reopen(stream: Path, loaded: int) -> str | None:
    """Open the passes again whose noted loads are not among the `loaded` ones; a sentence, or None: nothing is lost.

    A note without a load whose pass is still open is none: that run ended before its commit, and the pass goes on.
    """
    missing = [notes.read(stream, number) for number in notes.numbers(stream) if number > loaded]
    lost = [note for note in missing if note is not None and not _open(stream, note)]
    if not lost:
        return None
    passes = {note.pass_id for note in lost if note.pages}
    there = {name for name in passes if (stream / name / "pass.json").exists()}
    for name in there:
        package.reopen(stream / name)
    gone = len(passes - there)
    rest = f"; the packages of {gone} passes are not kept any more: run `evalsync audit`" if gone else ""
    since = min(note.loaded_at for note in lost)
    return f"the warehouse lost its loads from {_time(since)} on: they are loaded again from their packages{rest}"


def _open(stream: Path, note: Note) -> bool:
    place = stream / note.pass_id
    return (place / "pass.json").exists() and not (place / "done").exists()


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
