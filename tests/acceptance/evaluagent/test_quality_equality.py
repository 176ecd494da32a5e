"""Every table of evaluagent equals the source's, row by row and in all columns: in the warehouse and as Parquet.

Kills: contacts joined by their place in `included`, or from the evaluation's side; one contact per evaluation; strict
`>` at the watermark; the last page of a tie left out; a list that is merged and never searched for what is gone;
contacts that outlive their evaluation; `expires`, `links` or relationships taken for attributes.
"""

import random
from datetime import timedelta
from pathlib import Path

import lab
import pytest
import quality_lab as quality
from quality_lab import EVALUATIONS, NOW, TABLES

from connectors.simulator.evaluagent.switches import ASSUMED, Switches
from connectors.simulator.evaluagent.world import QualityWorld
from connectors.simulator.evaluagent.year import generate

HOUR = timedelta(hours=1)


async def test_first_sync_then_changes_then_everything_anew(tmp_path: Path) -> None:
    """Three whole runs; what only a look at old rows can show comes with the third."""
    world, calendar = generate(3, 260), lab.Calendar()
    world.tie_burst(NOW - 30 * HOUR, 2)
    assert len({len(row["contacts"]) for row in world.rows()}) > 1
    async with quality.contract(world, tmp_path, calendar=calendar) as (simulator, to):
        first = await quality.sync(to)
        assert first.outcome == "ok"
        assert {one.proof.state for one in first.streams if one.proof} == {"proven"}
        for table in TABLES:
            assert quality.loaded(to, table) == quality.published(to, table) == quality.truth(world, table)
        before = len(simulator.arrivals)

        again = await quality.sync_only(to)
        assert [(one.outcome, one.loaded.inserted, one.loaded.updated) for one in again] == [("ok", 0, 0)] * 5
        assert (
            len(simulator.arrivals) - before <= 9
        )  # evaluations 1, small lists 1 each, conversations in two parts

        gone = change(world, random.Random(5))
        calendar.at += HOUR
        second = await quality.sync_only(to)
        assert [one.outcome for one in second] == ["ok"] * 5
        assert {row["agent_id"] for row in quality.loaded(to, "agents", deleted=True)} == {gone["agents"]}
        assert gone["evaluation"] in quality.ids(quality.loaded(to, deleted=True))
        quality.assert_equal(to, world, [table for table in TABLES if table != "quality_contacts"])

        world.purge(evaluated=NOW - timedelta(days=90), not_evaluated=NOW)
        old = world.rows()[3]["id"]
        world.edit(old, outcome="Fail", score=1.5)
        third = await quality.sync(to, full=True)
        assert (third.outcome, quality.of(third).loaded.updated) == ("ok", 1)
        for table in TABLES:
            assert quality.loaded(to, table) == quality.published(to, table) == quality.truth(world, table)
        assert len(quality.loaded(to, "quality_contacts", deleted=True)) > 100


def change(world: QualityWorld, chance: random.Random) -> dict[str, str]:
    """Of each kind of change one, within the lookback; what is deleted."""
    fresh = [
        world.publish(NOW - age * HOUR, references=names)
        for age, names in ((3, ["a", "b"]), (2, []), (1, ["c"]))
    ]
    world.publish(NOW - 40 * HOUR, outcome=None, score=None)  # late
    world.edit(fresh[0], outcome="Fail", score=chance.random() * 100, auto_failed=True, line_items=[])
    world.edit(fresh[1], at=NOW - 5 * HOUR, evaluator_id=None)
    victim = str(world.rows(NOW - 30 * HOUR, NOW - 29 * HOUR)[0]["id"])
    world.delete(victim)
    users = world.users()
    world.edit_user(users[0]["id"], email=None, active=False, agent_team=None, roles=[])
    world.remove_user(users[-1]["id"])
    world.add_group("Plantão", parent=world.groups()[0]["id"])
    world.edit_role(world.roles()[0]["id"], title="Atendente", abilities=[])
    world.edit_conversation(world.conversations()[0]["id"], sentiment=-1.0, topics=[])
    world.remove_conversation(world.conversations()[-1]["id"])
    world.add_conversation("voki")
    return {"evaluation": victim, "agents": users[-1]["id"]}


async def test_a_contact_belongs_to_the_evaluation_that_it_names_itself(tmp_path: Path) -> None:
    """CODE: the join is read from the contact. Purged ones go, their evaluation stays; a moved one moves."""
    world = quality.table(6)
    rows = world.rows()
    moved, purged, left = (row["contacts"][0]["id"] for row in rows[:3])
    world.edit_contact(moved, evaluation_id=rows[4]["id"])  # while rows[0] still links it
    async with quality.contract(world, tmp_path, streams=[EVALUATIONS]) as (_, to):
        await quality.sync_only(to)
        owners = {row["contact_id"]: row["evaluation_id"] for row in quality.loaded(to, "quality_contacts")}
        assert owners == {
            one["id"]: rows[4]["id"] if one["id"] == moved else row["id"]
            for row in rows
            for one in row["contacts"]
        }
        world.edit_contact(purged, contact_date="2020-01-01T00:00:00Z")
        assert world.purge(evaluated=NOW - timedelta(days=365)) == 1
        world.delete(rows[2]["id"])
        world.edit_contact(moved, evaluation_id=rows[0]["id"], channel="Email")
        await quality.sync_only(to)
        gone = {row["contact_id"] for row in quality.loaded(to, "quality_contacts", deleted=True)}
        assert gone == {purged, left}
        quality.assert_equal(to, world, [EVALUATIONS, "quality_contacts"])


@pytest.mark.parametrize(
    "switches", [ASSUMED, Switches(tie_order="shuffled"), Switches(tie_order="by_id_desc")]
)
async def test_two_in_a_second_and_more_than_a_page(switches: Switches, tmp_path: Path) -> None:
    """Kills: the next range begins behind the last row; a tie read in one direction only."""
    world = quality.table(50)
    world.tie_burst(NOW - 3 * HOUR, 2)
    world.tie_burst(NOW - 4 * HOUR, 70)
    sizes = {"paging": {"page_size": 20}}
    async with quality.contract(world, tmp_path, switches=switches, streams=[EVALUATIONS], assume=sizes) as (
        _,
        to,
    ):
        [receipt] = await quality.sync_only(to)
        assert receipt.proof is not None
        assert (receipt.outcome, receipt.proof.state, receipt.proof.source_total) == ("ok", "proven", 122)
        quality.assert_equal(to, world, [EVALUATIONS, "quality_contacts"])


@pytest.mark.parametrize("ids", ["uuid", "integer"])
async def test_ids_of_both_forms_and_times_with_fractions(ids: str, tmp_path: Path) -> None:
    world = generate(8, 90, ids="integer" if ids == "integer" else "uuid", fractions=True)
    sizes = {"paging": {"page_size": 20}}
    async with quality.contract(
        world, tmp_path, switches=Switches(published_at="fraction"), assume=sizes, streams=[EVALUATIONS]
    ) as (_, to):
        [receipt] = await quality.sync_only(to)
        assert receipt.outcome == "ok"
        quality.assert_equal(to, world, [EVALUATIONS, "quality_contacts"])


async def test_an_empty_contract_is_proven_empty(tmp_path: Path) -> None:
    async with quality.contract(QualityWorld(), tmp_path) as (simulator, to):
        receipts = await quality.sync_only(to)
        assert [(one.outcome, one.proof and one.proof.source_total) for one in receipts] == [("ok", 0)] * 5
        assert len(simulator.arrivals) <= 4 + 4  # the lists, and each integration's list and count
