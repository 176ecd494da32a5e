"""A laboratory for evaluagent: a contract that is served and moves, the product on real sockets and files, and what
its tables then hold beside the source's.

What a row should look like is written here once more, from the vendor's facts and not from our contracts: the tables
of the simulator are the oracle.
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import lab

from connectors.clock import Clock, system_clock
from connectors.simulator.evaluagent.keys import Key
from connectors.simulator.evaluagent.server import QualitySimulator, serve
from connectors.simulator.evaluagent.switches import ASSUMED, Switches
from connectors.simulator.evaluagent.world import QualityWorld, moment_of
from connectors.simulator.script import Script
from pipeline.config import Config, parse
from pipeline.destinations.warehouse import connect, rows
from pipeline.job import Asked
from pipeline.lease import Held, hold
from pipeline.receipt import Receipt, StreamReceipt
from pipeline.run import Request, Unwatched, _job, run
from pipeline.sources import open_source
from pipeline.sync import sync_stream

Row = dict[str, Any]
KEY = Key()
NOW = lab.NOW
FREE = {"per_minute": 1_000_000, "per_day": 1_000_000, "force": True}
EVALUATIONS = "quality_evaluations"
INTEGRATIONS = ("zendesk", "voki")
STREAMS = (EVALUATIONS, "agents", "groups", "roles", "conversations")
TABLES = (EVALUATIONS, "quality_contacts", "agents", "groups", "roles", "conversations")


def basic_header(key: Key = KEY) -> dict[str, str]:
    """RFC 7617."""
    pair = base64.b64encode(f"{key.access_key_id}:{key.secret}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


def account(base_url: str, name: str = "acme", *, key: Key = KEY, mode: str = "basic", **keys: Any) -> Row:
    """One evaluagent account of config.yaml; `keys` are further keys of it."""
    auth = {"access_key_id": key.access_key_id, "secret_key": key.secret, "mode": mode}
    return {
        "name": name,
        "system": "evaluagent",
        "base_url": base_url,
        "auth": auth,
        "integrations": list(INTEGRATIONS),
        "budget": FREE,
        "reread": 0,
        "audit": 0,
        **keys,
    }


def voki_account(base_url: str, name: str = "demo", **keys: Any) -> Row:
    """One Voki account beside it."""
    first = {
        "name": name,
        "system": "voki",
        "base_url": base_url,
        "tenant": "demo",
        "auth": {"token": lab.TOKEN},
    }
    return {**first, "streams": ["evaluations"], "budget": FREE, "audit": 0, **keys}


def config(folder: Path, *sources: Row, **sections: Any) -> Config:
    """JSON is YAML."""
    text = json.dumps({"version": 1, "data_dir": str(folder / "data"), "sources": list(sources), **sections})
    path = folder / "config.yaml"
    path.write_text(text)
    return parse(text, {}, path, now=datetime.now(UTC))


def without_reread(to: Config) -> Config:
    sources = tuple(source.model_copy(update={"reread": 0}) for source in to.sources)
    return to.model_copy(update={"sources": sources})


@asynccontextmanager
async def contract(
    world: QualityWorld,
    folder: Path,
    *,
    switches: Switches = ASSUMED,
    script: Script | None = None,
    calendar: lab.Calendar | None = None,
    keys: Sequence[Key] = (KEY,),
    **source: Any,
) -> AsyncIterator[tuple[QualitySimulator, Config]]:
    """A simulator and a config.yaml that names it."""
    now = calendar or lab.Calendar(world.until)
    async with serve(world, switches=switches, script=script, keys=keys, now=now) as simulator:
        yield simulator, config(folder, account(simulator.base_url, **source))


async def sync(to: Config, *, clock: Clock | None = None, **asked: Any) -> Receipt:
    return await run(to, Request(asked=Asked(**asked)), clock=clock)


async def sync_only(to: Config, *streams: str, clock: Clock | None = None) -> list[StreamReceipt]:
    """Streams of a run from the source to the proof, one after the other, without marts and snapshot."""
    [source] = to.sources
    clock = clock or system_clock()
    async with (
        hold(to, clock, asyncio.Event()) as held,
        open_source(source, held.folders, clock, stop=held.stop) as one,
    ):
        return [
            await sync_stream(_job(held, Request(), one, stream, Unwatched()))
            for stream in one.streams
            if not streams or stream.name in streams
        ]


async def sync_all(to: Config) -> dict[str, list[StreamReceipt]]:
    """Every stream of every source likewise, two sources at a time; by source."""
    found: dict[str, list[StreamReceipt]] = {}
    clock, todo = system_clock(), iter(to.sources)

    async def work(held: Held) -> None:
        for source in todo:
            async with open_source(source, held.folders, clock, stop=held.stop) as one:
                jobs = [_job(held, Request(), one, stream, Unwatched()) for stream in one.streams]
                found[source.name] = [await sync_stream(job) for job in jobs]

    async with hold(to, clock, asyncio.Event()) as held, asyncio.TaskGroup() as group:
        for _ in range(2):
            group.create_task(work(held))
    return found


def of(receipt: Receipt, stream: str = EVALUATIONS, source: str = "acme") -> StreamReceipt:
    [found] = [one for one in receipt.streams if (one.source, one.stream) == (source, stream)]
    return found


# -- what is there, and what should be ---------------------------------------------------------------


def loaded(to: Config, table: str = EVALUATIONS, *, source: str = "acme", deleted: bool = False) -> list[Row]:
    """core.<table>: every column of its contract, by key; what is present, or what is marked deleted."""
    state = "NOT NULL" if deleted else "NULL"
    found = query(
        to,
        f"SELECT * FROM core.{table}"  # noqa: S608
        f" WHERE source = '{source}' AND _deleted_at IS {state}",
    )
    return _plain(found)


def by_source(to: Config, table: str) -> dict[str, list[Row]]:
    """What is present of a table, for each source that has any."""
    found: dict[str, list[Row]] = {}
    for row in query(to, f"SELECT * FROM core.{table} WHERE _deleted_at IS NULL"):  # noqa: S608
        found.setdefault(row["source"], []).append(row)
    return {source: _plain(its) for source, its in found.items()}


def published(to: Config, table: str) -> list[Row]:
    """The Parquet of a table in the current snapshot, likewise."""
    files = (to.data_dir / "current").resolve(strict=True) / table / "**" / "*.parquet"
    with duckdb.connect() as db:
        db.execute("SET TimeZone = 'UTC'")
        sql = f"SELECT * FROM read_parquet('{files}', hive_partitioning = true) WHERE _deleted_at IS NULL"  # noqa: S608
        return _plain(rows(db, sql))


def query(to: Config, sql: str) -> list[Row]:
    with connect(to.data_dir / "state" / "warehouse.duckdb", read_only=True) as db:
        return rows(db, sql)


def truth(world: QualityWorld, table: str) -> list[Row]:
    """The source's table as the warehouse should hold it, by key."""
    evaluations = world.rows()
    found: dict[str, Iterable[Row]] = {
        EVALUATIONS: map(_evaluation, evaluations),
        "quality_contacts": (_contact(one, row) for row in evaluations for one in row["contacts"]),
        "agents": map(_agent, world.users()),
        "groups": ({"group_id": row.pop("id"), **row, "extra": None} for row in world.groups()),
        "roles": map(_role, world.roles()),
        "conversations": map(_conversation, world.conversations()),
    }
    return _ordered(found[table])


