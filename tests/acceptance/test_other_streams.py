"""Voki's calls, departments and users: equal to the source's tables; and the login that they need.

Kills: a call whose status is never looked at again; a list in which what is gone stays; a login per worker or per
expiry; a refused refresh that ends the stream; a role that is too low for one stream and fails all.
"""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import lab
import pytest
import quality_lab as quality
from quality_lab import NOW, Row
from virtual_time import run_virtual, virtual_clock

from connectors.simulator.log import most_in_window
from connectors.simulator.server import serve
from connectors.simulator.switches import DOCUMENTED, Switches
from connectors.simulator.table import Table
from connectors.simulator.tokens import User
from connectors.simulator.year import generate
from pipeline.folders import Folders
from pipeline.run import Request, run
from pipeline.sources import open_source

HOUR = timedelta(hours=1)
STREAMS = ("calls", "departments", "users")
RENAMED = {"user_id": "agent_id", "user_name": "agent_name", "inserted_at": "created_at"}
KEYS = {"calls": "call_id", "departments": "department_id", "voki_users": "user_id"}
TIMES = ("started_at", "completed_at", "inserted_at", "updated_at")
PERSON = User("night@centro.example", "P4ss-word", "demo", "manager")
LOGIN = {"email": PERSON.email, "password": PERSON.password}


def truth(table: Table, name: str) -> list[Row]:
    """The source's rows under the warehouse's names."""
    found = []
    for wire in table.rows():
        row = {
            RENAMED.get(field, field) if name == "calls" or field == "inserted_at" else field: (
                datetime.fromisoformat(value) if field in TIMES and value else value
            )
            for field, value in wire.items()
        }
        found.append({KEYS[name]: row.pop("id"), **row, "extra": None})
    return sorted(found, key=lambda row: str(row[KEYS[name]]))


async def test_equal_tables_first_again_and_after_changes(tmp_path: Path) -> None:
    world, calendar = generate(4, 120), lab.Calendar()
    for place in range(3):
        world.calls.insert(NOW - (place + 1) * HOUR, status="queued")
    tables = {"calls": world.calls, "departments": world.departments, "voki_users": world.users}
    async with serve(world, tokens=lab.TOKENS, now=calendar) as simulator:
        to = quality.config(tmp_path, quality.voki_account(simulator.base_url, streams=list(STREAMS)))
        for turn in range(3):
            if turn == 2:
                change(tables)
                calendar.at += HOUR
            receipts = await quality.sync_only(to)
            assert [(one.outcome, one.proof and one.proof.state) for one in receipts] == [
                ("ok", "proven")
            ] * 3
            for name, table in tables.items():
                held = quality.loaded(to, name, source="demo")
                assert sorted(held, key=lambda row: str(row[KEYS[name]])) == truth(table, name)
        [call, *_] = quality.loaded(to, "calls", source="demo", deleted=True)
        assert call["status"] == "queued"
        receipt = await quality.sync(to)
        assert receipt.outcome == "ok"
        for name, table in tables.items():
            assert quality.published(to, name) == truth(table, name)


def change(tables: dict[str, Table]) -> None:
    """Calls of the last hours go on; people and departments change."""
    queued = [row["id"] for row in tables["calls"].rows(NOW - 4 * HOUR) if row["status"] == "queued"]
    answered: dict[str, Any] = {
        "user_id": "u-1",
        "user_name": "Rui",
        "duration": 61,
        "wait_time": 7,
        "started_at": "2025-12-31T23:00:00Z",
    }
    tables["calls"].edit(queued[0], status="completed", completed_at="2025-12-31T23:01:01Z", **answered)
    tables["calls"].edit(queued[1], status="missed")
    tables["calls"].delete(queued[2])
    tables["calls"].insert(NOW + HOUR / 2, status="active")
    departments, people = tables["departments"].rows(), tables["voki_users"].rows()
    tables["departments"].edit(departments[0]["id"], name="Novo nome", active=False, max_wait_time=10)
    tables["voki_users"].edit(people[0]["id"], role="supervisor", active=False)
    tables["voki_users"].delete(people[1]["id"])
    tables["voki_users"].insert(NOW, name="Nova Pessoa")


