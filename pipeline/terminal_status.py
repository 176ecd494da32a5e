"""What `evalsync status` shows: the verdict first, what to do where something is wrong, then the figures behind it.

Prints, decides nothing. Where the terminal is narrow, columns that have nothing to say are left out.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console

from pipeline.console import COLORS, WORDS, age_of, colored, console_here, new_table, number
from pipeline.terminal_runs import print_runs

WIDE = 120
BUDGETS_SHOWN = 6
VERDICTS = {"fresh": "green", "stale": "yellow", "unproven": "red", "failed": "red", "empty": "yellow"}
TO_DO = {
    "stale": "evalsync sync brings it up to date; is `evalsync serve`, or the line in the crontab, at work?",
    "failed": "the reason stands with the run below; evalsync check looks at configuration and credentials",
    "unproven": "evalsync audit finds the rows that differ, and mends them",
}

Stream = Mapping[str, Any]


def print_status(found: Mapping[str, Any]) -> None:
    """`found` is the document of `evalsync status --json`."""
    console = console_here()
    if not found["streams"]:
        console.print(f"nothing is published in {found['data_dir']} yet: evalsync sync", soft_wrap=True)
    else:
        _print_verdict(console, found)
        _print_streams(console, found["streams"])
        for line in _remarks(found["streams"]):
            console.print(line, highlight=False, markup=False, soft_wrap=True)
    _print_budgets(console, found["budgets"])
    if found["runs"] and "requests" in found["runs"][0]:
        console.print("\nlast runs", style="bold", highlight=False)
        print_runs(found["runs"])


def _print_verdict(console: Console, found: Mapping[str, Any]) -> None:
    state = found.get("state")
    if state is not None:
        console.print(f"[{VERDICTS[state]}]{state}[/]: ", end="", highlight=False)
        console.print(found["sentence"], highlight=False, markup=False, soft_wrap=True)
    for advice in _advice(state, found["streams"]):
        console.print(f"to do: {advice}", highlight=False, markup=False, soft_wrap=True)
    console.print()


def _advice(state: str | None, streams: Sequence[Stream]) -> Iterator[str]:
    if state in TO_DO:
        yield TO_DO[state]
    if any(one["interrupted"] for one in streams):
        yield "a reading was interrupted: evalsync sync goes on where it stopped"
    if any(one["dead_letters"] for one in streams):
        yield "evalsync dead-letters lists the records that broke their contract, and why"


def _print_streams(console: Console, streams: Sequence[Stream]) -> None:
    """A column in which every stream says the usual is left out where there is no room for it."""
    wide = console.width >= WIDE
    columns: list[tuple[str, list[str], bool]] = [
        ("stream", [_name(one) + (" (interrupted)" if one["interrupted"] else "") for one in streams], True),
        (
            "last run",
            [colored(one["last_outcome"]) for one in streams],
            wide or any(one["last_outcome"] != "ok" for one in streams),
        ),
        ("proof", [colored(one["proof_state"] or "-").replace("_", " ") for one in streams], True),
        ("age", [_age(one["seconds_since_ok"]) for one in streams], True),
        ("rows", [f"{one['rows_present']:,}" for one in streams], True),
        *(
            (title, [f"{one[column]:,}" for one in streams], wide or any(one[column] for one in streams))
            for title, column in (("deleted", "rows_deleted"), ("dead letters", "dead_letters"))
        ),
        ("up to (UTC)", [_minute(one["watermark"]) for one in streams], True),
    ]
    shown = [(title, cells) for title, cells, wanted in columns if wanted]
    table = new_table(*(title for title, _ in shown))
    for row in zip(*(cells for _, cells in shown), strict=True):
        table.add_row(*row)
    console.print(table)


def _age(seconds: float | None) -> str:
    """Since the stream last agreed with its source."""
    return "never" if seconds is None else age_of(seconds).removesuffix(" ago")


def _minute(moment: str | None) -> str:
    return moment[:16].replace("T", " ") if moment else "-"


def _name(one: Stream) -> str:
    return f"{one['source']}/{one['stream']}"


def _remarks(streams: Sequence[Stream]) -> Iterator[str]:
    """Why a stream is not proven, what is known of all history, why letters are dead, what is left out on purpose."""
    for one in streams:
        if one["proof_reason"]:
            yield f"{_name(one)}: {WORDS[one['proof_state']]}: {one['proof_reason']}"
    told = [(one, one["history"]) for one in streams if one["history"]]
    good = [history for _, history in told if history["state"] == "proven" and not history["reason"]]
    if good:
        oldest = age_of(max(history["seconds_since"] for history in good))
        yield f"all of history: {len(good)} of {len(streams)} streams {WORDS['proven']}, compared {oldest} or later"
    for one, history in told:
        if history not in good:
            checked = f"compared {age_of(history['seconds_since'])}"
            why = f"; {history['reason']}" if history["reason"] else ""
            yield (
                f"{_name(one)}: history up to {_minute(history['to'])}: {WORDS[history['state']]}, {checked}{why}"
            )
    for one in streams:
        for letter in one["dead_letter_reasons"]:
            why = f"{letter['pointer']} {letter['reason']}".strip()
            yield f"{_name(one)}: {letter['records']:,} dead letters: {why}"
        yield from (f"{_name(one)}: {remark}" for remark in one["remarks"])


def _print_budgets(console: Console, budgets: Sequence[Mapping[str, Any]]) -> None:
    """The budgets of which most is used, fullest first; those that are whole are left out."""
    used = sorted((one for one in budgets if _share(one) < 1), key=_share)
    if not used:
        return
    table = new_table("budget", "left this minute", "left of 24 hours")
    for one in used[:BUDGETS_SHOWN]:
        minute = f"{number(one['minute_left'])} of {number(one['per_minute'])}"
        day = f"{number(one['day_left'])} of {number(one['per_day'])}" if one["per_day"] else "-"
        table.add_row(f"{one['source']}: {one['group']}", minute, day)
    console.print()
    console.print(table)
    if len(used) > BUDGETS_SHOWN:
        console.print(f"and {len(used) - BUDGETS_SHOWN} more with more left", highlight=False)
    if closed := [one["resume_at"] for one in used if one["resume_at"]]:
        sentence = f"nothing is sent before {max(closed)}: the ledger of requests was lost"
        console.print(sentence, highlight=False, soft_wrap=True, style=COLORS["failed"])


def _share(one: Mapping[str, Any]) -> float:
    """Of the window of which least is left."""
    windows = ((one["minute_left"], one["per_minute"]), (one["day_left"], one["per_day"]))
    return min((left / limit for left, limit in windows if limit and left is not None), default=1.0)