def ids(found: Iterable[Mapping[str, Any]]) -> set[str]:
    return {row["evaluation_id"] for row in found}


def assert_equal(
    to: Config, world: QualityWorld, tables: Sequence[str] = TABLES, *, source: str = "acme"
) -> None:
    """Row by row, all columns."""
    for table in tables:
        assert loaded(to, table, source=source) == truth(world, table), table


def _plain(found: Iterable[Row]) -> list[Row]:
    """Without what we note of a row, and where it lies."""
    ours = ("source", "tenant", "month")
    return _ordered(
        {name: value for name, value in row.items() if name not in ours and not name.startswith("_")}
        for row in found
    )


def _ordered(found: Iterable[Row]) -> list[Row]:
    return sorted(found, key=lambda row: str(next(iter(row.values()))))


def _evaluation(row: Row) -> Row:
    return {
        "evaluation_id": row["id"],
        "outcome": row["outcome"],
        "score": row["score"],
        "scorecard_id": row["scorecard_id"],
        "agent_id": row["agent_id"],
        "evaluator_id": row["evaluator_id"],
        "auto_failed": row["auto_failed"],
        "line_items": json.dumps(row["line_items"], sort_keys=True),
        "evaluated_at": moment_of(row["evaluated_at"]),
        "published_at": moment_of(row["published_at"]),
        "extra": None,
    }


def _contact(one: Row, row: Row) -> Row:
    return {
        "contact_id": one["id"],
        "evaluation_id": row["id"],
        "contact_reference": one["contact_reference"],
        "channel": one["channel"],
        "contact_date": moment_of(one["contact_date"]),
        "published_at": moment_of(row["published_at"]),
        "extra": None,
    }


def _agent(row: Row) -> Row:
    names = ("forename", "surname", "fullname", "username", "email", "active", "allow_login")
    return {
        "agent_id": row["id"],
        **{name: row[name] for name in (*names, "reporting_access_id", "third_party_id")},
        "start_date": None,  # not shown, unless a switch says so
        "group_id": row["agent_team"],
        "role_ids": json.dumps(row["roles"]),
        "extra": None,
    }


def _role(row: Row) -> Row:
    abilities = [{"id": ability, "title": title} for ability, title in row["abilities"]]
    named = {"role_id": row["id"], "name": row["name"], "title": row["title"]}
    return {**named, "abilities": json.dumps(abilities) if abilities else None, "extra": None}


def _conversation(row: Row) -> Row:
    known = ("id", "integration", "contact_reference", "agent_id")
    extra = {name: value for name, value in row.items() if name not in known}
    agent = row["agent_id"] and {"type": "users", "id": row["agent_id"]}
    return {
        "conversation_id": row["id"],
        "integration": row["integration"],
        "contact_reference": row["contact_reference"],
        "extra": json.dumps({**extra, "relationships": {"agent": agent}}, sort_keys=True),
    }


def table(n: int, *, step: timedelta = timedelta(minutes=7), until: datetime = NOW) -> QualityWorld:
    """N evaluations, evenly spaced, the newest a minute old; two agents, a group and a role."""
    world = QualityWorld(until=until)
    team = world.add_group("Suporte")
    role = world.add_role("agent", abilities=[("a-1", "View own evaluations")])
    people = [world.add_user(agent_team=team, roles=[role]), world.add_user(forename="Rui")]
    for place in range(n):
        at = until - timedelta(minutes=1) - step * (n - 1 - place)
        world.publish(
            at, score=float(place % 101), outcome=["Pass", "Fail"][place % 2], agent_id=people[place % 2]
        )
    return world
