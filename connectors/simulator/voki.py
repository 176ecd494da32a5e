"""The Voki API as an aiohttp application: routes, credentials, limits, and the log in front of them all.

Written from the vendor's documentation (DOC) and nothing of ours. Between the arrival of a request and
its answer there is no waiting but the script's latency and the reading of a body, so an answer is one
consistent look at the table.
"""

from functools import partial
from typing import Any

from aiohttp import web

from connectors.simulator import faults, queries
from connectors.simulator.clock import seconds, stamp
from connectors.simulator.exchange import exchange
from connectors.simulator.limits import DAY, MINUTE
from connectors.simulator.log import Arrival
from connectors.simulator.script import Fault
from connectors.simulator.signing import sign_in
from connectors.simulator.site import Ask, Site, limit, read_object
from connectors.simulator.tokens import RANKS, Account
from connectors.simulator.wire import Answer, Refused, data, detail, invalid
from connectors.simulator.world import World

__all__ = ["Ask", "Site", "application", "reply"]

ROUTES = (  # stats and me before :id (DOC: route order matters)
    ("GET", "/api/v1/evaluations", "list"),
    ("POST", "/api/v1/evaluations", "create"),
    ("GET", "/api/v1/evaluations/stats", "stats"),
    ("GET", "/api/v1/evaluations/{id}", "one"),
    ("GET", "/api/v1/calls", "calls"),
    ("GET", "/api/v1/calls/{id}", "call"),
    ("GET", "/api/v1/departments", "departments"),
    ("GET", "/api/v1/departments/{id}", "department"),
    ("GET", "/api/v1/users", "users"),
    ("GET", "/api/v1/users/me", "me"),
    ("GET", "/api/v1/users/{id}", "user"),
    ("POST", "/api/v1/call/evaluate/{call_id}", "rate"),
    ("POST", "/api/auth/login", "login"),
    ("POST", "/api/auth/refresh", "refresh"),
    ("POST", "/api/auth/logout", "logout"),
)
SIGNING_IN = frozenset({"login", "refresh", "logout"})
LISTS = {
    "list": queries.evaluations,
    "calls": queries.calls,
    "departments": queries.departments,
    "users": queries.users,
}
LEAST = {  # the role that an endpoint asks for (DOC); attendants may do the rest
    "departments": "supervisor",
    "department": "supervisor",
    "users": "manager",
    "user": "manager",
}
UNAUTHORIZED = detail(401, "Unauthorized")


def application(site: Site) -> web.Application:
    app = web.Application()
    for method, template, name in ROUTES:
        app.router.add_route(method, template, partial(_respond, site, name, template))
    app.router.add_route("*", "/{path:.*}", partial(_respond, site, "", ""))
    return app


async def _respond(site: Site, name: str, template: str, request: web.Request) -> web.StreamResponse:
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    key = site.gate.key(token) if token else request.remote or ""
    answering = partial(_answer, site, name, token, request)
    return await exchange(site, (name, template), key, request, answering)


def _answer(
    site: Site,
    name: str,
    token: str,
    request: web.Request,
    body: bytes,
    fault: Fault | None,
    arrival: Arrival,
) -> Answer:
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
    return faults.spoil(fault, answer, request.query) if fault else answer


def reply(site: Site, ask: Ask) -> Answer:
    """The answer of the API, without any fault. Never raises."""
    try:
        if ask.name in SIGNING_IN:
            return sign_in(site, ask)
        if ask.name == "rate":
            return _rate(site, ask)
        if ask.name:
            account = _account(site, ask)
            limits = ((MINUTE, site.switches.per_minute), (DAY, site.switches.per_day))
            limit(site, (account.key, ask.name), limits)
            return _resource(site, ask, account, site.worlds[account.tenant])
        return detail(404, "Not Found")
    except Refused as refused:
        return refused.answer


def _resource(site: Site, ask: Ask, account: Account, world: World) -> Answer:
    world = world if ask.snapshot is None else ask.snapshot
    with world.lock:
        if ask.name in LISTS:
            return LISTS[ask.name](world, ask.query, site.switches, ask.turn)
        if ask.name == "stats":
            return queries.stats(_view(site, world), ask.query, site.switches, site.now())
        if ask.name == "create":
            return _create(site, world, read_object(ask.body).get("evaluation"), None)
        if ask.name == "me":
            return queries.me(account, site.switches)
        return queries.one(world, ask.name, ask.params["id"], site.switches)


def _view(site: Site, world: World) -> World:
    """The table behind the figures: DOC has views that are refreshed now and then."""
    lag = site.switches.stats_lag
    if lag is None:
        return world
    taken = site.views.get(world.tenant)
    if taken is None or (site.now() - taken[0]).total_seconds() >= lag:
        taken = site.views[world.tenant] = (site.now(), world.snapshot())
    return taken[1]


def _account(site: Site, ask: Ask) -> Account:
    """DOC: a bearer token and X-Tenant; a tenant that is not the token's is 401. A low role: UNKNOWN."""
    account = site.gate.admit(ask.token)
    foreign = account and ask.tenant != account.tenant
    if foreign and ask.tenant is None and site.switches.tenant_header == "optional":
        foreign = False
    if account is None or foreign or account.tenant not in site.worlds:
        raise Refused(UNAUTHORIZED)
    if RANKS.get(account.role, 0) < RANKS[LEAST.get(ask.name, "attendant")]:
        raise Refused(detail(403, "Forbidden") if site.switches.forbidden == 403 else UNAUTHORIZED)
    return account


# -- writing ---------------------------------------------------------------------------------------


def _rate(site: Site, ask: Ask) -> Answer:
    """The public endpoint. How it finds the tenant is UNKNOWN: X-Tenant, else whoever is first."""
    limit(site, ("public", ask.address), ((MINUTE, site.switches.public_per_minute),))
    body = read_object(ask.body)
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
    now, call = site.now(), world.calls.find(call_id) or {}
    told = {name: call[name] for name in ("customer_name", "department_name", "user_name") if name in call}
    row_id = world.insert(now, call_id=call_id, rating=rating, comment=comment, **told)
    made = {"id": row_id, "call_id": call_id, "rating": rating, "comment": comment}
    return data(made | {"inserted_at": stamp(seconds(now))}, 201)
