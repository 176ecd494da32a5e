"""What an answer looks like, told without any of its values: names of members, JSON types, forms of times. Pure.

Promises that no value of a record is in what it tells, and no name that is not plainly a name: it is for a terminal,
and the records are about people.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.source import Query

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,39}")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?")
_MOST = 40  # names in one line


@dataclass(frozen=True, slots=True)
class Seen:
    """One thing that an answer shows. `key` is the key to set, where something is not as assumed."""

    text: str
    good: bool = True
    key: str = ""


def kind(value: Any) -> str:
    """The JSON type of a value."""
    for types, word in ((bool, "boolean"), (int | float, "number"), (str, "text"), (list, "list")):
        if isinstance(value, types):
            return word
    return "null" if value is None else "object"


def names(members: Iterable[str]) -> str:
    """Names that are plainly names; the others are counted."""
    every = list(members)
    plain = [name for name in every if _NAME.fullmatch(name)][:_MOST]
    more = len(every) - len(plain)
    return ", ".join([*plain, *([f"and {more} more"] if more else [])]) or "none"


def fields(records: Sequence[Any]) -> str:
    """The names of all fields of some records, each with its JSON types."""
    found: dict[str, list[str]] = {}
    for record in records:
        for name, value in record.items() if isinstance(record, Mapping) else ():
            kinds = found.setdefault(name, [])
            kinds += [] if kind(value) in kinds else [kind(value)]
    plain = {name: kinds for name, kinds in found.items() if _NAME.fullmatch(name)}
    told = [f"{name} {' or '.join(kinds)}" for name, kinds in list(plain.items())[:_MOST]]
    return (
        ", ".join(told + ([f"and {len(found) - len(told)} more"] if len(found) > len(told) else [])) or "none"
    )


def members(document: Mapping[str, Any]) -> Seen:
    """The members of an answer, and those of its objects."""
    told = []
    for name, value in document.items():
        if _NAME.fullmatch(name):
            inner = f" ({names(value)})" if isinstance(value, Mapping) and value else ""
            told.append(f"{name}{inner or ' (' + kind(value) + ')'}")
    return Seen(f"status is ok; the answer has {', '.join(told) or 'no member'}")


def time_form(name: str, values: Sequence[Any]) -> Seen:
    """Precision and zone of a field's times."""
    forms = sorted({_form(value) for value in values})
    return Seen(f"{name}: {' or '.join(forms)}", good=not any(form.startswith("no") for form in forms))


def _form(value: Any) -> str:
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return "no time in ISO 8601" if value is not None else "no value"
    precision = f"{len(found[1]) - 1} digits of a second" if found[1] else "whole seconds"
    zone = (
        "in UTC (Z)" if found[2] == "Z" else "with an offset" if found[2] else "without a zone, taken as UTC"
    )
    return f"{precision}, {zone}"


def in_order(
    moments: Sequence[datetime | None], query: Query, *, order_key: str, window_key: str
) -> Iterator[Seen]:
    """Whether the rows are those of the window, newest first, as it was asked for."""
    known = [moment for moment in moments if moment is not None]
    if query.upper is not None and any(moment >= query.upper for moment in known):
        yield Seen("rows lie outside of the window that was asked for", good=False, key=window_key)
    elif known:
        yield Seen("every row lies in the window that was asked for")
    if len(set(known)) > 1:
        good = known == sorted(known, reverse=True)
        yield Seen(
            f"rows come {'' if good else 'not '}in the order that was asked for",
            good,
            "" if good else order_key,
        )
