"""What a fault does to a JSON:API answer; everything that is alike for all APIs is in the simulator's own faults."""

from typing import Any
from urllib.parse import urlsplit

from connectors.simulator import faults
from connectors.simulator.evaluagent.paging import NAMES, Query
from connectors.simulator.evaluagent.queries import BETWEEN
from connectors.simulator.evaluagent.switches import Switches
from connectors.simulator.script import Fault
from connectors.simulator.wire import Answer


def bend(fault: Fault | None, query: Query, switches: Switches) -> dict[str, str]:
    """The query that is answered in place of the one asked."""
    left_out = ""
    if fault and fault.kind == "same_page" and switches.paging in NAMES:
        left_out, _ = NAMES[switches.paging]
    if fault and fault.kind == "ignore_dates":
        left_out = BETWEEN
    return {name: value for name, value in query.items() if name != left_out}


def spoil(fault: Fault, answer: Answer, query: Query, path: str) -> Answer:
    """The true answer made wrong. Errors stay as they are."""
    body = answer.payload
    if answer.status != 200 or not isinstance(body, dict) or "data" not in body:
        return answer
    if fault.kind == "foreign_next":
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(fault.location))
        body = body | {"links": body.get("links", {}) | {"next": f"{origin}{path}"}}
    elif fault.kind == "same_page":
        body = _saying(body, query)
    elif fault.kind == "no_meta":
        body = _without(body, "meta", "links")
    elif fault.kind == "no_links":
        body = _without(body, "links")
    elif fault.kind == "no_included":
        body = _without(body, "included")
    elif fault.kind == "wrong_type":
        body = body | {"data": {"rows": body["data"]}, "meta": _texts(body.get("meta", {}))}
    else:
        return faults.spoil(fault, answer, {})
    return Answer(200, body, answer.headers)


def _without(body: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in names}


def _saying(body: dict[str, Any], query: Query) -> dict[str, Any]:
    """The first page that says it is the page asked."""
    meta = body.get("meta", {})
    if query.get("page[number]", "").isdecimal() and "page" in meta:
        return body | {"meta": meta | {"page": meta["page"] | {"currentPage": int(query["page[number]"])}}}
    if query.get("page", "").isdecimal() and "current_page" in meta:
        return body | {"meta": meta | {"current_page": int(query["page"])}}
    return body


def _texts(meta: Any) -> Any:
    """Numbers as texts."""
    if isinstance(meta, dict):
        return {name: _texts(value) for name, value in meta.items()}
    return str(meta) if isinstance(meta, int) else meta
