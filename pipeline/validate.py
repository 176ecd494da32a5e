"""Records against their contract: what is good goes on, what is not becomes a dead letter with its reason.

Promises fetched = valid + dead letters + duplicates, counted per package; that one broken record never stops
a page; and that the newest answer wins when a key comes more than once. A page with too large a share of broken
records is a changed source, not broken records: QuarantineOverflow.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, ValidationError

from connectors.source import Record, Stream
from pipeline.privacy import Privacy
from schemas.errors import QuarantineOverflow

FEW = 10  # fewer broken records than this never stop a page, whatever their share


@dataclass(frozen=True, slots=True)
class Valid:
    record: BaseModel
    observed_at: datetime
    moment: datetime | None  # its place in the window


@dataclass(frozen=True, slots=True)
class DeadLetter:
    record_key: str
    reason: str
    pointer: str  # JSON pointer of the field at fault
    raw: str  # the record as ASCII JSON
    moment: datetime | None


@dataclass(frozen=True, slots=True)
class Judged:
    """The outcomes of one page's records, in their order, each with the record's key."""

    number: int
    observed_at: datetime
    outcomes: Sequence[tuple[str, Valid | DeadLetter]]


@dataclass(frozen=True, slots=True)
class Validated:
    fetched: int
    valid: Sequence[Valid]
    dead: Sequence[DeadLetter]
    duplicates: int


def judge(
    stream: Stream, number: int, observed_at: datetime, records: Sequence[Record], privacy: Privacy
) -> Judged:
    """Each record of a page against the contract.

    A record whose place in time cannot be read stands where the records beside it stand: only so does its
    letter belong to a window, and is gone when the record is.
    """
    moments = [stream.cursor_of(record) for record in records]
    place = next(filter(None, moments), None)
    places = [place := moment or place for moment in moments]
    return Judged(
        number,
        observed_at,
        [
            (stream.key_of(record), _judge(stream, record, place, observed_at, privacy))
            for record, place in zip(records, places, strict=True)
        ],
    )


def check_share(stream: Stream, page: Judged, max_share: float) -> None:
    """Raise QuarantineOverflow where more than `max_share` of a page breaks the contract."""
    broken = [(one.reason, one.pointer) for _, one in page.outcomes if isinstance(one, DeadLetter)]
    count, whole = len(broken), len(page.outcomes)
    if count > max_share * whole and (count >= FEW or count == whole > 1):
        reason, pointer = max(set(broken), key=broken.count)
        raise QuarantineOverflow(
            f"{count} of {whole} records of a page break the contract of {stream.name} (most often {pointer}: "
            f"{reason}); the window is not moved. If the source is right, raise quarantine.max_share",
            pointer,
        )


def newest(pages: Iterable[Judged]) -> Validated:
    """One outcome per key: that of the newest answer, by the source's clock, that holds it."""
    chosen: dict[str, Valid | DeadLetter] = {}
    fetched = 0
    for page in sorted(pages, key=lambda page: (page.observed_at, page.number)):
        fetched += len(page.outcomes)
        chosen.update(page.outcomes)
    dead = [one for one in chosen.values() if isinstance(one, DeadLetter)]
    valid = [one for one in chosen.values() if isinstance(one, Valid)]
    return Validated(fetched, valid, dead, duplicates=fetched - len(chosen))


def _judge(
    stream: Stream, record: Record, place: datetime | None, observed_at: datetime, privacy: Privacy
) -> Valid | DeadLetter:
    try:
        model = stream.contract.record.model_validate(record)
        cursor = stream.contract.cursor
        return Valid(model, observed_at, getattr(model, cursor) if cursor else place)
    except ValidationError as error:
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
