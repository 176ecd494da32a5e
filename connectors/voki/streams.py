"""Voki's collections: how to ask for a page of each, and for the figures of the evaluations. Facts from the
vendor's pages.

What those pages leave open is declared here, can be overridden under `assume:` in config.yaml and is a switch
of the simulator: both date filters compare `inserted_at`, include their bounds and take whole seconds. A walk
asks one unit wider than it needs and checks its links, so that a wrong assumption is an error, never a gap.
Departments and users have no place in time and are read whole; they ask for a role of supervisor and manager.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from connectors.columns import Columns, reading
from connectors.responses import parse
from connectors.source import (
    DAY,
    SECOND,
    Account,
    Answer,
    Client,
    Limit,
    Parse,
    Query,
    Record,
    SourceTotals,
    Stream,
    Window,
    key_of,
    placeless,
)
from schemas.contract import TableContract
from schemas.errors import Place, RetryableSourceError
from schemas.fields import parse_time
from schemas.voki import CALLS, DEPARTMENTS, EVALUATIONS, USERS

LIST = "evaluations"
STATS = "evaluations/stats"
AUTH = "auth"
RATINGS = (1, 2, 3, 4, 5)
META = ("current_page", "page_size", "total_pages", "total_count")
STATUSES = ("queued", "active", "completed", "missed", "cancelled")


@dataclass(frozen=True, slots=True)
class Collection:
    """One list endpoint; its name is its endpoint group."""

    name: str
    contract: TableContract
    sort_by: str
    parts: tuple[tuple[str, Any], ...] = ()

    @property
    def dated(self) -> bool:
        return self.contract.cursor is not None


COLLECTIONS = (
    Collection(LIST, EVALUATIONS, "inserted_at", tuple(("rating", str(rating)) for rating in RATINGS)),
    Collection("calls", CALLS, "inserted_at", tuple(("status", status) for status in STATUSES)),
    Collection("departments", DEPARTMENTS, "name"),
    Collection("users", USERS, "inserted_at"),
)


def limits(account: Account) -> dict[str, Limit]:
    """Voki publishes no limit for authenticated endpoints: ours. Its auth endpoints take 5 requests a minute."""
    return {
        **{one.name: account.limit for one in COLLECTIONS},
        STATS: account.limit,
        AUTH: Limit(per_minute=5),
    }


def streams(account: Account) -> tuple[Stream, ...]:
    return tuple(
        _stream(account, one) for one in COLLECTIONS if not account.streams or one.name in account.streams
    )


def _stream(account: Account, one: Collection) -> Stream:
    by_day = account.assume.get("date_unit", "second") == "day"
    settle = account.assume.get("settle", timedelta(seconds=5))
    reader = reading(one.contract, META) if one.contract.plain else parse
    return Stream(
        name=one.name,
        contract=one.contract,
        group=one.name,
        ask=_Pages(account, one, reader).ask,
        totals=_Totals(account).ask if one.name == LIST else None,
        decode=lambda body: reader(body)["data"],
        cursor_of=cursor_of if one.dated else placeless,
        key_of=key_of,
        unit=DAY if by_day and one.dated else SECOND,
        # A whole unit must lie behind the window: the walk asks one unit further than it claims.
        settle=max(settle, DAY if by_day else 2 * SECOND),
        parts=one.parts,
        walk="seek" if one.dated else "list",
        besides=(STATS,) if one.name == LIST else (),
    )


def cursor_of(record: Record) -> datetime | None:
    """`inserted_at` of a wire record; None where it cannot be read."""
    moment = parse_time(record.get("inserted_at")) if isinstance(record, dict) else None
    return moment if isinstance(moment, datetime) else None


def date_bounds(account: Account, lower: datetime | None, upper: datetime | None) -> list[tuple[str, str]]:
    """Our half-open window in the words of the source's filters."""
    by_day = account.assume.get("date_unit", "second") == "day"
    unit, form = (DAY, "%Y-%m-%d") if by_day else (SECOND, "%Y-%m-%dT%H:%M:%SZ")
    bounds = []
    if lower is not None:
        skip = unit if account.assume.get("date_from", "inclusive") == "exclusive" else timedelta()
        bounds.append(("date_from", (lower - skip).strftime(form)))
    if upper is not None:
        skip = unit if account.assume.get("date_to", "inclusive") == "inclusive" else timedelta()
        bounds.append(("date_to", (upper - skip).strftime(form)))
    return bounds


