"""What a run did, as data: the JSON of `evalsync sync --json`, the rows of meta.runs and meta.stream_runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from connectors.source import Window
from pipeline.destinations.loaded import Loaded
from pipeline.reconcile import Proof

Outcome = Literal["ok", "paused", "failed", "unproven"]
CANNOT_SEE = (
    "what such figures cannot see: two changes that cancel in every one of them (a rating 4 that became 5, and a 5"
    " that became 4, in one range), or a field that none counts (a comment's wording)"
)


@dataclass(frozen=True, slots=True)
class HistoryReceipt:
    """What a run found when it compared a stream's whole history with its source, and what it mended."""

    state: Literal["proven", "unproven", "not_comparable", "paused", "failed"]
    requests: int
    window: Window | None = None
    proof: Proof | None = None
    loaded: Loaded = Loaded()
    reason: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "state": self.state,
            "requests": self.requests,
            "window": self.window and {"from": iso(self.window.lower), "to": iso(self.window.upper)},
            "source_total": self.proof and self.proof.source_total,
            "loaded_total": self.proof and self.proof.loaded_total,
            "inserted": self.loaded.inserted,
            "updated": self.loaded.updated,
            "deleted": self.loaded.deleted,
            "reason": self.reason,
            "cannot_see": CANNOT_SEE,
        }


@dataclass(frozen=True, slots=True)
class StreamReceipt:
    source: str
    stream: str
    outcome: Outcome
    requests: int = 0
    reread: int = 0  # of them, spent on looking at older windows again
    loaded: Loaded = Loaded()
    window: Window | None = None
    proof: Proof | None = None
    watermark: datetime | None = None
    error: str | None = None
    resume_at: datetime | None = None
    audit: HistoryReceipt | None = None  # None: history was not due, or this run's own window was all of it
    remarks: tuple[str, ...] = ()  # what was found damaged, and what was done about it

    def as_json(self) -> dict[str, Any]:
        names = ("fetched", "inserted", "updated", "unchanged", "deleted", "dead_letters", "duplicates")
        proof = self.proof and {
            "state": self.proof.state,
            "source_total": self.proof.source_total,
            "loaded_total": self.proof.loaded_total,
            "reason": self.proof.reason,
            "figures": figures_json(self.proof),
        }
        return {
            "stream": self.stream,
            "outcome": self.outcome,
            "requests": self.requests,
            "reread": self.reread,
            **{name: getattr(self.loaded, name) for name in names},
            "window": self.window and {"from": iso(self.window.lower), "to": iso(self.window.upper)},
            "proof": proof,
            "watermark": iso(self.watermark),
            "error": self.error,
            "resume_at": iso(self.resume_at),
            "audit": self.audit and self.audit.as_json(),
            "remarks": list(self.remarks),
        }


@dataclass(frozen=True, slots=True)
class BudgetLeft:
    source: str
    group: str
    minute_left: int | None
    day_left: int | None
    resume_at: datetime | None = None  # nothing before: it is not known what was spent


@dataclass(frozen=True, slots=True)
class Receipt:
    run_id: str
    outcome: Outcome
    started_at: datetime
    finished_at: datetime
    snapshot: str | None
    streams: Sequence[StreamReceipt]
    budgets: Sequence[BudgetLeft] = ()
    error: str | None = None
    warnings: Sequence[str] = field(default_factory=tuple)
    stopped: bool = False  # by a signal, at a page's edge
    requests: Mapping[str, int] = field(default_factory=dict)  # by source, those for credentials too
    answers: Mapping[str, Mapping[tuple[str, str], int]] = field(
        default_factory=dict
    )  # by group and status class

    def as_json(self) -> dict[str, Any]:
        by_source: dict[str, list[dict[str, Any]]] = {}
        for stream in self.streams:
            by_source.setdefault(stream.source, []).append(stream.as_json())
        return {
            "run_id": self.run_id,
            "outcome": self.outcome,
            "started_at": iso(self.started_at),
            "finished_at": iso(self.finished_at),
            "snapshot": self.snapshot,
            "sources": [
                {
                    "source": name,
                    "requests": self.requests.get(name, 0),
                    "answers": [
                        {"group": group, "status": status, "requests": count}
                        for (group, status), count in sorted(self.answers.get(name, {}).items())
                    ],
                    "streams": streams,
                }
                for name, streams in by_source.items()
            ],
            "budgets": [
                {
                    "source": one.source,
                    "group": one.group,
                    "minute_left": one.minute_left,
                    "day_left": one.day_left,
                    "resume_at": iso(one.resume_at),
                }
                for one in self.budgets
            ],
            "error": self.error,
            "warnings": list(self.warnings),
            "stopped": self.stopped,
        }


def outcome_of(streams: Sequence[StreamReceipt]) -> Outcome:
    """The worst of the streams: failed, then unproven, then paused, then ok."""
    found = {stream.outcome for stream in streams}
    for outcome in ("failed", "unproven", "paused"):
        if outcome in found:
            return outcome
    return "ok"


def figures_json(proof: Proof) -> Mapping[str, Any]:
    return {
        name: {
            "source": figure.source,
            "loaded": figure.loaded,
            "equal": figure.equal,
            "derived": figure.derived,
        }
        for name, figure in proof.figures.items()
    }


def iso(moment: datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment else None
