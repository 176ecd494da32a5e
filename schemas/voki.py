"""Voki's records as the warehouse keeps them. Source of the rules: the vendor's pages on evaluations, calls,
departments and users.

Promises that a record which breaks the contract is refused with the field named, never repaired by guess:
a rating is an integer from 1 to 5, an id is text (the documentation's own ids are no UUIDs). Where the stored
documentation ends, a field may be missing.
"""

from typing import Annotated

import pyarrow as pa
from pydantic import Field

from schemas import plain
from schemas.contract import TIMESTAMP, Plain, TableContract, columns
from schemas.fields import Id, Record, Reference, Text, Time, Whole


class Evaluation(Record):
    """One customer rating of one call."""

    evaluation_id: Id = Field(alias="id")
    call_id: Reference | None = None
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


class Call(Record):
    """One call, rated or not. `duration` and `wait_time` are seconds."""

    call_id: Id = Field(alias="id")
    status: Text
    department_id: Reference | None = None
    department_name: Text | None = None
    agent_id: Reference | None = Field(default=None, alias="user_id")
    agent_name: Text | None = Field(default=None, alias="user_name")
    customer_name: Text | None = None
    customer_email: Text | None = None
    customer_phone: Text | None = None
    duration: Whole | None = None
    wait_time: Whole | None = None
    started_at: Time | None = None
    completed_at: Time | None = None
    created_at: Time = Field(alias="inserted_at")


class Department(Record):
    """`max_wait_time` is in seconds."""

    department_id: Id = Field(alias="id")
    name: Text
    identifier: Text | None = None
    description: Text | None = None
    active: bool | None = None
    sector_id: Reference | None = None
    max_queue_size: Whole | None = None
    max_wait_time: Whole | None = None
    user_count: Whole | None = None
    created_at: Time | None = Field(default=None, alias="inserted_at")
    updated_at: Time | None = None


class User(Record):
    user_id: Id = Field(alias="id")
    name: Text
    email: Text | None = None
    role: Text | None = None
    active: bool | None = None
    avatar_url: Text | None = None
    mfa_enabled: bool | None = None
    locale: Text | None = None
    created_at: Annotated[Time | None, Field(alias="inserted_at")] = None
    updated_at: Time | None = None


EVALUATIONS = TableContract(
    table="evaluations",
    record=Evaluation,
    columns=columns(
        ("evaluation_id", pa.string()),
        ("call_id", pa.string()),
        ("rating", pa.int8()),
        ("comment", pa.string()),
        ("has_comment", pa.bool_()),
        ("customer_name", pa.string()),
        ("agent_name", pa.string()),
        ("department_name", pa.string()),
        ("created_at", TIMESTAMP),
        required=("evaluation_id", "rating", "has_comment", "created_at"),
    ),
    key="evaluation_id",
    cursor="created_at",
    wire_key="id",
    wire_cursor="inserted_at",
    personal=("comment", "customer_name"),
    figures="evaluations",
    plain=(
        Plain("evaluation_id", "id", plain.key),
        Plain("call_id", "call_id", plain.text),
        Plain("rating", "rating", plain.between(1, 5, pa.int8()), pa.int64()),
        Plain("comment", "comment", plain.text),
        Plain("has_comment", "comment", plain.filled),
        Plain("customer_name", "customer_name", plain.text),
        Plain("agent_name", "user_name", plain.text),
        Plain("department_name", "department_name", plain.text),
        Plain("created_at", "inserted_at", plain.moment),
    ),
)

CALLS = TableContract(
    table="calls",
    record=Call,
    columns=columns(
        ("call_id", pa.string()),
        ("status", pa.string()),
        ("department_id", pa.string()),
        ("department_name", pa.string()),
        ("agent_id", pa.string()),
        ("agent_name", pa.string()),
        ("customer_name", pa.string()),
        ("customer_email", pa.string()),
        ("customer_phone", pa.string()),
        ("duration", pa.int32()),
        ("wait_time", pa.int32()),
        ("started_at", TIMESTAMP),
        ("completed_at", TIMESTAMP),
        ("created_at", TIMESTAMP),
        required=("call_id", "status", "created_at"),
    ),
    key="call_id",
    cursor="created_at",
    wire_key="id",
    wire_cursor="inserted_at",
    personal=("customer_name", "customer_email", "customer_phone"),
    plain=(
        Plain("call_id", "id", plain.key),
        Plain("status", "status", plain.present),
        Plain("department_id", "department_id", plain.text),
        Plain("department_name", "department_name", plain.text),
        Plain("agent_id", "user_id", plain.text),
        Plain("agent_name", "user_name", plain.text),
        Plain("customer_name", "customer_name", plain.text),
        Plain("customer_email", "customer_email", plain.text),
        Plain("customer_phone", "customer_phone", plain.text),
        Plain("duration", "duration", plain.whole(pa.int32()), pa.int64()),
        Plain("wait_time", "wait_time", plain.whole(pa.int32()), pa.int64()),
        Plain("started_at", "started_at", plain.time),
        Plain("completed_at", "completed_at", plain.time),
        Plain("created_at", "inserted_at", plain.moment),
    ),
)

DEPARTMENTS = TableContract(
    table="departments",
    record=Department,
    columns=columns(
        ("department_id", pa.string()),
        ("name", pa.string()),
        ("identifier", pa.string()),
        ("description", pa.string()),
        ("active", pa.bool_()),
        ("sector_id", pa.string()),
        ("max_queue_size", pa.int32()),
        ("max_wait_time", pa.int32()),
        ("user_count", pa.int32()),
        ("created_at", TIMESTAMP),
        ("updated_at", TIMESTAMP),
        required=("department_id", "name"),
    ),
    key="department_id",
    cursor=None,
    wire_key="id",
)

USERS = TableContract(
    table="voki_users",
    record=User,
    columns=columns(
        ("user_id", pa.string()),
        ("name", pa.string()),
        ("email", pa.string()),
        ("role", pa.string()),
        ("active", pa.bool_()),
        ("avatar_url", pa.string()),
        ("mfa_enabled", pa.bool_()),
        ("locale", pa.string()),
        ("created_at", TIMESTAMP),
        ("updated_at", TIMESTAMP),
        required=("user_id", "name"),
    ),
    key="user_id",
    cursor=None,
    wire_key="id",
)
