"""When a night's run is due: one a night in every zone, once after days without power, never twice.

The clock is a list of moments: a year passes in no time. Kills: APScheduler's own CronTrigger (two runs where 01:30
comes twice, none where 00:30 is left out); a tick forgotten because it rang while nobody listened; three runs after
three nights; a killed run that counts; one that is tried for ever.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pipeline.config import Config, Schedule, parse
from pipeline.due import ATTEMPTS, REST, due, next_look
from pipeline.freshness import GRACE, allowed_age
from pipeline.ledger import Past
from pipeline.scheduler import Ticks
from pipeline.ticks import newest_tick, next_tick, ticks
from schemas.errors import ConfigError

# Sao Paulo turned its clocks at midnight, and has not since 2019.
YEARS = [("America/New_York", 2026), ("Europe/Lisbon", 2026), ("America/Sao_Paulo", 2018)]
NIGHTS = [
    *((zone, year, line) for zone, year in YEARS for line in ("15 2 * * *", "30 0 * * *")),
    *((zone, year, "30 1 * * *") for zone, year in YEARS[:2]),
    (*YEARS[2], "30 23 * * *"),
]
RUN = timedelta(minutes=20)


def config(*entries: str, names: tuple[str, ...] = ("a", "b")) -> Config:
    sources = [
        f"  - {{name: {name}, system: voki, tenant: t, base_url: https://voki.test, auth: {{token: t}}}}"
        for name in names
    ]
    text = "\n".join(["version: 1", "sources:", *sources, "schedule:", *(f"  - {one}" for one in entries)])
    return parse(text, {}, Path("config.yaml"), now=datetime(2026, 6, 1, tzinfo=UTC))


def nightly(line: str, zone: str) -> Config:
    return config(f'{{cron: "{line}", timezone: {zone}}}')


def run(began: datetime, outcome: str | None = "ok", covers: str = "ab", **receipt: Any) -> Past:
    ended = None if outcome is None else began + RUN
    return Past(f"{began}", began, ended, outcome, frozenset(covers), receipt)


def rings(entry: Schedule, since: datetime, until: datetime) -> Iterator[datetime]:
    """The moments at which the alarm clock rings, asked for as APScheduler does."""
    trigger = Ticks(entry)
    moment = trigger.get_next_fire_time(None, since)
    while moment is not None and moment < until:
        yield moment
        moment = trigger.get_next_fire_time(moment, moment)


def year_of(zone: str, year: int) -> tuple[datetime, datetime]:
    first, last = (datetime(one, 1, 1, tzinfo=ZoneInfo(zone)) for one in (year, year + 1))
    return first.astimezone(UTC) - timedelta(seconds=1), last.astimezone(UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(("zone", "year", "line"), NIGHTS)
def test_a_year_of_nights_has_one_run_a_night(zone: str, year: int, line: str) -> None:
    """Two processes hear each ring, and both changes of the clocks are in the year."""
    to, (since, until) = nightly(line, zone), year_of(zone, year)
    past: list[Past] = [run(since)]
    begun = Counter[date]()
    for ring in rings(to.schedule[0], since, until):
        for heard in (ring, ring + timedelta(seconds=15)):
            if due(to, heard, past):
                past = [run(heard)]
                begun[heard.astimezone(ZoneInfo(zone)).date()] += 1
    days = [date(year, 1, 1) + timedelta(days=n) for n in range(365)]
    assert {day: begun[day] for day in days if begun[day] != 1} == {}
    assert begun.total() == 365


@pytest.mark.parametrize(("zone", "year"), YEARS)
def test_after_three_nights_without_power_one_run_makes_up_for_them(zone: str, year: int) -> None:
    """Also where a clock change lies among them, and whether the process or only its ears were away."""
    to, (since, until) = nightly("15 2 * * *", zone), year_of(zone, year)
    nights = list(rings(to.schedule[0], since, until))
    for night in range(0, 360, 7):
        before, back = nights[night], nights[night + 3] + timedelta(hours=9)
        assert set(due(to, back, [run(before)])) == {"a", "b"}
        caught_up = [run(back), run(before)]
        assert due(to, back + RUN, caught_up) == {}
        assert next_look(to, back + RUN, caught_up) == nights[night + 4]
        assert due(to, nights[night + 4], caught_up) == dict.fromkeys("ab", nights[night + 4])


def test_the_tick_of_an_hour_that_is_left_out_comes_by_as_much_later() -> None:
    entry = nightly("30 2 * * *", "America/New_York").schedule[0]
    assert next_tick(entry, at("2026-03-08T00:00-05:00")) == at("2026-03-08T03:30-04:00")
    twice = nightly("30 1 * * *", "America/New_York").schedule[0]
    assert next_tick(twice, at("2026-11-01T00:00-04:00")) == at("2026-11-01T01:30-04:00")
    assert next_tick(twice, at("2026-11-01T01:30-04:00")) == at("2026-11-02T01:30-05:00")
    assert newest_tick(twice, at("2026-11-01T01:45-05:00")) == at("2026-11-01T01:30-04:00")


def test_half_hours_go_on_in_the_hour_that_comes_twice() -> None:
    """Kills: an hour without a run; a tick that goes back in time."""
    entry = nightly("*/30 * * * *", "Europe/Lisbon").schedule[0]
    since, until = year_of("Europe/Lisbon", 2026)
    found = ticks(entry, since, until - timedelta(seconds=1))
    assert {later - earlier for earlier, later in pairwise(found)} == {timedelta(minutes=30)}
    assert len(found) == 365 * 48


def test_ticks_tile_time_however_it_is_cut() -> None:
    """Kills: a tick at the edge of two looks that neither or both see."""
    for line in ("30 1 * * *", "*/20 1-2 * * *", "0 0 29 2 *", "30 4 * * sun"):
        entry = nightly(line, "America/New_York").schedule[0]
        since, until = at("2026-10-30T00:00Z"), at("2026-11-03T00:00Z")
        cuts = [since + timedelta(minutes=10) * n for n in range(4 * 144 + 1)]
        assert [one for cut in pairwise(cuts) for one in ticks(entry, *cut)] == ticks(entry, since, until)
    assert next_tick(nightly("0 0 29 2 *", "UTC").schedule[0], since) == at("2028-02-29T00:00Z")
    assert newest_tick(nightly("0 0 29 2 *", "UTC").schedule[0], since) == at("2024-02-29T00:00Z")


def test_steady_steps_count_from_1970_so_that_every_process_agrees() -> None:
    entry = config("{every: 6h}").schedule[0]
    now = at("2026-05-05T13:07:11Z")
    assert (newest_tick(entry, now), next_tick(entry, now)) == (
        at("2026-05-05T12:00Z"),
        at("2026-05-05T18:00Z"),
    )
    assert next_tick(entry, at("2026-05-05T18:00Z")) == at("2026-05-06T00:00Z")
    assert newest_tick(entry, at("2026-05-05T18:00Z")) == at("2026-05-05T18:00Z")


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("{sources: [a]}", "needs one of the two"),
        ('{cron: "15 2 * * *", every: 6h}', "needs one of the two"),
        ("{every: 0h}", "is no time at all"),
        ("{every: 400d}", "is too long: write `366d` or less"),
        ("{evry: 6h}", "did you mean `every`?"),
    ],
)
def test_an_entry_without_a_time_of_its_own_is_refused(entry: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said.replace("?", r"\?")):
        config(entry)


NIGHT = at("2026-05-05T02:15Z")
LATER = NIGHT + timedelta(hours=1)
NIGHTLY = nightly("15 2 * * *", "UTC")


@pytest.mark.parametrize(
    ("past", "waits"),
    [
        ([], "ab"),  # nothing ever ran
        ([run(NIGHT - timedelta(seconds=1))], "ab"),  # the night before, late
        ([run(NIGHT)], ""),
        ([run(NIGHT, None)], ""),  # under way, here or elsewhere
        ([run(NIGHT, "failed")], ""),  # the next night tries again
        ([run(NIGHT, covers="a")], "b"),  # somebody synced one by hand
        ([run(NIGHT, covers="b"), run(NIGHT, covers="a")], ""),
        ([run(NIGHT, "lost")], "ab"),
        ([run(NIGHT, "interrupted")], "ab"),
        ([run(NIGHT, "paused", stopped=True)], "ab"),
        ([run(NIGHT, "lost")] * (ATTEMPTS - 1), "ab"),
        ([run(NIGHT, "lost")] * ATTEMPTS, ""),  # it would kill the next, too
        ([run(NIGHT - timedelta(days=1), "lost")] * ATTEMPTS, "ab"),
        ([run(NIGHT, "lost"), run(NIGHT)], ""),  # a second one, by hand
    ],
)
def test_what_counts_as_a_run_of_the_night(past: list[Past], waits: str) -> None:
    assert due(NIGHTLY, LATER, past) == dict.fromkeys(waits, NIGHT)


def test_entries_with_sources_of_their_own() -> None:
    to = config('{cron: "15 2 * * *", sources: [a]}', "{every: 1h, sources: [b]}", names=("a", "b", "c"))
    now = at("2026-05-05T05:30Z")
    assert due(to, now, []) == {"a": NIGHT, "b": at("2026-05-05T05:00Z")}  # nobody asked for c
    assert due(to, now, [run(at("2026-05-05T04:00Z"), covers="abc")]) == {"b": at("2026-05-05T05:00Z")}
    assert due(to.model_copy(update={"schedule": ()}), now, []) == {}


def paused(until: datetime, began: datetime = NIGHT) -> Past:
    streams = [{"stream": "s", "resume_at": until.isoformat()}, {"stream": "t", "resume_at": None}]
    sources = [{"source": "a", "streams": streams}, {"source": "b", "streams": streams[1:]}]
    return run(began, "paused", sources=sources)


def test_a_paused_source_goes_on_when_its_budget_does() -> None:
    """Kills: waiting for the next night; going on with sources that were done; going on and on."""
    again = NIGHT + timedelta(hours=7)
    before, after = again - timedelta(seconds=1), again + timedelta(seconds=1)
    assert due(NIGHTLY, before, [paused(again)]) == {}
    assert next_look(NIGHTLY, before, [paused(again)]) == again
    assert due(NIGHTLY, again, [paused(again)]) == {"a": again}
    assert due(NIGHTLY, after, [run(again, covers="a"), paused(again)]) == {}
    assert due(NIGHTLY, NIGHT + timedelta(days=1), [paused(again)]) == dict.fromkeys(
        "ab", NIGHT + timedelta(days=1)
    )


def test_a_pause_of_seconds_is_a_rest_of_minutes() -> None:
    """A day's budget comes back a request at a time: each would be a run."""
    soon = NIGHT + RUN + timedelta(seconds=5)
    assert due(NIGHTLY, soon, [paused(soon)]) == {}
    assert due(NIGHTLY, NIGHT + RUN + REST, [paused(soon)]) == {"a": NIGHT + RUN + REST}


def test_freshness_allows_the_longest_gap_of_the_schedule() -> None:
    now = at("2026-05-05T12:00Z")
    assert allowed_age(NIGHTLY, now) == timedelta(days=1) + GRACE
    assert allowed_age(config("{every: 6h}"), now) == timedelta(hours=6) + GRACE
    workdays = nightly("15 2 * * mon-fri", "UTC")
    assert allowed_age(workdays, now) == timedelta(days=3) + GRACE
    spring = nightly("15 2 * * *", "Europe/Lisbon")
    assert allowed_age(spring, at("2026-10-20T00:00Z")) == timedelta(hours=25) + GRACE
