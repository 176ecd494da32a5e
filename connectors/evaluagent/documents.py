"""evaluagent's answers taken apart: JSON:API documents to flat records. Pure.

Promises that a document which is not a list of resources never counts as data, that a contact is joined to its
evaluation from the contact's side, as the vendor's relationships have it, and that what nobody declared is kept.
"""

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from connectors.evaluagent.assumed import Assumed
from connectors.jsonapi import flat, link, linked, linked_id, member, others
from connectors.source import Record
from schemas.errors import FatalSourceError, Place, RetryableSourceError

PAGINATION = frozenset({"first", "last", "prev", "next"})  # links that tell of pages
RESOURCE = frozenset(
    {"type", "id", "lid", "attributes", "relationships", "links", "meta"}
)  # the standard's members

Flatten = Callable[[Any, Any], Record]  # (resource, document) -> record


def records(document: Any, flatten: Flatten) -> list[Record]:
    return [flatten(resource, document) for resource in document["data"]]


def evaluation(resource: Any, document: Any) -> Record:
    if not isinstance(resource, dict):
        return resource
    record = flat(resource)
    for name in ("agent", "evaluator", "scorecard"):
        if record.get(f"{name}_id") is None:
            record[f"{name}_id"] = linked_id(resource, name)
    contacts = contacts_of(document).get(str(record["id"]), [])
    record["contacts"] = [{**one, "published_at": record.get("published_at")} for one in contacts]
    return _with_others(record, resource, ("agent", "evaluator", "scorecard", "contacts"))


def contacts_of(document: Any) -> dict[str, list[Record]]:
    """Included contacts by the id of their evaluation."""
    found: dict[str, list[Record]] = {}
    for resource in document.get("included") or ():
        if isinstance(resource, dict) and resource.get("type") == "contacts":
            owner = str(linked_id(resource, "evaluation"))
            found.setdefault(owner, []).append({**flat(resource), "evaluation_id": owner})
    return found


def agent(resource: Any, document: Any) -> Record:
    del document
    if not isinstance(resource, dict):
        return resource
    roles = linked(resource, "roles")
    record = {
        **flat(resource),
        "group_id": linked_id(resource, "agent-team"),
        "role_ids": [one.get("id") for one in roles if isinstance(one, dict)]
        if isinstance(roles, list)
        else None,
    }
    return _with_others(record, resource, ("agent-team", "roles"))


def role(resource: Any, document: Any) -> Record:
    del document
    if not isinstance(resource, dict):
        return resource
    abilities = linked(resource, "abilities")  # each with a title, which the standard does not know
    named = [
        {name: one.get(name) for name in ("id", "title")} for one in abilities or () if isinstance(one, dict)
    ]
    return _with_others(
        {**flat(resource), "abilities": None if abilities is None else named}, resource, ("abilities",)
    )


def group(resource: Any, document: Any) -> Record:
    del document
    return _with_others(flat(resource), resource, ())


def conversation(resource: Any, document: Any) -> Record:
    """The integration is what was asked for: it need not stand in the answer. One that is no resource object but a
    plain one has its fields beside its id: they are kept.
    """
    found = group(resource, document)
    if not isinstance(found, dict):
        return found
    return {**{name: value for name, value in resource.items() if name not in RESOURCE}, **found}


def _with_others(record: Record, resource: Any, known: Sequence[str]) -> Record:
    kept = others(resource, known)
    return {**record, "relationships": kept} if kept and isinstance(record, dict) else record


def check_list(document: Any, place: Place, *, included: bool) -> None:
    """Raise RetryableSourceError where the answer is no list, or lacks the compound part that was asked for."""
    if not isinstance(document, dict) or not isinstance(document.get("data"), list):
        raise RetryableSourceError("the answer is not a list of resources", place)
    # The standard: with `include` the member is there, also when it is empty. Its absence must not delete contacts.
    if included and not isinstance(document.get("included"), list) and not _without_contacts(document):
        what = "the answer has no `included`, which was asked for: look at assume.include"
        raise RetryableSourceError(what, place)
    # An empty object is a list where PHP writes the JSON.
    meta, links = document.get("meta", {}), document.get("links", {})
    if not isinstance(meta, dict | list) or not isinstance(links, dict | list | None):
        raise RetryableSourceError("the answer's meta or links is no object", place)


def _without_contacts(document: Any) -> bool:
    """Whether each resource says itself that it has no contacts."""
    linkages = [member(resource, "relationships.contacts") for resource in document["data"]]
    return "included" not in document and all(
        isinstance(one, dict) and "data" in one and not one["data"] for one in linkages
    )


def total(document: Any, assumed: Assumed) -> int | None:
    """The source's own count of the list, where it gives one."""
    found = member(document, assumed.total)
    return found if isinstance(found, int) and not isinstance(found, bool) and found >= 0 else None


def following(document: Any, assumed: Assumed, asked: str, base_url: str, place: Place) -> str | None:
    """The link to the next page; FatalSourceError where it leaves the source's origin."""
    found = link(document, assumed.next, asked)
    target, origin = urlsplit(found or ""), urlsplit(base_url)
    if target.netloc and (target.scheme, target.netloc) != (origin.scheme, origin.netloc):
        raise FatalSourceError("a link points to another host, port or scheme; nothing was sent there", place)
    return found


def is_complete(document: Any, behind: int | None, next_link: str | None) -> bool | None:
    """Whether nothing follows: by the link and the count; None where the document speaks of neither."""
    if next_link is not None:
        return False
    if behind is not None:
        return behind <= 0
    links = document.get("links")
    return True if isinstance(links, dict) and PAGINATION & links.keys() else None
