"""Connectors that are broken, each in one small way, and the case that catches it."""

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import aiohttp
from contract import toy
from contract.toy import TOY
from contract.toy_source import TOKEN

from connectors.registry import Connector
from connectors.source import Account, Answer, Client, Limit, Query, Record, Stream
from schemas.errors import BudgetExhausted, FatalSourceError, SourceError

Change = Callable[[Stream, Account], Stream]


@dataclass(frozen=True, slots=True)
class Broken:
    """One mistake, and the case of `contract.cases` that finds it in one of the toy's streams."""

    connector: Connector
    caught_by: str
    stream: str


def asking(change: Callable[[Stream, Client, Query], Any]) -> Change:
    """A stream that asks otherwise."""

    def changed(stream: Stream, _: Account) -> Stream:
        async def ask(client: Client, query: Query) -> Answer:
            answer: Answer = await change(stream, client, query)
            return answer

        return replace(stream, ask=ask)

    return changed


def answering(change: Callable[[Answer], Answer]) -> Change:
    """A stream that reads its answers otherwise."""

    async def ask(stream: Stream, client: Client, query: Query) -> Answer:
        return change(await stream.ask(client, query))

    return asking(ask)


def recording(change: Callable[[Sequence[Record]], Sequence[Record]]) -> Change:
    return answering(lambda answer: replace(answer, records=change(answer.records)))


def ending_at(*errors: type[Exception]) -> Change:
    """A stream that takes a failure for the end of its list."""

    async def ask(stream: Stream, client: Client, query: Query) -> Answer:
        try:
            return await stream.ask(client, query)
        except errors:
            return Answer([], 0, complete=True, observed_at=datetime.now(UTC), body=b'{"items": []}')

    return asking(ask)


def changed(change: Change) -> Connector:
    return replace(
        TOY, streams=lambda account: tuple(change(stream, account) for stream in toy.streams(account))
    )


# -- how they are broken ---------------------------------------------------------------------------


def one_page(answer: Answer) -> Answer:
    return replace(answer, complete=True, next=None, total=len(answer.records))


async def same_page(stream: Stream, client: Client, query: Query) -> Answer:
    return await stream.ask(client, replace(query, number=1, link=None))


async def always_up(stream: Stream, client: Client, query: Query) -> Answer:
    return await stream.ask(client, replace(query, descending=False))


async def no_bounds(stream: Stream, client: Client, query: Query) -> Answer:
    return await stream.ask(client, replace(query, lower=None, upper=None))


def still(stream: Stream, _: Account) -> Stream:
    """Calls a source broken that only moves."""
    totals: set[int | None] = set()

    async def ask(client: Client, query: Query) -> Answer:
        answer = await stream.ask(client, query)
        totals.add(answer.total)
        if len(totals) > 1:
            raise FatalSourceError("the count has changed between two pages")
        return answer

    return replace(stream, ask=ask)


def one_of_each_second() -> Change:
    first: dict[str, str] = {}

    def keep(records: Sequence[Record]) -> Sequence[Record]:
        return [one for one in records if first.setdefault(one["inserted_at"], one["id"]) == one["id"]]

    return recording(keep)


def remembering() -> Change:
    """Answers to queries that were asked before come from memory, also in a later run."""
    kept: dict[str, tuple[Record, ...]] = {}

    async def ask(stream: Stream, client: Client, query: Query) -> Answer:
        answer = await stream.ask(client, query)
        records = [kept.setdefault(stream.key_of(record), (record,))[0] for record in answer.records]
        return replace(answer, records=records)

    return asking(ask)


def hoarding() -> Change:
    """Rows that were seen once are given for ever."""
    kept: dict[str, Record] = {}

    async def ask(stream: Stream, client: Client, query: Query) -> Answer:
        answer = await stream.ask(client, query)
        kept.update({stream.key_of(record): record for record in answer.records})
        return replace(answer, records=list(kept.values())) if answer.complete else answer

    return asking(ask)


def restless() -> Change:
    serial = itertools.count()
    return recording(lambda records: [{**record, "served": next(serial)} for record in records])


def strict(records: Sequence[Record]) -> Sequence[Record]:
    """Raises a plain exception where a record is not as expected."""
    return [{**record, "text": record["text"].strip()} for record in records]


def silent(records: Sequence[Record]) -> Sequence[Record]:
    return [record for record in records if isinstance(record["text"], str)]


def only_known(records: Sequence[Record]) -> Sequence[Record]:
    return [
        {name: record[name] for name in ("id", "text", "inserted_at") if name in record} for record in records
    ]


