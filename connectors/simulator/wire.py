"""Answers before they are sent: envelopes, errors, JSON text, the forms of Retry-After.

DOC: success is `{"data": ..}`, a list adds `meta`; an invalid field is `{"errors": {field: [msg]}}`,
everything else `{"errors": {"detail": ..}}`.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from connectors.simulator.clock import asctime_date, imf_date, rfc850_date
from connectors.simulator.switches import RetryAfter, Switches


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, a body (JSON value, text, or bytes as they are) and headers."""

    status: int
    payload: Any
    headers: Mapping[str, str] = field(default_factory=dict)


class Refused(Exception):
    """The answer that ends a request early."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def data(payload: Any, status: int = 200) -> Answer:
    return Answer(status, {"data": payload})


def detail(status: int, text: str) -> Answer:
    return Answer(status, {"errors": {"detail": text}})


def invalid(name: str, text: str) -> Answer:
    return Answer(422, {"errors": {name: [text]}})


def too_many(wait: float, now: datetime, switches: Switches) -> Answer:
    """429. DOC names it for login only; its body and header are UNKNOWN."""
    headers = retry_after(switches.retry_after, wait, now)
    if switches.limit_body == "text":
        return Answer(429, "Too many requests", headers)
    return Answer(429, {"errors": {"detail": "Too many requests"}}, headers)


def retry_after(form: RetryAfter, wait: float, now: datetime) -> dict[str, str]:
    """The header in one of its forms, or no header. Dates are rounded up, as seconds are."""
    delay = math.ceil(wait)
    then = now + timedelta(seconds=delay) + (timedelta(seconds=1) if now.microsecond else timedelta())
    forms = {
        "seconds": str(delay),
        "date": imf_date(then),
        "rfc850": rfc850_date(then),
        "asctime": asctime_date(then),
        "negative": "-5",
        "fraction": "1.5",
        "blank": "",
        "zero": "0",
        "huge": "99999999999",
    }
    return {"Retry-After": forms[form]} if form in forms else {}


def encode(payload: Any) -> tuple[bytes, str]:
    """Body and content type. A lone surrogate, which UTF-8 cannot carry, goes as its JSON escape."""
    if isinstance(payload, bytes):
        return payload, "application/json; charset=utf-8"
    if isinstance(payload, str):
        return payload.encode(), "text/plain; charset=utf-8"
    if payload is None:
        return b"", "application/json; charset=utf-8"
    try:
        body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        body = json.dumps(payload, separators=(",", ":")).encode()
    return body, "application/json; charset=utf-8"
