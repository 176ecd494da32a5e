"""One way to ask the simulator of evaluagent over its real socket, and to walk a list under any of its readings."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

import aiohttp
import pytest

from connectors.simulator.evaluagent.keys import Key
from connectors.simulator.evaluagent.server import QualitySimulator


@dataclass(frozen=True)
class Reply:
    status: int
    body: Any
    headers: dict[str, str]
    raw: bytes


Ask = Callable[..., Awaitable[Reply]]
KEY = Key()
NUMBERS = {"page": "page[number]", "laravel": "page"}


@pytest.fixture
async def ask() -> AsyncIterator[Ask]:
    """Send one request: a path or address, credentials unless None, a JSON body or a form, and the query."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session:

        async def asked(
            simulator: QualitySimulator,
            path: str,
            method: str = "GET",
            *,
            key: Key | None = KEY,
            bearer: str | None = None,
            send: Any = None,
            form: Any = None,
            **query: Any,
        ) -> Reply:
            headers = {}
            if key:
                headers["Authorization"] = aiohttp.encode_basic_auth(key.access_key_id, key.secret)
            if bearer is not None:
                headers["Authorization"] = f"Bearer {bearer}"
            async with session.request(
                method,
                urljoin(simulator.base_url, path),
                params={name: str(value) for name, value in query.items()} or None,
                headers=headers,
                json=send,
                data=form,
                allow_redirects=False,
            ) as response:
                raw = await response.read()
                try:
                    body = json.loads(raw)
                except (ValueError, RecursionError):
                    body = None
                return Reply(response.status, body, dict(response.headers), raw)

        yield asked


@pytest.fixture
def walk(ask: Ask) -> Callable[..., Awaitable[list[Any]]]:
    """The pages of a list, by its links, or by counting where there are none."""

    async def walked(simulator: QualitySimulator, path: str, **query: Any) -> list[Any]:
        pages: list[Any] = []
        address, number = path, 1
        name = NUMBERS.get(simulator.switches.paging)
        while True:
            reply = await ask(simulator, address, **query)
            assert reply.status == 200, reply.body
            pages.append(reply.body)
            if "links" in reply.body:
                following = reply.body["links"].get("next")
                if following is None:
                    return pages
                target = following["href"] if isinstance(following, dict) else following
                address, query = urljoin(simulator.base_url + path, target), {}
            elif name is None or not reply.body["data"]:
                return pages
            else:
                number += 1
                query = query | {name: number}

    return walked
