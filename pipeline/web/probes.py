"""What machines ask: /metrics, /healthz, /readyz.

Promises that /healthz touches no disk, and says only that the process answers; that /readyz is 200 only where the
newest snapshot can be read and was proven within the time that the schedule allows, else 503 with the reason.
"""

import asyncio

import structlog
from aiohttp import hdrs, web

from pipeline.metrics import CONTENT_TYPE_LATEST, exposition
from pipeline.web.views import READING
from schemas.errors import EvalsyncError

log = structlog.get_logger()

NOT_READY = ("empty", "stale")


async def metrics(request: web.Request) -> web.StreamResponse:
    reading = request.app[READING]
    state = await reading.health()
    text = await asyncio.to_thread(exposition, reading.config, state.found, reading.clock)
    return web.Response(body=text, headers={hdrs.CONTENT_TYPE: CONTENT_TYPE_LATEST})


async def healthz(_: web.Request) -> web.StreamResponse:
    return web.json_response({"status": "alive"})


async def readyz(request: web.Request) -> web.StreamResponse:
    try:
        state = await request.app[READING].health()
    except EvalsyncError as error:
        log.warning("not_ready", why=type(error).__name__, detail=str(error)[:300])
        return _answer("unreadable", "The newest snapshot or a ledger cannot be read; the log says why.")
    return _answer(state.state, state.sentence)


def _answer(state: str, reason: str) -> web.Response:
    ready = state not in {*NOT_READY, "unreadable"}
    said = {"ready": ready, "state": state, "reason": reason}
    return web.json_response(said, status=200 if ready else 503)


ROUTES = (web.get("/metrics", metrics), web.get("/healthz", healthz), web.get("/readyz", readyz))
