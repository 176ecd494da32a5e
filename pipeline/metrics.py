"""The figures of /metrics, in Prometheus' text format, made anew for every scrape.

Promises that each figure comes from the ledger of runs, the budgets or the published snapshot, so a restart loses none
and nothing is counted twice; that labels have few values (names of the configuration, states, the most frequent
reasons) and none that tells of a customer, an agent or a credential. Reads, sends nothing, keeps nothing.
"""

import platform
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from connectors.clock import Clock
from pipeline.accounts import account_of, streams_of
from pipeline.config import Config
from pipeline.folders import Folders
from pipeline.freshness import allowed_age
from pipeline.ledger import Ledger

__all__ = ["CONTENT_TYPE_LATEST", "exposition"]

PROOFS = ("proven", "unproven", "not_comparable", "none")
OUTCOMES = ("ok", "paused", "unproven", "failed", "interrupted", "lost")
REASONS = 10  # of dead letters, for each stream; the rest is `other`
LOOK_BACK = 20  # runs, for the newest that has ended

Row = Mapping[str, Any]
Values = Iterable[tuple[Sequence[str], float]]


@dataclass(frozen=True, slots=True, eq=False)
class _Collected:
    """What a registry asks."""

    families: Sequence[Metric]

    def collect(self) -> Iterator[Metric]:
        yield from self.families


def exposition(config: Config, found: Row, clock: Clock) -> bytes:
    """All figures; `found` is what `pipeline.status.status` says. Raises LoadError."""
    now = clock.now()
    registry = CollectorRegistry(auto_describe=False)
    registry.register(
        _Collected(
            [
                *_build(),
                *_streams(config, found["streams"], now),
                *_letters(found["streams"]),
                *_budgets(found["budgets"]),
                *_runs(config, clock),
                *_snapshot(found["snapshot"], now),
                _gauge(
                    "freshness_allowed_seconds",
                    "How old a proof may be by the schedule.",
                    (),
                    [((), allowed_age(config, now).total_seconds())],
                ),
            ]
        )
    )
    return generate_latest(registry)


def _gauge(name: str, says: str, labels: Sequence[str], values: Values) -> Metric:
    family = GaugeMetricFamily(f"evalsync_{name}", says, labels=labels)
    for words, value in values:
        family.add_metric(words, value)
    return family


def _counter(name: str, says: str, labels: Sequence[str], values: Values) -> Metric:
    family = CounterMetricFamily(f"evalsync_{name}", says, labels=labels)
    for words, value in values:
        family.add_metric(words, value)
    return family


def _build() -> Iterator[Metric]:
    words = (version("evalsync"), platform.python_version(), version("duckdb"))
    yield _gauge("build_info", "Versions; always 1.", ("version", "python", "duckdb"), [(words, 1)])


def _streams(config: Config, rows: Sequence[Row], now: datetime) -> Iterator[Metric]:
    """Of the configured streams alone: one that is not read any more would be stale for ever."""
    found = {(one["source"], one["stream"]): one for one in rows}
    names = [
        (source.name, stream.name) for source in config.sources for stream in streams_of(account_of(source))
    ]
    there = [(name, found[name]) for name in names if name in found]
    label = ("source", "stream")
    yield _gauge(
        "rows",
        "Loaded rows, by whether they are still at the source.",
        (*label, "state"),
        [((*name, state), one[f"rows_{state}"]) for name, one in there for state in ("present", "deleted")],
    )
    yield _gauge(
        "freshness_seconds",
        "Since the stream was last read and agreed with its source; +Inf: never.",
        label,
        [(name, _age(found.get(name, {}).get("last_ok_at"), now)) for name in names],
    )
    for metric, says, column in (
        ("last_success_timestamp_seconds", "When the stream last agreed with its source.", "last_ok_at"),
        ("watermark_timestamp_seconds", "Everything before it is loaded.", "watermark"),
    ):
        yield _gauge(
            metric, says, label, [(name, _seconds(one[column])) for name, one in there if one[column]]
        )
    proofs = [(name, one["proof_state"]) for name, one in there]
    yield _states("proof_state", "What the newest run's comparison with the source showed.", proofs)
    audits = [(name, (one["history"] or {}).get("state")) for name, one in there]
    yield _states("audit_state", "What the newest comparison of all history showed.", audits)
    yield _gauge(
        "audit_timestamp_seconds",
        "When all history was last compared.",
        label,
        [(name, _seconds(one["history"]["checked_at"])) for name, one in there if one["history"]],
    )


