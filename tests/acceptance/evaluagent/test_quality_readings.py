"""Every reading of what evaluagent's documentation leaves open, in each setting: equal tables, or a clear error.

Of each source one thing is otherwise than assumed, or a handful that a sync should not notice. What a setting needs
under `assume:` stands beside it; what happens without that is a line of its own. `proven` is said only where the
tables are equal, and never where the source gives no total.

Kills: a total that is guessed; page 1 again and again taken for the whole; a bound taken in that is not; times with an
offset read as UTC; an absent attribute that fails its record; a scorecard looked for in one place only; contacts
looked for in the linkage; a plain conversation's fields dropped.
"""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args, get_type_hints

import lab
import pytest
import quality_lab as quality
from quality_lab import EVALUATIONS, Row
from quality_readings import CASES, CHILD, ELSEWHERE, EVERY, SIZE, WORLD, Case

from connectors.simulator.evaluagent.server import serve
from connectors.simulator.evaluagent.switches import ASSUMED, Switches
from pipeline.receipt import StreamReceipt


@dataclass(frozen=True)
class Outcome:
    receipts: Mapping[str, StreamReceipt]
    tables: Mapping[str, list[Row]]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Outcome]:
    """All the readings as sources of one warehouse."""
    return asyncio.run(read_all(tmp_path_factory.mktemp("readings")))


async def read_all(folder: Path) -> Mapping[str, Outcome]:
    async with AsyncExitStack() as stack:
        accounts = []
        for place, case in enumerate(CASES):
            switches = replace(ASSUMED, **case.settings)
            simulator = await stack.enter_async_context(
                serve(WORLD, switches=switches, now=lab.Calendar(WORLD.until))
            )
            accounts.append(
                quality.account(
                    simulator.base_url,
                    f"s{place}",
                    streams=list(case.streams),
                    details=list(case.details),
                    assume={**case.assume, "paging": {"page_size": SIZE, **case.paging}},
                )
            )
        to = quality.config(folder, *accounts)
        receipts = await quality.sync_all(to)
    tables = {table: quality.by_source(to, table) for table in ("quality_contacts", *EVERY)}
    return {
        case.name: Outcome(
            {one.stream: one for one in receipts[f"s{place}"]},
            {table: found.get(f"s{place}", []) for table, found in tables.items()},
        )
        for place, case in enumerate(CASES)
    }


def expected(case: Case, table: str) -> list[Row]:
    rows = quality.truth(WORLD, table)
    return [
        row
        | {
            name: value(row) if callable(value) else value
            for name, value in case.shown.items()
            if name in row
        }
        for row in rows
    ]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_equal_tables_or_a_clear_error(case: Case, outcomes: Mapping[str, Outcome]) -> None:
    outcome = outcomes[case.name]
    assert set(outcome.receipts) == set(case.streams)
    for stream, receipt in outcome.receipts.items():
        if case.state == "failed":
            assert receipt.outcome == "failed"
            assert case.says in (receipt.error or "")
            assert receipt.watermark is None
            continue
        assert receipt.outcome == "ok", receipt.error
        assert receipt.proof is not None
        assert receipt.proof.state == case.state
        for table in filter(None, (stream, CHILD.get(stream))):
            assert outcome.tables[table] == expected(case, table)


def test_every_switch_is_tried_in_every_setting() -> None:
    hints, tried = get_type_hints(Switches), set[tuple[str, Any]]()
    for case in CASES:
        tried |= {
            (one.name, getattr(replace(ASSUMED, **case.settings), one.name)) for one in fields(Switches)
        }
    for one in fields(Switches):
        if one.name in ELSEWHERE:
            continue
        choices = [False, True] if hints[one.name] is bool else get_args(hints[one.name])
        settings = [value for value in choices if not isinstance(value, type)]
        missing = [value for value in settings if (one.name, value) not in tried]
        assert not missing, f"{one.name}: {missing}"
        assert len({value for name, value in tried if name == one.name}) > 1, one.name
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("hidden", [True, False])
async def test_fractions_that_bounds_of_whole_seconds_cut_off(hidden: bool, tmp_path: Path) -> None:
    """More in one second than a page, at fractions of it, and no total that could tell: said, and not lost.

    Kills: a unit of time that is believed to be whole because its own filter says so.
    """
    world = quality.table(40)
    for place in range(70):
        world.publish(quality.NOW - timedelta(hours=5) + timedelta(milliseconds=13 * place))
    switches = Switches(published_at="z" if hidden else "fraction", total_at="absent")
    paging = {"page_size": SIZE}
    async with quality.contract(
        world, tmp_path, switches=switches, streams=[EVALUATIONS], assume={"paging": paging}
    ) as (simulator, to):
        [receipt] = await quality.sync_only(to)
        assert receipt.outcome == "failed"
        assert "raise page_size" in (receipt.error or "")
        larger = quality.account(
            simulator.base_url, streams=[EVALUATIONS], assume={"paging": {"page_size": 80}}
        )
        [receipt] = await quality.sync_only(quality.config(tmp_path, larger))
        assert receipt.outcome == "ok"
        assert quality.ids(quality.loaded(to)) == world.ids()
