"""How things stand, read from the newest snapshot, the ledger and the budget; sends nothing, writes nothing."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from connectors.budget import Budget
from connectors.clock import system_clock
from connectors.registry import SOURCES
from pipeline import package
from pipeline.config import Config
from pipeline.destinations.lake import current
from pipeline.destinations.warehouse import connect, rows
from pipeline.folders import Folders
from pipeline.ledger import Ledger
from pipeline.receipt import iso
from pipeline.sources import account_of, budget_key
from pipeline.statements import statement


async def status(config: Config) -> dict[str, Any]:
    """One JSON document: streams, runs, budgets, the snapshot and its age in seconds."""
    folders = Folders(config.data_dir)
    snapshot = current(folders.data)
    now = datetime.now(UTC)
    streams = await asyncio.to_thread(_streams, folders, now) if snapshot else []
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


def _streams(folders: Folders, now: datetime) -> list[dict[str, Any]]:
    snapshot = current(folders.data)
    if snapshot is None:
        return []
    with connect(snapshot / "warehouse.duckdb", read_only=True) as db:
        found = rows(db, statement("status/streams"))
    for stream in found:
        finished = stream["last_ok_at"]
        stream["seconds_since_ok"] = round((now - finished).total_seconds()) if finished else None
        open_passes = package.unfinished(folders.of_stream(stream["source"], stream["stream"]))
        stream["interrupted"] = bool(open_passes)
    return [
        {name: iso(value) if isinstance(value, datetime) else value for name, value in stream.items()}
        for stream in found
    ]


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
                    }
                )
        finally:
            budget.close()
    return found


def _time(seconds: float | None) -> str | None:
    return iso(datetime.fromtimestamp(round(seconds), UTC)) if seconds else None
