"""What is kept of the loads of each stream, and whether a warehouse can be made of it again.

Promises that nothing passes for whole which is not: the notes have to begin with the first load, to go on without
a gap up to the newest that the warehouse knows, and every one's pages have to be there. Reads only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from connectors.source import Stream
from pipeline import notes
from pipeline.accounts import account_of, streams_of
from pipeline.config import Source
from pipeline.folders import Folders
from pipeline.notes import Note
from schemas.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Kept:
    """The notes of one stream by their number, None where one is damaged; its packages lie in `folder`."""

    source: str
    stream: Stream
    folder: Path
    notes: Mapping[int, Note | None]


def kept_of(folders: Folders, source: Source) -> list[Kept]:
    """All that is kept of a source, stream by stream, also of those that are not synced any more."""
    account = replace(account_of(source), streams=())
    streams = {folders.of_stream(source.name, one.name): one for one in streams_of(account)}
    for folder in (folders.packages / source.name).glob("*/"):
        if folder not in streams:
            raise _unreadable(f"{source.name}/{folder.name}")
    return [
        Kept(
            source.name, one, folder, {number: notes.read(folder, number) for number in notes.numbers(folder)}
        )
        for folder, one in streams.items()
    ]


def sources_kept(folders: Folders) -> set[str]:
    """The sources of which there are packages."""
    return {folder.name for folder in folders.packages.glob("*/")}


def first_lack(every: Sequence[Kept], loaded: Mapping[tuple[str, str], int]) -> str | None:
    """Why these streams cannot be rebuilt from their first load on; `loaded`: loads that are known of."""
    for source, stream in loaded.keys() - {(one.source, one.stream.name) for one in every}:
        if source in {one.source for one in every}:
            raise _unreadable(f"{source}/{stream}")
    reasons = (lacking(one, 0, loaded.get((one.source, one.stream.name), 0)) for one in every)
    return next(filter(None, reasons), None)


def lacking(one: Kept, after: int, loaded: int) -> str | None:
    """Why a rebuild from the loads behind number `after` would lose rows; None where it would not."""
    name = f"{one.source}/{one.stream.name}"
    wanted = range(after + 1, max([*one.notes, loaded, after]) + 1)
    if not one.notes and (wanted or (after == 0 and any(one.folder.glob("*/done")))):
        return f"{name} was loaded by an older evalsync, or its packages were removed"
    gone = [number for number in wanted if number not in one.notes or _gone(one, one.notes[number])]
    if not gone:
        return None
    times = {number: note.loaded_at for number, note in one.notes.items() if note}
    since = min(
        (at for number, at in times.items() if number > gone[-1]), default=max(times.values(), default=None)
    )
    until = f" before {since:%Y-%m-%d %H:%M} UTC" if since else ""
    return f"{name}: the packages of {len(gone)} of its loads{until} are not kept any more"


def _gone(one: Kept, note: Note | None) -> bool:
    """Whether a load's pages were removed with their pass."""
    return note is not None and note.pages > 0 and not (one.folder / note.pass_id / "pass.json").exists()


def _unreadable(name: str) -> ConfigError:
    return ConfigError(
        f"{name} was loaded, but config.yaml does not say how it is read any more (conversations need `integrations`):"
        " name it as it was"
    )
