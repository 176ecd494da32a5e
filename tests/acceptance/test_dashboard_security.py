"""Who may see the dashboard, and what a stranger can make of it.

Kills: a route without the guard; the token in a cookie or a query; a forged, changed or expired cookie; `==` on
prefixes; a login that leads to another site; an answer to a foreign Host; a header that one kind of answer lacks;
a folder listing or a path that climbs; a body or a head without a bound; a search or a token in the log; a file that
stays open when its reader goes away.
"""

import asyncio
import gc
import io
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import structlog
from page import Site, config, serving, site
from pydantic import SecretStr

from connectors.clock import system_clock
from pipeline.config import Config, Serve
from pipeline.logs import configure
from pipeline.web.app import make_app
from schemas.errors import ConfigError

TOKEN = "s3ntinel-dashboard-token"
HTML = {"Accept": "text/html"}
BEARER = {"Authorization": f"Bearer {TOKEN}"}
THERE = ("/", "/api", "/api/summary", "/api/health", "/download/agents.csv", "/static/page.css")
NOWHERE = ("/nowhere", "/static/", "/api/nowhere")
EVERYWHERE = "0.0.0.0"  # noqa: S104
ELSEWHERE = (
    "https://evil.invalid/",
    "//evil.invalid",
    "/\\evil.invalid",
    "javascript:alert(1)",
    "/a\r\nb: c",
    "",
)
STRANGERS = ("evil.invalid", "127.0.0.1.evil.invalid", "localhost.evil.invalid", EVERYWHERE, "[", "")
CLIMBS = (
    *("/static/", "/static", "/static/..%2fapp.py", "/static/%2e%2e/app.py", "/static/../../config.py"),
    *("/static/login.css", "/templates/page.html", "/data/current/warehouse.duckdb", "//etc/passwd"),
)


@pytest.fixture
def empty(tmp_path: Path) -> Config:
    """Nothing synced: who may look is decided before anything is read."""
    (tmp_path / "data").mkdir()
    return config(tmp_path, "http://127.0.0.1:1")


