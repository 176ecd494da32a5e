"""Is everything in place? Configuration, folders and their modes, disk, clock, credentials (one request a source).

Says of each thing whether it is good, and if not, what is wrong and how to mend it.
"""

import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from connectors.clock import system_clock
from connectors.source import Query
from pipeline.config import Config, Source
from pipeline.folders import Folders
from pipeline.sources import open_source
from schemas.errors import EvalsyncError

LITTLE_DISK = 1 << 30  # bytes
SKEW = 60.0  # seconds between the source's clock and ours that are worth a word


@dataclass(frozen=True, slots=True)
class Finding:
    what: str
    good: bool
    detail: str


async def check(config: Config) -> list[Finding]:
    """All findings, good ones too. Never raises for what it is there to find."""
    findings = [Finding("configuration", good=True, detail=f"{len(config.sources)} source(s)")]
    folders = Folders(config.data_dir)
    try:
        folders.make()
    except EvalsyncError as error:
        return [*findings, Finding("data folder", good=False, detail=str(error))]
    findings.append(Finding("data folder", good=True, detail=str(folders.data)))
    findings += [*_modes(folders.state), _disk(folders.data)]
    for source in config.sources:
        try:
            async with open_source(source, folders, system_clock()) as opened:
                for stream in opened.streams[:1]:
                    answer = await stream.ask(opened.client, Query(None, None, 1, descending=True))
                    detail = (
                        f"answers: {answer.total} records in {stream.name}{_skew(source, answer.observed_at)}"
                    )
                    findings.append(Finding(f"source {source.name}", good=True, detail=detail))
        except EvalsyncError as error:
            findings.append(Finding(f"source {source.name}", good=False, detail=str(error)))
    return findings


def _modes(state: Path) -> Iterator[Finding]:
    """Files below state/ are personal data: nobody else may read them."""
    open_to_others = [
        path for path in (state, *state.rglob("*")) if stat.S_IMODE(path.lstat().st_mode) & 0o077
    ]
    if open_to_others:
        several = f"{open_to_others[0]} and {len(open_to_others) - 1} more"
        detail = f"{several} can be read by others: chmod -R go-rwx {state}"
        yield Finding("permissions", good=False, detail=detail)
    else:
        yield Finding("permissions", good=True, detail="state/ is private")


def _disk(data: Path) -> Finding:
    free = shutil.disk_usage(data).free
    good = free > LITTLE_DISK
    remedy = "" if good else ": free some, a snapshot needs room beside the one before it"
    return Finding("disk", good=good, detail=f"{free / (1 << 30):.1f} GiB free{remedy}")


def _skew(source: Source, observed_at: datetime | None) -> str:
    if source.simulator is not None:
        return "; built-in simulator"
    if observed_at is None:
        return "; it sends no Date header, so windows close at its newest record"
    skew = (observed_at - datetime.now(UTC)).total_seconds()
    return f"; its clock is {skew:+.0f} s from ours, which does no harm" if abs(skew) > SKEW else ""
