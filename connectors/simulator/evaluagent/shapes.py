"""From a flat row to the resource object that goes over the wire, under the switches. No I/O, no state."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zlib import crc32

from connectors.simulator.clock import read_time
from connectors.simulator.evaluagent.directory import Collection
from connectors.simulator.evaluagent.scoring import Wire
from connectors.simulator.evaluagent.switches import Switches
from connectors.simulator.evaluagent.wire import linkage, resource
from connectors.simulator.evaluagent.world import QualityWorld

DETAILS = frozenset({"score", "evaluator_id", "evaluated_at", "auto_failed", "line_items"})
_LINKS = frozenset({"id", "agent_id", "contact_ids"})
_IDENTIFYING = frozenset({"id", "integration", "contact_reference", "agent_id"})
_TIMES = ("published_at", "evaluated_at")
_LOCAL = timezone(timedelta(hours=-3))


def evaluation(world: QualityWorld, row: Wire, switches: Switches, *, single: bool = False) -> Wire:
    if "raw" in row:
        return dict(row["raw"])
    attributes = {name: value for name, value in row.items() if name not in _LINKS}
    if switches.details == "absent" or (switches.details == "single" and not single):
        attributes = {name: value for name, value in attributes.items() if name not in DETAILS}
    if switches.null_attributes == "absent":
        attributes = {name: value for name, value in attributes.items() if value is not None}
    for name in _TIMES:
        if name in attributes:
            attributes[name] = _time(attributes[name], switches.published_at)
    links = {"agent": linkage(switches.agent_type, row["agent_id"])}
    links |= _contacts(world, row, switches)
    return resource("evaluations", row["id"], *_scorecard(attributes, links, switches))


def contact(row: Wire) -> Wire:
    """A contact; the join is read from its side (CODE)."""
    if "raw" in row:
        return dict(row["raw"])
    attributes = {name: value for name, value in row.items() if name not in ("id", "evaluation_id")}
    back = {"evaluation": linkage("evaluations", row["evaluation_id"])}
    return resource("contacts", row["id"], attributes, back)


def listed(name: Collection, row: Wire, switches: Switches, *, single: bool = False) -> Wire:
    """A user, role, group or conversation."""
    if "raw" in row:
        return dict(row["raw"])
    if name == "users":
        return _user(row, switches)
    if name == "roles":
        return _role(row)
    if name == "conversations":
        return _conversation(row, switches, single=single)
    return resource("groups", row["id"], _but(row, "id"))


def with_more_members(body: Wire, path: str) -> Wire:
    """The document with members that a client has to ignore: what a fuller JSON:API server would send."""

    def more(one: Any) -> Any:
        if not isinstance(one, dict) or "type" not in one:
            return one
        links = {"self": f"{path}/{one.get('id')}"}
        related = one.get("relationships")
        if isinstance(related, dict):
            told = {name: {"links": {"related": f"{path}/{name}"}} | value for name, value in related.items()}
            one = one | {"relationships": told}
        return one | {"links": links, "meta": {}}

    found: Wire = {"jsonapi": {"version": "1.0"}} | body
    for name in ("data", "included"):
        if isinstance(found.get(name), list):
            found[name] = [more(one) for one in found[name]]
    return found | {"data": more(found["data"])}


def _user(row: Wire, switches: Switches) -> Wire:
    attributes = _but(row, "id", "agent_team", "roles")
    if switches.start_date == "absent":
        attributes.pop("start_date", None)
    known = attributes.get("third_party_id")
    if switches.third_party_id == "null":
        attributes["third_party_id"] = None
    elif switches.third_party_id == "number" and known is not None:
        attributes["third_party_id"] = crc32(str(known).encode())
    links = {
        "agent-team": linkage("groups", row["agent_team"]),
        "roles": {"data": [{"id": role, "type": "roles"} for role in row["roles"]]},
    }
    return resource("users", row["id"], attributes, links)


def _role(row: Wire) -> Wire:
    """OBS: `title` stands inside the linkage; a role without abilities has no `relationships`."""
    found = [{"id": ability, "type": "abilities", "title": title} for ability, title in row["abilities"]]
    attributes = _but(row, "id", "abilities")
    return resource("roles", row["id"], attributes, {"abilities": {"data": found}} if found else None)


def _conversation(row: Wire, switches: Switches, *, single: bool) -> Wire:
    hidden = set() if single or switches.conversation_details == "list" else set(row) - _IDENTIFYING
    if switches.conversation_integration == "left_out":
        hidden.add("integration")
    if switches.conversation == "plain":
        return _but(row, *hidden)
    links = {"agent": linkage(switches.agent_type, row["agent_id"])}
    return resource("conversations", row["id"], _but(row, "id", "agent_id", *hidden), links)


def _scorecard(attributes: Wire, links: Wire, switches: Switches) -> tuple[Wire, Wire]:
    card = attributes.get("scorecard_id")
    if switches.scorecard_id == "number" and isinstance(card, str):
        card = int(card) if card.isdecimal() else crc32(card.encode())
        attributes["scorecard_id"] = card
    if switches.scorecard != "attribute":
        links = links | {"scorecard": linkage("scorecards", None if card is None else str(card))}
    if switches.scorecard == "relationship":
        attributes.pop("scorecard_id", None)
    return attributes, links


def _contacts(world: QualityWorld, row: Wire, switches: Switches) -> Wire:
    if switches.contacts_linkage == "absent":
        return {}
    named = row["contact_ids"]
    if switches.purged_linkage == "gone":
        named = [one["id"] for one in world.contacts_of(row)]
    found: list[Any] = [{"type": "contacts", "id": contact_id} for contact_id in named]
    if switches.contacts_linkage == "to_one":
        return {"contacts": {"data": found[0] if found else None}}
    return {"contacts": {"data": found}}


def _time(value: Any, form: str) -> Any:
    """A time in the form asked for; what is no time stays as it is. Only one form has fractions."""
    if form == "z" and isinstance(value, str) and "." not in value:
        return value
    try:
        when = read_time(value) if isinstance(value, str) else value
    except ValueError:
        return value
    if not isinstance(when, datetime):
        return value
    if form == "fraction":
        return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    text = when.replace(microsecond=0).astimezone(_LOCAL if form == "local" else UTC).isoformat()
    return text.replace("+00:00", "Z") if form == "z" else text


def _but(row: Wire, *names: str) -> Wire:
    return {name: value for name, value in row.items() if name not in names}
