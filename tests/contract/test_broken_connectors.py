"""The suite itself: a good small connector passes every case, and each broken one fails the case that is named."""

from pathlib import Path

import pytest
from contract import toy_stage
from contract.broken import BROKEN
from contract.cases import CASES, whole_run
from contract.stage import streams_of
from contract.toy import TOY

from schemas.errors import EvalsyncError

ANYHOW = (
    EvalsyncError,
    AttributeError,
    KeyError,
    TypeError,
    ExceptionGroup,
)  # how a broken connector may end
STREAMS = streams_of("toy", TOY, toy_stage)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("stream", STREAMS)
async def test_the_good_toy_passes(stream: str, case: str, tmp_path: Path) -> None:
    async with toy_stage.open_scene(stream, tmp_path) as scene:
        await CASES[case](scene)


@pytest.mark.parametrize("stream", STREAMS)
async def test_a_whole_run_of_the_toy(stream: str, tmp_path: Path) -> None:
    async with toy_stage.open_scene(stream, tmp_path) as scene:
        await whole_run(scene)


@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_connector_is_caught(name: str, tmp_path: Path) -> None:
    broken = BROKEN[name]
    async with toy_stage.open_scene(broken.stream, tmp_path, broken.connector) as scene:
        with pytest.raises((AssertionError, *ANYHOW)):
            await CASES[broken.caught_by](scene)


def test_every_case_catches_something() -> None:
    assert {broken.caught_by for broken in BROKEN.values()} == set(CASES)