async def test_retention_leaves_lists_alone(tmp_path: Path) -> None:
    """Kills: a list that is never compared, and of which nothing is deleted, because its rows have no place in time."""
    world, calendar = generate(4, 20), lab.Calendar()
    async with serve(world, tokens=lab.TOKENS, now=calendar) as simulator:
        account = quality.voki_account(simulator.base_url, streams=["users"], retention="20d")
        to = quality.config(tmp_path, account)
        for _ in range(2):
            [receipt] = await quality.sync_only(to)
            assert (receipt.outcome, receipt.proof and receipt.proof.state) == ("ok", "proven")
            assert quality.loaded(to, "voki_users", source="demo") == truth(world.users, "voki_users")
            world.users.delete(min(world.users.ids()))


async def test_a_role_that_is_too_low_fails_its_streams_only(tmp_path: Path) -> None:
    """DOC: attendants read calls and evaluations, supervisors departments too, managers users."""
    world = generate(4, 30)
    clerk = User(PERSON.email, PERSON.password, "demo", "supervisor")
    async with serve(world, users=[clerk]) as simulator:
        account = quality.voki_account(simulator.base_url, auth=LOGIN, streams=["evaluations", *STREAMS])
        to = quality.config(tmp_path, account)
        receipt = await run(to, Request())
        outcomes = {one.stream: one.outcome for one in receipt.streams}
        assert outcomes == {"evaluations": "ok", "calls": "ok", "departments": "ok", "users": "failed"}
        assert "higher role" in (quality.of(receipt, "users", "demo").error or "")
        assert len(simulator.log.of("/login")) == 1


def session(
    folder: Path, switches: Switches, waits: list[float], *, ended: bool = False
) -> tuple[Any, float]:
    """16 workers after each wait; the simulator, which has logged it all."""

    async def scenario() -> Any:
        clock = virtual_clock()
        folders = Folders(folder / "data")
        folders.make()
        async with serve(generate(4, 5), users=[PERSON], switches=switches, steady=clock.steady) as simulator:
            [source] = quality.config(folder, quality.voki_account(simulator.base_url, auth=LOGIN)).sources
            async with open_source(source, folders, clock) as one:
                for wait in waits:
                    await asyncio.sleep(wait)
                    if ended:
                        simulator.site.gate._secret += b"."  # no token of before is genuine any more
                    await asyncio.gather(
                        *(one.client.get("evaluations", "/api/v1/evaluations") for _ in range(16))
                    )
        return simulator

    return run_virtual(scenario())


@pytest.mark.parametrize("rotates", [True, False])
def test_one_login_and_then_refreshes(rotates: Any, tmp_path: Path) -> None:
    simulator, _ = session(tmp_path, Switches(refresh_rotates=rotates), [0, 600, 250, 850, 850])
    assert (len(simulator.log.of("/login")), len(simulator.log.of("/refresh"))) == (1, 3)
    assert {one.status for one in simulator.arrivals} == {200}


def test_a_refused_refresh_is_followed_by_a_login(tmp_path: Path) -> None:
    simulator, _ = session(tmp_path, Switches(refresh_seconds=10, login_envelope="bare"), [0, 880])
    assert [one.status for one in simulator.log.of("/refresh")] == [401]
    assert len(simulator.log.of("/login")) == 2


def test_never_above_five_a_minute_on_the_auth_endpoints(tmp_path: Path) -> None:
    """Tokens that end again and again: the workers wait, and nobody is refused for their number."""
    simulator, elapsed = session(tmp_path, DOCUMENTED, [0, *[1.0] * 9], ended=True)
    asked = [one for one in simulator.arrivals if one.endpoint.startswith("/api/auth/")]
    assert most_in_window(asked, 60.0, lambda _: "auth").popitem()[1] == 5
    assert 429 not in {one.status for one in asked}
    assert elapsed < 400
