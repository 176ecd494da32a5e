"""What must hold in the life of an installation: every version that the source ever had, and what a run may leave.

Looks at files, at the source's tables and at its log; uses nothing of the product. A broken promise is a `Broken`.
"""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
from rate_oracle import most_in_window
from remains import FIELDS, reading

from connectors.simulator.log import Arrival
from connectors.simulator.world import Wire, World

PROMISES = ("lost", "twice", "unreadable", "budget", "other")
MINUTE, DAY = 60.0, 86_400.0
GROUPS = {"/api/v1/evaluations": "evaluations", "/api/v1/evaluations/stats": "evaluations/stats"}
ROWS = """
    SELECT evaluation_id, call_id, rating, comment, customer_name, agent_name, department_name,
        strftime(created_at, '%Y-%m-%dT%H:%M:%SZ'), _deleted_at IS NOT NULL
    FROM {}.core.evaluations ORDER BY evaluation_id
"""
COUNTED = """
    SELECT strftime(day, '%Y-%m-%d'), department_name, agent_name, rating, evaluations
    FROM {}.marts.rating_distribution
"""
TWICE = """
    SELECT count(*) FROM {0}.meta.loads AS a JOIN {0}.meta.loads AS b USING (source, stream, pass_id)
    WHERE a.first_page < b.first_page AND b.first_page <= a.last_page
        OR a.first_page = b.first_page AND a.loaded_at < b.loaded_at
"""

Version = tuple[Any, ...]  # the fields of a row, its id first


class Broken(AssertionError):
    """A promise that does not hold, by its name in the campaign's table."""

    def __init__(self, promise: str, what: str) -> None:
        super().__init__(f"{promise}: {what}")
        self.promise, self.what = promise, what


@dataclass(slots=True)
class Chronicle:
    """Every version of every row, and which rows were ever away."""

    world: World
    turn: int = 0
    versions: defaultdict[str, list[tuple[int, Version]]] = field(default_factory=lambda: defaultdict(list))
    away: set[str] = field(default_factory=set)
    purged: set[str] = field(default_factory=set)
    _seen: Counter[str] = field(default_factory=Counter)
    _there: set[str] = field(default_factory=set)

    def note(self, *_: object) -> None:
        """Look at the table; called after everything that may have changed it."""
        if self._seen == self.world.counts and self.turn:
            return
        self._seen, self.turn = self.world.counts.copy(), self.turn + 1
        now = {row["id"]: version(row) for row in self.world.rows()}
        for key, one in now.items():
            if not self.versions[key] or self.versions[key][-1][1] != one:
                self.versions[key].append((self.turn, one))
        self.away |= self._there - now.keys()
        self._there = set(now)

    def purge(self, before: datetime) -> None:
        self.purged |= {row["id"] for row in self.world.rows(None, before)}
        self.world.purge(before)
        self.note()

    def since(self, turn: int, key: str) -> set[Version]:
        """The versions that a row had from that turn on."""
        known = self.versions[key]
        first = max((place for place, (at, _) in enumerate(known) if at <= turn), default=0)
        return {one for _, one in known[first:]}


def version(row: Wire) -> Version:
    return tuple(row.get(name) for name in FIELDS)


@dataclass(frozen=True, slots=True)
class Kept:
    """What a warehouse holds."""

    there: Mapping[str, Version]
    deleted: frozenset[str]
    watermark: datetime | None


class Reader:
    """Owns a DuckDB to which files are attached to be read: starting one takes long."""

    def __init__(self) -> None:
        self._db = duckdb.connect(":memory:", config={"threads": 1})
        self._db.execute("SET TimeZone = 'UTC'")

    def close(self) -> None:
        self._db.close()

    def _read(self, file: Path, *statements: str) -> list[list[tuple[Any, ...]]]:
        self._db.execute(f"ATTACH '{file}' AS one (READ_ONLY)")
        try:
            return [self._db.execute(one.format("one")).fetchall() for one in statements]
        finally:
            self._db.execute("DETACH one")

    def counted(self, file: Path) -> Counter[tuple[Any, ...]]:
        """Ratings by day, department, agent and rating, as the mart has them."""
        [found] = self._read(file, COUNTED)
        return Counter({tuple(row): count for *row, count in found})

    def kept(self, file: Path) -> Kept:
        """Raises Broken where a key is there twice, or a page was loaded twice."""
        if not file.exists():
            return Kept({}, frozenset(), None)
        found, [(watermark,)], [(twice,)] = self._read(
            file, ROWS, "SELECT max(watermark) FROM {}.meta.watermarks", TWICE
        )
        require(not twice, "twice", "a page was loaded twice")
        keys = [row[0] for row in found]
        require(len(keys) == len(set(keys)), "twice", "a key is in the warehouse more than once")
        there = {row[0]: tuple(row[:-1]) for row in found if not row[-1]}
        return Kept(there, frozenset(row[0] for row in found if row[-1]), watermark)


def require(holds: bool, promise: str, what: str) -> None:
    if not holds:
        raise Broken(promise, what)


