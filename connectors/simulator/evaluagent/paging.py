"""Pages under the switches: what was asked, where it lies, and the meta and links that go with it. No I/O.

None of this is documented: every scheme here is a guess that a real JSON:API server could have made.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from connectors.simulator.evaluagent.switches import Switches
from connectors.simulator.evaluagent.wire import bad_parameter, refused

Query = Mapping[str, str]
NAMES = {  # number (or cursor) and size
    "page": ("page[number]", "page[size]"),
    "laravel": ("page", "per_page"),
    "cursor": ("page[cursor]", "page[size]"),
}


@dataclass(frozen=True, slots=True)
class Where:
    """Where the request came in: for links."""

    origin: str
    path: str
    query: Query


@dataclass(frozen=True, slots=True)
class Slice:
    """Places [first, last) of a list of `total`, as the scheme cut them."""

    scheme: str
    first: int
    last: int
    number: int
    size: int
    total: int

    @property
    def pages(self) -> int:
        return -(-self.total // self.size) or 1


def cut(query: Query, switches: Switches, total: int, *, scheme: str, start: int | None = None) -> Slice:
    """The page that is asked for. `start` is where a cursor has led to."""
    if scheme == "none":
        return Slice(scheme, 0, total, 1, max(total, 1), total)
    number_name, size_name = NAMES[scheme]
    size = asked = _number(query, size_name, switches.page_size, switches)
    if switches.max_page_size is not None and asked > switches.max_page_size:
        if switches.over_max == "400":
            raise bad_parameter(size_name, f"The page size may not be greater than {switches.max_page_size}.")
        size = switches.max_page_size
    if scheme == "cursor":
        first = min(start or 0, total)
        return Slice(scheme, first, min(first + size, total), 1, size, total)
    number = _number(query, number_name, 1, switches)
    pages = -(-total // size) or 1
    if number > pages:
        number = _past_end(number, pages, number_name, switches)
    return Slice(scheme, min((number - 1) * size, total), min(number * size, total), number, size, total)


def envelope(page: Slice, where: Where, switches: Switches, following: str | None) -> dict[str, Any]:
    """The members beside `data`: meta and links. `following` is the cursor of the next page, if there is one."""
    found: dict[str, Any] = {}
    if page.scheme in ("page", "laravel"):
        found["meta"] = _meta(page, switches)
    if page.scheme != "none" and switches.links != "absent":
        found["links"] = _links(page, where, switches, following)
    return found


def pack_cursor(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def read_cursor(query: Query, switches: Switches) -> Any:
    """What stands in the cursor of the request; None at the start."""
    text = query.get("page[cursor]")
    if text is None:
        return None
    try:
        return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError):
        if switches.bad_page == "first":
            return None
        raise bad_parameter("page[cursor]", "The cursor is not valid.") from None


def _number(query: Query, name: str, default: int, switches: Switches) -> int:
    text = query.get(name)
    if text is None:
        return default
    if text.isascii() and text.isdecimal() and int(text[:19]) > 0 and len(text) < 19:
        return int(text)
    if switches.bad_page == "first":
        return default
    raise bad_parameter(name, f"The {name} must be a whole number from 1.")


def _past_end(number: int, pages: int, name: str, switches: Switches) -> int:
    if switches.past_end == "404":
        raise refused(404)
    if switches.past_end == "400":
        raise bad_parameter(name, f"There are only {pages} pages.")
    return pages if switches.past_end == "last" else number


def _meta(page: Slice, switches: Switches) -> dict[str, Any]:
    """The names of Laravel's two JSON:API packages; a server that tells no total tells no last page either."""
    some = page.last > page.first
    ends = {"from": page.first + 1 if some else None, "to": page.last if some else None}
    if page.scheme == "page":
        inner: dict[str, Any] = {"currentPage": page.number, "perPage": page.size, **ends}
        last = {"lastPage": page.pages}
    else:
        inner = {"current_page": page.number, "per_page": page.size, **ends}
        last = {"last_page": page.pages}
    if switches.total_at != "absent":
        inner |= last
    place, _, _ = switches.total_at.rpartition(".")
    if place == "page":
        return (
            {"page": inner | {"total": page.total}}
            if page.scheme == "page"
            else inner | {"page": {"total": page.total}}
        )
    meta = {"page": inner} if page.scheme == "page" else inner
    if place == "pagination":
        return meta | {"pagination": {"total": page.total}}
    return meta if switches.total_at == "absent" else meta | {"total": page.total}


def _links(page: Slice, where: Where, switches: Switches, following: str | None) -> dict[str, Any]:
    name, _ = NAMES[page.scheme]

    def link(value: int | str | None) -> Any:
        query = {key: text for key, text in where.query.items() if key != name}
        if value is not None:
            query[name] = str(value)
        tail = f"?{urlencode(query)}" if query else "?"
        targets = {
            "absolute": where.origin + where.path + tail,
            "path": where.path + tail,
            "query": tail,
            "foreign": switches.foreign_origin + where.path + tail,
        }
        target = targets[switches.link_target]
        return {"href": target} if switches.links == "object" else target

    found: dict[str, Any] = {"first": link(None if page.scheme == "cursor" else 1)}
    more: int | str | None = following
    if page.scheme != "cursor":
        if switches.total_at != "absent":
            found["last"] = link(page.pages)
        found["prev"] = link(page.number - 1) if page.number > 1 else None
        more = page.number + 1 if page.last < page.total else None
    if more is not None:
        found["next"] = link(more)
    elif switches.last_next == "null":
        found["next"] = None
    return found
