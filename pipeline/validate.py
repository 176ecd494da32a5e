"""Records against their contract: what is good goes on, what is not becomes a dead letter with its reason.

Promises fetched = valid + dead letters + duplicates, counted per package; that one broken record never stops
a page; and that the newest answer wins when a key comes more than once. A page with too large a share of broken
records is a changed source, not broken records: QuarantineOverflow.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import pyarrow as pa
from pydantic import BaseModel, ValidationError

from connectors.columns import Columns
from connectors.source import Record, Stream
from pipeline.normalize import normalize, plain_rows, staging_schema
from pipeline.privacy import Privacy
from schemas.contract import TableContract
from schemas.errors import QuarantineOverflow
from schemas.plain import arrow

FEW = 10  # fewer broken records than this never stop a page, whatever their share


@dataclass(frozen=True, slots=True)
class DeadLetter:
    record_key: str
    reason: str
    pointer: str  # JSON pointer of the field at fault
    raw: str  # the record as ASCII JSON
    moment: datetime | None


@dataclass(frozen=True, slots=True)
class Judged:
    """The outcome of each of one page's records: a row, or a letter."""

    number: int
    observed_at: datetime
    keys: pa.ChunkedArray  # of all records, in their order; bytes, since an id may be no Unicode
    rows: pa.Table  # of the valid ones, in their order
    letters: Mapping[int, DeadLetter]  # by their place among the records
    children: pa.Table | None = None  # rows that came inside of records
    parents: Sequence[int] = ()  # of each of the children, its parent's place among the rows


@dataclass(frozen=True, slots=True)
class Validated:
    fetched: int
    rows: pa.Table
    children: pa.Table | None
    dead: Sequence[DeadLetter]
    duplicates: int


def judge(
    stream: Stream, number: int, observed_at: datetime, records: Sequence[Record], privacy: Privacy
) -> Judged:
    """Each record of a page against the contract; all at once where they are plain."""
    if isinstance(records, Columns):
        rows = plain_rows(stream.contract, records, observed_at, privacy)
        if rows is not None:
            keys = rows.column(stream.contract.key).cast(pa.binary())
            return Judged(number, observed_at, keys, rows, {})
    return judge_each(stream, number, observed_at, records, privacy)


def judge_each(
    stream: Stream, number: int, observed_at: datetime, records: Sequence[Record], privacy: Privacy
) -> Judged:
    """One by one, so that a broken record tells what is wrong with it.

    A record whose place in time cannot be read stands where the records beside it stand: only so does its
    letter belong to a window, and is gone when the record is.
    """
    moments = [stream.cursor_of(record) for record in records]
    place = next(filter(None, moments), None)
    valid: list[BaseModel] = []
    letters: dict[int, DeadLetter] = {}
    for n, (record, moment) in enumerate(zip(records, moments, strict=True)):
        place = moment or place
        try:
            valid.append(stream.contract.record.model_validate(record))
        except ValidationError as error:
            letters[n] = _letter(stream, record, place, error, privacy)
    rows = normalize(stream.contract, valid, observed_at, privacy)
    keys = [stream.key_of(record).encode("utf-8", "surrogatepass") for record in records]
    judged = Judged(number, observed_at, pa.chunked_array([keys], pa.binary()), rows, letters)
    if (child := stream.contract.child) is None:
        return judged
    inside = [(n, record) for n, parent in enumerate(valid) for record in child.rows(parent)]
    children = normalize(child.contract, [record for _, record in inside], observed_at, privacy)
    return replace(judged, children=children, parents=[n for n, _ in inside])


def check_share(stream: Stream, page: Judged, max_share: float) -> None:
    """Raise QuarantineOverflow where more than `max_share` of a page breaks the contract."""
    broken = [(one.reason, one.pointer) for one in page.letters.values()]
    count, whole = len(broken), len(page.keys)
    if count > max_share * whole and (count >= FEW or count == whole > 1):
        reason, pointer = max(set(broken), key=broken.count)
        raise QuarantineOverflow(
            f"{count} of {whole} records of a page break the contract of {stream.name} (most often {pointer}: "
            f"{reason}); the window is not moved. If the source is right, raise quarantine.max_share",
            pointer,
        )