class _Pages:
    """Asks for pages; remembers the page size that the source really gives, once it has been seen."""

    def __init__(self, account: Account, one: Collection, parse: Parse) -> None:
        self._account, self._one, self._parse = account, one, parse
        self._size: int | None = None

    async def ask(self, client: Client, query: Query) -> Answer:
        size = min(query.size, self._size or query.size)
        parameters = [
            ("page", str(query.number)),
            ("page_size", str(size)),
            ("sort_by", self._one.sort_by),
            ("sort_order", "desc" if query.descending else "asc"),
            *(date_bounds(self._account, query.lower, query.upper) if self._one.dated else ()),
            *([query.part] if query.part else []),
        ]
        short: list[int] = []

        def check(value: Any) -> None:
            """A list that is shorter than it says is broken, unless it is so again and again: a silent cap."""
            place = Place(self._account.name, self._one.name, self._one.name)
            records, total, given = _list(value, place, size)
            wanted = max(min(given, total - (query.number - 1) * given), 0)
            if len(records) < wanted:
                short.append(len(records))
                if not records or short.count(len(records)) < 2:
                    raise RetryableSourceError("a page has fewer records than it says", place)
                self._size = len(records)

        payload = await client.get(
            self._one.name, f"/api/v1/{self._one.name}", parameters, check, self._parse
        )
        records, total, given = _list(payload.value, Place(), size)
        behind = total - (query.number - 1) * given - len(records)
        return Answer(records, total, behind <= 0, payload.observed_at, payload.body)


def _list(value: Any, place: Place, size: int) -> tuple[Sequence[Record], int, int]:
    """(records, total_count, page_size) of the documented envelope, or RetryableSourceError."""
    data, meta = (value.get("data"), value.get("meta")) if isinstance(value, dict) else (None, None)
    if not isinstance(data, list | Columns) or not isinstance(meta, dict):
        raise RetryableSourceError("the answer is not a list with data and meta", place)
    total, given = _count(meta.get("total_count")), _count(meta.get("page_size", size))
    if total is None or not given:
        raise RetryableSourceError("the answer's meta has no total_count or page_size", place)
    if len(data) > total:
        raise RetryableSourceError("the answer has more records than it counts", place)
    return data, total, min(given, size)


def _count(value: Any) -> int | None:
    """The value, if it can be a number of rows."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


class _Totals:
    """Asks for the figures of a window."""

    def __init__(self, account: Account) -> None:
        self._account = account

    async def ask(self, client: Client, window: Window) -> SourceTotals:
        bounds = date_bounds(self._account, window.lower, window.upper)
        payload = await client.get(STATS, "/api/v1/evaluations/stats", bounds, self._check)
        data = payload.value["data"]
        spread = data.get("distribution") or {}
        figures: dict[str, float | None] = {
            "total": data.get("total_evaluations") or 0,
            **{f"rating_{rating}": spread.get(str(rating)) or 0 for rating in RATINGS},
            "with_comments": data.get("with_comments") or 0,
            "average_rating": data.get("average_rating"),
            "satisfaction_rate": data.get("satisfaction_rate"),
        }
        # The documentation's example contradicts itself in average_rating, and both follow from the counts.
        return SourceTotals(
            data.get("total_evaluations") or 0, figures, frozenset({"average_rating", "satisfaction_rate"})
        )

    def _check(self, value: Any) -> None:
        data = value.get("data") if isinstance(value, dict) else None
        if isinstance(data, dict) and "total_evaluations" in data:
            spread = data.get("distribution") or {}
            counts = [data.get("total_evaluations"), data.get("with_comments")]
            counts += spread.values() if isinstance(spread, dict) else ["no object"]
            if all(count is None or _count(count) is not None for count in counts):
                return
        raise RetryableSourceError(
            "the answer is not the documented statistics", Place(self._account.name, "evaluations", STATS)
        )
