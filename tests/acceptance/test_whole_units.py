"""A source that compares dates alone: what is read of it is always whole days, wherever a part was cut.

A part of a day can be read, but never be covered: its pass would stay open, and with it the stream, for ever.
Kills: `--until` taken as it stands; hours of history looked at again by themselves.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any

import lab

from connectors.simulator.switches import Switches
from pipeline.job import Asked
from pipeline.run import Request, run

BY_DAY: dict[str, Any] = {"assume": "{date_unit: day}", "page_size": 20}


async def test_an_until_inside_of_a_day_ends_before_it(tmp_path: Path) -> None:
    world = lab.table(60, step=timedelta(hours=1))
    async with lab.source(world, tmp_path, switches=Switches(date_unit="day"), **BY_DAY) as (_, to):
        receipt = await lab.sync_only(to, until=lab.NOW - timedelta(hours=30, minutes=5))
        assert (receipt.outcome, receipt.error) == ("ok", None)
        assert receipt.window is not None
        assert receipt.window.upper == lab.NOW - timedelta(hours=48)


async def test_days_are_looked_at_again_whole(tmp_path: Path) -> None:
    world, calendar = lab.table(60, step=timedelta(hours=1)), lab.Calendar()
    keys = {**BY_DAY, "page_size": 3, "reread": 20, "audit": 0, "lookback": "1h"}
    async with lab.source(world, tmp_path, switches=Switches(date_unit="day"), calendar=calendar, **keys) as (
        _,
        to,
    ):
        for _ in range(2):
            calendar.at += timedelta(days=3)
            receipt = await run(to, Request(asked=Asked()))
            [stream] = receipt.streams
            assert (stream.outcome, stream.error) == ("ok", None)
        assert stream.reread > 0
        assert (await lab.sync_only(to)).outcome == "ok", "a part of a day was left open"
