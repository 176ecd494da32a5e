"""Everything the documentation leaves open, as one value. The defaults are its safest reading.

Where a field says DOC, the default is documented and the other settings are for tests; all others are
UNKNOWN: a client that holds its promises must hold them under every setting.
"""

from dataclasses import dataclass
from typing import Literal

RetryAfter = Literal[
    "none",  # no header
    "seconds",  # delay-seconds
    "date",  # the three forms of an HTTP date (RFC 9110)
    "rfc850",
    "asctime",
    "negative",  # "-5": invalid
    "fraction",  # "1.5": invalid
    "blank",  # "": invalid
    "zero",  # "0": valid
    "huge",  # "99999999999": valid, to be capped
]


@dataclass(frozen=True, slots=True)
class Switches:
    """One reading of the API. `dataclasses.replace` makes another."""

    # Pages. DOC: page from 1, page_size 20, total_pages = ceil. Users have 100 at most (DOC).
    max_page_size: int | None = 100  # of evaluations. None: no maximum
    calls_max_page_size: int | None = 100
    departments_max_page_size: int | None = 100
    over_max: Literal["cap", "422"] = "cap"
    meta_page_size: Literal["used", "asked"] = "used"  # what the meta block says after a silent cap
    past_end: Literal["empty", "404", "422", "last"] = "empty"  # last: the last page again
    empty_total_pages: Literal[0, 1] = 0  # total_pages of an empty list
    bad_page: Literal["422", "first"] = "422"  # page=0, page_size=x
    bad_sort: Literal["422", "ignore"] = "422"
    sortable: frozenset[str] = frozenset({"inserted_at", "rating"})  # of evaluations
    tie_order: Literal["stable", "by_id_desc", "shuffled"] = "stable"  # shuffled: anew on every request

    # Dates. The field compared is inserted_at.
    date_from: Literal["inclusive", "exclusive"] = "inclusive"
    date_to: Literal["inclusive", "exclusive"] = "inclusive"
    date_unit: Literal["second", "day"] = "second"  # day: of a time only the date is compared
    date_only_to: Literal["end_of_day", "midnight"] = "end_of_day"  # what date_to=2026-02-01 means
    day_zone: str = "UTC"  # where a day begins
    bad_date: Literal["422", "ignore"] = "422"
    naive_times: bool = False  # every time without its Z; DOC: with

    # Calls. DOC shows a call up to customer_phone; what follows there is cut off.
    call_fields: Literal["full", "visible"] = "full"  # visible: no times, no duration, no wait_time

    # Statistics.
    empty_stats: Literal["zeros", "nulls"] = "zeros"  # mean and rate of an empty range
    distribution: Literal["full", "present"] = "full"  # present: ratings nobody gave have no key
    satisfaction: Literal["tenth", "exact"] = "tenth"  # rounding of satisfaction_rate
    comment_counts_blank: bool = False  # with_comments counts a comment that is the empty string
    stats_lag: float | None = None  # seconds between refreshes of the view behind the figures

    # Writing.
    duplicate_evaluation: Literal["422", "allow"] = "422"  # a second evaluation of one call
    public_body: Literal["both", "bare", "wrapped"] = "both"  # of POST /call/evaluate/:call_id

    # Signing in. DOC: 15 minutes, 7 days.
    access_seconds: int = 15 * 60
    refresh_seconds: int = 7 * 24 * 3600
    login_envelope: Literal["data", "bare"] = "data"  # the API pages and the manual differ
    refresh_rotates: bool = False  # True: a refresh gives a new refresh token and ends the old one
    mfa: bool = False  # login answers 200 with mfa_required (DOC)
    tenant_header: Literal["required", "optional"] = "required"  # the manual does not mention X-Tenant
    logout: Literal[200, 204] = 200
    forbidden: Literal[403, 401] = 403  # a role that is too low for an endpoint

    # Rate limits. DOC: 5 a minute on /api/auth/*, 30 a minute and IP on public calls, none elsewhere.
    auth_per_minute: int | None = 5
    auth_limit_key: Literal["ip", "account"] = "ip"
    auth_limit_covers: Literal["all", "login"] = "all"
    public_per_minute: int | None = 30
    per_minute: int | None = None  # of authenticated endpoints, per key and endpoint
    per_day: int | None = None
    limit_window: Literal["rolling", "fixed"] = "rolling"
    retry_after: RetryAfter = "seconds"
    limit_body: Literal["json", "text"] = "json"


DOCUMENTED = Switches()
