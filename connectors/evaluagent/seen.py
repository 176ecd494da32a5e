"""What an answer of evaluagent shows beside what assumed.py assumes, and the key to set where they differ. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from connectors.evaluagent.assumed import Assumed, assumed
from connectors.evaluagent.documents import PAGINATION, records, total
from connectors.evaluagent.streams import COLLECTIONS
from connectors.jsonapi import linked, linked_id, member
from connectors.seen import Seen, fields, in_order, kind, members, names, time_form
from connectors.source import Account, Query, Stream

UNSEEN = "date_from, date_to, and with `mode: basic` token_path, token, expires_at"


def seen(account: Account, stream: Stream, query: Query, document: Any) -> Iterator[Seen]:
    """One list answer, without a value of any record."""
    a = assumed(account.assume)
    if not isinstance(document, dict) or not isinstance(document.get("data"), list):
        yield Seen("the answer is no JSON:API list of resources", good=False)
        return
    rows = [row for row in document["data"] if isinstance(row, dict)]
    yield members(document)
    yield _total(document, a)
    yield from _next(document, a)
    yield _size(stream, query, document, a)
    yield from _resources("data", rows)
    if stream.walk == "seek":
        yield from _in_time(stream, query, document)
        yield from _included(document, rows)
    yield from _details(account, stream, rows)


def _total(document: Mapping[str, Any], a: Assumed) -> Seen:
    if total(document, a) is not None:
        return Seen(f"a total stands at {a.total}, as assumed")
    elsewhere = [
        path for path, value in _paths(document) if "total" in path.lower() and kind(value) == "number"
    ]
    if elsewhere:
        told = f"no total at {a.total}, but a number at {' and '.join(elsewhere)}"
        return Seen(told, good=False, key="assume.paging.total")
    return Seen(f"no total at {a.total} or elsewhere: windows will be not comparable, never proven")


def _next(document: Mapping[str, Any], a: Assumed) -> Iterator[Seen]:
    links = document.get("links")
    there = sorted(PAGINATION & links.keys()) if isinstance(links, dict) else []
    yield Seen(f"links that tell of pages: {names(there)}")
    found = member(document, a.next)
    if found is None:
        elsewhere = [path for path, value in _paths(document) if "next" in path.lower() and value]
        if elsewhere:
            told = f"no link at {a.next}, but something at {' and '.join(elsewhere)}"
            yield Seen(told, good=False, key="assume.paging.next")
        return
    href = found.get("href") if isinstance(found, dict) else found
    form = "an object with href" if isinstance(found, dict) else kind(found)
    parts = urlsplit(href if isinstance(href, str) else "")
    yield Seen(f"{a.next} is {form}, {'absolute' if parts.netloc else 'relative'}")
    turning = dict(parse_qsl(parts.query, keep_blank_values=True))
    if turning.get(a.number) == "2":  # page 1 was asked for; a server may echo what it does not know
        yield Seen(f"the next page is named by {a.number}, as assumed")
        return
    ours = {a.number, a.size, a.filter, "sort", "include", "integration"}
    other = [name for name in turning if name not in ours]
    if any("cursor" in name for name in other):
        yield Seen("the next page is named by a cursor: its link is followed as it is")
    else:
        told = f"the next page is not named by {a.number} but by {', '.join(other)[:80] or 'something else'}"
        yield Seen(told, good=False, key="assume.paging.number")


def _size(stream: Stream, query: Query, document: Mapping[str, Any], a: Assumed) -> Seen:
    given, counted = len(document["data"]), total(document, a)
    told = f"asked for {query.size} rows by {a.size}, given {given}"
    if given <= query.size:
        return Seen(told if given == query.size else f"{told}: too few to tell")
    if stream.walk == "list" and member(document, a.next) is None and counted in (None, given):
        return Seen(f"{told}: this list comes whole")
    return Seen(told, good=False, key="assume.paging.size")


def _resources(place: str, rows: Sequence[Mapping[str, Any]]) -> Iterator[Seen]:
    if rows:
        yield Seen(f"{place}: {fields([{key: row.get(key) for key in ('type', 'id')} for row in rows])}")
        yield Seen(f"{place} attributes: {fields([row.get('attributes') for row in rows])}")
        yield Seen(f"{place} relationships: {fields([_linkages(row) for row in rows])}")


def _linkages(row: Mapping[str, Any]) -> dict[str, Any]:
    """What kind of linkage stands in each relationship."""
    found = row.get("relationships")
    return {name: linked(row, name) for name in found} if isinstance(found, dict) else {}


def _in_time(stream: Stream, query: Query, document: Mapping[str, Any]) -> Iterator[Seen]:
    collection = next(one for one in COLLECTIONS if one.stream == stream.name)
    flat = records(document, collection.flatten)
    if not flat:
        yield Seen("no row before the last day: nothing to tell the filter, the order and the fields by")
        return
    name = str(stream.contract.wire_cursor)
    yield time_form(name, [record.get(name) for record in flat if isinstance(record, dict)])
    moments = [stream.cursor_of(record) for record in flat]
    yield from in_order(moments, query, order_key="assume.sort", window_key="assume.filter")


def _included(document: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> Iterator[Seen]:
    included = document.get("included")
    if not isinstance(included, list):
        yield Seen("no `included` though contacts were asked for", good=False, key="assume.include")
        return
    contacts = [one for one in included if isinstance(one, dict) and one.get("type") == "contacts"]
    yield from _resources("included contacts", contacts)
    known = {str(row.get("id")) for row in rows}
    joined = sum(str(linked_id(one, "evaluation")) in known for one in contacts)
    told = f"{joined} of {len(contacts)} included contacts name an evaluation of the answer"
    yield Seen(told, good=joined == len(contacts))


def _details(account: Account, stream: Stream, rows: Sequence[Mapping[str, Any]]) -> Iterator[Seen]:
    wanted = next(one for one in COLLECTIONS if one.stream == stream.name).fields
    given = {name for row in rows for name in row.get("attributes") or ()}
    lacking = [name for name in wanted if name not in given]
    if rows and lacking and stream.name not in account.options.get("details", ()):
        yield Seen(f"the list lacks {', '.join(lacking)}", good=False, key=f"details: [{stream.name}]")


def _paths(document: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Dotted paths of what stands beside the resources."""
    for name, value in document.items():
        if name in ("data", "included"):
            continue
        if isinstance(value, dict):
            yield from ((f"{name}.{path}", one) for path, one in _paths(value))
        else:
            yield name, value
