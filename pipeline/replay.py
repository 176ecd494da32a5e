"""The warehouse anew from kept packages: core, history, loads, watermarks, dead letters; then lake and marts.

    notes.read              what was loaded, in what order
    package.between         the pages of it
    passes.pack             the same package as then
    load.load               into a new file, with the run and the time of then
    rebuild.put_in_place    whole or not at all

Promises the very tables that the loads have made, under today's contracts and `privacy`, and sends nothing. Never
loses rows silently: where notes or packages are not kept any more it refuses, and everything is as it was; where a
page is damaged it goes on without it, says so, and sets the watermark back, so that the next sync reads it again.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import structlog

from connectors.clock import Clock, system_clock
from connectors.source import EPOCH
from pipeline import extract, package
from pipeline.accounts import selected
from pipeline.ahead import one_ahead
from pipeline.config import Config, Source
from pipeline.destinations import rebuild
from pipeline.destinations.load import Package, load
from pipeline.destinations.rebuild import Old
from pipeline.destinations.warehouse import connect
from pipeline.folders import current
from pipeline.kept import Kept, first_lack, kept_of, lacking, sources_kept
from pipeline.lease import Held, hold
from pipeline.notes import Note
from pipeline.passes import Batch, pack
from pipeline.present import TABLES, apply_settings, present
from pipeline.privacy import Privacy
from pipeline.receipt import Outcome, Receipt, iso
from pipeline.run import privacy_of
from schemas.errors import ConfigError, LoadError, WarehouseBusy

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What became of one stream."""

    source: str
    stream: str
    packages: int = 0
    pages: int = 0
    records: int = 0
    rows: int = 0  # that are there at the source
    lost: int = 0  # pages that are damaged or missing, and notes
    since: datetime | None = None  # from here on the next sync reads again


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay did."""

    run_id: str
    outcome: Outcome
    streams: Sequence[Rebuilt] = ()
    remarks: Sequence[str] = ()
    seconds: float = 0.0
    snapshot: Path | None = None
    warnings: Sequence[str] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "run_id": self.run_id,
            "outcome": self.outcome,
            "requests": 0,
            "seconds": round(self.seconds, 3),
            "snapshot": self.snapshot and str(self.snapshot),
            "streams": [
                {
                    "source": one.source,
                    "stream": one.stream,
                    "packages": one.packages,
                    "pages": one.pages,
                    "records": one.records,
                    "rows": one.rows,
                    "lost": one.lost,
                    "read_again_from": iso(one.since),
                }
                for one in self.streams
            ],
            "remarks": list(self.remarks),
            "warnings": list(self.warnings),
        }


async def replay(
    config: Config,
    sources: tuple[str, ...] = (),
    *,
    clock: Clock | None = None,
    stop: asyncio.Event | None = None,
) -> Replayed:
    """Rebuild the sources that are named, or all; of the others everything stays. `stop` ends it, nothing done.

    Raises ConfigError where a rebuild would lose rows, WarehouseBusy, LoadError, CheckFailed and PublishError.
    """
    clock = clock or system_clock()
    chosen = selected(config, sources)
    async with hold(config, clock, stop or asyncio.Event()) as held:
        began = clock.steady()
        replayed = await made_again(held, chosen)
        if replayed.outcome != "paused":
            await apply_settings(held.store, config)
            snapshot, warnings = await present(held)
            replayed = replace(replayed, snapshot=snapshot, warnings=warnings)
        replayed = replace(replayed, seconds=clock.steady() - began)
        place = str(replayed.snapshot) if replayed.snapshot else None
        held.receipt = Receipt(held.run_id, replayed.outcome, held.began, clock.now(), place, ())
        return replayed


async def made_again(held: Held, chosen: Sequence[Source]) -> Replayed:
    """The warehouse alone, without marts and snapshot."""
    kept = [one for source in chosen for one in kept_of(held.folders, source)]
    return await held.store.thread(lambda: _replay(held, kept, [source.name for source in chosen]))


def _replay(held: Held, kept: Sequence[Kept], names: Sequence[str]) -> Replayed:
    """Make the new file, and put it in its place."""
    path = held.folders.warehouse
    fresh = path.with_name(f".{path.name}.replay")
    known = rebuild.working(path) or _snapshot(held)
    whole, after = _from(held, kept, names, known)
    others = sources_kept(held.folders) | {source for source, _ in (known.loads if known else ())}
    try:
        old = _begin(held, fresh, known, whole, others - set(whole))
        streams: list[Rebuilt] = []
        with connect(fresh) as db:
            for one in kept:
                streams.append(_stream(db, held, one, after.get((one.source, one.stream.name), 0)))
                if held.stop.is_set():
                    with held.store.fence():  # else it was not a person who stopped us
                        return Replayed(held.run_id, "paused", remarks=["stopped: everything is as it was"])
            db.execute("CHECKPOINT")
        readable = old is not None and old.working
        aside = rebuild.put_in_place(fresh, path, held.store.fence, readable=readable)
    finally:
        rebuild.clear(fresh)
    lost = any(one.lost for one in streams)
    remarks = list(_remarks(old, aside, from_snapshot=not whole))
    return Replayed(
        held.run_id, "unproven" if lost else "ok", [one for one in streams if one.packages], remarks
    )


def _from(
    held: Held, kept: Sequence[Kept], names: Sequence[str], known: Old | None
) -> tuple[Sequence[str], Mapping[tuple[str, str], int]]:
    """The sources to make from their first load on; or none, and the loads that the snapshot holds already."""
    if known is None and not any(one.notes for one in kept):
        raise ConfigError("there is nothing to rebuild from: run `evalsync sync`")
    lack = first_lack(kept, known.loads if known else {})
    if lack is None:
        return names, {}
    if known and not known.working:
        loads = known.loads
        if not any(lacking(one, loads.get((one.source, one.stream.name), 0), 0) for one in kept):
            return [], loads
    raise ConfigError(
        f"{lack}; a rebuild would lose their rows, so nothing was changed. To have all that the source has today, move"
        f" {held.folders.warehouse} away and run `evalsync sync --full`; a longer packages.keep (it is"
        f" {held.config.packages.keep.days}d) keeps more for the next time"
    )


def _begin(held: Held, fresh: Path, old: Old | None, whole: Sequence[str], others: set[str]) -> Old | None:
    """The new file with what packages do not tell; of the snapshot where the working file turns out to be damaged."""
    while old is not None:
        try:
            rebuild.begin(fresh, old.path, TABLES, whole)
        except WarehouseBusy:
            raise
        except LoadError as error:
            log.warning("warehouse_damaged", why=str(error))
            old = _snapshot(held) if old.working else None
        else:
            return old
    if others:
        raise ConfigError(
            f"the rows of {', '.join(sorted(others))} would be lost: the warehouse cannot be read, and they are not"
            " among what is to be rebuilt. Name them in config.yaml and leave --source out"
        )
    rebuild.begin(fresh, None, TABLES, whole)
    return None


def _stream(db: duckdb.DuckDBPyConnection, held: Held, one: Kept, after: int) -> Rebuilt:
    """Load again what was loaded of a stream, in the same order."""
    privacy, name = privacy_of(held.config), one.stream.name
    done = Rebuilt(one.source, name)

    def made(number: int) -> tuple[Note, Package, int, int]:
        known = one.notes[number]
        note = known or _unknown(held, number)
        batch = _pages(one, note, privacy)
        lost = note.pages - len(batch) if known else 1
        return note, pack(one.source, one.stream, note, batch), len(batch), lost

    numbers = [number for number in one.notes if number > after]
    with closing(one_ahead(numbers, made)) as packages:
        for note, whole, pages, lost in packages:
            if held.stop.is_set():
                break
            load(db, whole, note.loaded_at, nullcontext)
            done = replace(
                done,
                packages=done.packages + 1,
                pages=done.pages + pages,
                records=done.records + whole.fetched,
                lost=done.lost + lost,
                since=min(note.begin, done.since or note.begin) if lost else done.since,
            )
    if done.since is not None:
        rebuild.set_back(db, one.source, name, done.since)
        log.warning("packages_damaged", source=one.source, stream=name, pages=done.lost, next="read again")
    return replace(done, rows=rebuild.rows(db, one.stream.contract, one.source))


def _pages(one: Kept, note: Note, privacy: Privacy) -> Batch:
    """The pages of a load, judged again; those that are damaged are set aside, so that an open pass asks for them."""
    batch: Batch = []
    folder = one.folder / note.pass_id
    for page in package.between(folder, note.first_page, note.last_page) if note.pages else []:
        try:
            batch.append((page, extract.reopen(one.stream, page, privacy)))
        except LoadError:
            package.set_aside(page.path)
    return batch


def _unknown(held: Held, number: int) -> Note:
    """For a note that is damaged: a load of nothing, or the next load would take another's number."""
    return Note("", held.run_id, f"damaged-note-{number}", 1, 1, 0, EPOCH, EPOCH, None, held.began)


def _snapshot(held: Held) -> Old | None:
    place = current(held.folders.data)
    return rebuild.published(place) if place else None


def _remarks(old: Old | None, aside: Path | None, *, from_snapshot: bool) -> Iterator[str]:
    if old is None:
        yield "no warehouse could be read: runs and proofs begin anew, they are not in packages"
    elif from_snapshot:
        yield f"packages are not kept of all loads: the older rows are those of the snapshot {old.path.parent.name}"
    elif not old.working:
        yield f"no warehouse could be read: runs, proofs and other sources are of the snapshot {old.path.parent.name}"
    if aside is not None:
        yield f"the damaged file is kept as {aside}: delete it when nobody needs it"
