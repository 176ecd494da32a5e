"""The dashboard as an aiohttp application: its routes, and what becomes of an error.

Promises: reads the published snapshot and the ledgers, writes nothing; an answer takes at most `SECONDS`, a request
has at most `BODY` bytes; an error is a sentence without paths, SQL or secrets.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from connectors.clock import Clock, system_clock
from pipeline.config import Config
from pipeline.config_fields import is_loopback
from pipeline.web import probes, security, views
from pipeline.web.pages import STATIC, render
from pipeline.web.reading import Reading
from pipeline.web.views import READING
from schemas.errors import ConfigError, EvalsyncError

log = structlog.get_logger()

SECONDS = 20.0
BODY = 16 * 1024
IDLE = 15.0  # seconds for the head of a request, and between two
STATIC_FILES = {
    name: ((STATIC / name).read_bytes(), kind)
    for name, kind in (("page.css", "text/css"), ("charts.css", "text/css"), ("icon.svg", "image/svg+xml"))
}


def make_app(
    config: Config, *, clock: Clock | None = None, more: Iterable[web.AbstractRouteDef] = ()
) -> web.Application:
    """The application, `more` are further routes under the same guard. Raises ConfigError: open without a token."""
    token = config.serve.token
    if token is None and not is_loopback(config.serve.host):
        raise ConfigError("serve: opens the dashboard to other machines without a token: set `serve.token`")
    clock = clock or system_clock()
    app = web.Application(
        middlewares=[security.access_log(clock), _sentences, security.guard(token, clock)],
        client_max_size=BODY,
    )
    app.on_response_prepare.append(security.add_headers)
    app[READING] = Reading(config, clock)
    app.add_routes(
        [
            web.get("/", views.dashboard),
            web.get("/api", views.api_index),
            web.get("/api/{panel}", views.api),
            web.get("/download/{panel}.{kind}", views.download),
            web.get("/static/{name}", _static),
            web.post(security.LOGIN, _no_login),
            *probes.ROUTES,
            *more,
        ]
    )
    app.cleanup_ctx.append(_reading)
    return app


def make_runner(app: web.Application, *, idle: float = IDLE) -> web.AppRunner:
    """What serves the application: bounded waits, and no log of addresses beside ours."""
    return web.AppRunner(
        app, access_log=None, keepalive_timeout=idle, handler_cancellation=True, shutdown_timeout=5.0
    )


async def _reading(app: web.Application) -> AsyncIterator[None]:
    yield
    app[READING].close()


async def _static(request: web.Request) -> web.StreamResponse:
    """Our style sheets by name: there is no folder to list and no path to climb.

    Not by aiohttp's FileResponse: it leaves the file open when the reader goes away while it is being opened.
    """
    name = request.match_info["name"]
    if name not in STATIC_FILES:
        raise web.HTTPNotFound
    body, kind = STATIC_FILES[name]
    return web.Response(
        body=body,
        content_type=kind,
        charset="utf-8",
        headers={hdrs.CACHE_CONTROL: "private, max-age=300"},
    )


async def _no_login(_: web.Request) -> web.StreamResponse:
    raise web.HTTPSeeOther("/")  # without a token everybody on this machine may look


@web.middleware
async def _sentences(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Errors as a page for people, as JSON for programs."""
    try:
        async with asyncio.timeout(SECONDS):
            return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return _refusal(
            request, error.status, error.text if error.text != f"{error.status}: {error.reason}" else ""
        )
    except (TimeoutError, EvalsyncError) as error:
        log.warning("not_answered", why=type(error).__name__, detail=str(error)[:300])
        return _refusal(request, 503, "")


SENTENCES = {
    404: "There is no such page.",
    405: "This can only be read.",
    413: "That is too much to send.",
    503: "The figures cannot be read just now. Try again in a moment; the log says why.",
}


def _refusal(request: web.Request, status: int, sentence: str | None) -> web.Response:
    said = sentence or SENTENCES.get(status, "This cannot be answered.")
    headers = {hdrs.RETRY_AFTER: "5"} if status == 503 else {}
    if "text/html" in request.headers.get(hdrs.ACCEPT, ""):
        page = render("error.html", status=status, sentence=said)
        return web.Response(text=page, status=status, content_type="text/html", headers=headers)
    return web.json_response({"error": said}, status=status, headers=headers)