@pytest.fixture
def guarded(empty: Config) -> Config:
    return serving(empty, host=EVERYWHERE, token=TOKEN)


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Everything that is logged."""
    found = io.StringIO()
    configure(found)
    yield found
    structlog.reset_defaults()


async def log_in(one: Site, token: str = TOKEN, then: str = "/") -> tuple[int, str, str]:
    """Status, place and cookie."""
    form = {"token": token, "next": then}
    async with one.client.post(f"{one.url}/login", data=form, headers=HTML, allow_redirects=False) as answer:
        return answer.status, answer.headers.get("Location", ""), answer.headers.get("Set-Cookie", "")


def test_open_to_others_without_a_token_it_refuses_to_start(empty: Config) -> None:
    with pytest.raises(ConfigError, match="without a token"):
        serving(empty, host=EVERYWHERE)
    built = empty.model_copy(update={"serve": Serve.model_construct(host=EVERYWHERE, port=0, token=None)})
    with pytest.raises(ConfigError, match="without a token"):
        make_app(built)


async def test_every_route_demands_the_token(guarded: Config) -> None:
    wrong = ["", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "ü", "s3ntinel"]
    async with site(guarded) as one:
        for path in (*THERE, *NOWHERE):
            refused = [{}, HTML, {"Authorization": TOKEN}]
            refused += [{"Authorization": f"Bearer {token}"} for token in wrong]
            for headers in refused:
                answer, text = await one.get(path, headers=headers)
                assert answer.status == 401, (path, headers)
                assert answer.headers["WWW-Authenticate"].startswith("Bearer")
                assert TOKEN not in text
            assert (await one.get(f"{path}?token={TOKEN}"))[0].status == 401
            assert (await one.get(path, headers=BEARER))[0].status == (404 if path in NOWHERE else 200), path
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE"):
            async with one.client.request(method, one.url) as answer:
                assert answer.status == 401
        assert (await one.get("/healthz"))[0].status != 401


async def test_the_login_sets_a_cookie_that_is_not_the_token(guarded: Config) -> None:
    async with site(guarded) as one:
        status, place, cookie = await log_in(one, then="/?agent=Ana")
        assert (status, place) == (303, "/?agent=Ana")
        assert TOKEN not in cookie
        assert {"HttpOnly", "SameSite=Strict"} <= {part.strip() for part in cookie.split(";")}
        value = cookie.partition(";")[0].partition("=")[2]
        one.client.cookie_jar.clear()
        assert (await one.get("/", headers={"Cookie": f"evalsync={value}"}))[0].status == 200
        expiry, _, seal = value.partition(".")
        other = "1" if seal.endswith("0") else "0"
        forged = [
            f"{int(expiry) + 1}.{seal}",
            f"{expiry}.{seal[:-1]}{other}",
            f"{expiry}.",
            f".{seal}",
            seal,
            "x",
            "",
        ]
        for one_value in forged:
            assert (await one.get("/", headers={"Cookie": f"evalsync={one_value}"}))[0].status == 401
    later = replace(system_clock(), wall=lambda: time.time() + 13 * 3600)
    async with site(guarded, clock=later) as one:
        assert (await one.get("/", headers={"Cookie": f"evalsync={value}"}))[0].status == 401


async def test_a_wrong_token_gets_no_cookie_and_a_login_stays_here(guarded: Config) -> None:
    async with site(guarded) as one:
        for token in ("", "wrong", TOKEN[:-1]):
            status, _, cookie = await log_in(one, token)
            assert (status, cookie) == (401, "")
        for then in (*ELSEWHERE, "/login"):
            status, place, _ = await log_in(one, then=then)
            assert (status, place) == (303, "/"), then
        _, page = await one.get("/?agent=%22%3E%3Cscript%3E", headers=HTML)
        assert "<script" not in page
        assert 'type="password"' in page


async def test_only_names_of_this_machine_are_answered_without_a_token(empty: Config) -> None:
    async with site(empty) as one:
        port = urlsplit(one.url).port
        for name in (f"127.0.0.1:{port}", f"localhost:{port}", f"[::1]:{port}", "LOCALHOST", "127.8.8.8"):
            assert (await one.get("/api", headers={"Host": name}))[0].status == 200, name
        for name in (*STRANGERS, f"evil.invalid:{port}"):
            assert (await one.get("/api", headers={"Host": name}))[0].status in {400, 403}, name


async def test_every_answer_has_the_headers(empty: Config) -> None:
    async with site(empty) as one:
        paths = (
            "/",
            "/api",
            "/nowhere",
            "/?page=x",
            "/static/page.css",
            "/static/../app.py",
            "/download/x.csv",
        )
        for path in paths:
            answer, _ = await one.get(path, headers=HTML)
            policy = answer.headers["Content-Security-Policy"]
            assert policy.startswith(
                "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'"
            )
            assert "unsafe" not in policy
            assert "script-src" not in policy
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Referrer-Policy"] == "no-referrer"
            assert answer.headers["X-Frame-Options"] == "DENY"
            assert answer.headers["Server"] == "evalsync"
            kept = "private, max-age=300" if path.endswith("page.css") else "no-store"
            assert answer.headers["Cache-Control"] == kept
        async with one.client.post(one.url) as answer:
            assert (answer.status, answer.headers["X-Frame-Options"]) == (405, "DENY")


async def test_there_is_nothing_to_list_and_nowhere_to_climb(empty: Config) -> None:
    async with site(empty) as one:
        host, port = urlsplit(one.url).hostname, urlsplit(one.url).port
        for path in CLIMBS:
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            answer = await reader.read()
            writer.close()
            assert answer.startswith((b"HTTP/1.1 404", b"HTTP/1.1 400")), (path, answer[:60])


async def test_sizes_are_bounded(guarded: Config) -> None:
    async with site(guarded) as one:
        async with one.client.post(f"{one.url}/login", data={"token": "x" * 20_000}) as answer:
            assert answer.status == 413
        assert (await one.get("/?search=" + "x" * 5000, headers=BEARER))[0].status == 414
        assert (await one.get("/?search=" + "x" * 9000, headers=BEARER))[0].status in {400, 414}
        assert (await one.get("/", headers=BEARER | {"X-Long": "x" * 20_000}))[0].status == 400


async def test_a_head_that_never_ends_is_not_waited_for(empty: Config) -> None:
    async with site(empty, idle=0.2) as one:
        for sent in (
            b"",
            b"GET / HTTP/1.1\r\nHost: local",
            b"GET /api HTTP/1.1\r\nHost: localhost\r\n\r\nGET /",
        ):
            reader, writer = await asyncio.open_connection(urlsplit(one.url).hostname, urlsplit(one.url).port)
            writer.write(sent)
            async with asyncio.timeout(30):
                await reader.read()  # up to the end: the server has closed
            writer.close()


async def test_the_log_names_routes_and_no_values(guarded: Config, lines: io.StringIO) -> None:
    async with site(guarded) as one:
        await one.get("/?search=Maria+Secret&agent=Ana", headers=BEARER)
        await one.get("/Ana-in-a-path", headers=BEARER)
        await one.get("/api/Ana?search=x", headers=BEARER)
        await one.get(f"/?token={TOKEN}")
        _, _, cookie = await log_in(one)
        await one.get("/", headers={"Cookie": cookie.partition(";")[0]})
    text = lines.getvalue()
    assert len(re.findall('"answered"', text)) == 6
    assert not re.findall(f"Maria|Secret|Ana|search|{TOKEN}", text)
    assert cookie.partition(";")[0].partition(".")[2] not in text


def test_the_token_is_not_in_the_application(guarded: Config) -> None:
    assert isinstance(guarded.serve.token, SecretStr)
    assert TOKEN not in repr(make_app(guarded)) + repr(guarded)


async def test_who_leaves_at_once_leaves_nothing_open(empty: Config) -> None:
    """A file that is left open is an error when it is collected."""
    async with site(empty) as one:
        host, port = urlsplit(one.url).hostname, urlsplit(one.url).port
        for _ in range(300):
            _, writer = await asyncio.open_connection(host, port)
            writer.write(b"GET /static/page.css HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await writer.drain()
            await asyncio.sleep(0)
            writer.transport.abort()
        assert (await one.get("/static/page.css"))[0].status == 200
    gc.collect()
