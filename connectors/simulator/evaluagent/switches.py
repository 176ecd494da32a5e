"""Everything that evaluagent's public documentation leaves open, as one value. The defaults are the assumptions.

Where a field says DOC, CODE or OBS, the default is documented or was seen, and the other settings are for tests;
all others are UNKNOWN: a client that holds its promises must hold them under every setting, or say clearly that
it cannot. Two readings belong to the rows and stand in the world: the form of ids (`ids=` of QualityWorld and
generate) and fractions of seconds (`fractions=` of generate, or the time given to `publish`).
"""

from dataclasses import dataclass
from typing import Literal

from connectors.simulator.switches import RetryAfter


@dataclass(frozen=True, slots=True)
class Switches:
    """One reading of the API. `dataclasses.replace` makes another."""

    # Pages.
    paging: Literal[
        "page",  # page[number], page[size]; meta and links
        "laravel",  # page, per_page; meta and links
        "cursor",  # page[cursor], page[size]; links only, the cursor is opaque
        "none",  # everything in one body, neither meta nor links
    ] = "page"
    org_lists: Literal["paged", "whole"] = "paged"  # users, roles, groups; OBS: 40 users in one body
    page_size: int = 50  # when none is asked
    max_page_size: int | None = 100  # None: no maximum
    over_max: Literal["cap", "400"] = "cap"  # cap: silently fewer than were asked
    bad_page: Literal["400", "first"] = "400"  # page[number]=0, page[size]=x, a cursor never given
    past_end: Literal["empty", "404", "400", "last"] = "empty"  # last: the last page again
    total_at: Literal["page.total", "total", "pagination.total", "absent"] = "page.total"  # inside meta
    cursor: Literal["offset", "row"] = "row"  # what stands behind it: a number of rows, or the last row seen

    # Links.
    links: Literal["string", "object", "absent"] = "string"  # object: {"href": ..}
    link_target: Literal["absolute", "path", "query", "foreign"] = "absolute"  # foreign: hostile
    foreign_origin: str = "http://127.0.0.1:9"
    last_next: Literal["null", "absent"] = "null"  # `next` of the last page

    # The filter, the order. CODE: filter[published_at;between]=A,B; sort=-published_at.
    between_lower: Literal["inclusive", "exclusive"] = "inclusive"
    between_upper: Literal["inclusive", "exclusive"] = "inclusive"
    reversed_between: Literal["empty", "400"] = "empty"
    max_span_days: int | None = None  # a longer window is 400
    default_days: int | None = None  # without a filter only the newest days are shown
    bad_date: Literal["400", "ignore"] = "400"
    bad_filter: Literal["400", "ignore"] = "400"  # a field or operator that is none
    unknown_parameter: Literal["ignore", "400"] = (
        "ignore"  # as page[number] is where pages are called otherwise
    )
    bad_sort: Literal["400", "ignore"] = "400"
    bad_include: Literal["400", "ignore"] = "400"  # JSON:API says 400
    default_order: Literal["newest", "oldest", "by_id"] = "newest"  # without a sort
    tie_order: Literal["stable", "by_id_desc", "shuffled"] = "stable"  # shuffled: anew on every request

    # An evaluation on the wire.
    published_at: Literal["z", "offset", "local", "fraction"] = "z"  # Z, +00:00, -03:00, .000000Z
    details: Literal["list", "single", "absent"] = "list"  # single: score, line items.. only in GET one
    null_attributes: Literal["null", "absent"] = "null"
    scorecard: Literal["attribute", "relationship", "both"] = "attribute"
    scorecard_id: Literal["string", "number"] = "string"
    agent_type: Literal["users", "agents"] = "users"  # type in the linkage of the agent
    contacts_linkage: Literal["to_many", "to_one", "absent"] = "to_many"
    purged_linkage: Literal["gone", "dangling"] = "gone"  # is a purged contact still named
    empty_included: Literal["array", "absent"] = "array"  # `included` of a page without contacts

    # Users. OBS: third_party_id null in all records; CODE: string or number, and a start_date.
    third_party_id: Literal["string", "number", "null"] = "string"
    start_date: Literal["absent", "present"] = "absent"

    # Analytics. DOC: `integration` is required.
    unknown_integration: Literal["empty", "400"] = "empty"
    conversation_details: Literal["list", "single"] = "list"  # single: the list has only what identifies one
    conversation_integration: Literal["repeated", "left_out"] = "repeated"  # does the answer name it again
    conversation: Literal["resource", "plain"] = "resource"  # plain: flat objects under data

    # Credentials. DOC: 24 hours; Basic is refused for a key in bearer mode.
    token_path: Literal["/v1/auth/token", "/v1/token"] = "/v1/auth/token"  # noqa: S105 - a path
    token_envelope: Literal["resource", "plain", "oauth"] = "resource"  # noqa: S105 - a shape
    token_seconds: int = 24 * 3600
    token_status: Literal[200, 201] = 200
    token_takes_basic: bool = True  # the one call on which a key in bearer mode may still use Basic
    token_for_basic_key: Literal["given", "refused"] = "given"  # noqa: S105 - a rule
    token_replaces: bool = False  # a new token ends the older ones of its key
    blocked_address: Literal[403, 401] = 403
    ping: Literal["resource", "message", "nothing"] = "resource"  # DOC: "authentication details"

    # Rate limits. DOC: 100 a minute and 10,000 a day per key and endpoint; imported contacts 100 a minute and
    # analytics 20 a minute, each shared by its two endpoints.
    per_minute: int | None = 100
    per_day: int | None = 10_000
    imports_per_minute: int | None = 100
    analytics_per_minute: int | None = 20
    day_binds_all: bool = False  # True: the daily figure also binds imports and analytics
    endpoint_is: Literal["method_and_route", "route"] = "method_and_route"
    limit_window: Literal["rolling", "fixed"] = "rolling"
    limit_status: Literal[429, 503] = 429
    retry_after: RetryAfter = "seconds"
    limit_body: Literal["json", "text"] = "json"
    limit_headers: bool = False  # X-RateLimit-Limit and -Remaining on answers

    # Importing.
    import_status: Literal[200, 201, 202] = 201
    import_needs: Literal["email", "either"] = "email"  # either: agent_id alone is enough
    duplicate_reference: Literal["update", "refuse"] = "update"
    unknown_agent: Literal["accept", "refuse"] = "accept"
    split: Literal["last_agent", "per_agent", "per_response"] = "last_agent"  # DOC: three modes, this default
    audio_most_bytes: int | None = None

    # Bodies and addresses.
    members: Literal["few", "many"] = "few"  # many: jsonapi, and links and meta in every resource
    compressed: bool = False  # gzip, for who accepts it
    max_url: int | None = None  # characters of path and query; a longer one is 414
    content_type: Literal["application/vnd.api+json", "application/json"] = "application/vnd.api+json"


ASSUMED = Switches()
