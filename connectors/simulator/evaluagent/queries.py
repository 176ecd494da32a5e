"""The lists and single resources as functions of the tables, a query and the switches. No I/O.

CODE: `filter[published_at;between]=A,B`, `sort=[-]published_at`, `include=contacts`, `filter[username]=x`. How
they behave at their edges is in the switches. A page is two bisections and a slice.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from connectors.simulator.evaluagent import shapes
from connectors.simulator.evaluagent.directory import Collection
from connectors.simulator.evaluagent.paging import (
    NAMES,
    Query,
    Where,
    cut,
    envelope,
    pack_cursor,
    read_cursor,
)
from connectors.simulator.evaluagent.scoring import Wire
from connectors.simulator.evaluagent.switches import Switches
from connectors.simulator.evaluagent.wire import bad_parameter, refused
from connectors.simulator.evaluagent.world import QualityWorld, micros, moment_of
from connectors.simulator.table import Span
from connectors.simulator.ties import in_order
from connectors.simulator.wire import Answer

BETWEEN, USERNAME = "filter[published_at;between]", "filter[username]"
ORG: tuple[Collection, ...] = ("users", "roles", "groups")


def evaluations(world: QualityWorld, where: Where, switches: Switches, turn: int, now: datetime) -> Answer:
    """One page. `turn` seeds the order of ties where they are shuffled anew per request."""
    query = where.query
    _known(query, switches, {BETWEEN}, {"include", "sort"})
    with_contacts = _include(query, switches)
    order = _order(query, switches)
    found, ties_as = world.span(*_bounds(query, switches, now)), switches.tie_order
    if order == "by_id":
        keys, low, high = found
        found, ties_as = (sorted(keys[low:high], key=lambda key: key[1]), 0, high - low), "stable"
    by_row = switches.cursor == "row" and switches.tie_order == "stable" and order != "by_id"
    scheme, start = switches.paging, None
    if scheme == "cursor" and (cursor := read_cursor(query, switches)) is not None:
        start = _after(found, cursor, order) if by_row else _place(cursor)
    page = cut(query, switches, found[2] - found[1], scheme=scheme, start=start)
    chosen = in_order(
        found, (page.first, page.last), descending=order == "newest", ties_as=ties_as, turn=turn
    )
    following = None
    if scheme == "cursor" and page.last < page.total:
        following = pack_cursor(list(chosen[-1]) if by_row and chosen else page.last)
    rows = [world.row(key) for key in chosen]
    body: dict[str, Any] = {"data": [shapes.evaluation(world, row, switches) for row in rows]}
    if with_contacts:
        body |= _included(world, rows, switches)
    return Answer(200, body | envelope(page, where, switches, following))


def evaluation(world: QualityWorld, row_id: str, query: Query, switches: Switches) -> Answer:
    row = world.find(row_id)
    if row is None:
        raise refused(404)
    body: dict[str, Any] = {"data": shapes.evaluation(world, row, switches, single=True)}
    if _include(query, switches):
        body |= _included(world, [row], switches)
    return Answer(200, body)


def listing(world: QualityWorld, name: Collection, where: Where, switches: Switches) -> Answer:
    """Users, roles, groups, or the conversations of an integration."""
    query, rows = where.query, world.listed(name)
    if name == "conversations":
        rows = _of_integration(world, rows, query, switches)
        _known(query, switches, set(), {"integration"})
    else:
        _known(query, switches, {USERNAME} if name == "users" else set(), set())
        if name == "users" and USERNAME in query:
            rows = [row for row in rows if row.get("username") == query[USERNAME]]
    scheme = "none" if name in ORG and switches.org_lists == "whole" else switches.paging
    found = read_cursor(query, switches) if scheme == "cursor" else None
    page = cut(query, switches, len(rows), scheme=scheme, start=None if found is None else _place(found))
    following = pack_cursor(page.last) if scheme == "cursor" and page.last < page.total else None
    data = [shapes.listed(name, row, switches) for row in rows[page.first : page.last]]
    return Answer(200, {"data": data} | envelope(page, where, switches, following))


def single(world: QualityWorld, name: Collection, row_id: str, switches: Switches) -> Answer:
    row = world.found(name, row_id)
    if row is None:
        raise refused(404)
    return Answer(200, {"data": shapes.listed(name, row, switches, single=True)})


# -- what was asked --------------------------------------------------------------------------------


def _known(query: Query, switches: Switches, filters: set[str], others: set[str]) -> None:
    """Refuse what this list does not know, as far as the switches want it."""
    paging = set(NAMES.get(switches.paging, ()))
    for name in query:
        if name in filters | others | paging:
            continue
        strict = switches.unknown_parameter
        if name.startswith("filter["):
            strict = switches.bad_filter
        elif name in ("sort", "include"):
            strict = switches.bad_sort if name == "sort" else switches.bad_include
        if strict == "400":
            raise bad_parameter(name, "This parameter is not supported here.")


def _include(query: Query, switches: Switches) -> bool:
    asked = {part for part in query.get("include", "").split(",") if part}
    if asked - {"contacts"} and switches.bad_include == "400":
        raise bad_parameter("include", "Only contacts can be included.")
    return "contacts" in asked


def _order(query: Query, switches: Switches) -> str:
    asked = query.get("sort")
    if asked == "published_at":
        return "oldest"
    if asked == "-published_at":
        return "newest"
    if asked is not None and switches.bad_sort == "400":
        raise bad_parameter("sort", "This order is not supported.")
    return switches.default_order


def _bounds(query: Query, switches: Switches, now: datetime) -> tuple[int | None, int | None]:
    """The window as [lower, upper) in microseconds, under the reading of the switches."""
    text = query.get(BETWEEN)
    try:
        lower, upper = (moment_of(part) for part in text.split(",")) if text is not None else (None, None)
    except ValueError:
        if switches.bad_date == "400":
            raise bad_parameter(BETWEEN, "Two ISO 8601 times are needed, separated by a comma.") from None
        lower = upper = None
    if lower is None or upper is None:
        days = switches.default_days
        return (None if days is None else micros(now - timedelta(days=days)), None)
    if lower > upper and switches.reversed_between == "400":
        raise bad_parameter(BETWEEN, "The first time must be before the second.")
    if switches.max_span_days is not None and upper - lower > timedelta(days=switches.max_span_days):
        raise bad_parameter(BETWEEN, f"The window may not be longer than {switches.max_span_days} days.")
    first = micros(lower) + (switches.between_lower == "exclusive")
    return first, micros(upper) + (switches.between_upper == "inclusive")


def _of_integration(world: QualityWorld, rows: list[Wire], query: Query, switches: Switches) -> list[Wire]:
    """DOC: `integration` is required."""
    wanted = query.get("integration")
    if not wanted:
        raise bad_parameter("integration", "The integration field is required.")
    if wanted not in world.integrations() and switches.unknown_integration == "400":
        raise bad_parameter("integration", "The selected integration is invalid.")
    return [row for row in rows if row.get("integration") == wanted]


# -- what is cut out of it -------------------------------------------------------------------------


def _included(world: QualityWorld, rows: Sequence[Wire], switches: Switches) -> dict[str, Any]:
    """Every contact of the page, once."""
    found = {one["id"]: shapes.contact(one) for row in rows for one in world.contacts_of(row)}
    if not found and switches.empty_included == "absent":
        return {}
    return {"included": list(found.values())}


def _after(found: Span, cursor: Any, order: str) -> int:
    """The place after the row that a cursor names, counted in the order asked for."""
    match cursor:
        case [int(at), str(row_id), int(serial)]:
            key = (at, row_id, serial)
        case _:
            raise bad_parameter(NAMES["cursor"][0], "The cursor is not valid.")
    keys, low, high = found
    if order == "oldest":
        return min(max(bisect_right(keys, key), low), high) - low
    return high - min(max(bisect_left(keys, key), low), high)


def _place(cursor: Any) -> int:
    if not isinstance(cursor, int) or cursor < 0:
        raise bad_parameter(NAMES["cursor"][0], "The cursor is not valid.")
    return cursor
