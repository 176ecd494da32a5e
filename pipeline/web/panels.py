"""The tables that the dashboard is made of, read from one snapshot.

Promises to read only: the snapshot's file is opened read-only, without access to any other file, by one thread, for
at most `SECONDS`; no table has more than `MOST` rows. One table is the same rows on the page, as JSON and as a file.
"""

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from pipeline.destinations.warehouse import arrow, connect, rows
from pipeline.statements import statement
from pipeline.web.filters import Extent, Filters, Span, span

SECONDS = 10.0
MOST = 100_000  # rows of a download
SHOWN = 500  # rows of a table on the page
COMMENTS_SHOWN = 12
PROOFS_SHOWN = 15


@dataclass(frozen=True, slots=True)
class Panel:
    """One table: its name in addresses, and where its rows come from."""

    title: str
    sql: str


PANELS: Mapping[str, Panel] = {
    "summary": Panel("Summary", statement("dashboard/summary")),
    "distribution": Panel("Ratings", statement("dashboard/distribution")),
    "trend": Panel("Satisfaction over time", statement("dashboard/trend")),
    "departments": Panel("Departments", statement("dashboard/departments")),
    "agents": Panel("Agents", statement("dashboard/agents")),
    "comments": Panel("Comments", statement("dashboard/comments")),
    "quality": Panel("Quality outcomes", statement("dashboard/quality")),
    "quality_agents": Panel("Quality by agent", statement("dashboard/quality_agents")),
    "comparison": Panel("Quality and satisfaction", statement("dashboard/comparison")),
    "streams": Panel("Streams", statement("status/streams")),
    "proofs": Panel("Comparisons with the source", statement("dashboard/proofs")),
    "letters": Panel("Dead letters", statement("dashboard/letters")),
}


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look at a snapshot brought. `span` is None where nothing is loaded yet."""

    snapshot: str
    extent: Extent | None
    span: Span | None
    choices: Mapping[str, Sequence[str]]
    tables: Mapping[str, pa.Table]

    def rows(self, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.tables[name].to_pylist() if name in self.tables else []
        return found


def look(
    snapshot: Path, filters: Filters, names: Sequence[str], *, whole: bool = False, choices: bool = False
) -> Seen:
    """The tables of these names, and what the filters may be set to. Raises LoadError.

    `whole`: all rows of the tables, not only those that a page shows.
    """
    with opened(snapshot / "warehouse.duckdb") as db:
        [found] = rows(db, statement("dashboard/extent"))
        if found["oldest"] is None:
            tables = {name: arrow(db, PANELS[name].sql, None) for name in names if name == "streams"}
            return Seen(snapshot.name, None, None, {}, tables)
        extent = Extent(**found)
        days = span(filters, extent)
        values = _values(filters, extent, days, whole=whole)
        return Seen(
            snapshot=snapshot.name,
            extent=extent,
            span=days,
            choices=_choices(db) if choices else {},
            tables={name: _table(db, PANELS[name].sql, values) for name in names},
        )


def _table(db: duckdb.DuckDBPyConnection, sql: str, values: Mapping[str, Any]) -> pa.Table:
    asked = set(re.findall(r"\$(\w+)", sql))
    return arrow(db, sql, {name: value for name, value in values.items() if name in asked} or None)


def _values(filters: Filters, extent: Extent, days: Span, *, whole: bool) -> dict[str, Any]:
    """Everything that a statement may ask for."""
    since, until = days.moments(extent.timezone)
    return {
        "first": days.first,
        "last": days.last,
        "before": days.before,
        "bucket": days.bucket,
        "since": since,
        "until": until,
        "source": filters.source,
        "department": filters.department,
        "agent": filters.agent,
        "rating": filters.rating,
        "search": filters.search,
        "most": MOST if whole else SHOWN,
        "newest": MOST if whole else PROOFS_SHOWN,
        "most_comments": MOST
        if whole
        else COMMENTS_SHOWN + 1,  # one more tells whether there is another page
        "skip": 0 if whole else (filters.page - 1) * COMMENTS_SHOWN,
    }


def _choices(db: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {"source": [], "department": [], "agent": []}
    for row in rows(db, statement("dashboard/choices")):
        found[row["filter"]].append(row["name"])
    return found


@contextmanager
def opened(path: Path, seconds: float = SECONDS) -> Iterator[duckdb.DuckDBPyConnection]:
    """A snapshot's file for a short while. Raises LoadError, also when the time is over."""
    with connect(path, read_only=True) as db:
        for setting in ("enable_external_access = false", "threads = 1", "memory_limit = '512MB'"):
            db.execute(f"SET {setting}")
        for macro in statement("dashboard/macros").split(";\n\n"):
            db.execute(macro)
        limit = threading.Timer(seconds, db.interrupt)
        limit.start()
        try:
            yield db
        finally:
            limit.cancel()
