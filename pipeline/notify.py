"""A notice to a URL of the user's: how a run ended, or that the copy is stale. Signed, and never part of a run.

Promises: sent after the run has ended, as often and as long as `Patience` says; a notice
that cannot be delivered is one line in the log and changes no outcome; no redirect is followed; neither the URL (it
may hold a key) nor the secret is ever logged. A staleness is told once, also over restarts.

The receiver computes HMAC-SHA256 of the bytes `TIMESTAMP.BODY` under the shared secret and compares it with
`X-Evalsync-Signature: sha256=<hex>`; TIMESTAMP is `X-Evalsync-Timestamp`, in seconds since 1970.
"""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import structlog

from connectors.clock import Clock
from pipeline.config import Config, Notify
from pipeline.files import replace_file
from pipeline.folders import Folders
from schemas.errors import EvalsyncError, WarehouseBusy

log = structlog.get_logger()

READ = 4096  # bytes of an answer that are read: nobody looks at them


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one notice is tried, in seconds."""

    attempts: int = 4
    pause: float = 1.0  # after the first attempt; doubled each time
    one: float = 10.0  # for an attempt
    longest: float = 45.0  # for all of them, with the pauses


async def tell_run(
    config: Config, receipt: Mapping[str, Any], clock: Clock, patience: Patience = Patience()
) -> bool:
    """Send the run's JSON, if its outcome is one that `notify.on` names. Whether it was delivered."""
    wanted = config.notify
    if wanted is None or receipt["outcome"] not in wanted.on:
        return False
    return await _deliver(wanted, {"event": receipt["outcome"], "run": receipt}, config, clock, patience)


@asynccontextmanager
async def failures_told(config: Config, clock: Clock) -> AsyncIterator[None]:
    """A run that ends in an error has no receipt: its error is sent. That another run is under way is no failure."""
    try:
        yield
    except WarehouseBusy:
        raise
    except EvalsyncError as error:
        await tell_run(config, {"outcome": "failed", "error": str(error)}, clock)
        raise


async def tell_stale(
    config: Config,
    *,
    proven_at: str | None,
    reason: str,
    stale: bool,
    clock: Clock,
    patience: Patience = Patience(),
) -> bool:
    """Send that the copy is stale, once for each `proven_at`: the newest moment of the stream that waits longest."""
    wanted = config.notify
    if wanted is None or "stale" not in wanted.on:
        return False
    told, since = Folders(config.data_dir).state / "told_stale", proven_at or "never"
    if not stale or await asyncio.to_thread(_read, told) == since:
        return False
    notice = {"event": "stale", "proven_at": proven_at, "reason": reason}
    delivered = await _deliver(wanted, notice, config, clock, patience)
    if delivered:
        try:
            await asyncio.to_thread(replace_file, told, since.encode())
        except OSError as error:
            log.warning("not_remembered", notice="stale", why=error.strerror)
    return delivered


def _read(told: Path) -> str | None:
    try:
        return told.read_text(encoding="utf-8")
    except OSError:
        return None


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """What `X-Evalsync-Signature` says."""
    seal = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256)
    return f"sha256={seal.hexdigest()}"


async def _deliver(
    wanted: Notify, notice: Mapping[str, Any], config: Config, clock: Clock, patience: Patience
) -> bool:
    # Nobody elsewhere needs to know where the data lies.
    body = json.dumps(notice).replace(str(config.data_dir), "data").encode()
    host = urlsplit(wanted.url.get_secret_value()).hostname
    why = "no time was left"
    try:
        async with (
            asyncio.timeout(patience.longest),
            aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(), timeout=aiohttp.ClientTimeout(total=patience.one)
            ) as session,
        ):
            for attempt in range(patience.attempts):
                if attempt:
                    await clock.sleep(patience.pause * 2 ** (attempt - 1))
                why = await _once(session, wanted, body, clock)
                if not why:
                    log.info("notified", notice=notice["event"], host=host)
                    return True
                if not _worth_another(why):
                    break
    except TimeoutError:
        pass
    log.warning("not_notified", notice=notice["event"], host=host, why=why)
    return False


async def _once(session: aiohttp.ClientSession, wanted: Notify, body: bytes, clock: Clock) -> str:
    """Empty when it was taken, else why not. An error's own text could hold the URL."""
    timestamp = str(int(clock.wall()))
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "evalsync",
        "X-Evalsync-Timestamp": timestamp,
        "X-Evalsync-Signature": signature(wanted.secret.get_secret_value(), timestamp, body),
    }
    try:
        async with session.post(
            wanted.url.get_secret_value(), data=body, headers=headers, allow_redirects=False
        ) as answer:
            await answer.content.read(READ)
            return "" if 200 <= answer.status < 300 else f"status {answer.status}"
    except TimeoutError:
        return "no answer in time"
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return f"the connection failed ({type(error).__name__})"


def _worth_another(why: str) -> bool:
    """A redirect or a refusal will be one again; a busy or broken receiver may recover."""
    status = int(why.removeprefix("status ")) if why.startswith("status ") else 0
    return status < 300 or status >= 500 or status in (408, 425, 429)
