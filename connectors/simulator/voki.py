"""The Voki API as an aiohttp application: routes, credentials, limits, and the log in front of them all.

Written from the vendor's documentation (DOC) and nothing of ours. Between the arrival of a request and
its answer there is no waiting but the script's latency and the reading of a body, so an answer is one
consistent look at the table.
"""

import asyncio
import json
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from aiohttp import web

from connectors.simulator import faults, queries
from connectors.simulator.clock import Now, seconds, stamp
from connectors.simulator.limits import DAY, MINUTE, Windows
from connectors.simulator.log import Arrival, Log
from connectors.simulator.script import Script
from connectors.simulator.switches import Switches
from connectors.simulator.tokens import Account, Gate
from connectors.simulator.wire import Answer, Refused, data, detail, invalid, too_many
from connectors.simulator.world import World

ROUTES = (  # stats before :id (DOC: route order matters)
    ("GET", "/api/v1/evaluations", "list"),
    ("POST", "/api/v1/evaluations", "create"),
    ("GET", "/api/v1/evaluations/stats", "stats"),
    ("GET", "/api/v1/evaluations/{id}", "one"),
    ("POST", "/api/v1/call/evaluate/{call_id}", "rate"),
    ("POST", "/api/auth/login", "login"),
    ("POST", "/api/auth/refresh", "refresh"),
    ("POST", "/api/auth/logout", "logout"),
)
SIGNING_IN = frozenset({"login", "refresh", "logout"})


@dataclass(slots=True)
class Site:
    """One running API: its tables, its gate, its log. `switches` and `script` may change while it runs."""

    worlds: dict[str, World]
    gate: Gate
    switches: Switches
    script: Script
    log: Log
    now: Now
    windows: Windows
    views: dict[str, tuple[datetime, World]] = field(default_factory=dict)  # tables behind lagging figures


@dataclass(frozen=True, slots=True)
class Ask:
    """One request, read."""

    name: str
    query: dict[str, str]
    params: dict[str, str]
    body: Any
    token: str
    tenant: str | None  # X-Tenant
    address: str
    turn: int
    snapshot: World | None = None


def application(site: Site) -> web.Application:
    app = web.Application()
    for method, template, name in ROUTES:
        app.router.add_route(method, template, partial(_respond, site, name, template))
    app.router.add_route("*", "/{path:.*}", partial(_respond, site, "", ""))
    return app


async def _respond(site: Site, name: str, template: str, request: web.Request) -> web.StreamResponse:
    """Log, wait, let things happen, answer, and log the status."""
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    key = site.gate.key(token) if token else request.remote or ""
    arrival = site.log.arrive(request.method, template, request.path, dict(request.query), key)
    status: int | None = None
    try:
        response, status = await _answer(site, name, request, arrival, token)
        return response
    finally:
        site.log.answered(arrival.n, status)


async def _answer(
    site: Site, name: str, request: web.Request, arrival: Arrival, token: str
) -> tuple[web.StreamResponse, int | None]:
    body = await request.read()
    if site.script.latency:
        await asyncio.sleep(site.script.latency())
    site.script.mutate(name, arrival)
    fault = site.script.strike(name, arrival)
    answer = await faults.instead(fault, site.now()) if fault else None
    if answer is None:
        ask = Ask(
            name=name,
            query=faults.bend(fault, request.query),
            params=dict(request.match_info),
            body=body,
            token=token,
            tenant=request.headers.get("X-Tenant"),
            address=request.remote or "",
            turn=arrival.n,
            snapshot=fault.snapshot if fault and fault.kind == "stale" else None,
        )
        answer = reply(site, ask)
        if fault:
            answer = faults.spoil(fault, answer, request.query)
    response = await faults.send(request, answer, fault, site.now())
    return response, answer.status or None


def reply(site: Site, ask: Ask) -> Answer:
    """The answer of the API, without any fault. Never raises."""
    try:
        if ask.name in SIGNING_IN:
            return _sign_in(site, ask)
        if ask.name == "rate":
            return _rate(site, ask)
        if ask.name:
            account = _account(site, ask)
            limits = ((MINUTE, site.switches.per_minute), (DAY, site.switches.per_day))
            _limit(site, (account.key, ask.name), limits)
            return _resource(site, ask, site.worlds[account.tenant])
        return detail(404, "Not Found")
    except Refused as refused:
        return refused.answer


def _resource(site: Site, ask: Ask, world: World) -> Answer:
    world = ask.snapshot or world
    with world.lock:
        if ask.name == "list":
            return queries.evaluations(world, ask.query, site.switches, ask.turn)
        if ask.name == "stats":
            return queries.stats(_view(site, world), ask.query, site.switches, site.now())
        if ask.name == "create":
            return _create(site, world, _object(ask.body).get("evaluation"), None)
        row = world.find(ask.params["id"])
        return data(queries.shown(row, site.switches)) if row else detail(404, "Not Found")


def _view(site: Site, world: World) -> World:
    """The table behind the figures: DOC has views that are refreshed now and then."""
    lag = site.switches.stats_lag
    if lag is None:
        return world
    taken = site.views.get(world.tenant)
    if taken is None or (site.now() - taken[0]).total_seconds() >= lag:
        taken = site.views[world.tenant] = (site.now(), world.snapshot())
    return taken[1]


