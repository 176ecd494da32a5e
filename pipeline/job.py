"""One stream of one source in one run, and who watches it. Data only."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from connectors.clock import Clock
from pipeline.destinations.store import Store
from pipeline.extract import Extraction
from pipeline.receipt import BudgetLeft


class Progress(Protocol):
    """Who watches a run: a terminal, a log, nobody."""

    def page(self, source: str, stream: str, records: int, expected: int | None) -> None: ...

    def budget(self, left: Sequence[BudgetLeft]) -> None: ...


@dataclass(frozen=True, slots=True)
class Asked:
    """What this run was asked to read; by default what is new, and the lookback."""

    since: datetime | None = None
    until: datetime | None = None
    full: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """One stream of one source in one run."""

    source: str
    tenant: str
    run_id: str
    extraction: Extraction
    store: Store
    clock: Clock
    lookback: timedelta
    start: datetime | None
    retention: timedelta | None
    asked: Asked
    stop: asyncio.Event
    progress: Progress
    requests: Callable[[], int]  # sent so far for this stream
