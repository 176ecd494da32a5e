"""How old what readers see may be: decided by the schedule alone, asks nobody for the time."""

from datetime import datetime, timedelta
from itertools import islice, pairwise

from pipeline.config import Config, Schedule
from pipeline.ticks import next_ticks

UNSCHEDULED = timedelta(hours=26)  # a night and a bit
GRACE = timedelta(hours=2)
LOOKAHEAD = 40  # ticks: more than a month of nights


def allowed_age(config: Config, now: datetime) -> timedelta:
    """How old a proof may be: the longest gap that the schedule leaves, and some grace; or what is configured."""
    if config.serve.stale_after is not None:
        return config.serve.stale_after
    gaps = [_longest_gap(entry, now) for entry in config.schedule]
    return max(gaps) + GRACE if gaps else UNSCHEDULED


def _longest_gap(entry: Schedule, now: datetime) -> timedelta:
    found = islice(next_ticks(entry, now), LOOKAHEAD)
    return max((later - earlier for earlier, later in pairwise(found)), default=UNSCHEDULED)
