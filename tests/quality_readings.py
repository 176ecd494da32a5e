"""Readings of evaluagent's API, each with what is configured for it and what must become of it. Data only.

What a setting needs under `assume:` stands beside it; what happens without that is a line of its own.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Literal
from zlib import crc32

import quality_lab as quality
from quality_lab import EVALUATIONS, Row

from connectors.simulator.evaluagent.world import QualityWorld
from connectors.simulator.evaluagent.year import generate

State = Literal["proven", "not_comparable", "failed"]
SIZE = 20
CHILD = {EVALUATIONS: "quality_contacts"}
QUALITY, PEOPLE, TALKS = (EVALUATIONS,), ("agents",), ("conversations",)
ALL = (EVALUATIONS, "agents")
EVERY = (*ALL, "conversations")
LARAVEL = {"number": "page", "size": "per_page"}


@dataclass(frozen=True)
class Case:
    """What is otherwise, what is configured, what becomes of it."""

    settings: Mapping[str, Any]
    streams: tuple[str, ...] = QUALITY
    assume: Mapping[str, Any] = field(default_factory=dict)
    paging: Mapping[str, Any] = field(default_factory=dict)
    state: State = "proven"
    says: str = ""  # of a failed one: what its sentence names
    shown: Mapping[str, Any] = field(
        default_factory=dict
    )  # column -> value, or a function of the expected row
    details: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        told = {**self.settings, **self.assume, **({"paging": "declared"} if self.paging else {})}
        return " ".join(f"{name}={value}" for name, value in told.items())


def card_number(row: Row) -> Any:
    card = row["scorecard_id"]
    return str(crc32(card.encode())) if card else None


def of_conversation(row: Row, **others: Any) -> str:
    return json.dumps({**json.loads(row["extra"]), **others}, sort_keys=True)


def typed(row: Row) -> str:
    agent = json.loads(row["extra"])["relationships"]["agent"]
    return of_conversation(row, relationships={"agent": agent and {**agent, "type": "agents"}})


def plain(row: Row) -> str:
    extra = json.loads(row["extra"])
    agent = extra.pop("relationships")["agent"]
    return json.dumps({**extra, "agent_id": agent and agent["id"]}, sort_keys=True)


def world_of_readings() -> QualityWorld:
    """A year; a tie larger than a page; a day without any contact; more people than two pages hold."""
    world = generate(3, 100)
    for place in range(70):
        world.publish(quality.NOW - timedelta(hours=30), references=[] if place % 2 else None)
    for minute in range(30):
        world.publish(quality.NOW - timedelta(hours=1, minutes=minute), references=[])
    for _ in range(15):
        world.add_user()
    world.purge(evaluated=quality.NOW - timedelta(days=300))
    return world


WORLD = world_of_readings()  # only read
STARTS = {row["id"]: row["start_date"] and date.fromisoformat(row["start_date"]) for row in WORLD.users()}
NOTHING = {"score": None, "evaluator_id": None, "evaluated_at": None, "auto_failed": None, "line_items": None}
NO_NUMBERS = "page 2 is page 1 again, whatever page is asked for: set assume.paging"
CASES = (
    # Pages and totals.
    Case({"paging": "laravel"}, ALL, paging=LARAVEL),
    Case({"paging": "laravel"}, ALL),  # links lead on
    Case({"paging": "laravel", "links": "absent"}, ALL, paging=LARAVEL),
    Case({"paging": "laravel", "links": "absent"}, PEOPLE, state="failed", says="assume.paging"),
    Case({"paging": "cursor"}, EVERY, state="not_comparable"),
    Case({"paging": "cursor", "cursor": "offset"}, ALL, state="not_comparable"),
    Case({"paging": "cursor", "links": "absent"}, EVERY, state="failed", says=NO_NUMBERS),
    Case({"paging": "none"}, EVERY, state="not_comparable"),
    Case({"org_lists": "whole"}, PEOPLE, state="not_comparable"),
    Case({"total_at": "total"}, ALL, paging={"total": "meta.total"}),
    Case({"total_at": "total"}, ALL, state="not_comparable"),
    Case({"total_at": "pagination.total"}, ALL, paging={"total": "meta.pagination.total"}),
    Case({"total_at": "pagination.total"}, ALL, state="not_comparable"),
    Case({"total_at": "absent"}, EVERY, state="not_comparable"),
    Case({"total_at": "absent", "links": "absent"}, ALL, state="not_comparable"),
    Case({"total_at": "absent", "last_next": "absent"}, ALL, state="not_comparable"),
    Case({"page_size": 7, "max_page_size": 7}, ALL),
    Case({"page_size": 7, "max_page_size": 7, "total_at": "absent"}, ALL, state="not_comparable"),
    Case({"max_page_size": 7, "over_max": "400"}, ALL, state="failed", says="page[size]"),
    Case({"max_page_size": None, "links": "object", "last_next": "absent"}, ALL),
    Case({"links": "absent"}, ALL),
    Case({"link_target": "path"}, ALL),
    Case({"link_target": "query", "links": "object"}, ALL),
    Case({"link_target": "foreign"}, (EVALUATIONS, "agents"), state="failed", says="another host"),
    # The filter and the order.
    Case({"between_lower": "exclusive"}, assume={"date_from": "exclusive"}),
    Case({"between_lower": "exclusive"}, state="failed", says="assume.date_from"),
    Case({"between_upper": "exclusive"}, assume={"date_to": "exclusive"}),
    Case(
        {"between_lower": "exclusive", "between_upper": "exclusive"},
        assume={"date_from": "exclusive", "date_to": "exclusive"},
    ),
    Case({"max_span_days": 30}, state="failed", says="filter[published_at;between]"),
    Case({"max_url": 80}, (EVALUATIONS, "conversations"), state="failed", says="414"),
    Case({"tie_order": "by_id_desc"}),
    Case({"tie_order": "shuffled"}),
    # An evaluation.
    Case({"published_at": "offset"}),
    Case({"published_at": "local"}),
    Case({"published_at": "fraction"}),
    Case({"details": "single", "per_minute": None}, details=(EVALUATIONS,)),
    Case({"details": "single"}, shown=NOTHING),
    Case({"details": "absent"}, shown=NOTHING),
    Case({"null_attributes": "absent"}),
    Case({"scorecard": "relationship"}),
    Case({"scorecard": "both", "agent_type": "agents"}),
    Case({"scorecard": "relationship", "scorecard_id": "number"}, shown={"scorecard_id": card_number}),
    Case({"scorecard_id": "number"}, shown={"scorecard_id": card_number}),
    Case({"contacts_linkage": "to_one", "purged_linkage": "dangling"}),
    Case({"contacts_linkage": "absent"}),
    Case({"empty_included": "absent"}),
    Case({"empty_included": "absent", "contacts_linkage": "to_one"}),
    Case({"empty_included": "absent", "contacts_linkage": "absent"}, state="failed", says="assume.include"),
    # People and conversations.
    Case({"third_party_id": "null"}, PEOPLE, shown={"third_party_id": None}),
    Case(
        {"third_party_id": "number"},
        PEOPLE,
        shown={
            "third_party_id": lambda row: row["third_party_id"] and str(crc32(row["third_party_id"].encode()))
        },
    ),
    Case({"start_date": "present"}, PEOPLE, shown={"start_date": lambda row: STARTS[row["agent_id"]]}),
    Case({"agent_type": "agents"}, TALKS, shown={"extra": typed}),
    Case({"conversation": "plain"}, TALKS, shown={"extra": plain}),
    Case({"conversation_details": "single"}, TALKS, details=TALKS),
    Case({"conversation_integration": "left_out"}, TALKS),
    # What a sync should not notice: it asks for nothing that these refuse or forgive.
    Case(
        {
            "bad_page": "first",
            "past_end": "404",
            "bad_date": "ignore",
            "bad_filter": "ignore",
            "bad_sort": "ignore",
            "bad_include": "ignore",
            "default_days": 3,
            "default_order": "oldest",
            "page_size": 7,
        },
        EVERY,
    ),
    Case(
        {
            "past_end": "400",
            "reversed_between": "400",
            "unknown_parameter": "400",
            "unknown_integration": "400",
            "default_order": "by_id",
            "members": "many",
            "compressed": True,
            "content_type": "application/json",
        },
        EVERY,
    ),
    Case({"past_end": "last", "limit_headers": True, "endpoint_is": "route", "day_binds_all": True}, ALL),
)
ELSEWHERE = {  # switch -> where its settings are tried
    **dict.fromkeys(
        ("token_path", "token_envelope", "token_seconds", "token_status", "token_takes_basic", "token_for_basic_key",
         "token_replaces", "blocked_address"), "test_bearer.py"),
    **dict.fromkeys(
        ("per_minute", "per_day", "imports_per_minute", "analytics_per_minute", "limit_window", "limit_status",
         "retry_after", "limit_body"), "test_quality_budgets.py"),
    "foreign_origin": "test_bearer.py",
    "ping": "the command `check`",
    **dict.fromkeys(
        ("import_status", "import_needs", "duplicate_reference", "unknown_agent", "split", "audio_most_bytes"),
        "a sync imports nothing"),
}  # fmt: skip
