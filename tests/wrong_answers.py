"""The table of what a source may answer wrongly: each fault, and what is to come of it over whole runs."""

from dataclasses import dataclass, field
from typing import Any, Final

from connectors.simulator.script import Fault
from connectors.simulator.switches import RetryAfter, Switches
from connectors.simulator.tokens import User

TOKEN = "t0ken-of-the-test"
USER = User("night@example.com", "pass word", "demo")
PAGE, BEFORE, NEW = 10, 35, 15
PER_DAY = 9_000
FROM_PAGE_2: Final = frozenset(range(2, 1000))


@dataclass(frozen=True)
class Case:
    """A fault, and what is to come of it. `times` is how often the struck question is asked."""

    name: str
    fault: Fault | None
    outcome: str
    says: str
    times: int = 5
    gap: float = 0.2  # seconds at least between two of those
    known: bool = False  # whether the source was synced before
    login: bool = False
    switches: Switches = field(default_factory=Switches)


def lists(kind: Any, at: frozenset[int] = frozenset(), **more: Any) -> Fault:
    return Fault(kind, "list", at=at, **more)


def limited(form: RetryAfter, status: int = 429, **more: Any) -> Fault:
    return lists(status, retry_after=form, wait=40.0, **more)


RETRIED_THEN_FAILED = [
    Case("html", lists("html"), "failed", "not JSON", known=True),
    Case("empty", lists("empty"), "failed", "an empty answer", known=True),
    Case("error_200", lists("error_200"), "failed", "an error under a status that says success"),
    Case("no_content", lists("no_content"), "failed", "without content", known=True),
    Case("null_data", lists("null_data"), "failed", "not a list with data and meta", known=True),
    Case("wrong_type", lists("wrong_type"), "failed", "not a list with data and meta"),
    Case("no_meta", lists("no_meta"), "failed", "not a list with data and meta"),
    Case("short_json", lists("short_json"), "failed", "not a list with data and meta"),
    Case("empty_page", lists("empty_page"), "failed", "fewer records than it says"),
    Case(
        "empty_page_later",
        lists("empty_page", FROM_PAGE_2),
        "failed",
        "fewer records than it says",
        times=0,
        known=True,
    ),
    Case("truncated_later", lists("truncated", FROM_PAGE_2), "failed", "the connection failed", times=0),
    Case("deep", lists("deep"), "failed", "not JSON"),
    Case("reset", lists("reset"), "failed", "the connection failed"),
    Case("stall", lists("stall"), "failed", "no whole answer in time", gap=30, known=True),
    Case("drip", lists("slow", delay=4.0), "failed", "no whole answer in time", gap=60),
    Case("short_rows", lists("short_rows"), "failed", "fewer records than it says", times=0),
    Case("status_500", lists(500), "failed", "status 500"),
    Case("status_503_later", lists(503, FROM_PAGE_2), "failed", "status 503", times=0, known=True),
    Case("busy_503", limited("seconds", 503), "failed", "the source is not ready", gap=40),
    Case("limited", limited("seconds"), "failed", "too many requests", gap=40),
]
NOT_RETRIED = [
    Case("status_404", lists(404), "failed", "status 404", times=1),
    Case("status_401", lists(401), "failed", "the credential is refused", times=1, known=True),
    Case("status_403", lists(403), "failed", "leave the stream out of `streams`", times=1),
    Case("status_422", lists(422), "failed", "(fields: date_from)", times=1),
    Case("redirect", lists("redirect"), "failed", "set base_url to the final address", times=1),
    Case("bomb", lists("bomb"), "failed", "larger than 64 MiB; lower page_size", times=1),
    Case("closed_for_a_week", limited("huge", 503), "failed", "the source is not ready", times=1),
    Case(
        "limited_for_a_week",
        limited("huge"),
        "paused",
        "the source asked to wait; go on after",
        times=1,
        known=True,
    ),
]
RECOVERED = [
    Case("html_twice", Fault("html", "list", first=2), "ok", "", times=3),
    Case("reset_once", lists("reset", frozenset({2})), "ok", "", times=0),
    Case("wait_date", limited("date", first=1), "ok", "", times=2, gap=40),
    Case("wait_unsaid", limited("none", first=1), "ok", "", times=2, gap=60),
    Case("wait_negative", limited("negative", first=1), "ok", "", times=2, gap=60),
    Case("refused_once", lists(401, frozenset({2})), "ok", "", times=0, login=True),
]
NOT_COMPARED = [
    Case("figures_html", Fault("html", "stats"), "unproven", "not JSON", times=0),
    Case("figures_500", Fault(500, "stats"), "unproven", "status 500", times=0),
]
HEALTHY = [
    Case("healthy", None, "ok", "", times=0, known=True),
    Case("healthy_login", None, "ok", "", times=0, login=True),
]
LOGIN = [
    Case("login_html", Fault("html", "login"), "failed", "not JSON", login=True),
    Case("login_401", Fault(401, "login"), "failed", "the credential is refused", times=1, login=True),
    Case("login_mfa", None, "failed", "second factor", 1, login=True, switches=Switches(mfa=True)),
    Case("always_401", lists(401), "failed", "the credential is refused", times=2, gap=0, login=True),
]
CASES = [*HEALTHY, *RETRIED_THEN_FAILED, *NOT_RETRIED, *RECOVERED, *NOT_COMPARED, *LOGIN]
ELSEWHERE = {  # addresses where no API answers, and what is said of each
    "refused": "the connection failed (ClientConnectorError)",
    "unknown_host": "the connection failed (ClientConnectorDNSError)",
    "https_on_http": "the connection failed (ClientConnectorSSLError)",
}
