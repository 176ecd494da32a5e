"""What happens in the life of one installation, all of it decided by a seed: data only, nothing runs here.

A source of 20 to 120 rows and how it reads its own documentation; the machine's budgets; and two to four nights, each
with the changes before and during it, the faults of the source, and the way in which its run ends.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, get_args

import lab

from connectors.simulator.script import Fault, Kind
from connectors.simulator.switches import DOCUMENTED, RetryAfter, Switches

Ending = Literal[
    "itself",
    "stopped",  # by its `stop`, as a signal does
    "cancelled",  # with clean-up: the lease is given back
    "killed",  # without any
    "slept",  # stopped for a while, nobody else came
    "replaced",  # stopped, and woken in the middle of the run that took its lease
]
ENDINGS: tuple[Ending, ...] = get_args(Ending)
FAULTS: tuple[Kind, ...] = (
    *(500, 502, 503, 504, 429, 429, 429, 401, 403, 404),
    *("html", "empty", "error_200", "no_content", "redirect", "reset", "stall", "slow", "truncated"),
    *("short_json", "short_rows", "no_meta", "empty_page", "null_data", "wrong_type"),
    *("ignore_dates", "same_page"),
)
RETRY_AFTER: tuple[RetryAfter, ...] = get_args(RetryAfter)
GAPS = (
    30.0,
    150.0,
    3600.0,
    6 * 3600.0,
    86_400.0,
    86_400.0,
    90_000.0,
    3 * 86_400.0,
)  # seconds between two nights
BOUNDS: tuple[Literal["inclusive", "exclusive"], ...] = ("inclusive", "inclusive", "exclusive")


@dataclass(frozen=True, slots=True)
class Night:
    """One run, and what happens before and during it."""

    gap: float  # seconds of rest before it
    changes: int  # to the table in that time, anywhere in history
    whole: bool  # with marts and snapshot
    ending: Ending
    step: int  # of the run, at which it ends so
    pause: float  # seconds that it sleeps
    ahead: float  # how far the wall clock is put ahead of the true time, before or (`jump`) during the run
    jump: int | None
    reboot: bool
    churn: Mapping[str, Any]  # empty: the source is at rest during the run
    faults: tuple[Fault, ...]
    latency: float
    most: int | None  # --max-requests
    full: bool = False


@dataclass(frozen=True, slots=True)
class Story:
    seed: int
    rows: int
    days: float  # how far back they reach
    ties: int
    switches: Switches
    keys: Mapping[str, Any]  # of the source in config.yaml
    per_minute: int
    per_day: int
    purge: int | None  # days of history that the source keeps
    nights: tuple[Night, ...]
    whole_end: bool
    new: bool  # no warehouse is there yet; else an empty one
    begins: datetime = field(default=lab.NOW)


def story(seed: int) -> Story:
    chance = random.Random(f"story/{seed}")
    rows, page_size = chance.randint(20, 120), chance.randint(5, 20)
    switches, assume = _reading(chance, page_size)
    ties = chance.choice([0, 0, 3, page_size + 4])
    # What shares one moment (a day, where a source compares days) has to be read within one day's budget.
    together = ties > page_size or switches.date_unit == "day"
    budget = {
        "per_minute": chance.choice([6, 10, 30, 100]),
        "per_day": 1000 if together else chance.choice([30, 60, 200, 1000]),
        "force": True,
    }
    keys: dict[str, Any] = {
        "page_size": page_size,
        "lookback": chance.choice(["1h", "12h", "2d"]),
        "reread": chance.choice([0, 0, 0, 12]),
        "audit": chance.choice([0, 0, 100]),
        "budget": budget,
        "assume": assume,
    }
    days = chance.choice([0.05, 1, 20, 60])
    purge = chance.choice([None, None, None, 10])
    if purge:
        keys["retention"] = f"{purge}d"
    stormy = chance.random() < 0.75
    nights = [_night(chance, days, stormy) for _ in range(chance.choice([1, 1, 2, 2, 3]))]
    longest = seed % 20 == 0  # what takes long is lived through by one in twenty
    if longest:  # marts at both ends: the second ones are made of the days that changed between
        nights[0] = replace(nights[0], whole=True)
    return Story(
        seed=seed,
        rows=rows,
        days=days,
        ties=ties,
        switches=switches,
        keys=keys,
        per_minute=int(budget["per_minute"]),
        per_day=int(budget["per_day"]),
        purge=purge,
        nights=tuple(nights),
        whole_end=longest,
        new=longest,
    )


def calm(gap: float, *, full: bool) -> Night:
    """A night in which nothing happens."""
    return Night(
        gap=gap,
        changes=0,
        whole=False,
        ending="itself",
        step=0,
        pause=0,
        ahead=0,
        jump=None,
        reboot=False,
        churn={},
        faults=(),
        latency=0,
        most=None,
        full=full,
    )


def _reading(chance: random.Random, page_size: int) -> tuple[Switches, dict[str, str]]:
    """One reading of the documentation, and what config.yaml assumes of it: the same."""
    date_from, date_to = chance.choice(BOUNDS), chance.choice(BOUNDS)
    by_day = chance.random() < 0.1
    switches = Switches(
        max_page_size=chance.choice([100, 100, None, max(page_size - chance.randint(1, 9), 2)]),
        meta_page_size=chance.choice(["used", "asked"]),
        past_end=chance.choice(["empty", "404", "422", "last"]),
        empty_total_pages=chance.choice([0, 1]),
        tie_order=chance.choice(["stable", "by_id_desc", "shuffled"]),
        date_from=date_from,
        date_to=date_to,
        date_unit="day" if by_day else "second",
        empty_stats=chance.choice(["zeros", "nulls"]),
        distribution=chance.choice(["full", "present"]),
        satisfaction=chance.choice(["tenth", "exact"]),
        retry_after=chance.choice(RETRY_AFTER),
    )
    assert DOCUMENTED.over_max == switches.over_max
    assume = {"date_from": date_from, "date_to": date_to}
    return switches, assume | ({"date_unit": "day"} if by_day else {})


def _night(chance: random.Random, days: float, stormy: bool) -> Night:
    churn: dict[str, Any] = {}
    if stormy and chance.random() < 0.6:
        pace = chance.choice([0.1, 0.4, 1.0])
        kinds = chance.choice(
            [("late_inserts",), ("deletes",), ("edits",), ("late_inserts", "edits", "deletes")]
        )
        churn = {
            "inserts": pace * chance.random(),
            **{kind: pace * chance.random() for kind in kinds},
            "constant_total": chance.random() < 0.3,
            "turns": chance.choice([2, 5, 10, None]),
            "hours": chance.choice([days * 24, 30.0]),
        }
    kinds_of_fault = chance.sample(FAULTS, k=chance.choice([0, 0, 1, 3])) if stormy else []
    ending = chance.choice(ENDINGS) if chance.random() < 0.6 else "itself"
    return Night(
        gap=chance.choice(GAPS),
        changes=chance.choice([0, 0, 2, 10]),
        whole=chance.random() < 0.02,
        ending=ending,
        step=int(10 ** chance.uniform(1, 2.9)),
        pause=chance.choice([5.0, 70.0, 130.0, 4000.0]),
        ahead=chance.choice([0.0, 0.0, 0.0, 600.0, -600.0, 86_400.0, -86_400.0]),
        jump=chance.choice([None, chance.randint(10, 400)]),
        reboot=chance.random() < 0.2,
        churn=churn,
        faults=tuple(_fault(chance, kind) for kind in kinds_of_fault),
        latency=chance.choice([0.0, 0.0, 0.05, 0.5]),
        most=chance.choice([None, None, None, 4, 9]),
    )


def _fault(chance: random.Random, kind: Kind) -> Fault:
    when: dict[str, Any] = chance.choice([{"chance": 0.05}, {"chance": 0.3}, {"first": 2}, {"every": 7}])
    return Fault(
        kind,
        match=chance.choice(["", "", "list", "stats"]),
        retry_after=chance.choice(RETRY_AFTER),
        wait=chance.choice([1.0, 20.0, 90.0, 4000.0]),
        delay=chance.choice([0.01, 2.0]),
        **when,
    )
