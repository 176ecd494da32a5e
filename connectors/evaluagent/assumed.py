"""What evaluagent's public documentation leaves open, declared in one place. Data only.

Each default is an assumption, listed as such in the README, overridden under `assume:` of the source and a switch
of the simulator; none is ever detected while a sync runs. `evalsync check --verbose` prints what an account really
answers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

REGIONS: Mapping[str, str] = {  # documented: an account is reachable on its own region's host only
    "europe": "https://api.evaluagent.com",
    "north_america": "https://api.us-east.evaluagent.com",
    "australia": "https://api.aus.evaluagent.com",
}


@dataclass(frozen=True, slots=True)
class Assumed:
    number: str = "page[number]"
    size: str = "page[size]"
    next: str = "links.next"  # dotted path in the answer; null or absent: no page follows
    total: str = "meta.page.total"  # absent: a window cannot be compared, and is never called proven
    filter: str = "filter[published_at;between]"
    sort: str = "published_at"
    include: str = "contacts"
    date_from: str = "inclusive"  # whether `between` takes its bounds in
    date_to: str = "inclusive"
    token_path: str = "/v1/auth/token"  # noqa: S105  a path
    token: str = "data.attributes.token"  # noqa: S105  where the answer has it
    expires_at: str = "data.attributes.expires_at"


def assumed(values: Mapping[str, Any]) -> Assumed:
    """`assume:` of config.yaml, whose section `paging` is flattened here."""
    flat = {**{name: value for name, value in values.items() if name != "paging"}, **values.get("paging", {})}
    return Assumed(**{name: flat[name] for name in Assumed.__dataclass_fields__ if name in flat})
