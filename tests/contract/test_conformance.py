"""Every stream of every connector in the registry, in every case: a new one is picked up by itself.

What a system needs for that is its stage module; a system without one, or a stream that its stage does not know,
fails here.
"""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from contract.cases import CASES, whole_run
from contract.stage import Stage, streams_of

from connectors.registry import SOURCES


def stage_of(system: str) -> Stage:
    stage: Stage = import_module(f"contract.{system}_stage")
    return stage


def everything() -> Iterator[tuple[str, str]]:
    for system, connector in SOURCES.items():
        for stream in streams_of(system, connector, stage_of(system)):
            yield system, stream


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("system", "stream"), list(everything()))
async def test_every_stream_in_every_case(system: str, stream: str, case: str, tmp_path: Path) -> None:
    async with stage_of(system).open_scene(stream, tmp_path) as scene:
        await CASES[case](scene)


@pytest.mark.parametrize("system", SOURCES)
async def test_a_whole_run_of_every_system(system: str, tmp_path: Path) -> None:
    stage = stage_of(system)
    async with stage.open_scene(streams_of(system, SOURCES[system], stage)[0], tmp_path) as scene:
        await whole_run(scene)
