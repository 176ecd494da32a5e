"""POST /api/auth/*: tokens for an e-mail and a password, new ones for old ones, and their end."""

from typing import Any

from connectors.simulator.limits import MINUTE
from connectors.simulator.site import Ask, Site, limit, read_object
from connectors.simulator.wire import Answer, data, detail


def sign_in(site: Site, ask: Ask) -> Answer:
    switches, body = site.switches, read_object(ask.body)
    refreshing = str(body.get("refresh_token", ""))
    if ask.name == "login" or switches.auth_limit_covers == "all":
        account = body.get("email") or site.gate.key(refreshing or ask.token)
        caller = str(account) if switches.auth_limit_key == "account" else ask.address
        limit(site, ("auth", caller), ((MINUTE, switches.auth_per_minute),))
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