def _states(metric: str, says: str, found: Iterable[tuple[tuple[str, str], str | None]]) -> Metric:
    """1 for the state that it is in, 0 for the others, so that an alert sees it change."""
    values = [((*name, word), float(word == (state or "none"))) for name, state in found for word in PROOFS]
    return _gauge(metric, says, ("source", "stream", "state"), values)


def _letters(rows: Sequence[Row]) -> Iterator[Metric]:
    counts = Counter[tuple[str, str, str]]()
    for one in rows:
        by_reason = Counter[str]()
        for letter in one["dead_letter_reasons"]:
            by_reason[letter["reason"]] += letter["records"]
        for place, (reason, records) in enumerate(by_reason.most_common()):
            counts[one["source"], one["stream"], reason if place < REASONS else "other"] += records
    says = "Records that broke their contract and wait, by why."
    yield _gauge("dead_letters", says, ("source", "stream", "reason"), list(counts.items()))


def _budgets(rows: Sequence[Row]) -> Iterator[Metric]:
    windows = [(one, window) for one in rows for window in ("minute", "day") if one[f"per_{window}"]]
    for metric, says, column in (
        ("budget_limit_requests", "Requests that the window may hold.", "per_{}"),
        ("budget_left_requests", "Requests that may still be sent in the rolling window.", "{}_left"),
    ):
        values = [
            ((one["source"], one["group"], window), one[column.format(window)]) for one, window in windows
        ]
        yield _gauge(metric, says, ("source", "group", "window"), values)


def _runs(config: Config, clock: Clock) -> Iterator[Metric]:
    """Of the ledger, which has every run there ever was."""
    folders = Folders(config.data_dir)
    ledger = Ledger(folders.ledger, clock) if folders.ledger.exists() else None
    totals = {name: (count, seconds) for name, count, seconds in ledger.totals()} if ledger else {}
    each = [(name, totals.get(name, (0, 0.0))) for name in OUTCOMES]
    yield _counter("runs", "Runs that have ended.", ("outcome",), [((name,), one[0]) for name, one in each])
    yield _counter(
        "run_seconds", "Their durations in sum.", ("outcome",), [((name,), one[1]) for name, one in each]
    )
    under_way = totals.get("running", (0, 0.0))[0]
    yield _gauge("runs_under_way", "Runs that hold the lease now.", (), [((), under_way)])
    ended = [run for run in (ledger.runs(LOOK_BACK) if ledger else []) if run["finished_at"]]
    yield from _newest(ended[0] if ended else None)


def _newest(run: Row | None) -> Iterator[Metric]:
    """Of the newest run that has ended."""
    values: list[tuple[tuple[str, ...], float]] = []
    if run is not None:
        values = [((name,), float(name == run["outcome"])) for name in OUTCOMES]
    yield _gauge("last_run_outcome", "How the newest run ended.", ("outcome",), values)
    ended = run["finished_at"] if run else None
    took = ended - run["started_at"] if run and ended else None
    for metric, says, value in (
        ("last_run_timestamp_seconds", "When it ended.", ended),
        ("last_run_duration_seconds", "How long it took.", took),
    ):
        yield _gauge(metric, says, (), [((), value)] if value is not None else [])
    sources = ((run or {}).get("receipt") or {}).get("sources", [])
    answers = [
        ((source["source"], one["group"], one["status"]), one["requests"])
        for source in sources
        for one in source.get("answers", [])  # receipts of earlier versions have none
    ]
    says = "Requests of the newest run by endpoint group and status class; `none`: no answer came."
    yield _gauge("last_run_requests", says, ("source", "group", "status"), answers)


def _snapshot(path: str | None, now: datetime) -> Iterator[Metric]:
    """By its name, which is its run's: the moment at which that began."""
    began = _began(path.rpartition("/")[2]) if path else None
    values = [((), began.timestamp())] if began else []
    yield _gauge("snapshot_timestamp_seconds", "When the run of the newest snapshot began.", (), values)
    ages = [((), (now - began).total_seconds())] if began else []
    yield _gauge("snapshot_age_seconds", "Since then.", (), ages)


def _began(run_id: str) -> datetime | None:
    try:
        return datetime.strptime(run_id.partition("-")[0], "%Y%m%dT%H%M%S.%fZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def _age(moment: str | None, now: datetime) -> float:
    return now.timestamp() - _seconds(moment) if moment else float("inf")
