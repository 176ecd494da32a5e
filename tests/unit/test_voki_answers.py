"""A list of Voki that is not what was asked for: an error that is tried again, never rows, never the end.

Real client, real socket; the simulator spoils its answers. Whole runs over the same faults: test_wrong_answers.py.
Kills: `json() or []`; a list believed without its meta; an empty page as the end; a total that is no number.
"""

from pathlib import Path
from typing import Any

import lab
import pytest

from connectors.simulator.script import Fault, Script
from connectors.source import Query
from schemas.errors import RetryableSourceError

WRONG = ("html", "empty", "no_content", "error_200", "null_data", "wrong_type", "no_meta", "short_json")
ASKED = Query(lab.NOW.replace(year=2025), lab.NOW, 20)


@pytest.mark.parametrize("kind", [*WRONG, "empty_page"])
async def test_what_is_no_list_is_asked_for_again_and_then_an_error(kind: Any, tmp_path: Path) -> None:
    script = Script(faults=[Fault(kind, match="list")])
    async with (
        lab.source(lab.table(50), tmp_path, script=script) as (simulator, _),
        lab.bench(simulator.base_url, tmp_path) as one,
    ):
        with pytest.raises(RetryableSourceError):
            await one.ask(ASKED)
        assert len(simulator.arrivals) == 5


@pytest.mark.parametrize("kind", [*WRONG, "empty_page", "short_rows"])
async def test_one_wrong_answer_is_forgotten(kind: Any, tmp_path: Path) -> None:
    script = Script(faults=[Fault(kind, match="list", first=1)])
    async with (
        lab.source(lab.table(50), tmp_path, script=script) as (simulator, _),
        lab.bench(simulator.base_url, tmp_path) as one,
    ):
        answer = await one.ask(ASKED)
        assert (len(answer.records), answer.total, answer.complete) == (20, 50, False)
        assert len(simulator.arrivals) == 2
