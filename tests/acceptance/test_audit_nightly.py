"""Every night proves all of history, mends what differs, says what it cannot, and never takes tomorrow's requests.

Kills: an audit of what the run has just proven · requests that the next night needs · *ok* over a history that
differs · a purge that becomes deletions, also piece by piece · a deletion that is taken for a purge · a caveat unsaid.
"""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import lab
import pytest
import quality_lab as quality

from connectors.simulator.year import generate
from connectors.source import DAY
from pipeline.audit import audit_stream
from pipeline.config import Config
from pipeline.history import look_back
from pipeline.receipt import CANNOT_SEE, HistoryReceipt, Receipt, StreamReceipt
from pipeline.run import Request, run
from pipeline.status import status
from pipeline.sync import sync_stream
from pipeline.terminal import print_receipt
from pipeline.terminal_loaded import print_audit

ROWS = 700


async def night(to: Config) -> tuple[StreamReceipt, HistoryReceipt | None]:
    """A run's way from the source to the end of its audit, without marts and snapshot."""
    async with lab.at_work(to) as (opened, job):
        [receipt] = await look_back([opened], [job], [await sync_stream(job)])
        return receipt, receipt.audit


async def whole_night(to: Config) -> Receipt:
    return await run(to, Request())


async def test_an_equal_history_is_proven_every_night_for_two_requests(tmp_path: Path) -> None:
    async with lab.source(generate(3, ROWS), tmp_path, audit=100) as (simulator, to):
        _, first = await night(to)
        assert first is None  # its own window is all of history
        before = len(simulator.arrivals)
        receipt, found = await night(to)
        assert found is not None
        assert found.proof is not None
        assert (receipt.outcome, found.state, found.requests) == ("ok", "proven", 2)
        assert len(simulator.arrivals) - before == receipt.requests == 4
        assert found.proof.loaded_total == ROWS
        [proofs] = lab.query(to, "SELECT count(*) AS n FROM meta.proofs WHERE state = 'proven'")
        assert proofs["n"] == 3
        await whole_night(to)
        [stream] = (await status(to))["streams"]
        assert (stream["history"]["state"], stream["proof_loaded_total"]) == ("proven", ROWS)


async def test_what_differs_is_mended_and_told(tmp_path: Path) -> None:
    world = generate(3, ROWS)
    async with lab.source(world, tmp_path, audit=100, page_size=20) as (_, to):
        await night(to)
        rows = world.rows()
        world.edit(rows[40]["id"], rating=rows[40]["rating"] % 5 + 1)
        world.delete(rows[350]["id"])
        world.insert(world.until - 100 * DAY, rating=3)
        receipt, found = await night(to)
        assert found is not None
        done = found.loaded
        assert (receipt.outcome, found.state) == ("ok", "proven")
        assert (done.inserted, done.updated, done.deleted) == (1, 1, 1)
        assert lab.loaded(to) == lab.present(world)


async def test_a_history_that_cannot_be_mended_is_unproven_until_it_is(tmp_path: Path) -> None:
    """Its allowance is too small to search: the next nights' own windows are equal, and yet nothing is *ok*."""
    world = generate(3, ROWS)
    async with lab.source(world, tmp_path, audit=4, page_size=20) as (simulator, to):
        await night(to)
        world.delete(world.rows()[350]["id"])
        receipt, found = await night(to)
        assert found is not None
        assert (receipt.outcome, found.state) == ("unproven", "unproven")
        assert "history" in str(receipt.error)
        without = lab.config(simulator.base_url, tmp_path, audit=0, page_size=20)
        assert (await whole_night(without)).outcome == "ok"  # it has looked at its own window only
        [stream] = (await status(without))["streams"]
        assert (stream["proof_state"], stream["history"]["state"]) == ("proven", "unproven")


@pytest.mark.parametrize(("spare", "state"), [(5, "paused"), (60, "proven")])
async def test_it_never_takes_what_the_next_night_needs(spare: int, state: str, tmp_path: Path) -> None:
    world = quality.table(300, step=timedelta(hours=7))
    keys: dict[str, Any] = {
        "streams": [quality.EVALUATIONS],
        "audit": 20,
        "assume": {"paging": {"page_size": 10}},
    }
    async with quality.contract(world, tmp_path, **keys) as (simulator, to):
        await night(to)
        before = len(simulator.arrivals)
        budget = {"per_minute": 1000, "per_day": before + spare, "force": True}
        account = quality.account(simulator.base_url, budget=budget, **keys)
        _, found = await night(quality.config(tmp_path, account))
        assert found is not None
        assert (found.state, found.requests) == (state, 1 if state == "proven" else 0)
        assert len(simulator.arrivals) - before <= 3


# -- what the source has purged ------------------------------------------------------------------------


