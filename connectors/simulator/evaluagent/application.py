"""The evaluagent API as an aiohttp application: routes, credentials, limits, and the log in front of them all.

Written from the vendor's documentation (DOC) and what its public clients send (CODE) and got (OBS). Between the
arrival of a request and its answer there is no waiting but the script's latency and the reading of a body, so
an answer is one consistent look at the tables.
"""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

from aiohttp import web

from connectors.simulator.clock import Now, seconds, stamp
from connectors.simulator.evaluagent import faults as spoiling
from connectors.simulator.evaluagent import imports, queries, shapes
from connectors.simulator.evaluagent.keys import Caller, Gate
from connectors.simulator.evaluagent.paging import Where
from connectors.simulator.evaluagent.switches import Switches
from connectors.simulator.evaluagent.wire import errors, refused, resource, too_many
from connectors.simulator.evaluagent.world import QualityWorld
from connectors.simulator.exchange import exchange
from connectors.simulator.limits import DAY, MINUTE, Limit, Windows
from connectors.simulator.log import Arrival, Log
from connectors.simulator.script import Fault, Script
from connectors.simulator.wire import Answer, Refused, encode

ROUTES = (
    ("GET", "/v1/ping", "ping"),
    ("GET", "/v1/org/users", "users"),
    ("GET", "/v1/org/users/{id}", "user"),
    ("PATCH", "/v1/org/users/{id}", "team"),
    ("GET", "/v1/org/roles", "roles"),
    ("GET", "/v1/org/groups", "groups"),
    ("GET", "/v1/quality/evaluations", "evaluations"),
    ("GET", "/v1/quality/evaluations/{id}", "evaluation"),
    ("POST", "/v1/quality/imported-contacts", "import"),
    ("POST", "/v1/quality/imported-contacts/upload-audio", "upload"),
    ("GET", "/v1/analytics/conversations", "conversations"),
    ("GET", "/v1/analytics/conversations/{id}", "conversation"),
    ("POST", "/v1/auth/token", "token"),
    ("POST", "/v1/token", "token"),
)
IMPORTS, ANALYTICS = frozenset({"import", "upload"}), frozenset({"conversations", "conversation"})
MOST_BYTES = 64 * 1024 * 1024  # of one request


@dataclass(slots=True)
class Site:
    """One running API: its tables, its gate, its log. `switches` and `script` may change while it runs."""

    world: QualityWorld
    gate: Gate
    switches: Switches
    script: Script
    log: Log
    now: Now
    windows: Windows


@dataclass(frozen=True, slots=True)
class Ask:
    """One request, read."""

    name: str
    method: str
    template: str
    where: Where
    params: Mapping[str, str]
    body: bytes
    content_type: str
    credentials: str
    address: str
    turn: int
    url_length: int
    snapshot: QualityWorld | None = None


def application(site: Site) -> web.Application:
    app = web.Application(client_max_size=MOST_BYTES)
    add_routes(app, site)
    app.router.add_route("*", "/{path:.*}", partial(_respond, site, "", ""))
    return app


def add_routes(app: web.Application, site: Site) -> None:
    """Put the API under /v1 of an application; what else is under /v1 is 404."""
    for method, template, name in ROUTES:
        app.router.add_route(method, template, partial(_respond, site, name, template))
    app.router.add_route("*", "/v1/{path:.*}", partial(_respond, site, "", ""))


async def _respond(site: Site, name: str, template: str, request: web.Request) -> web.StreamResponse:
    credentials = request.headers.get("Authorization", "")
    key = site.gate.name(credentials) if credentials else request.remote or ""
    answering = partial(_answer, site, (name, template), credentials, request)
    dress = partial(_dressed, request, site)
    return await exchange(site, (name, template), key, request, answering, error=errors, dress=dress)


def _answer(
    site: Site,
    names: tuple[str, str],
    credentials: str,
    request: web.Request,
    body: bytes,
    fault: Fault | None,
    arrival: Arrival,
) -> Answer:
    origin = f"{request.scheme}://{request.host}"
    ask = Ask(
        name=names[0],
        method=request.method,
        template=names[1],
        where=Where(origin, request.path, spoiling.bend(fault, request.query, site.switches)),
        params=dict(request.match_info),
        body=body,
        content_type=request.headers.get("Content-Type", ""),
        credentials=credentials,
        address=request.remote or "",
        turn=arrival.n,
        url_length=len(request.raw_path),
        snapshot=fault.snapshot if fault and fault.kind == "stale" else None,
    )
    answer = reply(site, ask)
    return spoiling.spoil(fault, answer, request.query, str(request.rel_url)) if fault else answer


def _dressed(request: web.Request, site: Site, answer: Answer) -> Answer:
    """The answer in the forms that hold for all: type, further members, compression."""
    payload, headers, switches = answer.payload, dict(answer.headers), site.switches
    if not isinstance(payload, dict):
        return answer
    if switches.members == "many" and "data" in payload:
        payload = shapes.with_more_members(payload, request.path)
    headers.setdefault("Content-Type", switches.content_type)
    if switches.compressed and "gzip" in request.headers.get("Accept-Encoding", ""):
        payload, headers["Content-Encoding"] = gzip.compress(encode(payload)[0], mtime=0), "gzip"
    return Answer(answer.status, payload, headers)


