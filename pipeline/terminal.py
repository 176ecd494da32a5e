"""What a person sees: progress while a run goes on, and its results as tables. Prints, decides nothing."""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import structlog
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column, Table

from pipeline.check import Finding
from pipeline.destinations.warehouse import connect, rows
from pipeline.job import Progress as Watcher
from pipeline.plan import Planned
from pipeline.receipt import BudgetLeft, Receipt, StreamReceipt
from pipeline.statements import statement

log = structlog.get_logger()

LINE_EVERY = 15.0  # seconds between two log lines about the progress of a run
COLORS = {"ok": "green", "proven": "green", "paused": "yellow", "unproven": "red", "failed": "red"}


class Bars:
    """A progress bar per stream: pages done of total, rows per second, budget left, time to go."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._bars: dict[tuple[str, str], Any] = {}
        self._rows: dict[tuple[str, str], int] = {}
        self._left = ""

    def page(self, source: str, stream: str, records: int, expected: int | None) -> None:
        key = (source, stream)
        if key not in self._bars:
            total = math.ceil(expected / records) if expected and records else None
            self._bars[key] = self._progress.add_task(f"{source}/{stream}", total=total, rate="", left="")
        bar = self._bars[key]
        self._rows[key] = self._rows.get(key, 0) + records
        elapsed = self._progress.tasks[bar].elapsed or 0.0
        rate = f"{self._rows[key] / elapsed:,.0f} rows/s" if elapsed > 0.5 else ""
        self._progress.update(bar, advance=1, rate=rate, left=self._left)

    def budget(self, left: Sequence[BudgetLeft]) -> None:
        tightest = min((one.minute_left for one in left if one.minute_left is not None), default=None)
        day = min((one.day_left for one in left if one.day_left is not None), default=None)
        parts = [f"{tightest}/min"] if tightest is not None else []
        parts += [f"{day:,}/day"] if day is not None else []
        self._left = " ".join([*parts, "left"]) if parts else ""


class Lines:
    """A log line now and then, where there is no terminal."""

    def __init__(self) -> None:
        self._last = time.monotonic()
        self._pages = self._rows = 0

    def page(self, source: str, stream: str, records: int, expected: int | None) -> None:
        del expected
        self._pages, self._rows = self._pages + 1, self._rows + records
        if time.monotonic() - self._last >= LINE_EVERY:
            self._last = time.monotonic()
            log.info("progress", source=source, stream=stream, pages=self._pages, rows=self._rows)

    def budget(self, left: Sequence[BudgetLeft]) -> None: ...


@contextmanager
def progress_on(stream: TextIO) -> Iterator[Watcher]:
    """Bars on a terminal, log lines elsewhere."""
    console = Console(file=stream)
    if not console.is_terminal:
        yield Lines()
        return
    # Only the bar gives way on a narrow terminal.
    columns = (
        TextColumn("{task.description}", table_column=Column(no_wrap=True)),
        BarColumn(bar_width=None, table_column=Column(ratio=1)),
        TextColumn(
            "{task.completed}/{task.total} pages {task.fields[rate]}", table_column=Column(no_wrap=True)
        ),
        TimeRemainingColumn(compact=True, table_column=Column(no_wrap=True)),
        TextColumn("{task.fields[left]}", table_column=Column(no_wrap=True)),
    )
    with Progress(*columns, console=console, expand=True) as progress:
        yield Bars(progress)


def print_receipt(receipt: Receipt, data: Path) -> None:
    """What was synced, its proof, and what the marts say."""
    console = _console()
    console.print(f"run {receipt.run_id}: [{COLORS[receipt.outcome]}]{receipt.outcome}[/]", highlight=False)
    table = _table(
        "stream", "outcome", "requests", "new", "changed", "same", "deleted", "dead letters", "up to"
    )
    for one in receipt.streams:
        done = one.loaded
        counts = (one.requests, done.inserted, done.updated, done.unchanged, done.deleted, done.dead_letters)
        upto = f"{one.watermark:%Y-%m-%d %H:%M:%S}" if one.watermark else "-"
        table.add_row(
            f"{one.source}/{one.stream}", _colored(one.outcome), *(f"{count:,}" for count in counts), upto
        )
    console.print(table)
    for one in receipt.streams:
        _print_proof(console, one)
    for warning in receipt.warnings:
        console.print(f"warning: {warning}", highlight=False, markup=False)
    if receipt.error:
        console.print(f"not published: {receipt.error}", highlight=False, markup=False)
    if receipt.snapshot:
        print_marts(Path(receipt.snapshot), console)
        console.print(f"read it: {data / 'current' / 'warehouse.duckdb'}", highlight=False, soft_wrap=True)


def _print_proof(console: Console, one: StreamReceipt) -> None:
    proof = one.proof
    if proof is not None:
        words = {"proven": "proven equal to the source", "not_comparable": "not comparable with the source"}
        state = words.get(proof.state, proof.state)
        line = f"{one.source}/{one.stream}: {state}: {proof.loaded_total:,} loaded, {proof.source_total} at the source"
        console.print(line, highlight=False, style=COLORS.get(proof.state, ""), soft_wrap=True)
        shown = [
            f"{name} {_number(figure.loaded)}"
            + ("" if figure.equal else f" (source: {_number(figure.source)})")
            for name, figure in proof.figures.items()
        ]
        console.print("  " + ", ".join(shown), highlight=False, style="dim", soft_wrap=True)
    if one.error:
        console.print(
            f"{one.source}/{one.stream}: {one.error}", highlight=False, markup=False, soft_wrap=True
        )
    if one.resume_at:
        console.print(f"  goes on from {one.resume_at:%Y-%m-%d %H:%M:%S} UTC", highlight=False)


def print_marts(snapshot: Path, console: Console | None = None) -> None:
    """The first lines of the marts that people ask for."""
    console = console or _console()
    with connect(snapshot / "warehouse.duckdb", read_only=True) as db:
        spread = rows(db, statement("status/distribution"))
        departments = rows(db, statement("status/departments"))
    if not departments:
        console.print("the marts are empty: nothing is loaded yet")
        return
    ratings = _table("source", "1", "2", "3", "4", "5", title="ratings")
    for one in spread:
        ratings.add_row(one["source"], *(f"{one[f'rating_{rating}']:,}" for rating in range(1, 6)))
    console.print(ratings)
    table = _table(
        "source", "department", "evaluations", "satisfied", "95 % bounds", title="satisfaction by department"
    )
    for one in departments:
        bounds = f"{one['satisfaction_low']:.1f} - {one['satisfaction_high']:.1f} %"
        name = one["department_name"] or "(none)"
        table.add_row(
            one["source"], name, f"{one['evaluations']:,}", f"{one['satisfaction_rate']:.1f} %", bounds
        )
    console.print(table)


def print_plan(planned: Sequence[Planned]) -> None:
    table = _table("stream", "from", "records", "requests", "left this minute", "left today", "takes about")
    for one in planned:
        since = "the beginning" if one.since.year == 1970 else f"{one.since:%Y-%m-%d %H:%M}"
        left = [_number(count) for count in (one.left.minute_left, one.left.day_left)]
        note = f" (goes on: {one.sealed} pages kept)" if one.resumes else ""
        takes = "-" if one.requests is None else str(one.duration) if one.duration else "under a minute"
        counts = (_number(one.records), _number(one.requests))
        table.add_row(f"{one.source}/{one.stream}{note}", since, *counts, *left, takes)
    _console().print(table)
    for one in planned:
        if one.why:
            _console().print(one.why, highlight=False, markup=False, soft_wrap=True)


def print_status(found: Mapping[str, Any]) -> None:
    console = _console()
    if not found["streams"]:
        console.print(f"nothing is published in {found['data_dir']} yet: evalsync sync", soft_wrap=True)
    else:
        table = _table(
            "stream", "last run", "proof", "rows", "deleted", "dead letters", "up to", "last good run"
        )
        for one in found["streams"]:
            age = one["seconds_since_ok"]
            table.add_row(
                f"{one['source']}/{one['stream']}" + (" (interrupted)" if one["interrupted"] else ""),
                _colored(one["last_outcome"]),
                _colored(one["proof_state"] or "-"),
                f"{one['rows_present']:,}",
                f"{one['rows_deleted']:,}",
                f"{one['dead_letters']:,}",
                one["watermark"] or "-",
                "never" if age is None else _age(age),
            )
        console.print(table)
    if found["budgets"]:
        table = _table("budget", "left this minute", "left today")
        for one in found["budgets"]:
            minute = f"{_number(one['minute_left'])} of {_number(one['per_minute'])}"
            day = f"{_number(one['day_left'])} of {_number(one['per_day'])}" if one["per_day"] else "-"
            table.add_row(f"{one['source']}: {one['group']}", minute, day)
        console.print(table)
    for run in found["runs"]:
        console.print(f"{run['started_at']}  {run['outcome']:<11} {run['run_id']}", highlight=False)


def print_findings(findings: Sequence[Finding]) -> None:
    console = _console()
    for one in findings:
        mark = "[green]good[/]" if one.good else "[red]bad [/]"
        console.print(f"{mark} {one.what}: ", end="", highlight=False)
        console.print(one.detail, highlight=False, markup=False, soft_wrap=True)


def print_letters(found: Sequence[Mapping[str, Any]]) -> None:
    if not found:
        _console().print("no dead letters")
        return
    table = _table("source", "stream", "record", "field", "reason", "first seen")
    for one in found:
        table.add_row(
            one["source"],
            one["stream"],
            one["record_key"],
            one["pointer"],
            one["reason"],
            one["first_seen_at"],
        )
    _console().print(table)
    _console().print("after a fix: evalsync dead-letters replay")


def _console() -> Console:
    """Standard output; wide where it is no terminal, so that nothing is cut in a file or a mail."""
    console = Console()
    return console if console.is_terminal else Console(width=160)


def _table(*columns: str, title: str | None = None) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index == 0 else "right", overflow="fold")
    return table


def _colored(word: str) -> str:
    return f"[{COLORS[word]}]{word}[/]" if word in COLORS else word


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.1f}".removesuffix(".0")


def _age(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit} ago"
    return "just now"