def check_rows(told: Chronicle, kept: Kept, *, retention: bool) -> None:
    """What holds at any moment: nothing that never was, no tombstone for a row that never went."""
    for key, one in kept.there.items():
        require(any(one == known for _, known in told.versions.get(key, ())), "lost", f"invented: {one}")
    require(
        kept.deleted <= told.away, "lost", f"tombstones of rows that never went: {kept.deleted - told.away}"
    )
    if retention:
        wrong = kept.deleted & told.purged
        require(not wrong, "lost", f"purged rows are called deleted: {wrong}")


def check_proven(
    told: Chronicle, kept: Kept, window: tuple[datetime, datetime], mark: int, turn: int
) -> None:
    """After a run that calls itself ok: what stayed is there, as it was at some moment of the run."""
    there = {row["id"] for row in told.world.rows(*window)} & told.world.alive_since(mark)
    require(there <= kept.there.keys(), "lost", f"rows that stayed are missing: {there - kept.there.keys()}")
    for key in there:
        fresh = kept.there[key] in told.since(turn, key)
        require(fresh, "lost", f"an older version than any of this run: {kept.there[key]}")


def check_stayed(told: Chronicle, kept: Kept, established: Collection[str]) -> None:
    """What a run called ok has brought stays until it goes at the source."""
    missing = set(established) - told.away - kept.there.keys()
    require(not missing, "lost", f"rows that were loaded and never went are gone: {missing}")


def check_watermark(told: Chronicle, kept: Kept, on_time: Collection[str]) -> None:
    """Everything before the watermark is there, at any moment, also after a crash; of a source at rest."""
    if kept.watermark is None:
        return
    rows = told.world.rows(None, kept.watermark)
    missing = {row["id"] for row in rows if row["id"] in on_time} - told.away - kept.there.keys()
    require(not missing, "lost", f"rows before the watermark are missing: {missing}")


def _time(one: Version) -> datetime:
    return datetime.fromisoformat(one[-1])


def figures(rows: Collection[Wire]) -> dict[str, int]:
    """What the source says of rows, counted here."""
    ratings = Counter(f"rating_{row['rating']}" for row in rows)
    commented = sum(row["comment"] not in (None, "") for row in rows)
    return {
        "total": len(rows),
        "with_comments": commented,
        **{f"rating_{n}": ratings[f"rating_{n}"] for n in range(1, 6)},
    }


def check_figures(told: Chronicle, kept: Kept, window: tuple[datetime, datetime]) -> None:
    """*proven* of a source at rest: each figure that it exposes is the warehouse's."""
    lower, upper = window
    inside = [
        dict(zip(FIELDS, one, strict=True)) for one in kept.there.values() if lower <= _time(one) < upper
    ]
    theirs = told.world.rows(lower, upper)
    require(
        figures(inside) == figures(theirs), "other", f"proven, but {figures(inside)} is not {figures(theirs)}"
    )


def check_end(told: Chronicle, kept: Kept, oldest: datetime) -> None:
    """After a calm night that read everything: the warehouse is the source's table, and beside it what was purged."""
    truth = {row["id"]: version(row) for row in told.world.rows()}
    there = {key: one for key, one in kept.there.items() if key in truth or _time(one) >= oldest}
    lost, more = truth.keys() - there.keys(), there.keys() - truth.keys()
    require(not lost, "lost", f"after a calm night rows are missing: {lost}")
    require(not more, "lost", f"after a calm night rows are there that are not at the source: {more}")
    stale = [key for key in truth if truth[key] != there[key]]
    require(not stale, "lost", f"after a calm night rows are not as at the source: {stale}")


def check_budget(arrivals: Sequence[Arrival], per_minute: int, per_day: int) -> None:
    """Over all nights, crashes and clocks, by the source's log."""
    for group in GROUPS:
        moments = [arrival.at for arrival in arrivals if arrival.endpoint == group]
        for most, seconds in ((per_minute, MINUTE), (per_day, DAY)):
            found = most_in_window(moments, seconds)
            require(
                found <= most,
                "budget",
                f"{found} requests to {group} in {seconds:.0f} seconds, {most} allowed",
            )


def check_ledger(file: Path, arrivals: Sequence[Arrival], spare: int) -> None:
    """As many grants as requests; a run that died may have one more in each lane, and never one less."""
    if not file.exists():
        return
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as db:
        found = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'grants'").fetchone()
    granted = found[0] if found else 0
    more = granted - len(arrivals)
    require(
        0 <= more <= spare,
        "other",
        f"the ledger: {granted} grants in all, {len(arrivals)} requests, {spare} may differ",
    )


def check_snapshot(reader: Reader, data: Path, kept: Kept, *, whole: bool) -> None:
    """What readers see is whole; after a run that published it is the warehouse."""
    try:
        run_id = reading(data)
    except (AssertionError, OSError) as error:
        raise Broken("unreadable", f"the snapshot: {error!r}") from error
    if whole:
        require(run_id is not None, "unreadable", "nothing was published")
        seen = reader.kept(data / "current" / "warehouse.duckdb")
        require(seen.there == kept.there, "unreadable", "the snapshot is not what the warehouse held")
        wanted = Counter(
            (at[:10], department, agent, rating)
            for *_, rating, _, _, agent, department, at in seen.there.values()
        )
        found = reader.counted(data / "current" / "warehouse.duckdb")
        require(found == wanted, "other", f"the mart: {found - wanted} too much, {wanted - found} too little")
