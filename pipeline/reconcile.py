"""The warehouse against the source: figures of one window side by side, and where they differ.

Promises that *proven* is said only when every figure that the source gives independently was compared and is
equal; a figure that follows from others (an average) is reported and decides nothing. Dead letters are rows that
the warehouse lacks, so a window with one is unproven. What such figures cannot see: two changes that cancel in
every one of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

import duckdb

from connectors.source import DAY, EPOCH, SourceTotals, Stream, Window
from pipeline.destinations import tables
from pipeline.destinations.warehouse import rows
from pipeline.statements import statement

State = Literal["proven", "unproven", "not_comparable"]
ROUNDING = 0.051  # derived figures come rounded to one decimal
PURGING = timedelta(hours=1)  # it goes on while we compare
NOTHING = timedelta()


@dataclass(frozen=True, slots=True)
class Figure:
    source: float | None
    loaded: float | None
    derived: bool = False

    @property
    def equal(self) -> bool:
        if self.source is None or self.loaded is None:
            return self.source == self.loaded
        return abs(self.source - self.loaded) <= (ROUNDING if self.derived else 0)


@dataclass(frozen=True, slots=True)
class Proof:
    window: Window
    state: State
    source_total: int | None
    loaded_total: int
    figures: Mapping[str, Figure]
    checked_at: datetime
    reason: str | None = None
    quarantined: int = 0  # dead letters of the window: reading it again would not bring them

    def differences(self) -> list[str]:
        return [name for name, figure in self.figures.items() if not figure.equal and not figure.derived]


@dataclass(frozen=True, slots=True)
class Loaded:
    """The warehouse's figures of a window."""

    figures: Mapping[str, float | None]
    quarantined: int


def loaded_figures(
    connection: duckdb.DuckDBPyConnection, source: str, tenant: str, stream: Stream, window: Window
) -> Loaded:
    bounds = {"source": source, "from": window.lower, "to": window.upper}
    tables.bind(connection, stream.contract)
    [figures] = rows(
        connection, statement(f"reconcile/{stream.contract.figures}"), {**bounds, "tenant": tenant}
    )
    [quarantined] = rows(connection, statement("reconcile/quarantined"), {**bounds, "stream": stream.name})
    return Loaded(figures, next(iter(quarantined.values())))


def compare(window: Window, totals: SourceTotals, listed: int | None, loaded: Loaded, now: datetime) -> Proof:
    """`listed` is what the list endpoint counts in the window, beside the figures of the totals endpoint."""
    figures = {
        name: Figure(value, loaded.figures.get(name), name in totals.derived)
        for name, value in totals.figures.items()
    }
    if listed is not None and totals.total is not None:
        figures["listed"] = Figure(listed, loaded.figures["total"])
    total = int(loaded.figures["total"] or 0)
    proof = Proof(window, "proven", totals.total, total, figures, now)
    if totals.total is None:
        return replace(proof, state="not_comparable", reason="the source gives no total")
    if loaded.quarantined:
        reason = f"{loaded.quarantined} records of the window are dead letters: evalsync dead-letters"
        return replace(proof, state="unproven", reason=reason, quarantined=loaded.quarantined)
    if names := proof.differences():
        return replace(proof, state="unproven", reason="differs in " + ", ".join(names))
    return proof


def unproven(window: Window, loaded: Loaded, reason: str, now: datetime) -> Proof:
    """Nothing could be compared."""
    return Proof(window, "unproven", None, int(loaded.figures["total"] or 0), {}, now, reason)


def kept_here(rows: int, window: Window) -> str | None:
    """The sentence about rows older than the declared retention."""
    if rows == 0:
        return None
    return f"{rows:,} rows before {window.upper:%Y-%m-%d} are kept here; the source may have purged them"


def beginning(start: datetime | None, retention: timedelta | None, upper: datetime) -> datetime:
    """From where on the history up to `upper` can be compared: what a declared retention takes cannot be."""
    lower = start or EPOCH
    return max(lower, upper - retention + PURGING) if retention else lower


def reaches_back(window: Window, start: datetime | None, retention: timedelta | None) -> bool:
    """Whether a window is all of the history up to its end; with a retention its beginning moves on meanwhile."""
    return window.lower <= beginning(start, retention, window.upper) + (DAY if retention else NOTHING)