async def test_a_purge_is_told_and_never_taken_for_deletions(tmp_path: Path) -> None:
    world = generate(5, ROWS)
    async with lab.source(world, tmp_path, audit=100, page_size=20) as (_, to):
        await night(to)
        purged = world.purge(world.until - 200 * DAY)
        single = world.rows()[300]["id"]
        world.delete(single)
        receipt, found = await night(to)
        assert found is not None
        assert receipt.outcome == "unproven"
        assert f"{purged:,} rows before" in str(found.reason)
        assert "retention" in str(found.reason)
        assert lab.ids(lab.loaded(to, deleted=True)) == {single}
        assert len(lab.loaded(to)) == ROWS - 1
        # And every night again.
        receipt, again = await night(to)
        assert again is not None
        assert again.requests <= 4
        assert (receipt.outcome, again.state) == ("unproven", "unproven")
        assert len(lab.loaded(to)) == ROWS - 1


async def test_a_full_sync_tells_a_small_purge_from_deletions(tmp_path: Path) -> None:
    """A month of a year is less than a fifth of it: deletions, by their number alone."""
    world = generate(5, ROWS)
    async with lab.source(world, tmp_path, audit=100) as (_, to):
        await night(to)
        purged = world.purge(world.until - 335 * DAY)
        single = world.rows()[300]["id"]
        world.delete(single)
        assert 10 < purged < ROWS / 5
        receipt = await lab.sync_only(to, full=True)
        assert (receipt.outcome, receipt.loaded.withheld, receipt.loaded.deleted) == ("unproven", purged, 1)
        assert lab.ids(lab.loaded(to, deleted=True)) == {single}


async def test_rows_beyond_a_declared_retention_are_kept_and_the_run_says_so(tmp_path: Path) -> None:
    world = generate(5, ROWS)
    async with lab.source(world, tmp_path, audit=100, retention="200d") as (_, to):
        await night(to)
        purged = world.purge(world.until - 200 * DAY)
        receipt, found = await night(to)
        assert found is not None
        assert (receipt.outcome, found.state) == ("ok", "proven")
        told = [f"{purged:,} rows before 2025-06-14 are kept here; the source may have purged them"]
        assert list(receipt.remarks) == told
        await whole_night(to)
        [stream] = (await status(to))["streams"]
        assert stream["remarks"] == told
        assert stream["history"]["state"] == "proven"
        assert len(lab.loaded(to)) == ROWS


async def test_a_day_that_was_deleted_whole_is_no_purge(tmp_path: Path) -> None:
    """The source has older rows: an audit shows that, and marks them."""
    world = generate(5, ROWS)
    async with lab.source(world, tmp_path, audit=100, page_size=20) as (_, to):
        await night(to)
        lower = world.until - 120 * DAY
        gone = [row["id"] for row in world.rows(lower, lower + 12 * DAY)]
        assert len(gone) > 10
        for row_id in gone:
            world.delete(row_id)
        _, found = await night(to)
        assert found is not None
        assert found.state == "proven"
        assert lab.ids(lab.loaded(to, deleted=True)) == set(gone)


# -- what such figures cannot see ----------------------------------------------------------------------


async def test_two_changes_that_cancel_are_proven_with_the_caveat_that_says_so(tmp_path: Path) -> None:
    """The limit of every comparison by totals, honestly: rows differ, and all the figures are equal."""
    world = generate(7, 300)
    async with lab.source(world, tmp_path, audit=100) as (_, to):
        await night(to)
        rows = [row for row in world.rows() if row.get("comment")]
        four = next(row for row in rows if row["rating"] == 4)
        five = next(row for row in rows if row["rating"] == 5)
        world.edit(four["id"], rating=5)
        world.edit(five["id"], rating=4)
        world.edit(rows[10]["id"], comment="outras palavras")
        receipt, found = await night(to)
        assert found is not None
        assert (found.state, receipt.outcome) == ("proven", "ok")
        assert lab.loaded(to) != lab.present(world)
        assert receipt.as_json()["audit"]["cannot_see"] == CANNOT_SEE


async def test_the_caveat_is_printed_and_in_the_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with lab.source(lab.table(50), tmp_path, audit=100, lookback="1m") as (_, to):
        await night(to)
        receipt = await whole_night(to)
        async with lab.at_work(to) as (_, job):
            audited = await audit_stream(job, 100)
    capsys.readouterr()
    print_receipt(receipt, to.data_dir)
    assert CANNOT_SEE in capsys.readouterr().out
    print_audit([audited])
    assert CANNOT_SEE in capsys.readouterr().out
    assert audited.as_json()["cannot_see"] == CANNOT_SEE
    [source] = json.loads(json.dumps(receipt.as_json()))["sources"]
    assert source["streams"][0]["audit"]["cannot_see"] == CANNOT_SEE
