"""A dashboard on a real socket, over the data of one sync of both simulators, hostile texts among them."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aiohttp import ClientResponse, ClientSession, web

from connectors.clock import Clock, system_clock
from connectors.simulator.server import serve
from connectors.simulator.world import UNTIL
from connectors.simulator.year import generate
from pipeline.config import Config, parse
from pipeline.destinations.warehouse import connect, rows
from pipeline.run import Request, run
from pipeline.web.app import make_app, make_runner

FREE = "budget: {per_minute: 1000000, per_day: 100000000, force: true}"
HOSTILE = (
    "<script>alert(1)</script>",
    "</textarea></title></style></script><script>alert(2)</script>",
    "<img src=x onerror=alert(3)>",
    "<svg onload=alert(4)><animate onbegin=alert(5) attributeName=x></svg>",
    "<a href='javascript:alert(6)'>click</a> javascript:alert(6)",
    "<iframe srcdoc='<script>parent.alert(7)</script>'></iframe>",
    "<style>body{background:url(http://evil.invalid/x)}</style><link rel=stylesheet href=//evil.invalid>",
    "<meta http-equiv=refresh content='0;url=http://evil.invalid/'><base href=//evil.invalid/>",
    "{{ 7 * 7 }} {% for x in ().__class__.__base__.__subclasses__() %}{{ x }}{% endfor %} ${7*7}",
    "\"'><button formaction=javascript:alert(8) autofocus onfocus=alert(9)>",
    "]]><!--<script>alert(10)//-->",
    '=HYPERLINK("http://evil.invalid","x")',
    "@SUM(A1)",
    "\t=1+1",
)
HOSTILE_NAME = "<b onmouseover=alert(11)>Eva\"'&</b>"


@asynccontextmanager
async def nothing_synced(folder: Path, **serve_keys: Any) -> AsyncIterator[Config]:
    """A configuration whose first sync is still to come; both simulators are up."""
    world = generate(7, 1200)
    for place, text in enumerate(HOSTILE):
        at = UNTIL - timedelta(seconds=100 - place)
        world.insert(
            at, rating=1 + place % 5, comment=text, user_name=HOSTILE_NAME, department_name=HOSTILE_NAME
        )
    async with serve(world, tokens={"secret": "demo"}, now=lambda: UNTIL) as voki:
        yield config(folder, voki.base_url, **serve_keys)


def config(folder: Path, base_url: str, **serve_keys: Any) -> Config:
    """`serve_keys` are keys of the section `serve`."""
    serving = ", ".join(f"{name}: {value}" for name, value in serve_keys.items())
    text = f"""
version: 1
data_dir: ./data
reporting: {{timezone: America/Sao_Paulo}}
serve: {{{serving}}}
sources:
  - {{system: voki, name: demo, tenant: demo, base_url: "{base_url}", auth: {{token: secret}},
     streams: [evaluations, departments, users], {FREE}}}
  - {{system: evaluagent, name: quality, simulator: {{seed: 7, evaluations: 300}},
     streams: [quality_evaluations, agents, groups], reread: 0, {FREE}}}
"""
    return parse(text, {}, folder / "config.yaml", now=datetime.now(UTC))


def synced(folder: Path) -> Config:
    """The same after its first sync."""

    async def work() -> Config:
        async with nothing_synced(folder) as to:
            receipt = await run(to, Request())
            assert receipt.outcome == "ok", receipt.as_json()
            return to

    return asyncio.run(work())


def serving(to: Config, **keys: Any) -> Config:
    """The same data, served otherwise."""
    return to.model_copy(update={"serve": config(to.data_dir.parent, "http://127.0.0.1:1", **keys).serve})


@dataclass(frozen=True, slots=True)
class Site:
    """A running dashboard, and one who asks it."""

    url: str
    client: ClientSession

    async def get(self, path: str, **options: Any) -> tuple[ClientResponse, str]:
        async with self.client.get(self.url + path, allow_redirects=False, **options) as answer:
            return answer, await answer.text()

    async def rows(self, panel: str, **query: Any) -> list[dict[str, Any]]:
        async with self.client.get(f"{self.url}/api/{panel}", params=query) as answer:
            assert answer.status == 200, await answer.text()
            found: list[dict[str, Any]] = (await answer.json())["rows"]
            return found


@asynccontextmanager
async def site(to: Config, *, clock: Clock | None = None, **options: float) -> AsyncIterator[Site]:
    runner = make_runner(make_app(to, clock=clock or system_clock()), **options)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with ClientSession() as client:
            yield Site(f"http://127.0.0.1:{runner.addresses[0][1]}", client)
    finally:
        await runner.cleanup()


def published(to: Config, sql: str, values: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """What the newest snapshot says."""
    with connect((to.data_dir / "current").resolve() / "warehouse.duckdb", read_only=True) as db:
        return rows(db, sql, values)
