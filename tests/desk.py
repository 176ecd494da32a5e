"""A desk for one HttpClient: its budget on a real file, and servers on real sockets to speak to."""

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from pydantic import SecretStr

from connectors.auth import Auth, Fixed, bearer
from connectors.budget import Budget
from connectors.clock import Clock, system_clock
from connectors.http import HttpClient, Retries
from connectors.simulator.script import Fault
from connectors.simulator.server import Simulator, serve
from connectors.simulator.tokens import User
from connectors.simulator.world import World
from connectors.source import Limit

TOKEN = "s3ntinel-t0ken"
PATH = "/api/v1/evaluations"
PER_DAY = 10_000
FAST = Retries(first=0.001, longest=0.002)
USER = User("night@example.com", "pass word", "demo")
REDIRECTS = (301, 302, 303, 307, 308)


@dataclass(frozen=True)
class Desk:
    """A client, and the budget that it spends."""

    client: HttpClient
    budget: Budget

    async def get(self, path: str = PATH, query: tuple[tuple[str, str], ...] = ()) -> Any:
        return (await self.client.get("list", path, query)).value

    async def spent(self) -> int:
        """Requests of the group `list`, by the ledger."""
        [left] = [one for one in await self.budget.left() if one.group == "list"]
        assert left.day_left is not None
        return PER_DAY - left.day_left


@asynccontextmanager
async def desk(
    folder: Path,
    base_url: str,
    *,
    clock: Clock | None = None,
    auth: Auth | None = Fixed(bearer(SecretStr(TOKEN))),  # noqa: B008 - frozen
    hold: float = 90.0,
    **options: Any,
) -> AsyncIterator[Desk]:
    clock = clock or system_clock()
    limits = {
        "list": Limit(per_minute=5000, per_day=PER_DAY),
        "stats": Limit(per_minute=5000),
        "auth": Limit(5),
    }
    budget = Budget(folder / "budget.sqlite", clock, limits, key="key", place_source="demo", hold=hold)
    options.setdefault("retries", FAST)
    client = HttpClient("demo", base_url, auth, budget, clock, headers={"X-Tenant": "demo"}, **options)
    try:
        yield Desk(client, budget)
    finally:
        await client.close()
        budget.close()


def simulator(*faults: Fault, **options: Any) -> Any:
    @asynccontextmanager
    async def live() -> AsyncIterator[Simulator]:
        async with serve(World(), tokens={TOKEN: "demo"}, users=[USER], **options) as one:
            one.script.faults += faults
            yield one

    return live()


@dataclass
class Raw:
    """A server of one handler that keeps what it was sent."""

    url: str = ""
    seen: list[web.Request] = field(default_factory=list)


@asynccontextmanager
async def raw(
    answer: Callable[[web.Request], Awaitable[web.StreamResponse]], tls: ssl.SSLContext | None = None
) -> AsyncIterator[Raw]:
    found = Raw()

    async def note(request: web.Request) -> web.StreamResponse:
        found.seen.append(request)
        return await answer(request)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", note)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.05)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
        found.url = f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}"
        yield found
    finally:
        await runner.cleanup()


async def plain(_: web.Request) -> web.StreamResponse:
    return web.json_response({"data": []})
