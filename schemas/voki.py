"""Voki's records as the warehouse keeps them. Source of the rules: the vendor's page on evaluations.

Promises that a record which breaks the contract is refused with the field named, never repaired by guess:
a rating is an integer from 1 to 5, an id is text (the documentation's own ids are no UUIDs), a time without
zone is UTC, as the API documents all its times.
"""

from datetime import UTC, datetime
from typing import Annotated, Any

import pyarrow as pa
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from schemas.contract import TIMESTAMP, TableContract


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


Text = Annotated[str, AfterValidator(_unicode)]
Id = Annotated[Text, BeforeValidator(_text_id), Field(min_length=1)]
Time = Annotated[AwareDatetime, BeforeValidator(parse_time), AfterValidator(_storable)]


class Evaluation(BaseModel):
    """One customer rating of one call."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    evaluation_id: Id = Field(alias="id")
    call_id: Annotated[Text, BeforeValidator(_text_id)] | None = None
    rating: int = Field(ge=1, le=5)
    comment: Text | None = None
    customer_name: Text | None = None
    agent_name: Text | None = Field(default=None, alias="user_name")
    department_name: Text | None = None
    created_at: Time = Field(alias="inserted_at")

    @property
    def has_comment(self) -> bool:
        """What the source counts as `with_comments`: a comment that is neither null nor empty."""
        return bool(self.comment)


EVALUATIONS = TableContract(
    table="evaluations",
    record=Evaluation,
    columns=pa.schema(
        [
            pa.field("evaluation_id", pa.string(), nullable=False),
            pa.field("call_id", pa.string()),
            pa.field("rating", pa.int8(), nullable=False),
            pa.field("comment", pa.string()),
            pa.field("has_comment", pa.bool_(), nullable=False),
            pa.field("customer_name", pa.string()),
            pa.field("agent_name", pa.string()),
            pa.field("department_name", pa.string()),
            pa.field("created_at", TIMESTAMP, nullable=False),
            pa.field("extra", pa.string()),
        ]
    ),
    key="evaluation_id",
    cursor="created_at",
    wire_key="id",
    wire_cursor="inserted_at",
    personal=("comment", "customer_name"),
)
