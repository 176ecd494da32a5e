"""The kinds of field that records of both systems have: ids, text, times, numbers, kept JSON.

Promises that a value which is not of its kind is refused, never repaired by guess: an id is text (an integer
is the text of it), a time without zone is UTC (as Voki documents all its times), text can be stored.
"""

import json
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field


class Record(BaseModel):
    """One record as it comes over the wire; unknown fields are kept."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)


def _text_id(value: Any) -> Any:
    """An id that comes as a JSON integer is the text of it."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def parse_time(value: Any) -> Any:
    """ISO 8601 text -> aware UTC datetime; anything else is left for the model to refuse."""
    if not isinstance(value, str) or len(value) < len("2026-01-01T00:00:00"):
        return value
    try:
        time = datetime.fromisoformat(value)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return value


def _storable(value: datetime) -> datetime:
    if not datetime(1970, 1, 1, tzinfo=UTC) <= value < datetime(9000, 1, 1, tzinfo=UTC):
        raise ValueError("time is out of range")
    return value


def _unicode(value: str) -> str:
    """A lone surrogate is valid JSON and no text: nothing could store it."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("text has a lone surrogate, which no file can hold") from None
    return value


def _day(value: Any) -> Any:
    """The day of an ISO 8601 date or time."""
    try:
        return date.fromisoformat(value[:10]) if isinstance(value, str) else value
    except ValueError:
        return value


def _as_json(value: Any) -> Any:
    """A JSON array or object as its text, with its names in order, so that equal values are equal texts."""
    return json.dumps(value, sort_keys=True) if isinstance(value, dict | list) else value


Text = Annotated[str, AfterValidator(_unicode)]
Reference = Annotated[Text, BeforeValidator(_text_id)]
Id = Annotated[Text, BeforeValidator(_text_id), Field(min_length=1)]
Time = Annotated[AwareDatetime, BeforeValidator(parse_time), AfterValidator(_storable)]
Day = Annotated[date, BeforeValidator(_day)]
Whole = Annotated[int, Field(ge=-(2**31), lt=2**31)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Json = Annotated[Text, BeforeValidator(_as_json)]
