"""From an HTTP answer to a value or a typed error, without any I/O.

Promises that an answer which is not what was asked for never counts as data: HTML, an empty body, a 204, an
error object under status 200 and a cut body are errors that are tried again. Never puts a body, a header or a
credential into an error: of a refusal only the names of the fields at fault.
"""

import json
import zlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any

from pydantic_core import from_json

from schemas.errors import AuthError, FatalSourceError, Place, RetryableSourceError, SourceError

RETRYABLE = frozenset({408, 425, 429, 500, 502, 503, 504})
LONGEST_RETRY_AFTER = 7 * 86_400.0  # a larger figure is valid and absurd
LONGEST_INTEGER = 4000  # digits
PUNCTUATION = str.maketrans("", "", "_/[];")  # of the names of fields and parameters


def read(
    place: Place,
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    now: datetime,
    reader: Callable[[bytes], Any] | None = None,
) -> Any:
    """The JSON value of a good answer, as `reader` or else `parse` reads it.

    Raises AuthError (401, 403), RetryableSourceError (worth another try) or FatalSourceError (not).
    """
    if status in (200, 201):
        return _value(place, body, reader or parse)
    raise refusal(place, status, headers, body, now)


def refusal(place: Place, status: int, headers: Mapping[str, str], body: bytes, now: datetime) -> SourceError:
    """The error that stands for an answer with this status."""
    if status in RETRYABLE:
        # A date is one of the source's clock, which its Date header shows: ours may be wrong by minutes.
        wait = retry_after(headers.get("Retry-After"), http_date(headers.get("Date")) or now)
        what = "too many requests" if status == 429 else "the source is not ready"
        return RetryableSourceError(what, place, retry_after=wait)
    if status == 204:
        return RetryableSourceError("an answer without content where a list was asked for", place)
    if status == 403:
        what = "this user may not read it: give it a higher role, or leave the stream out of `streams`"
        return AuthError(what, place)
    if status == 401:
        return AuthError("the credential is refused; check the environment variables of this source", place)
    if 300 <= status < 400:
        return FatalSourceError("a redirect is never followed; set base_url to the final address", place)
    fields = _fields_at_fault(body)
    what = f"the request is refused (fields: {fields})" if fields else "the request is refused"
    return FatalSourceError(what, place)


def _value(place: Place, body: bytes, reader: Callable[[bytes], Any]) -> Any:
    if not body.strip():
        raise RetryableSourceError("an empty answer where JSON was asked for", place)
    try:
        value = reader(body)
    except (ValueError, RecursionError):
        raise RetryableSourceError("the answer is not JSON", place) from None
    if isinstance(value, dict) and "data" not in value and ("error" in value or "errors" in value):
        raise RetryableSourceError("an error under a status that says success", place)
    return value


def parse(body: bytes) -> Any:
    """JSON as vendors write it: NaN, huge numbers and lone surrogates pass, so that only their record fails.

    Raises ValueError or RecursionError.
    """
    try:
        return from_json(body, cache_strings="keys")
    except ValueError:
        return json.loads(body, parse_int=_whole)  # slower, and takes a lone surrogate


def _whole(digits: str) -> int | float:
    """An integer that Python can print again; a longer one breaks its record, not the page."""
    return int(digits) if len(digits) <= LONGEST_INTEGER else float(digits)


def _fields_at_fault(body: bytes) -> str:
    """Names of the fields that a validation error blames; both vendors' envelopes."""
    try:
        value = parse(body)
    except (ValueError, RecursionError):
        return ""
    errors = value.get("errors") if isinstance(value, dict) else None
    if isinstance(errors, dict):
        names = [name for name in errors if name != "detail"]
    elif isinstance(errors, list):
        sources = [error.get("source") for error in errors if isinstance(error, dict)]
        found = [source for source in sources if isinstance(source, dict)]
        names = [str(source.get("pointer") or source.get("parameter", "")) for source in found]
    else:
        names = []
    return ", ".join(name[:60] for name in names[:5] if name.translate(PUNCTUATION).isalnum())


def retry_after(text: str | None, now: datetime) -> float | None:
    """Seconds to wait: RFC 9110 delay-seconds or one of three date forms; None where absent or invalid."""
    if text is None:
        return None
    text = text.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:12]), LONGEST_RETRY_AFTER)
    moment = http_date(text)
    return None if moment is None else min(max((moment - now).total_seconds(), 0.0), LONGEST_RETRY_AFTER)


@lru_cache(16)  # a hundred answers of one second have one
def http_date(text: str | None) -> datetime | None:
    """An HTTP date in any of its three forms (the asctime form has no zone and means GMT)."""
    if not text:
        return None
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


class Inflater:
    """Takes a body in pieces and never holds more than `limit` bytes of it, packed or unpacked."""

    def __init__(self, place: Place, encoding: str, limit: int) -> None:
        if encoding not in ("", "identity", "gzip", "deflate"):
            raise FatalSourceError("the answer has an encoding that was not asked for", place)
        self._place = place
        self._limit = limit
        self._body = bytearray()
        self._zlib = zlib.decompressobj(zlib.MAX_WBITS | 32) if encoding in ("gzip", "deflate") else None

    def feed(self, piece: bytes) -> None:
        if self._zlib is None:
            self._body += piece
        else:
            try:
                self._body += self._zlib.decompress(piece, self._limit + 1 - len(self._body))
            except zlib.error:
                raise RetryableSourceError("the answer's compression is broken", self._place) from None
        if len(self._body) > self._limit:
            raise FatalSourceError(
                f"the answer is larger than {self._limit >> 20} MiB; lower page_size", self._place
            )

    def finish(self) -> bytes:
        if self._zlib is not None and self._body and not self._zlib.eof:
            raise RetryableSourceError("the answer ends in the middle", self._place)
        return bytes(self._body)
