"""What is due: decided by the schedule, the time, and the runs that the ledger knows. Asks and starts nothing.

A source is due when no run that counts has begun since its newest tick, or since the moment at which its paused run
may go on. So a tick is neither run twice nor lost, however many look, how late, and whoever was killed meanwhile.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from pipeline.config import Config
from pipeline.ledger import Past
from pipeline.ticks import newest_tick, next_tick

ATTEMPTS = 3  # runs since a tick that were killed: what kills them each time is not tried for ever
REST = timedelta(
    minutes=10
)  # between a paused run and its going on: a few slots at a time are not worth a run
KILLED = ("lost", "interrupted")


def due(config: Config, now: datetime, past: Sequence[Past]) -> dict[str, datetime]:
    """The sources to be read now, each with the moment since which it waits. `past` has the newest runs first."""
    found = {}
    for source, tick in _newest_ticks(config, now).items():
        last = _last_that_counts(source, tick, past)
        if last is None or last.began < tick:
            found[source] = tick
        elif (again := resumes_at(last, source)) is not None and again <= now:
            found[source] = again
    return found


def next_look(config: Config, now: datetime, past: Sequence[Past]) -> datetime | None:
    """The first moment from now at which something can become due."""
    ticks = [tick for entry in config.schedule if (tick := next_tick(entry, now)) is not None]
    for source, tick in _newest_ticks(config, now).items():
        last = _last_that_counts(source, tick, past)
        again = None if last is None else resumes_at(last, source)
        ticks += [again] if again is not None and again > now else []
    return min(ticks, default=None)


def resumes_at(run: Past, source: str) -> datetime | None:
    """When a source that this run left unfinished for want of budget may go on."""
    streams = [
        one for part in run.receipt.get("sources", []) if part["source"] == source for one in part["streams"]
    ]
    moments = [datetime.fromisoformat(one["resume_at"]) for one in streams if one["resume_at"]]
    if not moments or run.ended is None:
        return None
    return max(min(moments), run.ended + REST)


def _newest_ticks(config: Config, now: datetime) -> Mapping[str, datetime]:
    """Of each source that is in the schedule."""
    everything = tuple(source.name for source in config.sources)
    found: dict[str, datetime] = {}
    for entry in config.schedule:
        if (tick := newest_tick(entry, now)) is not None:
            for source in entry.sources or everything:
                found[source] = max(tick, found.get(source, tick))
    return found


def _last_that_counts(source: str, tick: datetime, past: Sequence[Past]) -> Past | None:
    """A run that was killed or stopped does not count, so that the next goes on with its passes."""
    killed = 0
    for run in past:
        if source not in run.covers or run.receipt.get("stopped"):
            continue
        if run.outcome not in KILLED:
            return run
        killed += run.began >= tick
        if killed >= ATTEMPTS:
            return run
    return None
