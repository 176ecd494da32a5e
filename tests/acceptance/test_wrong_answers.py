"""A source that answers wrongly: what each fault costs, says and leaves behind, over whole runs.

All cases are sources of one configuration, so that one run meets every fault at once, and a broken source is seen
not to touch its neighbours. Time is virtual: a minute of waiting, a stalled answer and a slow drip cost nothing.

Three runs: before (good answers, where the case knows the source already), struck (with new rows and the
fault), after (a day later, without it). "200 but wrong" never counts as empty: the watermark stays, no row is
called gone, the sentence says what was wrong, and the run after it loads and proves everything.

Kills: `json() or []`; 204 as an empty page; a list believed without meta; errors under 200 as data; a watermark
moved by a failed window; 4xx sent again; a retry without a grant (aiohttp's own, after a broken connection);
Retry-After ignored, or slept through for a week; a redirect followed; a certificate error tried again;
no total time-out; one login for each attempt; one broken source that fails the others.
"""

import asyncio
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import duckdb
import pytest
from virtual_time import run_virtual, virtual_clock

from connectors.clock import Clock
from connectors.simulator.log import Arrival
from connectors.simulator.script import Fault
from connectors.simulator.server import Simulator, serve
from connectors.simulator.switches import RetryAfter, Switches
from connectors.simulator.tokens import User
from connectors.simulator.world import World
from connectors.simulator.year import generate
from pipeline.cli import OUTCOME_CODES
from pipeline.config import Config, parse
from pipeline.receipt import Receipt, StreamReceipt
from pipeline.run import Request, run

TOKEN = "t0ken-of-the-test"
USER = User("night@example.com", "pass word", "demo")
PAGE, BEFORE, NEW = 10, 35, 15
PER_DAY = 9_000
ALWAYS: Final = frozenset(range(1, 1000))
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
    known: bool = True  # whether the source was synced before
    login: bool = False
    switches: Switches = field(default_factory=Switches)


def lists(kind: Any, at: frozenset[int] = ALWAYS, **more: Any) -> Fault:
    return Fault(kind, "list", at=at, **more)


def limited(form: RetryAfter, status: int = 429, **more: Any) -> Fault:
    return lists(status, retry_after=form, wait=40.0, **more)


RETRIED_THEN_FAILED = [
    Case("html", lists("html"), "failed", "not JSON"),
    Case("html_first", lists("html"), "failed", "not JSON", known=False),
    Case("empty", lists("empty"), "failed", "an empty answer"),
    Case("empty_first", lists("empty"), "failed", "an empty answer", known=False),
    Case("error_200", lists("error_200"), "failed", "an error under a status that says success"),
    Case("no_content", lists("no_content"), "failed", "without content"),
    Case("no_content_first", lists("no_content"), "failed", "without content", known=False),
    Case("null_data", lists("null_data"), "failed", "not a list with data and meta"),
    Case("null_data_first", lists("null_data"), "failed", "not a list with data and meta", known=False),
    Case("wrong_type", lists("wrong_type"), "failed", "not a list with data and meta"),
    Case("no_meta", lists("no_meta"), "failed", "not a list with data and meta"),
    Case("short_json", lists("short_json"), "failed", "not a list with data and meta"),
    Case("empty_page", lists("empty_page"), "failed", "fewer records than it says"),
    Case("empty_page_later", lists("empty_page", FROM_PAGE_2), "failed", "fewer records than it says", times=0),
    Case("truncated", lists("truncated"), "failed", "the connection failed"),
    Case("truncated_later", lists("truncated", FROM_PAGE_2), "failed", "the connection failed", times=0),
    Case("deep", lists("deep"), "failed", "not JSON"),
    Case("reset", lists("reset"), "failed", "the connection failed"),
    Case("stall", lists("stall"), "failed", "no whole answer in time", gap=30),
    Case("drip", lists("slow", delay=4.0), "failed", "no whole answer in time", gap=60),
    *(Case(f"status_{code}", lists(code), "failed", f"status {code}") for code in (500, 502, 504)),
    Case("status_503_later", lists(503, FROM_PAGE_2), "failed", "status 503", times=0),
    Case("busy_503", limited("seconds", 503), "failed", "the source is not ready", gap=40),
    Case("limited", limited("seconds"), "failed", "too many requests", gap=40),
]
NOT_RETRIED = [
    *(Case(f"status_{code}", lists(code), "failed", f"status {code}", times=1) for code in (400, 404, 409)),
    Case("status_401", lists(401), "failed", "the credential is refused", times=1),
    Case("status_403", lists(403), "failed", "the credential is refused", times=1),
    Case("status_422", lists(422), "failed", "(fields: date_from)", times=1),
    Case("status_422_first", lists(422), "failed", "(fields: date_from)", times=1, known=False),
    Case("redirect", lists("redirect"), "failed", "set base_url to the final address", times=1),
    Case("bomb", lists("bomb"), "failed", "larger than 64 MiB; lower page_size", times=1),
    Case("closed_for_a_week", limited("huge", 503), "failed", "the source is not ready", times=1),
    Case("limited_for_a_week", limited("huge"), "paused", "the source asked to wait; go on after", times=1),
]
RECOVERED = [
    Case("html_twice", Fault("html", "list", first=2), "ok", "", times=3),
    Case("reset_once", lists("reset", frozenset({2})), "ok", "", times=0),
    Case("wait_seconds", limited("seconds", first=1, at=frozenset()), "ok", "", times=2, gap=40),
    Case("wait_date", limited("date", first=1, at=frozenset()), "ok", "", times=2, gap=40),
    Case("wait_rfc850", limited("rfc850", first=1, at=frozenset()), "ok", "", times=2, gap=40),
    Case("wait_asctime", limited("asctime", first=1, at=frozenset()), "ok", "", times=2, gap=40),
    Case("wait_zero", limited("zero", first=1, at=frozenset()), "ok", "", times=2),
    *(
        Case(f"wait_{form}", limited(form, first=1, at=frozenset()), "ok", "", times=2, gap=60)
        for form in ("none", "negative", "fraction", "blank")
    ),
    Case("login_403_then_401", lists(401, frozenset({2})), "ok", "", times=0, login=True),
]
NOT_COMPARED = [
    Case(f"figures_{kind}", Fault(kind, "stats"), "unproven", says, times=0)  # type: ignore[arg-type]
    for kind, says in (
        ("html", "not compared"),
        ("null_data", "not compared"),
        (500, "status 500"),
        (403, "the credential is refused"),
    )
]
LOGIN = [
    Case("login_html", Fault("html", "login"), "failed", "not JSON", login=True),
    Case("login_401", Fault(401, "login"), "failed", "the credential is refused", times=1, login=True),
    Case("login_mfa", None, "failed", "second factor", 1, login=True, known=False, switches=Switches(mfa=True)),
    Case("always_401", lists(401), "failed", "the credential is refused", times=2, gap=0, login=True),
]
CASES = [*RETRIED_THEN_FAILED, *NOT_RETRIED, *RECOVERED, *NOT_COMPARED, *LOGIN]
