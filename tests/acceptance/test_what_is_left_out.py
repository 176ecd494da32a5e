"""What is not in the warehouse, or never looked at again, is counted and said: dead letters by reason, dense minutes.

Kills: reasons that are listed and not counted · a letter of another stream · rows that `reread` can never pay for and
nobody hears of · an hour that is left out although its minutes can be read.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any

import lab
import pytest
import quality_lab as quality

from connectors.source import SECOND
from pipeline.letters import letters
from pipeline.status import status
from pipeline.terminal_loaded import print_letters
from pipeline.terminal_status import print_status


async def test_dead_letters_are_grouped_by_reason_and_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = lab.table(80)
    for place, rating in enumerate([0, 9, 9, "muito"]):
        world.insert(lab.NOW - timedelta(minutes=10 + place), rating=rating)
    async with lab.source(world, tmp_path) as (_, to):
        await lab.sync(to)
        found = await status(to)
        [stream] = found["streams"]
        reasons = {one["reason"]: one["records"] for one in stream["dead_letter_reasons"]}
        assert sum(reasons.values()) == stream["dead_letters"] == 4
        assert len(reasons) < 4
        assert list(reasons.values()) == sorted(reasons.values(), reverse=True)
        capsys.readouterr()
        print_status(found)
        told = capsys.readouterr().out
        for reason, records in reasons.items():
            assert f"{records} dead letters: /rating {reason}" in told
        print_letters(await letters(to, None))
        told = capsys.readouterr().out
        assert all(reason in told for reason in reasons)


@pytest.mark.parametrize(("tied", "left_out"), [(False, False), (True, True)])
async def test_rows_that_reread_cannot_pay_for_are_told(tied: bool, left_out: bool, tmp_path: Path) -> None:
    """Forty rows in one hour are read minute by minute; forty in one minute never."""
    world = quality.table(60, step=timedelta(hours=5))
    at = lab.NOW - timedelta(days=6)
    for place in range(40):
        world.publish(at + place * (SECOND if tied else 60 * SECOND), score=1.0, outcome="Pass")
    keys: dict[str, Any] = {
        "streams": [quality.EVALUATIONS],
        "reread": 3,
        "assume": {"paging": {"page_size": 10}},
    }
    async with quality.contract(world, tmp_path, **keys) as (_, to):
        remarks = quality.of(await quality.sync(to)).remarks
        assert bool(remarks) is left_out
        if left_out:
            assert "40 older rows" in remarks[0]
            assert "raise it to 6" in remarks[0]
        [stream] = (await status(to))["streams"]
        assert stream["remarks"] == list(remarks)
