"""evaluagent's collections: how to ask for a page of each. What the vendor leaves open stands in assumed.py.

Quality evaluations have a place in time (`published_at`) and are read by ranges of it; users, groups, roles and
conversations have none and are read whole. Source of the paths: the vendor's documentation and sample clients.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.evaluagent import documents
from connectors.evaluagent.assumed import Assumed, assumed
from connectors.evaluagent.documents import Flatten
from connectors.jsonapi import member
from connectors.responses import parse
from connectors.source import (
    EPOCH,
    SECOND,
    Account,
    Answer,
    Client,
    Limit,
    Query,
    Record,
    Stream,
    key_of,
    placeless,
)
from schemas.contract import TableContract
from schemas.errors import FatalSourceError, Place
from schemas.evaluagent import AGENTS, CONVERSATIONS, GROUPS, QUALITY_EVALUATIONS, ROLES
from schemas.fields import parse_time

EVALUATIONS = "quality/evaluations"
IMPORTS = "quality/imported-contacts"
ANALYTICS = "analytics/conversations"
TOKEN = "auth/token"  # noqa: S105  an endpoint group
FAR = datetime(2999, 12, 31, 23, 59, 59, tzinfo=UTC)  # `between` needs two bounds
SINGLY = 8  # records that are asked for by themselves at a time


@dataclass(frozen=True, slots=True)
class Collection:
    """One list endpoint."""

    stream: str
    path: str
    group: str
    contract: TableContract
    flatten: Flatten
    single: str = ""  # the endpoint group of one record, where it can be asked for by itself
    fields: tuple[str, ...] = ()  # of one record: what its list may lack


COLLECTIONS = (
    Collection(
        "quality_evaluations",
        "/v1/quality/evaluations",
        EVALUATIONS,
        QUALITY_EVALUATIONS,
        documents.evaluation,
        single=f"{EVALUATIONS}/one",
        fields=("score", "line_items"),
    ),
    Collection("agents", "/v1/org/users", "org/users", AGENTS, documents.agent),
    Collection("groups", "/v1/org/groups", "org/groups", GROUPS, documents.group),
    Collection("roles", "/v1/org/roles", "org/roles", ROLES, documents.role),
    Collection(
        "conversations",
        "/v1/analytics/conversations",
        ANALYTICS,
        CONVERSATIONS,
        documents.conversation,
        single=ANALYTICS,  # documented: both endpoints share one limit
    ),
)


def limits(account: Account) -> dict[str, Limit]:
    """Documented: 100 a minute and 10,000 a day per endpoint; imported contacts 100, analytics 20, each shared.

    Whether the day binds those two is not known: it does here.
    """
    standard, day = account.limit, account.limit.per_day
    groups = (EVALUATIONS, f"{EVALUATIONS}/one", "org/users", "org/groups", "org/roles", "ping", TOKEN)
    return {
        **dict.fromkeys(groups, standard),
        IMPORTS: standard,
        ANALYTICS: Limit(min(20, standard.per_minute or 20), day),
    }


def streams(account: Account) -> tuple[Stream, ...]:
    """Those that are configured; conversations only where integrations are named, which the endpoint requires."""
    integrations = tuple(account.options.get("integrations", ()))
    return tuple(
        _stream(account, one, integrations)
        for one in COLLECTIONS
        if (not account.streams or one.stream in account.streams)
        and (one.stream != "conversations" or integrations)
    )


def _stream(account: Account, one: Collection, integrations: tuple[str, ...]) -> Stream:
    pages = Pages(account, one, assumed(account.assume))
    in_time = one.contract.cursor is not None
    parts = tuple(("integration", name) for name in integrations) if one.stream == "conversations" else ()
    return Stream(
        name=one.stream,
        contract=one.contract,
        group=one.group,
        ask=pages.ask,
        totals=None,  # there is no endpoint for them: the list's own count is compared
        decode=pages.decode,
        cursor_of=cursor_of if in_time else placeless,
        key_of=key_of,
        settle=max(account.assume.get("settle", timedelta(seconds=5)), 2 * SECOND),
        parts=parts,
        walk="seek" if in_time else "list",
        besides=(one.single,) if one.single not in ("", one.group) else (),
    )


def cursor_of(record: Record) -> datetime | None:
    """`published_at` of a record; None where it cannot be read."""
    moment = parse_time(record.get("published_at")) if isinstance(record, dict) else None
    return moment if isinstance(moment, datetime) else None


@dataclass(frozen=True, slots=True)
class Pages:
    """Asks for the pages of one collection."""

    account: Account
    one: Collection
    assumed: Assumed

    async def ask(self, client: Client, query: Query) -> Answer:
        place = Place(self.account.name, self.one.stream, self.one.group)
        included = self.one.contract.cursor is not None

        def check(document: Any) -> None:
            documents.check_list(document, place, included=included)

        path, parameters = (query.link, []) if query.link else (self.one.path, self._parameters(query))
        payload = await client.get(self.one.group, path, parameters, check)
        document, body = payload.value, payload.body
        if query.part is not None:
            body = _with_integration(document, query.part[1])
        if self.one.stream in self.account.options.get("details", ()):
            body = await self._with_details(client, document)
        total = documents.total(document, self.assumed)
        next_link = documents.following(document, self.assumed, self.one.path, self.account.base_url, place)
        rows = document["data"]
        behind = None if total is None else total - (query.number - 1) * query.size - len(rows)
        return Answer(
            documents.records(document, self.one.flatten),
            total,
            documents.is_complete(document, behind, next_link),
            payload.observed_at,
            body,
            next_link,
        )

    def decode(self, body: bytes) -> list[Record]:
        return documents.records(parse(body), self.one.flatten)

    def _parameters(self, query: Query) -> list[tuple[str, str]]:
        a = self.assumed
        parameters = [(a.number, str(query.number)), (a.size, str(query.size))]
        if self.one.contract.cursor is not None:
            order = f"-{a.sort}" if query.descending else a.sort
            between = f"{_bound(a.date_from, query.lower or EPOCH, -SECOND)},{_upper(a, query.upper)}"
            parameters += [(a.filter, between), ("sort", order), ("include", a.include)]
        return parameters + ([query.part] if query.part else [])

    async def _with_details(self, client: Client, document: dict[str, Any]) -> bytes:
        """Put what only the single endpoint gives into the resources of a list; the body as it is now."""
        lacking = [one for one in document["data"] if isinstance(one, dict) and self._lacks(one)]
        gate = asyncio.Semaphore(SINGLY)

        async def complete(resource: dict[str, Any]) -> None:
            async with gate:
                try:
                    payload = await client.get(self.one.single, f"{self.one.path}/{resource['id']}")
                except FatalSourceError as error:
                    if error.place.status == 404:  # gone since the list was made: the next one will tell
                        return
                    raise
            for name in ("attributes", "relationships"):
                more = member(payload.value, f"data.{name}")
                if isinstance(more, Mapping):
                    resource[name] = {**(resource.get(name) or {}), **more}

        asking = [asyncio.create_task(complete(one)) for one in lacking]
        try:
            await asyncio.gather(*asking)
        finally:
            for task in asking:
                task.cancel()
        return json.dumps(document).encode()

    def _lacks(self, resource: Mapping[str, Any]) -> bool:
        attributes = resource.get("attributes") or {}
        plain = isinstance(resource.get("id"), str) and resource["id"].replace("-", "").isalnum()
        return plain and (not self.one.fields or any(name not in attributes for name in self.one.fields))


def _with_integration(document: dict[str, Any], name: str) -> bytes:
    """Each conversation with the integration that was asked for, which the answer need not repeat."""
    for resource in document["data"]:
        if isinstance(resource, dict) and isinstance(resource.get("attributes", {}), dict):
            resource["attributes"] = {"integration": name, **resource.get("attributes", {})}
    return json.dumps(document).encode()


def _bound(kind: str, moment: datetime, outward: timedelta) -> str:
    """A bound that takes `moment` in."""
    if kind == "exclusive" and EPOCH < moment < FAR:
        moment += outward
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _upper(a: Assumed, upper: datetime | None) -> str:
    """The last whole second before the end of our half-open range."""
    return _bound(a.date_to, FAR if upper is None else upper - SECOND, SECOND)