# -- credentials and limits ------------------------------------------------------------------------


def _account(site: Site, ask: Ask) -> Account:
    """DOC: a bearer token and X-Tenant; a tenant that is not the token's is 401."""
    account = site.gate.admit(ask.token)
    foreign = account and ask.tenant != account.tenant
    if foreign and ask.tenant is None and site.switches.tenant_header == "optional":
        foreign = False
    if account is None or foreign or account.tenant not in site.worlds:
        raise Refused(detail(401, "Unauthorized"))
    return account


def _limit(site: Site, caller: object, limits: tuple[tuple[float, int | None], ...]) -> None:
    wait = site.windows.take(caller, limits, site.switches.limit_window)
    if wait is not None:
        raise Refused(too_many(wait, site.now(), site.switches))


def _sign_in(site: Site, ask: Ask) -> Answer:
    switches, body = site.switches, _object(ask.body)
    refreshing = str(body.get("refresh_token", ""))
    if ask.name == "login" or switches.auth_limit_covers == "all":
        account = body.get("email") or site.gate.key(refreshing or ask.token)
        caller = str(account) if switches.auth_limit_key == "account" else ask.address
        _limit(site, ("auth", caller), ((MINUTE, switches.auth_per_minute),))
    if ask.name == "login":
        return _login(site, body)
    if ask.name == "refresh":
        return _refresh(site, refreshing)
    if site.gate.admit(ask.token) is None:
        return detail(401, "Unauthorized")
    for token in (ask.token, refreshing):
        site.gate.revoke(token)
    return Answer(204, None) if switches.logout == 204 else data({"message": "Logged out"})


def _login(site: Site, body: dict[str, Any]) -> Answer:
    missing = {name: ["can't be blank"] for name in ("email", "password", "tenant") if not body.get(name)}
    if missing:
        return Answer(422, {"errors": missing})
    user = site.gate.login(str(body["email"]), str(body["password"]), str(body["tenant"]))
    if user is None:
        return detail(401, "Invalid credentials")
    if site.switches.mfa:
        return data({"mfa_required": True, "mfa_token": site.gate.issue(user, "mfa", 300)})
    found = {
        "access_token": site.gate.issue(user, "access", site.switches.access_seconds),
        "refresh_token": site.gate.issue(user, "refresh", site.switches.refresh_seconds),
        "user": {
            "id": user.subject,
            "name": user.name,
            "email": user.email,
            "role": user.role,
            "avatar_url": None,
            "mfa_enabled": False,
        },
    }
    return data(found) if site.switches.login_envelope == "data" else Answer(200, found)


def _refresh(site: Site, token: str) -> Answer:
    """UNKNOWN body and answer: refresh_token in, access_token out, and a new refresh_token if they rotate."""
    account = site.gate.admit(token, "refresh")
    if account is None or account.user is None:
        return detail(401, "Unauthorized")
    found = {"access_token": site.gate.issue(account.user, "access", site.switches.access_seconds)}
    if site.switches.refresh_rotates:
        site.gate.revoke(token)
        found["refresh_token"] = site.gate.issue(account.user, "refresh", site.switches.refresh_seconds)
    return data(found) if site.switches.login_envelope == "data" else Answer(200, found)


# -- writing ---------------------------------------------------------------------------------------


def _rate(site: Site, ask: Ask) -> Answer:
    """The public endpoint. How it finds the tenant is UNKNOWN: X-Tenant, else whoever is first."""
    _limit(site, ("public", ask.address), ((MINUTE, site.switches.public_per_minute),))
    body = _object(ask.body)
    wrapped = body.get("evaluation")
    form = site.switches.public_body
    fields = wrapped if form == "wrapped" or (form == "both" and wrapped is not None) else body
    world = site.worlds.get(ask.tenant or next(iter(site.worlds)))
    if world is None:
        return detail(404, "Not Found")
    with world.lock:
        return _create(site, world, fields, ask.params["call_id"])


def _create(site: Site, world: World, fields: Any, call_id: str | None) -> Answer:
    """DOC: 201 with id, call_id, rating, comment, inserted_at. Errors by the general rule."""
    given = fields if isinstance(fields, dict) else {}
    call_id = call_id or given.get("call_id")
    rating, comment = given.get("rating"), given.get("comment")
    if not isinstance(call_id, str) or not call_id:
        return invalid("call_id", "can't be blank")
    if type(rating) is not int or not 1 <= rating <= 5:
        return invalid("rating", "can't be blank" if rating is None else "is invalid")
    if comment is not None and not isinstance(comment, str):
        return invalid("comment", "is invalid")
    if site.switches.duplicate_evaluation == "422" and world.has_call(call_id):
        return invalid("call_id", "has already been taken")
    now = site.now()
    row_id = world.insert(now, call_id=call_id, rating=rating, comment=comment)
    made = {"id": row_id, "call_id": call_id, "rating": rating, "comment": comment}
    return data(made | {"inserted_at": stamp(seconds(now))}, 201)


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body or b"{}")
    except ValueError:
        raise Refused(detail(400, "Bad Request")) from None
    return found if isinstance(found, dict) else {}
