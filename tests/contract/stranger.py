"""Another server: it is nobody's source, and notes who asks it for what."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from connectors.simulator.listen import listening


@asynccontextmanager
async def stranger() -> AsyncIterator[tuple[str, list[str]]]:
    """Its address, and what it was asked, with which credential."""
    seen: list[str] = []

    async def note(request: web.Request) -> web.Response:
        seen.append(f"{request.method} {request.path} {request.headers.get('Authorization', '')}")
        return web.json_response({"data": [], "items": []})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", note)
    async with listening(app, 0) as address:
        yield address, seen
