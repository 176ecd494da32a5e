"""evaluagent's resources as the warehouse keeps them, after the JSON:API document is taken apart.

A record is a resource made flat: `id`, its attributes, the ids of its relationships, and for an evaluation its
included contacts. Only `id` and `published_at` have to be there; the vendor documents little of the rest, so a
missing attribute is null and a further one goes to `extra`. Promises that an attribute of the wrong type is refused
with its name, never repaired by guess.
"""

import pyarrow as pa
from pydantic import Field

from schemas.contract import TIMESTAMP, ChildContract, TableContract, columns
from schemas.fields import Day, Id, Json, Number, Record, Reference, Text, Time


class Contact(Record):
    """A conversation that was evaluated; it comes with its evaluation."""

    contact_id: Id = Field(alias="id")
    evaluation_id: Id
    contact_reference: Reference | None = None
    channel: Text | None = None
    contact_date: Time | None = None
    published_at: Time


class QualityEvaluation(Record):
    """One published evaluation by the quality team. `score` is in percent; `line_items` is JSON."""

    evaluation_id: Id = Field(alias="id")
    outcome: Text | None = None
    score: Number | None = None
    scorecard_id: Reference | None = None
    agent_id: Reference | None = None
    evaluator_id: Reference | None = None
    auto_failed: bool | None = None
    line_items: Json | None = None
    evaluated_at: Time | None = None
    published_at: Time
    contacts: tuple[Contact, ...] = Field(default=(), strict=False)


class Agent(Record):
    """A user of evaluagent: who is evaluated, and who evaluates. `role_ids` is a JSON array."""

    agent_id: Id = Field(alias="id")
    forename: Text | None = None
    surname: Text | None = None
    fullname: Text | None = None
    username: Text | None = None
    email: Text | None = None
    active: bool | None = None
    allow_login: bool | None = None
    reporting_access_id: Reference | None = None
    third_party_id: Reference | None = None
    start_date: Day | None = None
    group_id: Reference | None = None
    role_ids: Json | None = None


class Group(Record):
    group_id: Id = Field(alias="id")
    name: Text | None = None
    level: Text | None = None
    parent: Reference | None = None
    active: bool | None = None
    has_children: bool | None = None
    is_custom_reporting_group: bool | None = None


class Role(Record):
    """`abilities` is a JSON array of {id, title}."""

    role_id: Id = Field(alias="id")
    name: Text | None = None
    title: Text | None = None
    abilities: Json | None = None


class Conversation(Record):
    """What conversational analytics say of one conversation; nearly all of it is undocumented and in `extra`."""

    conversation_id: Id = Field(alias="id")
    integration: Text
    contact_reference: Reference | None = None


QUALITY_CONTACTS = TableContract(
    table="quality_contacts",
    record=Contact,
    columns=columns(
        ("contact_id", pa.string()),
        ("evaluation_id", pa.string()),
        ("contact_reference", pa.string()),
        ("channel", pa.string()),
        ("contact_date", TIMESTAMP),
        ("published_at", TIMESTAMP),
        required=("contact_id", "evaluation_id", "published_at"),
    ),
    key="contact_id",
    cursor="published_at",
    wire_key="id",
    wire_cursor="published_at",
)

QUALITY_EVALUATIONS = TableContract(
    table="quality_evaluations",
    record=QualityEvaluation,
    columns=columns(
        ("evaluation_id", pa.string()),
        ("outcome", pa.string()),
        ("score", pa.float64()),
        ("scorecard_id", pa.string()),
        ("agent_id", pa.string()),
        ("evaluator_id", pa.string()),
        ("auto_failed", pa.bool_()),
        ("line_items", pa.string()),
        ("evaluated_at", TIMESTAMP),
        ("published_at", TIMESTAMP),
        required=("evaluation_id", "published_at"),
    ),
    key="evaluation_id",
    cursor="published_at",
    wire_key="id",
    wire_cursor="published_at",
    child=ChildContract(
        contract=QUALITY_CONTACTS,
        parent="evaluation_id",
        rows=lambda evaluation: getattr(evaluation, "contacts", ()),
    ),
)

AGENTS = TableContract(
    table="agents",
    record=Agent,
    columns=columns(
        ("agent_id", pa.string()),
        ("forename", pa.string()),
        ("surname", pa.string()),
        ("fullname", pa.string()),
        ("username", pa.string()),
        ("email", pa.string()),
        ("active", pa.bool_()),
        ("allow_login", pa.bool_()),
        ("reporting_access_id", pa.string()),
        ("third_party_id", pa.string()),
        ("start_date", pa.date32()),
        ("group_id", pa.string()),
        ("role_ids", pa.string()),
        required=("agent_id",),
    ),
    key="agent_id",
    cursor=None,
    wire_key="id",
)

GROUPS = TableContract(
    table="groups",
    record=Group,
    columns=columns(
        ("group_id", pa.string()),
        ("name", pa.string()),
        ("level", pa.string()),
        ("parent", pa.string()),
        ("active", pa.bool_()),
        ("has_children", pa.bool_()),
        ("is_custom_reporting_group", pa.bool_()),
        required=("group_id",),
    ),
    key="group_id",
    cursor=None,
    wire_key="id",
)

ROLES = TableContract(
    table="roles",
    record=Role,
    columns=columns(
        ("role_id", pa.string()),
        ("name", pa.string()),
        ("title", pa.string()),
        ("abilities", pa.string()),
        required=("role_id",),
    ),
    key="role_id",
    cursor=None,
    wire_key="id",
)

CONVERSATIONS = TableContract(
    table="conversations",
    record=Conversation,
    columns=columns(
        ("conversation_id", pa.string()),
        ("integration", pa.string()),
        ("contact_reference", pa.string()),
        required=("conversation_id", "integration"),
    ),
    key="conversation_id",
    cursor=None,
    wire_key="id",
)
