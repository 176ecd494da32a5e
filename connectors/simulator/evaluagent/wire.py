"""JSON:API on the wire: documents, error objects, the observed envelope of a refused import.

OBS: `status` and `code` are strings; a refused field comes after one generic error, and again in
`meta.validation`. The shapes of all other errors are UNKNOWN and follow JSON:API.
"""

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any

from connectors.simulator.evaluagent.switches import Switches
from connectors.simulator.wire import Answer, Refused, retry_after

DETAILS = {
    400: "The request was malformed.",
    401: "These credentials are not valid.",
    403: "This address is not allowed.",
    404: "There is nothing here.",
    413: "The file is too large.",
    429: "Too many requests.",
}


def resource(
    kind: str, row_id: str, attributes: Mapping[str, Any], relationships: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """A resource object, its members in the order seen (OBS). None: no `relationships` at all."""
    found: dict[str, Any] = {"type": kind, "id": row_id, "attributes": dict(attributes)}
    return found if relationships is None else found | {"relationships": dict(relationships)}


def linkage(kind: str, row_id: str | None) -> dict[str, Any]:
    return {"data": None if row_id is None else {"type": kind, "id": row_id}}


def errors(status: int, detail: str | None = None) -> dict[str, Any]:
    """The body of an error."""
    title = HTTPStatus(status).phrase
    text = detail or DETAILS.get(status, f"{title}.")
    return {"errors": [{"status": str(status), "code": "0", "title": title, "detail": text}]}


def refused(status: int, detail: str | None = None) -> Refused:
    return Refused(Answer(status, errors(status, detail)))


def bad_parameter(name: str, detail: str) -> Refused:
    """400 for a query parameter, named as JSON:API has it."""
    error = {"status": "400", "title": "Bad Request", "detail": detail, "source": {"parameter": name}}
    return Refused(Answer(400, {"errors": [error]}))


def invalid(fields: Mapping[str, str]) -> Refused:
    """The recorded 400 (OBS): a generic first error, then one per field, and all again in meta.validation."""
    generic = {
        "status": "400",
        "code": "0",
        "title": "Bad Request.",
        "detail": "The request could not be validated.",
    }
    named = [
        {"status": "400", "source": {"pointer": f"/data/{name}"}, "title": text, "detail": text}
        for name, text in fields.items()
    ]
    validation = {name: {"field": name, "messages": [text]} for name, text in fields.items()}
    return Refused(Answer(400, {"errors": [generic, *named], "meta": {"validation": validation}}))


def too_many(wait: float, now: datetime, switches: Switches) -> Refused:
    """DOC names the limits only; status, body and headers of the refusal are UNKNOWN."""
    headers = retry_after(switches.retry_after, wait, now)
    if switches.limit_body == "text":
        return Refused(Answer(switches.limit_status, "Too Many Requests", headers))
    return Refused(Answer(switches.limit_status, errors(switches.limit_status, DETAILS[429]), headers))
