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
class Fetched:
    """The records of one sealed page."""

    number: int
    observed_at: datetime
    records: Sequence[Record]


@dataclass(frozen=True, slots=True)
class Valid:
    record: BaseModel
    observed_at: datetime


@dataclass(frozen=True, slots=True)
class DeadLetter:
    record_key: str
    reason: str
    pointer: str  # JSON pointer of the field at fault
    raw: str  # the record as ASCII JSON
    cursor: datetime | None


@dataclass(frozen=True, slots=True)
class Validated:
    fetched: int
    valid: Sequence[Valid]
    dead: Sequence[DeadLetter]
    duplicates: int


def validate(stream: Stream, pages: Iterable[Fetched], privacy: Privacy) -> Validated:
    """One outcome per key, from the newest answer that holds it."""
    newest: dict[str, Valid | DeadLetter] = {}
    fetched = 0
    for page in sorted(pages, key=lambda page: (page.observed_at, page.number)):
        for record in page.records:
            fetched += 1
            newest[stream.key_of(record)] = _judge(stream, record, page.observed_at, privacy)
    dead = [one for one in newest.values() if isinstance(one, DeadLetter)]
    valid = [one for one in newest.values() if isinstance(one, Valid)]
    return Validated(fetched, valid, dead, duplicates=fetched - len(newest))


def check_share(stream: Stream, records: Sequence[Record], max_share: float) -> None:
    """Raise QuarantineOverflow where more than `max_share` of a page breaks the contract."""
    broken = [reason for record in records if (reason := _breach(stream, record))]
    count, whole = len(broken), len(records)
    if count > max_share * whole and (count >= FEW or count == whole > 1):
        reason, pointer = max(set(broken), key=broken.count)
        raise QuarantineOverflow(
            f"{count} of {whole} records of a page break the contract of {stream.name} (most often {pointer}: "
            f"{reason}); the window is not moved. If the source is right, raise quarantine.max_share",
            pointer,
        )


def _judge(stream: Stream, record: Record, observed_at: datetime, privacy: Privacy) -> Valid | DeadLetter:
    try:
        return Valid(stream.contract.record.model_validate(record), observed_at)
    except ValidationError as error:
        reason, pointer = _first(error)
        raw = json.dumps(privacy.mask(record), ensure_ascii=True)
        return DeadLetter(_letter_key(stream.key_of(record)), reason, pointer, raw, stream.cursor_of(record))


def _breach(stream: Stream, record: Record) -> tuple[str, str] | None:
    try:
        stream.contract.record.model_validate(record)
    except ValidationError as error:
        return _first(error)
    return None


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

