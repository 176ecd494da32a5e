"""What an answer of Voki shows beside what is documented and assumed. Pure."""

from collections.abc import Iterator
from typing import Any

from connectors.seen import Seen, fields, in_order, members, time_form
from connectors.source import Account, Query, Stream


def seen(account: Account, stream: Stream, query: Query, document: Any) -> Iterator[Seen]:
    """One list answer, without a value of any record."""
    del account
    if not isinstance(document, dict) or not isinstance(document.get("data"), list):
        yield Seen("the answer is not the documented list", good=False)
        return
    rows = document["data"]
    yield members(document)
    meta = document.get("meta")
    counted = isinstance(meta, dict) and isinstance(meta.get("total_count"), int)
    yield Seen(f"{'a' if counted else 'no'} total stands at meta.total_count", good=counted)
    as_asked = len(rows) <= query.size
    yield Seen(f"asked for {query.size} rows, given {len(rows)}", as_asked, "" if as_asked else "page_size")
    yield Seen(f"fields: {fields(rows)}")
    if stream.walk == "seek" and rows:
        name = str(stream.contract.wire_cursor)
        yield time_form(name, [row.get(name) for row in rows if isinstance(row, dict)])
        moments = [stream.cursor_of(row) for row in rows]
        yield from in_order(moments, query, order_key="", window_key="assume.date_to and date_unit")
