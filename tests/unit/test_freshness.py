"""A proof may be as old as the longest gap of the schedule, and two hours.

Kills: the shortest gap; a weekend that is not counted; the night of a clock change that makes an alarm.
"""

from datetime import UTC, datetime, timedelta

import pytest

from pipeline.config import Config, Schedule
from pipeline.freshness import allowed_age


@pytest.mark.parametrize(
    ("entries", "hours"),
    [
        ((), 26),
        (({"cron": "15 2 * * *"},), 26),
        (({"cron": "15 2 * * mon-fri"},), 74),
        (({"cron": "0 */6 * * *"},), 8),
        (({"every": "30m"},), 2.5),
        (({"every": "1h"}, {"cron": "15 2 * * *"}), 26),
        (({"cron": "30 2 * * *", "timezone": "Europe/Lisbon"},), 27),  # until the clock has gone back
    ],
)
def test_the_longest_gap_and_some_grace(entries: tuple[dict[str, str], ...], hours: float) -> None:
    schedule = tuple(Schedule.model_validate(entry) for entry in entries)
    config = Config.model_construct(version=1, sources=(), schedule=schedule)
    assert allowed_age(config, datetime(2026, 10, 1, tzinfo=UTC)) == timedelta(hours=hours)
