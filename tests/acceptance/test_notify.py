"""A notice arrives signed, is tried again where that helps, and never changes what a run says.

Kills: a signature over the body alone (replays); a redirect that is followed; a refusal that is repeated; a receiver
that hangs and is waited for; a notice at every ring of the clock; an undelivered notice that counts as told; an
address or a secret in the log.
"""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from aiohttp import web
from desk import raw
from shell import SIMULATED, evalsync

from connectors.clock import Clock, system_clock
from pipeline.config import Config, parse
from pipeline.folders import Folders
from pipeline.notify import Patience, failures_told, tell_run, tell_stale
from pipeline.receipt import Receipt
from pipeline.service import Service
from schemas.errors import ConfigError, LoadError, WarehouseBusy

SECRET = "s3ntinel-shared-secret"
PATH = "/hook/s3ntinel-path"
FAILED = {"outcome": "failed", "run_id": "a", "error": "no \u2603"}


@dataclass
class Receiver:
    """Answers as told, the last for ever; keeps what was signed rightly."""

    statuses: list[int]
    url: str = ""
    notices: list[dict[str, Any]] = field(default_factory=list)
    times: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body, at = await request.read(), request.headers["X-Evalsync-Timestamp"]
        wanted = hmac.new(SECRET.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
        assert hmac.compare_digest(request.headers["X-Evalsync-Signature"], f"sha256={wanted}")
        assert request.path == PATH
        assert "Authorization" not in request.headers
        self.notices.append(json.loads(body))
        self.times.append(at)
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        if status == 0:
            await asyncio.sleep(30)
        return web.Response(status=status, headers={"Location": "/elsewhere"} if status == 302 else {})


@asynccontextmanager
async def receiver(*statuses: int) -> AsyncIterator[Receiver]:
    found = Receiver(list(statuses))
    async with raw(found.answer) as server:
        found.url = server.url + PATH
        yield found


def config(folder: Path, url: str, on: str = "[failed, unproven, stale]", more: str = "") -> Config:
    text = SIMULATED + f"notify: {{url: '{url}', on: {on}, secret: '${{HOOK}}'}}\n" + more
    return parse(text, {"HOOK": SECRET}, folder / "config.yaml", now=datetime.now(UTC))


def impatient(slept: list[float]) -> Clock:
    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    return replace(system_clock(), sleep=sleep)


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as lines:
        yield lines


async def test_an_error_and_a_hanging_receiver_are_tried_again(tmp_path: Path, logged: list[Any]) -> None:
    slept: list[float] = []
    async with receiver(500, 0, 429, 204) as one:
        to = config(tmp_path, one.url)
        assert await tell_run(to, FAILED, impatient(slept), Patience(one=0.3))
    assert one.notices == [{"event": "failed", "run": FAILED}] * 4
    assert slept == [1.0, 2.0, 4.0]
    assert all(abs(time.time() - int(at)) < 60 for at in one.times)
    assert "s3ntinel" not in str(logged)


@pytest.mark.parametrize(("status", "times"), [(302, 1), (400, 1), (410, 1), (503, 4)])
async def test_what_will_not_be_taken_is_left(
    tmp_path: Path, logged: list[Any], status: int, times: int
) -> None:
    async with receiver(status) as one:
        assert not await tell_run(config(tmp_path, one.url), FAILED, impatient([]))
    assert len(one.notices) == times
    assert f"status {status}" in str(logged)
    assert "s3ntinel" not in str(logged)


async def test_nobody_there_is_a_line_in_the_log_and_no_error(tmp_path: Path, logged: list[Any]) -> None:
    async with receiver(200) as one:
        pass
    assert not await tell_run(config(tmp_path, one.url), FAILED, impatient([]))
    assert "not_notified" in str(logged)
    assert "s3ntinel" not in str(logged)


async def test_all_attempts_together_have_an_end(tmp_path: Path) -> None:
    async with receiver(0) as one:
        told = tell_run(config(tmp_path, one.url), FAILED, impatient([]), Patience(longest=0.3))
        assert not await told
    assert len(one.notices) == 1


async def test_only_what_was_asked_for_is_told(tmp_path: Path) -> None:
    async with receiver(200) as one:
        to, clock = config(tmp_path, one.url, on="[unproven]"), impatient([])
        for outcome in ("ok", "paused", "failed"):
            assert not await tell_run(to, {"outcome": outcome}, clock)
        assert not await tell_stale(to, proven_at=None, reason="x", stale=True, clock=clock)
        assert await tell_run(to, {"outcome": "unproven", "snapshot": f"{to.data_dir}/snapshots/a"}, clock)
    assert one.notices == [
        {"event": "unproven", "run": {"outcome": "unproven", "snapshot": "data/snapshots/a"}}
    ]


async def test_a_run_that_ends_in_an_error_is_told_and_one_beside_another_is_not(tmp_path: Path) -> None:
    async with receiver(200) as one:
        to = config(tmp_path, one.url)
        for error in (LoadError("the file is damaged"), WarehouseBusy("another run")):
            with pytest.raises(LoadError):
                async with failures_told(to, impatient([])):
                    raise error
    assert [notice["run"]["error"] for notice in one.notices] == ["the file is damaged"]


async def test_a_staleness_is_told_once_and_the_next_one_too(tmp_path: Path) -> None:
    async with receiver(403, 200) as one:
        to, clock = config(tmp_path, one.url), impatient([])
        Folders(to.data_dir).make()

        async def tell(proven_at: str | None, *, stale: bool = True) -> bool:
            return await tell_stale(to, proven_at=proven_at, reason="late", stale=stale, clock=clock)

        assert not await tell("2026-01-01T00:00:00Z")  # refused: not told yet
        assert await tell("2026-01-01T00:00:00Z")
        assert not await tell("2026-01-01T00:00:00Z")
        assert not await tell("2026-01-05T00:00:00Z", stale=False)
        assert await tell("2026-01-05T00:00:00Z")
        assert await tell(None)
        assert not await tell(None)
    assert len(one.notices) == 4


async def test_a_sync_from_cron_tells_its_failure_and_says_what_it_always_said(tmp_path: Path) -> None:
    async def forbidden(_: web.Request) -> web.StreamResponse:
        return web.Response(status=403)

    async with receiver(200) as one, raw(forbidden) as source:
        account = f"base_url: '{source.url}'\n    tenant: demo\n    auth: {{token: abc}}\n"
        text = SIMULATED.replace("simulator: {seed: 3, evaluations: 300}", account)
        text += f"notify: {{url: '{one.url}', secret: '${{HOOK}}'}}\n"
        (tmp_path / "config.yaml").write_text(text)
        done = await asyncio.to_thread(evalsync, tmp_path, "sync", "--json", HOOK=SECRET)
    assert done.returncode == 1, done.stderr
    assert [notice["run"]["run_id"] for notice in one.notices] == [json.loads(done.stdout)["run_id"]]
    assert "s3ntinel" not in done.stdout + done.stderr
    assert str(tmp_path) not in json.dumps(one.notices)


async def test_a_night_that_cannot_begin_is_told_once_and_not_at_every_ring(tmp_path: Path) -> None:
    tried, enough = 0, asyncio.Event()

    async def sync(*_: object) -> Receipt:
        nonlocal tried
        tried += 1
        if tried > 3 and one.notices:
            enough.set()
        raise LoadError("the file is damaged")

    async with receiver(200) as one:
        to = config(tmp_path, one.url, more="schedule: [{every: 300d}]\nserve: {port: 0}\n")
        service = Service(
            lambda: to, sync, system_clock(), asyncio.Event(), look_every=timedelta(seconds=0.05)
        )
        await service.use(to)
        living = asyncio.create_task(service.live())
        await enough.wait()
        service.stop.set()
        await living
    assert [notice["run"]["error"] for notice in one.notices] == ["the file is damaged"]


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/s3ntinel",
        "ftp://example.com/s3ntinel",
        "https://u:s3ntinel@example.com/",
        "s3ntinel",
    ],
)
def test_an_address_that_is_not_safe_is_refused_and_not_repeated(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError, match=r"notify\.url") as refused:
        config(tmp_path, url)
    assert "s3ntinel" not in str(refused.value)
