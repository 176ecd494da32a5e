"""`evalsync plan`: what a sync would request, stream by stream, in at most one request each, and never a guess.

Kills: a plan that a sync exceeds; a list that is asked for without its part; single records that are asked for to
count them; a total that is made up; one broken stream that takes the others' figures away.
"""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from lab import Calendar
from quality_lab import KEY, account, config, contract, of, sync

from connectors.simulator.evaluagent.server import serve
from connectors.simulator.evaluagent.switches import ASSUMED, Switches
from connectors.simulator.evaluagent.year import generate
from connectors.simulator.script import Fault
from pipeline.config import Config
from pipeline.plan import Planned, plan
from pipeline.run import Request
from pipeline.stretches import expected

EVALUATIONS = 230


def by_stream(planned: list[Planned]) -> dict[str, Planned]:
    return {one.stream: one for one in planned}


async def planned(
    folder: Path, switches: Switches = ASSUMED, **keys: Any
) -> tuple[dict[str, Planned], list[str]]:
    async with contract(generate(5, EVALUATIONS), folder, switches=switches, **keys) as (simulator, to):
        found = by_stream(await plan(to, Request()))
        return found, [arrival.path for arrival in simulator.arrivals]


async def test_every_stream_is_asked_once_and_a_sync_keeps_to_the_plan(tmp_path: Path) -> None:
    async with contract(generate(5, EVALUATIONS), tmp_path) as (simulator, to):
        first = by_stream(await plan(to, Request()))
        asked = [arrival.path for arrival in simulator.arrivals]
        assert len(asked) == len(set(asked)) == len(first) == 5
        receipt = await sync(to)
        again = by_stream(await plan(to, Request()))
        second = await sync(to)
    for plans, done in ((first, receipt), (again, second)):
        for name, one in plans.items():
            assert one.requests is not None
            assert of(done, name).requests <= one.requests, name
    assert first["quality_evaluations"].records == EVALUATIONS
    assert first["agents"].since is None
    assert first["agents"].requests == 1
    conversations = first["conversations"]
    assert conversations.why is not None
    assert "`zendesk` only: one of 2" in conversations.why
    assert conversations.left.group == "analytics/conversations"


async def test_a_source_without_totals_is_planned_without_a_figure(tmp_path: Path) -> None:
    found, _ = await planned(tmp_path, replace(ASSUMED, total_at="absent"))
    evaluations = found["quality_evaluations"]
    assert (evaluations.records, evaluations.requests, evaluations.again) == (None, None, None)
    assert evaluations.why is not None
    assert "gives no total: at least 50 records" in evaluations.why
    assert found["groups"].records is not None, "a list that ends on its first page is counted by it"


async def test_single_records_are_counted_and_not_asked_for(tmp_path: Path) -> None:
    found, asked = await planned(
        tmp_path, replace(ASSUMED, details="single"), details=["quality_evaluations"]
    )
    assert len(asked) == 5
    assert found["quality_evaluations"].requests == EVALUATIONS + 5 + 3
    assert "quality/evaluations/one" in str(found["quality_evaluations"].why)


async def test_a_stream_that_is_refused_leaves_the_others_their_figures(tmp_path: Path) -> None:
    async with contract(generate(5, EVALUATIONS), tmp_path) as (simulator, to):
        simulator.script.faults.append(Fault(403, match="groups"))
        found = by_stream(await plan(to, Request()))
        assert len(simulator.arrivals) == 5
    assert found["groups"].refused
    assert found["groups"].requests is None
    assert not found["roles"].refused
    assert found["roles"].requests == 1


@pytest.mark.parametrize(("reread", "nights"), [(0, None), (2, None), (3, 5), (200, 1)])
async def test_looking_again_is_planned_by_its_own_arithmetic(
    tmp_path: Path, reread: int, nights: int | None
) -> None:
    """230 rows are 5 pages of 50: 7 requests in one stretch, 15 in stretches of a page."""
    assert [expected(EVALUATIONS, 50, allowed) for allowed in (2, 3, 200)] == [None, 15, 7]
    found, _ = await planned(tmp_path, reread=reread)
    again = found["quality_evaluations"].again
    assert found["agents"].again is None
    if reread == 0:
        assert again is None
        return
    assert again is not None
    assert again.nights == nights
    assert again.requests == {2: 0, 3: 3, 200: 7}[reread]


async def test_what_a_run_looks_at_again_is_about_what_was_planned(tmp_path: Path) -> None:
    world = generate(5, EVALUATIONS)
    calendar = Calendar(world.until)
    async with serve(world, keys=(KEY,), now=calendar) as simulator:
        to: Config = config(
            tmp_path, account(simulator.base_url, reread=200, streams=["quality_evaluations"])
        )
        await sync(to)
        assert of(await sync(to)).reread == 0  # all of it was read in this very hour
        calendar.at += timedelta(days=1)
        [before] = await plan(to, Request())
        assert before.again is not None
        done = of(await sync(to))
        assert 0 < done.reread <= before.again.requests
