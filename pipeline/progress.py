"""How far a run is, while it goes on: bars on a terminal, a log line now and then elsewhere."""

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

import structlog
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column

from pipeline.job import Progress as Watcher
from pipeline.receipt import BudgetLeft

log = structlog.get_logger()

LINE_EVERY = 15.0  # seconds between two log lines about the progress of a run


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
