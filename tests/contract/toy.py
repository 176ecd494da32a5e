"""A third connector, made by what connectors/README.md says: a guest book with notes (in time) and guests (a list).

Not part of the product. Where the README names a file of the product, a headline below does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from urllib.parse import urljoin

import pyarrow as pa
from pydantic import Field

from connectors.auth import Auth, Fixed, bearer
from connectors.clock import Clock
from connectors.registry import Connector
from connectors.responses import parse
from connectors.source import EPOCH, SECOND, Account, Answer, Client, Limit, Query, Record, Stream, placeless
from pipeline.config_fields import Origin, Token, Whole
from pipeline.config_sources import AnySource, Section
from schemas.contract import TIMESTAMP, TableContract, columns
from schemas.errors import Place, RetryableSourceError
from schemas.fields import Id, Text, Time, parse_time
from schemas.fields import Record as Model

# -- schemas/toy.py --------------------------------------------------------------------------------


class Note(Model):
    note_id: Id = Field(alias="id")
    text: Text
    created_at: Time = Field(alias="inserted_at")


class Guest(Model):
    guest_id: Id = Field(alias="id")
    name: Text


NOTES = TableContract(
    table="notes",
    record=Note,
    columns=columns(
        ("note_id", pa.string()),
        ("text", pa.string()),
        ("created_at", TIMESTAMP),
        required=("note_id", "text", "created_at"),
    ),
    key="note_id",
    cursor="created_at",
    wire_key="id",
    wire_cursor="inserted_at",
)
GUESTS = TableContract(
    table="guests",
    record=Guest,
    columns=columns(("guest_id", pa.string()), ("name", pa.string()), required=("guest_id", "name")),
    key="guest_id",
    cursor=None,
    wire_key="id",
)

# -- sql/warehouse/NNNN_toy.sql --------------------------------------------------------------------

MIGRATION = """
CREATE TABLE core.notes (
    source VARCHAR NOT NULL, tenant VARCHAR NOT NULL,
    note_id VARCHAR NOT NULL, text VARCHAR NOT NULL, created_at TIMESTAMPTZ NOT NULL,
    extra VARCHAR, _first_loaded_at TIMESTAMPTZ NOT NULL, _loaded_at TIMESTAMPTZ NOT NULL,
    _observed_at TIMESTAMPTZ NOT NULL, _run_id VARCHAR NOT NULL, _deleted_at TIMESTAMPTZ,
    _checked_at TIMESTAMPTZ NOT NULL
);
CREATE TABLE core.guests (
    source VARCHAR NOT NULL, tenant VARCHAR NOT NULL,
    guest_id VARCHAR NOT NULL, name VARCHAR NOT NULL,
    extra VARCHAR, _first_loaded_at TIMESTAMPTZ NOT NULL, _loaded_at TIMESTAMPTZ NOT NULL,
    _observed_at TIMESTAMPTZ NOT NULL, _run_id VARCHAR NOT NULL, _deleted_at TIMESTAMPTZ,
    _checked_at TIMESTAMPTZ NOT NULL
);
CREATE TABLE core.notes_history AS
SELECT * EXCLUDE (_checked_at), _loaded_at AS valid_from, _loaded_at AS valid_to FROM core.notes LIMIT 0;
CREATE TABLE core.guests_history AS
SELECT * EXCLUDE (_checked_at), _loaded_at AS valid_from, _loaded_at AS valid_to FROM core.guests LIMIT 0;
"""

# -- connectors/toy/streams.py ---------------------------------------------------------------------

CONTRACTS = (NOTES, GUESTS)


def limits(account: Account) -> Mapping[str, Limit]:
    return {contract.table: account.limit for contract in CONTRACTS}


def streams(account: Account) -> tuple[Stream, ...]:
    wanted = [one for one in CONTRACTS if not account.streams or one.table in account.streams]
    return tuple(stream(account, contract) for contract in wanted)


def stream(account: Account, contract: TableContract) -> Stream:
    in_time = contract.cursor is not None
    return Stream(
        name=contract.table,
        contract=contract,
        group=contract.table,
        ask=Pages(account, contract).ask,
        totals=None,
        decode=lambda body: parse(body)["items"],
        cursor_of=cursor_of if in_time else placeless,
        key_of=key_of,
        settle=2 * SECOND,
        walk="seek" if in_time else "list",
    )


def cursor_of(record: Record) -> datetime | None:
    moment = parse_time(record.get("inserted_at")) if isinstance(record, dict) else None
    return moment if isinstance(moment, datetime) else None


def key_of(record: Record) -> str:
    return str(record.get("id")) if isinstance(record, dict) else str(record)


@dataclass(frozen=True, slots=True)
class Pages:
    """Asks for pages. The source's `since` takes its bound in, `before` does not."""

    account: Account
    contract: TableContract

    async def ask(self, client: Client, query: Query) -> Answer:
        path, name = f"/{self.contract.table}", self.contract.table
        asked: tuple[str, Sequence[tuple[str, str]]] = (
            (query.link, ()) if query.link else (path, parameters(query))
        )
        payload = await client.get(name, *asked, self._check)
        items, count, following = payload.value["items"], payload.value["count"], payload.value.get("next")
        behind = count - (query.number - 1) * query.size - len(items)
        link = urljoin(path, following) if following else None
        return Answer(items, count, behind <= 0, payload.observed_at, payload.body, link)

    def _check(self, value: Any) -> None:
        if not isinstance(value, dict) or not isinstance(value.get("items"), list):
            place = Place(self.account.name, self.contract.table, self.contract.table)
            raise RetryableSourceError("the answer has no items", place)


def parameters(query: Query) -> list[tuple[str, str]]:
    bounds = [("since", query.lower or EPOCH), ("before", query.upper)]
    return [
        ("page", str(query.number)),
        ("size", str(query.size)),
        ("order", "desc" if query.descending else "asc"),
        *((name, f"{moment:%Y-%m-%dT%H:%M:%SZ}") for name, moment in bounds if moment is not None),
    ]


# -- connectors/toy/login.py -----------------------------------------------------------------------


def auth(account: Account, client: Client, clock: Clock) -> Auth:
    del client, clock
    return Fixed(bearer(account.credentials["token"]))


# -- connectors/registry.py ------------------------------------------------------------------------

TOY = Connector(streams=streams, limits=limits, auth=auth, headers=lambda _: {})

# -- pipeline/config_sources.py --------------------------------------------------------------------


class ToyAuth(Section):
    token: Token


class ToySource(AnySource):
    system: Literal["toy"]
    tenant: str = "toy"
    base_url: Origin
    auth: ToyAuth
    streams: tuple[Literal["notes", "guests"], ...] = ("notes", "guests")
    page_size: Whole = 100
    assume: Section = Section()
