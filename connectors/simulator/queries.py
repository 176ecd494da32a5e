"""GET /evaluations and /evaluations/stats as functions of a table, a query and the switches. No I/O.

Paging, filters and figures as documented; the rest as the switches say. A page is two bisections and
a slice; only sorting by another field than time, and stats of one department or user, look at rows.
"""

import random
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from connectors.simulator.clock import EPOCH, SECOND, read_time, seconds
from connectors.simulator.switches import Switches
from connectors.simulator.wire import Answer, Refused, data, detail, invalid
from connectors.simulator.world import Key, Label, Wire, World, edge

ONE_DAY = timedelta(days=1)
Query = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Paging:
    """The page as the server understood it."""

    page: int
    size: int
    shown_size: int
    sort_by: str
    descending: bool


def evaluations(world: World, query: Query, switches: Switches, turn: int) -> Answer:
    """One page. `turn` seeds the order of ties where they are shuffled anew per request."""
    paging = _paging(query, switches)
    rating: Label = _number(query, "rating", 0, 1, switches) if "rating" in query else "all"
    keys, low, high = world.span(*bounds(query, switches), rating)
    total = high - low
    pages = -(-total // paging.size) or switches.empty_total_pages
    page = paging.page
    if page > max(pages, 1):
        page = _past_end(page, pages, switches)
    if paging.sort_by != "inserted_at":
        keys = sorted(keys[low:high], key=lambda key: _sortable(world.row(key).get(paging.sort_by)))
        low, high = 0, total
    first, last = (page - 1) * paging.size, min(page * paging.size, total)
    chosen: list[Key] = []
    if first < last:
        chosen = _cut(keys, (low, high), (first, last), paging, ties_as=switches.tie_order, turn=turn)

    meta = {
        "current_page": page,
        "page_size": paging.shown_size,
        "total_pages": pages,
        "total_count": total,
    }
    return Answer(200, {"data": [shown(world.row(key), switches) for key in chosen], "meta": meta})


def stats(world: World, query: Query, switches: Switches, now: datetime) -> Answer:
    """The figures. DOC: the last 30 days up to today unless said otherwise.

    A row whose rating is no whole number from 1 to 5 counts in the total and in nothing else: mean and
    rate are over the rated rows. (The mean in the documentation's own example does not follow from its
    distribution; its rate, 42 of 48 = 87.5, does.)
    """
    today = now.astimezone(ZoneInfo(switches.day_zone)).date()
    dates = {"date_from": str(today - timedelta(days=30)), "date_to": str(today)} | dict(query)
    counts = _counts(world, bounds(dates, switches), dates)
    rated = sum(counts[rating] for rating in range(1, 6))
    points = sum(rating * counts[rating] for rating in range(1, 6))
    share, whole = 100 * (counts[4] + counts[5]), rated or 1
    rate = _tenths(share, whole) if switches.satisfaction == "tenth" else share / whole
    nothing = 0.0 if switches.empty_stats == "zeros" else None
    return data(
        {
            "total_evaluations": counts["all"],
            "average_rating": _tenths(points, rated) if rated else nothing,
            "distribution": {
                str(rating): counts[rating]
                for rating in range(1, 6)
                if counts[rating] or switches.distribution == "full"
            },
            "with_comments": counts["commented"] + (counts["empty"] if switches.comment_counts_blank else 0),
            "satisfaction_rate": rate if rated else nothing,
        }
    )


def shown(row: Wire, switches: Switches) -> Wire:
    """The row as it goes over the wire."""
    at = row.get("inserted_at")
    if switches.naive_times and isinstance(at, str):
        return row | {"inserted_at": at.removesuffix("Z")}
    return row


def bounds(query: Query, switches: Switches) -> tuple[int | None, int | None]:
    """date_from and date_to as [lower, upper) in unix seconds, under the reading of the switches."""
    return (
        _bound(query, "date_from", switches, starts=switches.date_from == "inclusive"),
        _bound(query, "date_to", switches, starts=switches.date_to == "exclusive"),
    )


def _bound(query: Query, name: str, switches: Switches, *, starts: bool) -> int | None:
    """The first second at (`starts`) or after the date or time given."""
    try:
        given = read_time(query[name])
        if isinstance(given, datetime) and switches.date_unit == "second":
            return -((EPOCH - given) // SECOND) if starts else seconds(given) + 1
        zone = ZoneInfo(switches.day_zone)
        day = given.astimezone(zone).date() if isinstance(given, datetime) else given
        if name == "date_to" and switches.date_unit == "second" and switches.date_only_to == "midnight":
            return _midnight(day, zone) + (0 if starts else 1)
        return _midnight(day if starts else day + ONE_DAY, zone)
    except KeyError:
        return None
    except (ValueError, OverflowError):
        if switches.bad_date == "ignore":
            return None
        raise Refused(invalid(name, "is invalid")) from None


def _midnight(day: date, zone: ZoneInfo) -> int:
    return seconds(datetime(day.year, day.month, day.day, tzinfo=zone))


def _paging(query: Query, switches: Switches) -> Paging:
    page = _number(query, "page", 1, 1, switches)
    size = asked = _number(query, "page_size", 20, 1, switches)
    if switches.max_page_size is not None and asked > switches.max_page_size:
        if switches.over_max == "422":
            raise Refused(invalid("page_size", f"must be less than or equal to {switches.max_page_size}"))
        size = switches.max_page_size
    sort_by, order = query.get("sort_by", "inserted_at"), query.get("sort_order", "desc")
    if sort_by not in switches.sortable or order not in ("asc", "desc"):
        if switches.bad_sort == "422":
            raise Refused(invalid("sort_by" if order in ("asc", "desc") else "sort_order", "is invalid"))
        sort_by, order = "inserted_at", order if order == "asc" else "desc"
    return Paging(page, size, size if switches.meta_page_size == "used" else asked, sort_by, order == "desc")


def _number(query: Query, name: str, default: int, least: int, switches: Switches) -> int:
    text = query.get(name)
    if text is None:
        return default
    if text.isascii() and text.isdecimal() and len(text) < 19 and int(text) >= least:
        return int(text)
    if name != "rating" and switches.bad_page == "first":
        return default
    raise Refused(invalid(name, "is invalid"))


def _past_end(page: int, pages: int, switches: Switches) -> int:
    if switches.past_end == "404":
        raise Refused(detail(404, "Not Found"))
    if switches.past_end == "422":
        raise Refused(invalid("page", f"must be less than or equal to {pages}"))
    return max(pages, 1) if switches.past_end == "last" else page


def _cut(
    keys: list[Key],
    within: tuple[int, int],
    wanted: tuple[int, int],
    paging: Paging,
    *,
    ties_as: str,
    turn: int,
) -> list[Key]:
    """Of the keys within [low, high), the places wanted in the order asked for."""
    (low, high), (first, last) = within, wanted
    left, right = (high - last, high - first) if paging.descending else (low + first, low + last)
    if ties_as == "stable" or paging.sort_by != "inserted_at":
        chosen = keys[left:right]
        return chosen[::-1] if paging.descending else chosen
    # Widen to whole seconds, put every tie in its order, cut again.
    start = max(low, bisect_left(keys, edge(keys[left][0])))
    stop = min(high, bisect_left(keys, edge(keys[right - 1][0] + 1)))
    ties = [list(tie) for _, tie in groupby(keys[start:stop], key=lambda key: key[0])]
    for tie in ties:
        if len(tie) > 1 and ties_as == "shuffled":
            random.Random(turn << 40 ^ tie[0][0]).shuffle(tie)
        elif ties_as == "by_id_desc":
            tie.reverse()
    ordered = [key for tie in (ties[::-1] if paging.descending else ties) for key in tie]
    skip = stop - right if paging.descending else left - start
    return ordered[skip : skip + last - first]


def _sortable(value: Any) -> tuple[int, float]:
    """Numbers in their order, everything else after them, as SQL has nulls last."""
    return (0, value) if isinstance(value, (int, float)) else (1, 0)


def _counts(world: World, within: tuple[int | None, int | None], query: Query) -> dict[Label, int]:
    names: tuple[Label, ...] = ("all", 1, 2, 3, 4, 5, "commented", "empty")
    wanted = [
        (field, query[name])
        for name, field in (("department_id", "department_name"), ("user_id", "user_name"))
        if name in query
    ]
    found: dict[Label, int] = {}
    for label in names:
        keys, low, high = world.span(*within, label)
        found[label] = (
            sum(all(name_id(world.row(key).get(f)) == value for f, value in wanted) for key in keys[low:high])
            if wanted
            else high - low
        )
    return found


def name_id(name: object) -> str:
    """The id of a department or user. Evaluations carry only names, so the name has to be enough."""
    return f"id-{name}".lower().replace(" ", "-")


def _tenths(numerator: int, denominator: int) -> float:
    """Rounded to one decimal, half up, in whole numbers."""
    return (20 * numerator + denominator) // (2 * denominator) / 10