def reply(site: Site, ask: Ask) -> Answer:
    """The answer of the API, without any fault. Never raises."""
    try:
        if not ask.name or (ask.name == "token" and ask.where.path != site.switches.token_path):
            raise refused(404)
        if site.switches.max_url is not None and ask.url_length > site.switches.max_url:
            raise refused(414)
        if not site.gate.lets_in(ask.address):
            raise refused(site.switches.blocked_address)
        caller = _caller(site, ask)
        headers = _limit(site, ask, caller)
        world = site.world if ask.snapshot is None else ask.snapshot
        with world.lock:
            answer = _resource(site, ask, world, caller)
        return replace(answer, headers={**headers, **answer.headers})
    except Refused as refusal:
        return refusal.answer


def _resource(site: Site, ask: Ask, world: QualityWorld, caller: Caller) -> Answer:
    switches, row_id = site.switches, ask.params.get("id", "")
    match ask.name:
        case "evaluations":
            return queries.evaluations(world, ask.where, switches, ask.turn, site.now())
        case "evaluation":
            return queries.evaluation(world, row_id, ask.where.query, switches)
        case "users" | "roles" | "groups" | "conversations":
            return queries.listing(world, ask.name, ask.where, switches)
        case "user":
            return queries.single(world, "users", row_id, switches)
        case "conversation":
            return queries.single(world, "conversations", row_id, switches)
        case _:
            return _act(site, ask, world, caller)


def _act(site: Site, ask: Ask, world: QualityWorld, caller: Caller) -> Answer:
    switches = site.switches
    match ask.name:
        case "team":
            return imports.move(world, ask.params["id"], ask.body, switches)
        case "import":
            return imports.import_contact(world, ask.body, switches, site.now())
        case "upload":
            return imports.upload(ask.body, ask.content_type, switches)
        case "token":
            return _token(site, caller)
        case _:
            return _ping(site, caller)


# -- credentials and limits ------------------------------------------------------------------------


def _caller(site: Site, ask: Ask) -> Caller:
    """DOC: Basic or bearer; Basic is refused for a key in bearer mode. Is the token call an exception?"""
    caller = site.gate.caller(ask.credentials)
    if caller is None:
        raise refused(401)
    allowed = ask.name == "token" and site.switches.token_takes_basic
    if caller.by == "basic" and caller.bearer and not allowed:
        raise refused(401, "Basic authentication is disabled for this key.")
    return caller


def _limit(site: Site, ask: Ask, caller: Caller) -> dict[str, str]:
    """DOC: per key and endpoint; imported contacts and analytics each share a limit of their own."""
    switches = site.switches
    group: object = (ask.method if switches.endpoint_is == "method_and_route" else "", ask.template)
    limits: list[Limit] = [(MINUTE, switches.per_minute), (DAY, switches.per_day)]
    for name, members, most in (
        ("imports", IMPORTS, switches.imports_per_minute),
        ("analytics", ANALYTICS, switches.analytics_per_minute),
    ):
        if ask.name in members:
            group = name
            limits = [(MINUTE, most), (DAY, switches.per_day if switches.day_binds_all else None)]
    key = (caller.access_key_id, group)
    wait = site.windows.take(key, limits, switches.limit_window)
    if wait is not None:
        raise too_many(wait, site.now(), switches)
    if not switches.limit_headers or limits[0][1] is None:
        return {}
    left = site.windows.left(key, limits[0], switches.limit_window)
    return {"X-RateLimit-Limit": str(limits[0][1]), "X-RateLimit-Remaining": str(left)}


def _token(site: Site, caller: Caller) -> Answer:
    """UNKNOWN in every respect but the 24 hours."""
    switches = site.switches
    if not caller.bearer and switches.token_for_basic_key == "refused":  # noqa: S105 - a rule
        raise refused(403, "Bearer tokens are not enabled for this key.")
    token, ends = site.gate.issue(caller.access_key_id, switches.token_seconds, alone=switches.token_replaces)
    found = {"token": token, "expires_at": stamp(seconds(ends))}
    if switches.token_envelope == "oauth":  # noqa: S105 - a shape
        granted = {"access_token": token, "token_type": "Bearer", "expires_in": switches.token_seconds}
        return Answer(switches.token_status, granted)
    if switches.token_envelope == "plain":  # noqa: S105 - a shape
        return Answer(switches.token_status, found)
    return Answer(switches.token_status, {"data": {"type": "tokens", "attributes": found}})


def _ping(site: Site, caller: Caller) -> Answer:
    """DOC: "authentication details"."""
    if site.switches.ping == "nothing":
        return Answer(204, None)
    if site.switches.ping == "message":
        return Answer(200, {"message": "pong"})
    mode = "bearer" if caller.bearer else "basic"
    attributes = {"contract": site.world.contract, "authentication": caller.by, "mode": mode}
    return Answer(200, {"data": resource("pings", caller.access_key_id, attributes)})
