"""Who may see a page, and what a browser may do with it.

Promises: with a token, every route but OPEN demands it, as `Authorization: Bearer` or as the cookie that the login
form sets (an HMAC of its expiry, never the token); comparisons take the same time whatever is wrong; without a token
only names of this machine are answered (a page elsewhere cannot reach us through a name of its own); every answer
forbids scripts, frames and other origins; the access log has no query, no body and no credential.
"""

import base64
import hashlib
import hmac
from datetime import timedelta
from urllib.parse import urlsplit

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware
from pydantic import SecretStr

from connectors.clock import Clock
from pipeline.config_fields import is_loopback
from pipeline.web.pages import LOGIN_STYLE, render

log = structlog.get_logger()

OPEN = ("/healthz",)
LOGIN = "/login"
COOKIE = "evalsync"
SESSION = timedelta(hours=12)
LONGEST_TARGET = 4096  # of path and query together

LOGIN_HASH = base64.b64encode(hashlib.sha256(LOGIN_STYLE.encode()).digest()).decode()
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self';"
    " frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Server": "evalsync",
}


async def add_headers(_: web.Request, response: web.StreamResponse) -> None:
    """On every answer, also on those that aiohttp makes of an error."""
    for name, value in HEADERS.items():
        if name == hdrs.SERVER:
            response.headers[name] = value
        else:
            response.headers.setdefault(name, value)


def access_log(clock: Clock) -> Middleware:
    """One line a request: the route, not the address, whose query may hold a name or a search."""

    @web.middleware
    async def write(request: web.Request, handler: Handler) -> web.StreamResponse:
        began, status = clock.steady(), 500
        try:
            response = await handler(request)
            status = response.status
            return response
        except web.HTTPException as error:
            status = error.status
            raise
        finally:
            route = request.match_info.route.resource
            log.info(
                "answered",
                method=request.method if request.method in hdrs.METH_ALL else "other",
                route=route.canonical if route else "unknown",
                status=status,
                ms=round((clock.steady() - began) * 1000),
            )

    return write


def guard(token: SecretStr | None, clock: Clock) -> Middleware:
    """Refuse whoever may not ask."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if len(request.raw_path) > LONGEST_TARGET:
            raise web.HTTPRequestURITooLong(text="The address is too long.")
        if request.path in OPEN:
            return await handler(request)
        if token is None:
            if not _is_here(request.headers.get(hdrs.HOST, "")):
                raise web.HTTPForbidden(text="This name is not answered here: ask by 127.0.0.1 or localhost.")
            return await handler(request)
        if request.path == LOGIN and request.method == hdrs.METH_POST:
            return await _log_in(request, token, clock)
        if _may(request, token, clock):
            return await handler(request)
        return _ask_for_token(request)

    return check


def _is_here(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname
    except ValueError:
        return False
    return bool(name) and is_loopback(name or "")


def _may(request: web.Request, token: SecretStr, clock: Clock) -> bool:
    kind, _, given = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    if kind.lower() == "bearer":
        return _same(given.strip(), token.get_secret_value())
    expiry, _, seal = request.cookies.get(COOKIE, "").partition(".")
    genuine = _same(seal, _seal(token, expiry))
    return genuine and expiry.isdecimal() and clock.wall() < int(expiry)


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(errors="surrogateescape"), wanted.encode())


def _seal(token: SecretStr, expiry: str) -> str:
    said = f"evalsync session until {expiry}".encode(errors="surrogateescape")
    return hmac.new(token.get_secret_value().encode(), said, hashlib.sha256).hexdigest()


async def _log_in(request: web.Request, token: SecretStr, clock: Clock) -> web.StreamResponse:
    form = await request.post()
    given, then = form.get("token"), form.get("next")
    if not isinstance(given, str) or not _same(given.strip(), token.get_secret_value()):
        return _ask_for_token(request, then=_place(then), wrong=True)
    expiry = str(int(clock.wall() + SESSION.total_seconds()))
    response = web.HTTPSeeOther(_place(then))
    response.set_cookie(
        COOKIE,
        f"{expiry}.{_seal(token, expiry)}",
        max_age=int(SESSION.total_seconds()),
        httponly=True,
        samesite="Strict",
        secure=request.secure,
    )
    raise response


def _place(then: object) -> str:
    """Where to go after the login: a place of ours, never another site."""
    if not isinstance(then, str) or not then.startswith("/") or not then.isprintable() or "\\" in then:
        return "/"
    return "/" if then.startswith(("//", LOGIN)) else then


def _ask_for_token(
    request: web.Request, *, then: str | None = None, wrong: bool = False
) -> web.StreamResponse:
    headers = {hdrs.WWW_AUTHENTICATE: 'Bearer realm="evalsync"'}
    if "text/html" not in request.headers.get(hdrs.ACCEPT, ""):
        return web.json_response(
            {"error": "A token is needed: send it as `Authorization: Bearer`."}, status=401, headers=headers
        )
    body = render("login.html", then=then or _place(request.path_qs), wrong=wrong)
    policy = POLICY.replace("style-src 'self'", f"style-src 'sha256-{LOGIN_HASH}'")
    return web.Response(
        text=body, status=401, content_type="text/html", headers=headers | {"Content-Security-Policy": policy}
    )
