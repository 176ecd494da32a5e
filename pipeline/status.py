"""How things stand, read from the newest snapshot, the ledger and the budget; sends nothing, writes nothing."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import duckdb

from connectors.budget import Budget
from connectors.clock import system_clock
from connectors.registry import SOURCES
from connectors.source import EPOCH, Account, Stream, Window
from pipeline import package
from pipeline.accounts import account_of, budget_key, streams_of
from pipeline.config import Config, Source
from pipeline.destinations import tables
from pipeline.destinations.warehouse import connect, rows
from pipeline.folders import Folders, current
from pipeline.ledger import Ledger
from pipeline.receipt import iso
from pipeline.reconcile import kept_here, loaded_figures, reaches_back
from pipeline.statements import statement
from pipeline.stretches import checked, left_out, most_pages, sentence


async def status(config: Config) -> dict[str, Any]:
    """One JSON document: streams, runs, budgets, the snapshot and its age in seconds."""
    folders = Folders(config.data_dir)
    snapshot = current(folders.data)
    now = datetime.now(UTC)
    streams = await asyncio.to_thread(_streams, config, folders, now) if snapshot else []
    runs = Ledger(folders.ledger, system_clock()).runs(5) if folders.ledger.exists() else []
    return {
        "data_dir": str(folders.data),
        "snapshot": str(snapshot) if snapshot else None,
        "streams": streams,
        "runs": [
            {
                "run_id": run["run_id"],
                "outcome": run["outcome"] or "running",
                "started_at": _time(run["started_at"]),
                "finished_at": _time(run["finished_at"]),
            }
            for run in runs
        ],
        "budgets": await _budgets(config, folders),
    }


def _streams(config: Config, folders: Folders, now: datetime) -> list[dict[str, Any]]:
    snapshot = current(folders.data)
    if snapshot is None:
        return []
    with connect(snapshot / "warehouse.duckdb", read_only=True) as db:
        found = rows(db, statement("status/streams"))
        reasons, histories = rows(db, statement("status/reasons")), rows(db, statement("status/histories"))
        remarks = _remarks(db, config, found)
    sources = {source.name: source for source in config.sources}
    for stream in found:
        stream["history"] = _history(sources.get(stream["source"]), _of(stream, histories), now)
        stream["dead_letter_reasons"] = [
            {name: one[name] for name in ("pointer", "reason", "records")} for one in _of(stream, reasons)
        ]
        stream["remarks"] = remarks.get((stream["source"], stream["stream"]), [])
        finished = stream["last_ok_at"]
        stream["seconds_since_ok"] = round((now - finished).total_seconds()) if finished else None
        open_passes = package.unfinished(folders.of_stream(stream["source"], stream["stream"]))
        stream["interrupted"] = bool(open_passes)
    return [
        {name: iso(value) if isinstance(value, datetime) else value for name, value in stream.items()}
        for stream in found
    ]


def _of(stream: dict[str, Any], found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in found if (one["source"], one["stream"]) == (stream["source"], stream["stream"])]


def _history(source: Source | None, proofs: Sequence[dict[str, Any]], now: datetime) -> dict[str, Any] | None:
    """The newest comparison of all of a stream's history; `proofs` are newest first."""
    for one in proofs:
        if source and reaches_back(Window(one["from"], one["to"]), source.start, source.retention):
            return {
                "state": one["state"],
                "from": iso(one["from"]),
                "to": iso(one["to"]),
                "checked_at": iso(one["checked_at"]),
                "seconds_since": round((now - one["checked_at"]).total_seconds()),
                "reason": one["reason"],
            }
    return None


def _remarks(
    db: duckdb.DuckDBPyConnection, config: Config, found: Sequence[dict[str, Any]]
) -> dict[tuple[str, str], list[str]]:
    """What is left out on purpose, in words: rows beyond the retention, rows that `reread` cannot pay for."""
    watermarks = {(one["source"], one["stream"]): one["watermark"] for one in found}
    told: dict[tuple[str, str], list[str]] = {}
    for source in config.sources:
        account = account_of(source)
        for stream in streams_of(account):
            watermark = watermarks.get((source.name, stream.name))
            if watermark is None or stream.walk == "list":
                continue
            tables.bind(db, stream.contract)
            sentences = (
                _beyond_retention(db, source, account, stream, watermark),
                _never_again(db, source, account, stream, watermark),
            )
            told[source.name, stream.name] = [one for one in sentences if one]
    return told


def _beyond_retention(
    db: duckdb.DuckDBPyConnection, source: Source, account: Account, stream: Stream, watermark: datetime
) -> str | None:
    if source.retention is None:
        return None
    window = Window(EPOCH, stream.floor(watermark - source.retention))
    figures = loaded_figures(db, source.name, account.tenant, stream, window).figures
    return kept_here(int(figures["total"] or 0), window)


def _never_again(
    db: duckdb.DuckDBPyConnection, source: Source, account: Account, stream: Stream, watermark: datetime
) -> str | None:
    if source.reread == 0:
        return None
    end = stream.floor(watermark - source.lookback)
    values = {"source": source.name, "tenant": account.tenant, "before": end}
    values["dense"] = most_pages(source.reread) * account.page_size
    hours = [checked(one, end) for one in rows(db, statement("status/checked"), values)]
    too_large = left_out(hours, account.page_size, source.reread)
    return sentence(too_large, account.page_size, source.reread) if too_large else None


async def _budgets(config: Config, folders: Folders) -> list[dict[str, Any]]:
    if not folders.budget.exists():
        return []
    found = []
    for source in config.sources:
        account = account_of(source)
        limits, key = SOURCES[source.system].limits(account), budget_key(source, account)
        budget = Budget(folders.budget, system_clock(), limits, key=key, place_source=source.name)
        try:
            for left in await budget.left():
                limit = limits[left.group]
                found.append(
                    {
                        "source": source.name,
                        "group": left.group,
                        "minute_left": left.minute_left,
                        "per_minute": limit.per_minute,
                        "day_left": left.day_left,
                        "per_day": limit.per_day,
                        "resume_at": iso(left.resume_at),
                    }
                )
        finally:
            budget.close()
    return found


def _time(seconds: float | None) -> str | None:
    return iso(datetime.fromtimestamp(round(seconds), UTC)) if seconds else None
