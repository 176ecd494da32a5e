"""evaluagent's credentials: a key pair as HTTP Basic, or exchanged for a bearer token of 24 hours.

Promises one token request for all workers, a new token well before the old one ends, and under `mode: basic` a
clear word about the likely reason of a refusal: with bearer tokens on, a key is refused as Basic.
"""

from datetime import datetime
from typing import Any

from pydantic import SecretStr

from connectors.auth import Auth, Fixed, RenewedBearer, Token, basic
from connectors.clock import Clock
from connectors.evaluagent.assumed import assumed
from connectors.evaluagent.streams import TOKEN
from connectors.jsonapi import member
from connectors.source import Account, Client
from schemas.errors import AuthError, Place, RetryableSourceError
from schemas.fields import parse_time

LIFETIME = 24 * 3600.0  # seconds; documented, and used where the answer does not tell
MARGIN = 600.0  # seconds before its end at which a token is renewed
SHORTEST = 2 * MARGIN  # a token that ends sooner is renewed after a 401 instead
ALLOWED = "an IP allow-list refuses too"
NO_TOKEN = f"if bearer tokens are off for this key, set `auth.mode: basic`; {ALLOWED}"
HINT = f"if bearer tokens were switched on for this key, set `auth.mode: bearer`; {ALLOWED}"


def auth(account: Account, client: Client, clock: Clock) -> Auth:
    keys = account.credentials
    pair = basic(keys["access_key_id"], keys["secret_key"])
    if account.options.get("mode", "basic") == "basic":
        return Fixed(pair, HINT)
    words = assumed(account.assume)

    def check(value: Any) -> None:
        if not isinstance(member(value, words.token), str):
            raise RetryableSourceError(
                f"the token's answer has no text at {words.token}", Place(account.name, "", TOKEN)
            )

    async def fetch() -> Token:
        began = clock.steady()
        try:
            payload = await client.post(TOKEN, words.token_path, {}, check, credential=pair)
        except AuthError as error:
            raise AuthError(f"no token for this key: {error.message}; {NO_TOKEN}", error.place) from None
        ends = parse_time(member(payload.value, words.expires_at))
        lifetime = LIFETIME
        if isinstance(ends, datetime) and payload.observed_at is not None:
            lifetime = (ends - payload.observed_at).total_seconds()
        return Token(SecretStr(member(payload.value, words.token)), began + max(lifetime, SHORTEST))

    return RenewedBearer(fetch, clock, MARGIN, ALLOWED)
