"""A page of a list, as documented: page from 1, twenty a page, `data` and `meta`; the rest by the switches.

A page is two bisections and a slice of the table's own keys; only sorting by another field than time
looks at every row that was found.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connectors.simulator.switches import Switches
from connectors.simulator.table import Key, Span, Table, Wire
from connectors.simulator.ties import in_order
from connectors.simulator.wire import Answer, Refused, detail, invalid

Query = Mapping[str, str]
TIMES = ("inserted_at", "updated_at", "started_at", "completed_at")


@dataclass(frozen=True, slots=True)
class Shape:
    """What one collection's lists look like."""

    sortable: frozenset[str]
    most: int | None  # the largest page
    sort_by: str = "inserted_at"
    sort_order: str = "desc"
    hidden: frozenset[str] = frozenset()  # fields that this reading of the API does not have


@dataclass(frozen=True, slots=True)
class Paging:
    """The page as the server understood it."""

    page: int
    size: int
    shown_size: int
    sort_by: str
    descending: bool


def listed(table: Table, found: Span, paging: Paging, shape: Shape, switches: Switches, turn: int) -> Answer:
    """One page of the keys found. `turn` seeds the order of ties where they are shuffled anew per request."""
    keys, low, high = found
    total = high - low
    pages = -(-total // paging.size) or switches.empty_total_pages
    page = paging.page
    if page > max(pages, 1):
        page = _past_end(page, pages, switches)
    by_time = paging.sort_by == "inserted_at"
    if not by_time:
        keys, low, high = _sorted(table, keys[low:high], paging, switches, turn), 0, total
    first, last = (page - 1) * paging.size, min(page * paging.size, total)
    chosen: list[Key] = []
    if first < last and by_time:
        chosen = in_order(
            found, (first, last), descending=paging.descending, ties_as=switches.tie_order, turn=turn
        )
    elif first < last:
        chosen = keys[first:last]
    meta = {
        "current_page": page,
        "page_size": paging.shown_size,
        "total_pages": pages,
        "total_count": total,
    }
    return Answer(200, {"data": [shown(table.row(key), shape, switches) for key in chosen], "meta": meta})


def shown(row: Wire, shape: Shape, switches: Switches) -> Wire:
    """The row as it goes over the wire."""
    if shape.hidden:
        row = {name: value for name, value in row.items() if name not in shape.hidden}
    if switches.naive_times:
        times = {name: row[name] for name in TIMES if isinstance(row.get(name), str)}
        return row | {name: text.removesuffix("Z") for name, text in times.items()}
    return row


def asked(query: Query, shape: Shape, switches: Switches) -> Paging:
    """page, page_size, sort_by and sort_order, or the refusal of one of them."""
    page = number(query, "page", 1, 1, switches)
    size = wish = number(query, "page_size", 20, 1, switches)
    if shape.most is not None and wish > shape.most:
        if switches.over_max == "422":
            raise Refused(invalid("page_size", f"must be less than or equal to {shape.most}"))
        size = shape.most
    sort_by, order = query.get("sort_by", shape.sort_by), query.get("sort_order", shape.sort_order)
    if sort_by not in shape.sortable or order not in ("asc", "desc"):
        if switches.bad_sort == "422":
            raise Refused(invalid("sort_by" if order in ("asc", "desc") else "sort_order", "is invalid"))
        sort_by, order = shape.sort_by, order if order in ("asc", "desc") else shape.sort_order
    return Paging(page, size, size if switches.meta_page_size == "used" else wish, sort_by, order == "desc")


def number(query: Query, name: str, default: int, least: int, switches: Switches) -> int:
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


def _sorted(table: Table, keys: list[Key], paging: Paging, switches: Switches, turn: int) -> list[Key]:
    """All of them by another field; who has the same value there stands as the switch says."""
    if switches.tie_order == "shuffled":
        random.Random(turn).shuffle(keys)
    elif switches.tie_order == "by_id_desc":
        keys.sort(key=lambda key: key[1], reverse=True)
    elif paging.descending:
        keys.reverse()
    return sorted(
        keys, key=lambda key: _sortable(table.row(key).get(paging.sort_by)), reverse=paging.descending
    )


def _sortable(value: Any) -> tuple[int, float, str]:
    """Numbers, then texts, then everything else, as SQL has nulls last."""
    if isinstance(value, str):
        return (1, 0, value)
    return (0, value, "") if isinstance(value, (int, float)) else (2, 0, "")
