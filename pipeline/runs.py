"""The history of runs, as the ledger keeps it: one flat row a run, newest first. Reads, decides nothing."""

from datetime import UTC, datetime
from typing import Any

from connectors.clock import system_clock
from pipeline.folders import Folders
from pipeline.ledger import Ledger
from pipeline.receipt import iso

COUNTS = ("inserted", "updated", "deleted", "dead_letters")


def runs(folders: Folders, most: int) -> list[dict[str, Any]]:
    """run_id, outcome, when and how long, requests, rows by what became of them, what went wrong."""
    if not folders.ledger.exists():
        return []
    place = str(folders.data)  # who reads a page need not know where it lies
    return [_row(run, place) for run in Ledger(folders.ledger, system_clock()).runs(most)]


def _row(run: dict[str, Any], place: str) -> dict[str, Any]:
    receipt = run["receipt"] or {}
    sources = receipt.get("sources", [])
    streams = [stream for source in sources for stream in source["streams"]]
    errors = [receipt.get("error"), *(stream["error"] for stream in streams)]
    ended = run["finished_at"]
    return {
        "run_id": run["run_id"],
        "outcome": run["outcome"] or "running",
        "started_at": _time(run["started_at"]),
        "finished_at": _time(ended),
        "seconds": round(ended - run["started_at"], 1) if ended else None,
        "requests": sum(source["requests"] for source in sources),
        **{name: sum(stream[name] for stream in streams) for name in COUNTS},
        "error": next((error.replace(place, "data") for error in errors if error), None),
    }


def _time(seconds: float | None) -> str | None:
    return iso(datetime.fromtimestamp(round(seconds), UTC)) if seconds else None
