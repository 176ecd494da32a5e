"""JSON:API 1.1 documents taken apart, without any I/O. Source of the rules: the standard.

Members that nobody declared are ignored, a resource is made flat (id, attributes, ids of relationships), and a link
is a text or an object with `href`, absolute or relative to what was asked; null or absent means that there is none.
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urljoin


def link(document: Any, path: str, asked: str) -> str | None:
    """The link at a dotted path such as `links.next`, resolved against the path that was asked."""
    found = member(document, path)
    href = found.get("href") if isinstance(found, dict) else found
    return urljoin(asked, href) if isinstance(href, str) and href else None


def member(document: Any, path: str) -> Any:
    """The value at a dotted path, or None."""
    for name in path.split("."):
        if not isinstance(document, dict):
            return None
        document = document.get(name)
    return document


def flat(resource: Any) -> Any:
    """`id` and the attributes side by side; what is no resource object is left for the contract to refuse."""
    if not isinstance(resource, dict):
        return resource
    attributes = resource.get("attributes")
    return {**(attributes if isinstance(attributes, dict) else {}), "id": resource.get("id")}


def linked(resource: Any, relationship: str) -> Any:
    """The linkage of a relationship: an identifier, a list of them, or None."""
    return member(resource, f"relationships.{relationship}.data")


def linked_id(resource: Any, relationship: str) -> Any:
    """The id at the other end of a to-one relationship (also of the first, where it comes as to-many)."""
    found = linked(resource, relationship)
    if isinstance(found, list):
        found = found[0] if found else None
    return found.get("id") if isinstance(found, dict) else None


def others(resource: Any, known: Sequence[str]) -> dict[str, Any]:
    """Linkage of the relationships that nobody declared, to be kept."""
    found = resource.get("relationships") if isinstance(resource, dict) else None
    if not isinstance(found, dict):
        return {}
    return {
        name: value["data"]
        for name, value in found.items()
        if name not in known and isinstance(value, dict) and "data" in value
    }
