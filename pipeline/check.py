"""Is everything in place? Configuration, folders and their modes, disk, clock, credentials (one request a source).

Says of each thing whether it is good, and if not, what is wrong and how to mend it. With `verbose` it asks for a few
rows of each stream, at most one request each, and tells what the answers look like beside what is assumed of them;
never a value of a record.
"""

import asyncio
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from connectors.clock import system_clock
from connectors.registry import SOURCES
from connectors.responses import parse
from connectors.source import DAY, Check, Client, Parse, Payload, Query, Stream
from pipeline.accounts import listed_only
from pipeline.config import Config, Source
from pipeline.folders import Folders
from pipeline.mapping import read_agents
from pipeline.sources import ONCE, OpenSource, open_source
from schemas.errors import EvalsyncError, RetryableSourceError

FEW = 3  # rows that are asked for, to see whether so many are given
LITTLE_DISK = 1 << 30  # bytes
SKEW = 60.0  # seconds between the source's clock and ours that are worth a word


@dataclass(frozen=True, slots=True)
class Finding:
    what: str
    good: bool
    detail: str


async def check(config: Config, *, verbose: bool = False, accept_lost_budget: bool = False) -> list[Finding]:
    """All findings, good ones too. Never raises for what it is there to find.

    `accept_lost_budget`: requests may be sent again at once, although it is not known what the last day's were.
    """
    findings = [Finding("configuration", good=True, detail=f"{len(config.sources)} source(s)")]
    folders = Folders(config.data_dir)
    try:
        folders.make()
    except EvalsyncError as error:
        return [*findings, Finding("data folder", good=False, detail=str(error))]
    findings.append(Finding("data folder", good=True, detail=str(folders.data)))
    findings += [*_modes(folders.state), _disk(folders.data)]
    findings += await asyncio.to_thread(_agents, config)
    for source in config.sources:
        if accept_lost_budget:
            findings += await _accept_lost_budget(source, folders)
        findings += await _source(source, folders, verbose=verbose)
    return findings


async def _accept_lost_budget(source: Source, folders: Folders) -> list[Finding]:
    what = f"budget of {source.name}"
    try:
        async with open_source(source, folders, system_clock(), retries=ONCE) as opened:
            await opened.budget.accept_loss()
    except EvalsyncError as error:
        return [Finding(what, good=False, detail=str(error))]
    return [Finding(what, good=True, detail="counted from now on, without what may have been sent before")]


async def _source(source: Source, folders: Folders, *, verbose: bool) -> list[Finding]:
    """Whether a source lets us in; with `verbose`, what each of its streams answers beside what is assumed."""
    findings: list[Finding] = []
    what, clock = f"source {source.name}", system_clock()
    try:
        async with open_source(listed_only(source), folders, clock, retries=ONCE) as opened:
            connector = SOURCES[opened.account.system]
            observed_at = None
            if connector.ping is not None:
                payload = await _ping(opened.client, *connector.ping)
                observed_at = None if payload is None else payload.observed_at
                detail = f"the credential is good{_skew(source, payload)}"
                findings.append(Finding(what, good=True, detail=detail))
            if verbose:
                for stream in opened.streams:
                    findings += await _look(opened, stream, observed_at or clock.now())
                detail = f"not to be seen by such requests: {connector.unseen}"
                findings.append(Finding(what, good=True, detail=detail))
            elif connector.ping is None:
                findings.append(Finding(what, good=True, detail=await _first(opened, source)))
    except EvalsyncError as error:
        findings.append(Finding(what, good=False, detail=str(error)))
    return findings


async def _ping(client: Client, group: str, path: str) -> Payload | None:
    """The answer to a request that only tells who asks; None where it is good and holds no JSON."""
    try:
        return await client.get(group, path)
    except RetryableSourceError as error:
        if 200 <= (error.place.status or 0) < 300:
            return None
        raise


async def _first(opened: OpenSource, source: Source) -> str:
    """What the first stream's list says."""
    stream = opened.streams[0]
    part = stream.parts[0] if stream.parts and stream.walk == "list" else None
    answer = await stream.ask(opened.client, Query(None, None, 1, descending=True, part=part))
    payload = Payload(None, answer.body, answer.observed_at)
    count = "" if answer.total is None else f": {answer.total} records in {stream.name}"
    return f"answers{count}{_skew(source, payload)}"


@dataclass(frozen=True, slots=True)
class _Witness:
    """A client that keeps what it was answered, also where that is then refused."""

    client: Client
    answers: list[Payload]

    async def get(
        self,
        group: str,
        path: str,
        query: Sequence[tuple[str, str]] = (),
        check: Check | None = None,
        parse: Parse | None = None,
    ) -> Payload:
        del parse  # the JSON itself is looked at
        self.answers.append(await self.client.get(group, path, query))
        if check is not None:
            check(self.answers[-1].value)
        return self.answers[-1]

    async def post(
        self,
        group: str,
        path: str,
        body: Mapping[str, Any],
        check: Check | None = None,
        credential: Mapping[str, str] = {},
    ) -> Payload:
        return await self.client.post(group, path, body, check, credential)


async def _look(opened: OpenSource, stream: Stream, now: datetime) -> list[Finding]:
    """One request for a few rows from before the last day, and what its answer shows. Without values."""
    what, witness = f"{opened.account.name}/{stream.name}", _Witness(opened.client, [])
    listed = stream.walk == "list"
    part = stream.parts[0] if stream.parts and listed else None
    upper = None if listed else stream.floor(now - DAY)
    query = Query(None, upper, FEW, descending=not listed, part=part)
    trouble = ""
    try:
        await stream.ask(witness, query)
    except EvalsyncError as error:
        trouble = str(error)
    seen = SOURCES[opened.account.system].seen
    findings = [
        Finding(what, one.good, f"{one.text}: set {one.key}" if one.key else one.text)
        for payload in witness.answers
        for one in (seen(opened.account, stream, query, parse(payload.body)) if seen else ())
    ]
    if witness.answers:
        dated = "a" if witness.answers[0].observed_at else "no"
        findings.append(Finding(what, good=True, detail=f"the answer has {dated} Date header"))
    if trouble and all(one.good for one in findings):
        findings.append(Finding(what, good=False, detail=trouble))
    return findings


def _agents(config: Config) -> list[Finding]:
    """Whether the file that says who is who can be read."""
    if config.agents is None:
        return []
    try:
        pairs = read_agents(config.agents)
    except EvalsyncError as error:
        return [Finding("agents", good=False, detail=str(error))]
    return [Finding("agents", good=True, detail=f"{len(pairs)} pair(s) in {config.agents}")]


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


def _skew(source: Source, payload: Payload | None) -> str:
    if source.simulator is not None:
        return "; built-in simulator"
    observed_at = None if payload is None else payload.observed_at
    if observed_at is None:
        return "; it sends no Date header, so windows close at its newest record"
    skew = (observed_at - datetime.now(UTC)).total_seconds()
    return f"; its clock is {skew:+.0f} s from ours, which does no harm" if abs(skew) > SKEW else ""
