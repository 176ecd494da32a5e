"""`details: [quality_evaluations]`: what only the single evaluation tells, asked for one by one.

Kills: single requests counted as list requests; one asked for that the list told already; a 404 of one that fails the
stream; a package that keeps the slim list and forgets what the single requests brought.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import quality_lab as quality
from quality_lab import EVALUATIONS

from connectors.clock import system_clock
from connectors.simulator.evaluagent.switches import Switches
from connectors.simulator.evaluagent.year import generate
from connectors.simulator.script import Fault, Script
from connectors.source import Query
from pipeline.folders import Folders
from pipeline.sources import open_source

SINGLE = "/v1/quality/evaluations/{id}"
SLIM = Switches(details="single", per_minute=None)
WANTED: dict[str, Any] = {
    "details": [EVALUATIONS],
    "streams": [EVALUATIONS],
    "assume": {"paging": {"page_size": 20}},
}


async def test_slim_lists_become_whole_rows(tmp_path: Path) -> None:
    world = generate(3, 50)
    async with quality.contract(world, tmp_path, switches=SLIM, **WANTED) as (simulator, to):
        [receipt] = await quality.sync_only(to)
        assert receipt.proof is not None
        assert (receipt.outcome, receipt.proof.state) == ("ok", "proven")
        quality.assert_equal(to, world, [EVALUATIONS, "quality_contacts"])
        singles = [one.path for one in simulator.arrivals if one.endpoint == SINGLE]
        assert set(singles) == {f"/v1/quality/evaluations/{row_id}" for row_id in world.ids()}
        assert len(singles) <= 50 + 12  # rows that two pages share are asked for twice
        assert receipt.requests == len(simulator.arrivals)
        used = Folders(to.data_dir)
        assert counted(used, "quality/evaluations/one") == len(singles)
        assert counted(used, "quality/evaluations") == len(simulator.arrivals) - len(singles)


def counted(folders: Folders, group: str) -> int:
    """Grants of an endpoint group, by the ledger."""
    with closing(sqlite3.connect(folders.budget)) as ledger:
        found = ledger.execute(
            "SELECT count(*) FROM grants JOIN pools ON pools.id = grants.pool WHERE name = ?", [group]
        )
        return int(found.fetchone()[0])


async def test_whole_lists_are_not_asked_for_again(tmp_path: Path) -> None:
    async with quality.contract(quality.table(50), tmp_path, **WANTED) as (simulator, to):
        [receipt] = await quality.sync_only(to)
        assert receipt.outcome == "ok"
        assert not [one for one in simulator.arrivals if one.endpoint == SINGLE]


async def test_one_that_is_gone_meanwhile_does_no_harm(tmp_path: Path) -> None:
    """Its row stands with what the list told, and a later look tells more."""
    world = generate(3, 40)
    script = Script(faults=[Fault(404, match="evaluation", at=frozenset({7}))])
    async with quality.contract(world, tmp_path, switches=SLIM, script=script, **WANTED) as (_, to):
        [receipt] = await quality.sync_only(to)
        assert receipt.outcome == "ok"
        assert quality.ids(quality.loaded(to)) == world.ids()
        different = [row for row in quality.loaded(to) if row not in quality.truth(world, EVALUATIONS)]
        assert len(different) <= 1
        await quality.sync(to, full=True)
        quality.assert_equal(to, world, [EVALUATIONS])


@pytest.mark.parametrize("kind", [500, 401, 403])
async def test_one_that_is_refused_fails_the_stream_and_loses_nothing(kind: int, tmp_path: Path) -> None:
    world = generate(3, 40)
    fault = Fault(kind, match="evaluation", at=frozenset(range(30, 300)))
    script = Script(faults=[fault])
    async with quality.contract(world, tmp_path, switches=SLIM, script=script, **WANTED) as (_, to):
        [receipt] = await quality.sync_only(to)
        assert receipt.outcome == "failed"
        assert str(kind) in (receipt.error or "")
        script.faults.clear()
        receipts = await quality.sync_only(to)
        assert [one.outcome for one in receipts] == ["ok"]
        quality.assert_equal(to, world, [EVALUATIONS, "quality_contacts"])


async def test_single_conversations_are_counted_with_their_list(tmp_path: Path) -> None:
    """Documented: both endpoints share one limit. Kills: single conversations in a group of their own."""
    world = quality.table(1)
    for _ in range(5):
        world.add_conversation("voki")
    switches = Switches(conversation_details="single")
    keys: dict[str, Any] = {"streams": ["conversations"], "details": ["conversations"]}
    async with quality.contract(world, tmp_path, switches=switches, integrations=["voki"], **keys) as (
        simulator,
        to,
    ):
        [receipt] = await quality.sync_only(to)
        assert receipt.outcome == "ok"
        quality.assert_equal(to, world, ["conversations"])
        assert sum(one.endpoint.endswith("{id}") for one in simulator.arrivals) >= 5
        assert receipt.requests == len(simulator.arrivals)
        assert counted(Folders(to.data_dir), "analytics/conversations") == len(simulator.arrivals)


async def test_kept_pages_hold_what_the_single_requests_brought(tmp_path: Path) -> None:
    """A page is opened again after a kill: it must not have to be asked for once more, one by one."""
    world = generate(3, 30)
    async with (
        quality.contract(world, tmp_path, switches=SLIM, **WANTED) as (_, to),
        open_source(to.sources[0], made(Folders(to.data_dir)), system_clock()) as opened,
    ):
        [stream] = opened.streams
        answer = await stream.ask(opened.client, Query(None, None, 20))
        assert list(stream.decode(answer.body)) == list(answer.records)
        assert all("score" in record for record in answer.records)


def made(folders: Folders) -> Folders:
    folders.make()
    return folders
