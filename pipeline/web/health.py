"""How the copy stands, in one word and a sentence: what the badge, the page and /api/health say."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from pipeline.accounts import account_of, streams_of
from pipeline.config import Config
from pipeline.folders import Folders
from pipeline.freshness import allowed_age
from pipeline.runs import runs
from pipeline.status import status
from pipeline.web.words import age

RUNS_SHOWN = 30
RUNS_TOLD = 5


@dataclass(frozen=True, slots=True)
class Health:
    """State is fresh, stale, unproven, failed or empty; `found` is what `evalsync status` says."""

    state: str
    sentence: str
    found: dict[str, Any]
    seconds: float | None  # since the stream that waits longest was last proven

    @property
    def proven_at(self) -> str | None:
        """When the stream that waits longest was last proven."""
        waiting = (one for one in self.found["streams"] if one["seconds_since_ok"] == self.seconds)
        return next((one["last_ok_at"] for one in waiting), None)

    def as_json(self) -> dict[str, Any]:
        """The document of `evalsync status --json`."""
        said = {"state": self.state, "sentence": self.sentence}
        return said | self.found | {"runs": self.found["runs"][:RUNS_TOLD]}

    def table(self, name: str) -> pa.Table:
        """Runs or budgets, as a table."""
        return pa.Table.from_pylist(self.found[name])


async def health(config: Config, now: datetime) -> Health:
    found = await status(config)
    found["runs"] = await asyncio.to_thread(runs, Folders(config.data_dir), RUNS_SHOWN)
    configured = {
        (source.name, stream.name) for source in config.sources for stream in streams_of(account_of(source))
    }
    streams = [one for one in found["streams"] if (one["source"], one["stream"]) in configured]
    if found["snapshot"] is None:
        return Health("empty", "Nothing is published yet: the first sync is still to come.", found, None)
    if not streams:
        return Health("empty", "No stream has run yet.", found, None)
    for stream in found["streams"]:
        stream["seconds_since_ok"] = _since(stream["last_ok_at"], now)
    waits = [stream["seconds_since_ok"] for stream in streams]
    longest = None if None in waits else max(waits)
    bad = [f"{one['source']}/{one['stream']}" for one in streams if one["last_outcome"] == "failed"]
    unproven = [
        f"{one['source']}/{one['stream']}"
        for one in streams
        if "unproven" in {one["proof_state"], (one["history"] or {}).get("state")}
    ]
    if longest is None or longest > allowed_age(config, now).total_seconds():
        named = [one for one in streams if one["seconds_since_ok"] == longest]
        which = _few([f"{one['source']}/{one['stream']}" for one in named])
        when = "Not proven yet" if longest is None else f"Last proven {age(longest)}"
        return Health("stale", f"{when}: {which}. Is the schedule running?", found, longest)
    if bad:
        return Health("failed", f"The last run failed for {_few(bad)}; older rows are shown.", found, longest)
    if unproven:
        return Health("unproven", f"Not proven equal to the source: {_few(unproven)}.", found, longest)
    return Health("fresh", f"Proven equal to the source {age(longest)}.", found, longest)


def _since(moment: str | None, now: datetime) -> float | None:
    return (now - datetime.fromisoformat(moment)).total_seconds() if moment else None


def _few(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