def newest(contract: TableContract, pages: Iterable[Judged]) -> Validated:
    """One outcome per key: that of the newest answer, by the source's clock, that holds it."""
    ordered = sorted(pages, key=lambda page: (page.observed_at, page.number))
    keys = pa.chunked_array([chunk for page in ordered for chunk in page.keys.chunks], pa.binary())
    letters: dict[int, DeadLetter] = {}  # by their place among the keys
    parents: list[int] = []  # of each child, its parent's place among the rows
    first = above = 0
    for page in ordered:
        letters |= {first + n: letter for n, letter in page.letters.items()}
        parents += [above + n for n in page.parents]
        first, above = first + len(page.keys), above + page.rows.num_rows
    older = _older(keys)
    places = pa.array(range(len(keys)), pa.int64())
    left = _outside(places.filter(_outside(places, letters)), older)  # of the rows
    return Validated(
        fetched=len(keys),
        rows=_together(contract, [page.rows for page in ordered], left),
        children=_children(contract, ordered, left.take(pa.array(parents, pa.int64()))),
        dead=[letter for place, letter in letters.items() if place not in older],
        duplicates=len(older),
    )


def _older(keys: pa.ChunkedArray) -> set[int]:
    """The places of keys that come again further on."""
    counts = keys.value_counts()
    again = counts.field("values").filter(arrow().greater(counts.field("counts"), 1))
    where = arrow().indices_nonzero(arrow().is_in(keys, value_set=again))
    places: list[int] = where.to_pylist()
    last = dict(zip(keys.take(where).to_pylist(), places, strict=True))
    return set(places) - set(last.values())


def _outside(places: pa.Array, some: Collection[int]) -> pa.Array:
    """Which of the places are not among `some`."""
    return arrow().invert(arrow().is_in(places, value_set=pa.array(list(some), pa.int64())))


def _together(contract: TableContract, tables: Iterable[pa.Table], left: pa.Array) -> pa.Table:
    """The rows of all tables that are `left`."""
    whole = pa.concat_tables([staging_schema(contract).empty_table(), *tables])
    return whole if left.false_count == 0 else whole.filter(left)


def _children(contract: TableContract, pages: Iterable[Judged], left: pa.Array) -> pa.Table | None:
    """The newest of each key; None where the contract has none."""
    if contract.child is None:
        return None
    tables = [page.children for page in pages if page.children is not None]
    table = _together(contract.child.contract, tables, left)
    keys = table.column(contract.child.contract.key).to_pylist()
    last = {key: n for n, key in enumerate(keys)}
    return table if len(last) == len(keys) else table.take(list(last.values()))


def _letter(
    stream: Stream, record: Record, place: datetime | None, error: ValidationError, privacy: Privacy
) -> DeadLetter:
    reason, pointer = _first(error)
    raw = json.dumps(privacy.mask(record), ensure_ascii=True)
    return DeadLetter(_letter_key(stream.key_of(record)), reason, pointer, raw, place)


def _first(error: ValidationError) -> tuple[str, str]:
    """Reason and JSON pointer of the first breach; never the value, which may be personal data."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return first["msg"], "/" + "/".join(str(step) for step in first["loc"])


def _letter_key(key: str) -> str:
    """A key that can be stored: text that is no id, or no Unicode, is named by its hash."""
    try:
        plain = key.encode()
    except UnicodeEncodeError:
        plain = key.encode("utf-8", "surrogatepass")
    else:
        if len(plain) <= 200 and not key.startswith(("{", "[", '"')):
            return key
    return "sha256:" + hashlib.sha256(plain).hexdigest()
