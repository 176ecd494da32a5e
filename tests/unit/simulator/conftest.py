"""One way to ask a simulator over its real socket, and a year to ask for."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from connectors.simulator.server import Simulator
from connectors.simulator.world import World
from connectors.simulator.year import generate


@dataclass(frozen=True)
class Reply:
    status: int
    body: Any
    headers: dict[str, str]
    raw: bytes


Ask = Callable[..., Awaitable[Reply]]


@pytest.fixture(scope="session")
def year() -> World:
    """A year with everything in it, only to be read."""
    return generate(5, 300)


@pytest.fixture
async def ask() -> AsyncIterator[Ask]:
    """Send one request: a path, credentials unless None, a JSON body, and the query."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session:

        async def asked(
            simulator: Simulator,
            path: str,
            method: str = "GET",
            *,
            token: str | None = "secret",  # noqa: S107 - the fixed token of these tests
            tenant: str | None = "demo",
            send: Any = None,
            **query: Any,
        ) -> Reply:
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            if tenant:
                headers["X-Tenant"] = tenant
            async with session.request(
                method,
                simulator.base_url + path,
                params={name: str(value) for name, value in query.items()},
                headers=headers,
                json=send,
                allow_redirects=False,
            ) as response:
                raw = await response.read()
                try:
                    body = json.loads(raw)
                except ValueError:
                    body = None
                return Reply(response.status, body, dict(response.headers), raw)

        yield asked