def never_empty(answer: Answer) -> Answer:
    if not answer.records and answer.total == 0:
        raise FatalSourceError("the list is empty")
    return answer


def by_itself(stream: Stream, account: Account) -> Stream:
    """Sends its requests past the client: without a grant and without another try."""

    async def ask(_: Client, query: Query) -> Answer:
        path = f"{account.base_url}/{stream.name}"
        headers = {"Authorization": f"Bearer {TOKEN}"}
        async with (
            aiohttp.ClientSession() as session,
            session.get(path, params=toy.parameters(query), headers=headers) as response,
        ):
            if response.status != 200:
                raise FatalSourceError("the source answers with an error")
            body = await response.read()
        value = json.loads(body)
        behind = value["count"] - (query.number - 1) * query.size - len(value["items"])
        return Answer(value["items"], value["count"], behind <= 0, None, body, value["next"])

    return replace(stream, ask=ask)


def following(headers: Mapping[str, str]) -> Change:
    """Goes after the source's links past the client, wherever they lead."""

    async def ask(stream: Stream, client: Client, query: Query) -> Answer:
        answer = await stream.ask(client, replace(query, link=None))
        if answer.next and not answer.next.startswith("/"):
            async with aiohttp.ClientSession() as session, session.get(answer.next, headers=headers):
                pass
        return replace(answer, next=None)

    return asking(ask)


BROKEN: Mapping[str, Broken] = {
    "stops at the first page": Broken(changed(answering(one_page)), "first_sync", "guests"),
    "asks for the same page again and again": Broken(changed(asking(same_page)), "first_sync", "guests"),
    "knows no order but one": Broken(changed(asking(always_up)), "slow_source", "notes"),
    "leaves out the bounds": Broken(changed(asking(no_bounds)), "first_sync", "notes"),
    "calls every answer complete": Broken(
        changed(answering(lambda answer: replace(answer, complete=True))), "first_sync", "notes"
    ),
    "counts one too many": Broken(
        changed(answering(lambda answer: replace(answer, total=(answer.total or 0) + 1))),
        "first_sync",
        "guests",
    ),
    "never gives a total": Broken(
        changed(answering(lambda answer: replace(answer, total=None))), "first_sync", "notes"
    ),
    "has the same key for all": Broken(
        changed(lambda stream, _: replace(stream, key_of=lambda _: "a key")), "first_sync", "notes"
    ),
    "has the wrong place in time": Broken(
        changed(lambda stream, _: replace(stream, cursor_of=lambda _: None)),
        "first_sync",
        "notes",
    ),
    "asks in a group without a limit": Broken(
        replace(TOY, limits=lambda _: {"everything": Limit(per_minute=100)}), "first_sync", "notes"
    ),
    "gives other records each time": Broken(changed(restless()), "nothing_new", "notes"),
    "reads kept bodies otherwise": Broken(
        changed(lambda stream, _: replace(stream, decode=lambda body: stream.decode(body)[:-1])),
        "kept_pages",
        "guests",
    ),
    "cannot read kept bodies": Broken(
        changed(lambda stream, _: replace(stream, decode=json.loads)), "resume_after_kill", "notes"
    ),
    "calls a moving source broken": Broken(changed(still), "drift", "notes"),
    "keeps one row of each second": Broken(changed(one_of_each_second()), "tie", "notes"),
    "remembers rows": Broken(changed(remembering()), "edit", "guests"),
    "never lets a row go": Broken(changed(hoarding()), "delete", "guests"),
    "takes a refusal for the end": Broken(changed(ending_at(SourceError)), "refused_credential", "guests"),
    "takes an error for the end": Broken(changed(ending_at(SourceError)), "source_down", "guests"),
    "takes a pause for the end": Broken(changed(ending_at(BudgetExhausted)), "an_hour_to_wait", "guests"),
    "does not try again": Broken(changed(by_itself), "server_error", "notes"),
    "does not wait": Broken(changed(by_itself), "too_many_requests", "notes"),
    "raises a plain exception at a bad record": Broken(changed(recording(strict)), "bad_record", "notes"),
    "leaves bad records out": Broken(changed(recording(silent)), "bad_record", "notes"),
    "drops what it does not know": Broken(changed(recording(only_known)), "unknown_field", "notes"),
    "calls an empty list an error": Broken(changed(answering(never_empty)), "empty", "guests"),
    "follows a link to another server": Broken(changed(following({})), "foreign_origin", "guests"),
    "takes its credential to another server": Broken(
        changed(following({"Authorization": f"Bearer {TOKEN}"})), "foreign_origin", "guests"
    ),
}
