"""Writing: imported contacts, their audio files, and the move of a user to another team.

CODE: the body is `{"data": {..}}` without JSON:API members, success is a top-level `message`; an upload is one
multipart file named `audio_file` and is answered by `path`. OBS: the wording of a refusal is Laravel's.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

from connectors.simulator.clock import read_time
from connectors.simulator.evaluagent import shapes
from connectors.simulator.evaluagent.switches import Switches
from connectors.simulator.evaluagent.wire import invalid, refused
from connectors.simulator.evaluagent.world import QualityWorld, moment_of
from connectors.simulator.wire import Answer

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_TEXTS = ("external_url", "customer_telephone_number", "audio_file_path")


def import_contact(world: QualityWorld, body: bytes, switches: Switches, now: datetime) -> Answer:
    """POST /quality/imported-contacts."""
    given = _data(body)
    problems = _problems(world, given, switches)
    if problems:
        raise invalid(problems)
    reference = given["reference"]
    known = [one for one in world.contacts() if one["contact_reference"] == reference]
    if known and switches.duplicate_reference == "refuse":
        raise invalid({"reference": "The data.reference has already been taken."})
    fields = {name: given[name] for name in _TEXTS if name in given}
    fields |= {"channel": given["channel"], "handling_time": given.get("handling_time")}
    fields["metadata"] = given.get("metadata") or {}
    when = moment_of(given["contact_date"])
    if known:
        for one in known:
            world.edit_contact(one["id"], **fields)
        return Answer(switches.import_status, {"message": "The contact was updated."})
    for agent in _agents(given, switches):
        world.add_contact(when, reference=reference, agent_email=agent, imported_at=now.isoformat(), **fields)
    return Answer(switches.import_status, {"message": "The contact was imported."})


def upload(body: bytes, content_type: str, switches: Switches) -> Answer:
    """POST /quality/imported-contacts/upload-audio."""
    message = BytesParser(policy=HTTP).parsebytes(
        f"Content-Type: {content_type}\r\n\r\n".encode("latin-1", "replace") + body
    )
    parts = message.iter_parts() if message.is_multipart() else ()
    for part in parts:
        if part.get_param("name", header="content-disposition") == "audio_file" and part.get_filename():
            found = part.get_payload(decode=True)
            audio = found if isinstance(found, bytes) else b""
            if switches.audio_most_bytes is not None and len(audio) > switches.audio_most_bytes:
                raise refused(413)
            return Answer(200, {"path": f"imported/{hashlib.sha256(audio).hexdigest()[:32]}"})
    raise invalid({"audio_file": "The audio file field is required."})


def move(world: QualityWorld, user_id: str, body: bytes, switches: Switches) -> Answer:
    """PATCH /org/users/{id} (CODE, the vendor's sample): another agent-team."""
    row = world.found("users", user_id)
    if row is None:
        raise refused(404)
    given = _data(body)
    if given.get("type") != "users" or given.get("id") != user_id:
        raise refused(409, "Type and id must be those of the user.")
    team = _inside(given, "relationships", "agent-team", "data")
    group = team.get("id") if isinstance(team, dict) else None
    if team is not None and (not isinstance(group, str) or world.found("groups", group) is None):
        raise invalid({"relationships.agent-team": "The selected data.relationships.agent-team is invalid."})
    world.edit_user(user_id, agent_team=group)
    return Answer(200, {"data": shapes.listed("users", row | {"agent_team": group}, switches)})


def _data(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body or b"null")
    except ValueError:
        raise refused(400) from None
    given = found.get("data") if isinstance(found, dict) else None
    if not isinstance(given, dict):
        raise invalid({"data": "The data field is required."})
    return given


def _inside(value: Any, *names: str) -> Any:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _problems(world: QualityWorld, given: Mapping[str, Any], switches: Switches) -> dict[str, str]:
    """What Laravel's validator would say, by field."""
    found: dict[str, str] = {}
    needed = ["reference", "contact_date", "channel"]
    if not (switches.import_needs == "either" and given.get("agent_id")):
        needed.insert(1, "agent_email")
    for name in needed:
        if not given.get(name):
            found[name] = f"The data.{_words(name)} field is required."
    checks: tuple[tuple[str, Callable[[Any], bool], str], ...] = (
        ("agent_email", _is_email, "must be a valid email address"),
        ("contact_date", _is_time, "is not a valid date"),
        ("handling_time", lambda value: isinstance(value, int), "must be an integer"),
        ("metadata", lambda value: isinstance(value, dict), "must be an array"),
        ("responses", lambda value: isinstance(value, list), "must be an array"),
    )
    for name, good, text in checks:
        if name not in found and given.get(name) is not None and not good(given[name]):
            found[name] = f"The data.{_words(name)} {text}."
    if not found and switches.unknown_agent == "refuse" and not _known(world, given):
        found["agent_email"] = "The selected data.agent email is invalid."
    return found


def _known(world: QualityWorld, given: Mapping[str, Any]) -> bool:
    email = str(given.get("agent_email", "")).lower()
    return any(
        row["id"] == given.get("agent_id") or (row.get("email") or "").lower() == email
        for row in world.users()
    )


def _agents(given: Mapping[str, Any], switches: Switches) -> list[str | None]:
    """DOC: three ways to split a ticket with several responses; by default it is the last responding agent's."""
    owner = given.get("agent_email")
    speakers = [
        one.get("speaker_email")
        for one in given.get("responses") or ()
        if isinstance(one, dict) and one.get("speaker_email") and not one.get("speaker_is_customer")
    ]
    if not speakers:
        return [owner]
    if switches.split == "last_agent":
        return [speakers[-1]]
    return list(dict.fromkeys(speakers)) if switches.split == "per_agent" else speakers


def _is_email(value: Any) -> bool:
    return isinstance(value, str) and bool(_EMAIL.fullmatch(value))


def _is_time(value: Any) -> bool:
    try:
        return isinstance(value, str) and isinstance(read_time(value), date)
    except ValueError:
        return False


def _words(name: str) -> str:
    return name.replace("_", " ")
