"""Damaged pages, passes and notes: what they held is asked for again, by itself, and nothing is lost without a word.

Kills: damage that counts as read; a page's number that is used again, for a page that then seems loaded; a stream that
fails until somebody deletes a file; a replay that goes on without a page and keeps the watermark.
"""

import asyncio
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import lab
import pytest
from contents import contents, differing

from connectors.clock import system_clock
from connectors.simulator.server import Simulator
from connectors.source import EPOCH
from pipeline import package
from pipeline.config import Config
from pipeline.exits import OUTCOMES
from pipeline.lease import hold
from pipeline.replay import Replayed, made_again

HOUR = timedelta(hours=1)
Damage = Callable[[bytes], bytes]


def flipped(place: Callable[[bytes], int]) -> Damage:
    def change(whole: bytes) -> bytes:
        at = place(whole)
        return whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :]

    return change


IN_THE_HEAD: dict[str, Damage] = {
    "a digit of what it covers": flipped(lambda whole: whole.index(b'"covers"') + 22),
    "the head's checksum": flipped(lambda whole: whole.index(b"\n") + 5),
    "cut in the head": lambda whole: whole[:40],
    "empty": lambda _: b"",
    "garbage": lambda whole: bytes(range(256)) * (len(whole) // 256 + 1),
}
IN_THE_BODY: dict[str, Damage] = {
    "the last byte": flipped(lambda whole: len(whole) - 1),
    "cut in the body": lambda whole: whole[:-7],
}


def working(to: Config) -> Path:
    return to.data_dir / "state" / "warehouse.duckdb"


def stream(to: Config) -> Path:
    return to.data_dir / "state" / "packages" / "demo" / "evaluations"


async def again(to: Config) -> Replayed:
    """A replay, without marts and snapshot."""
    async with hold(to, system_clock(), asyncio.Event()) as held:
        return await made_again(held, to.sources)


async def go_on(simulator: Simulator, to: Config) -> int:
    """A sync that brings everything; how many pages it asked for."""
    before = len(simulator.log.of("/evaluations"))
    receipt = await lab.sync_only(to)
    assert (receipt.outcome, receipt.proof and receipt.proof.state) == ("ok", "proven"), receipt
    assert lab.loaded(to) == lab.present(simulator.world)
    assert package.unfinished(stream(to)) == []
    return len(simulator.log.of("/evaluations")) - before


async def test_a_damaged_page_of_an_open_pass_is_asked_for_again(tmp_path: Path) -> None:
    """Of a run that was paused, all loaded; and of one that was killed before it loaded anything."""
    async with lab.source(lab.table(200), tmp_path / "paused", page_size=20) as (simulator, to):
        assert (await lab.sync_only(to, most=6)).outcome == "paused"

        async def case(name: str, damage: Damage, *, loaded: bool) -> int:
            shutil.copytree(to.data_dir, tmp_path / name / "data")
            one = lab.config(simulator.base_url, tmp_path / name, page_size=20)
            page = sorted(stream(one).glob("*/*.page"))[len(name) % 5]
            page.write_bytes(damage(page.read_bytes()))
            if not loaded:
                working(one).unlink()
            asked = await go_on(simulator, one)
            assert page.with_name(f"{page.name}.damaged").exists() == (damage in damages)
            assert not page.exists() or damage not in damages
            return asked

        damages = [*IN_THE_HEAD.values(), *IN_THE_BODY.values()]
        needed = await case("whole", bytes, loaded=True)
        for name, damage in IN_THE_HEAD.items():
            assert await case(name, damage, loaded=True) <= needed + 3, (
                name
            )  # the page, and a link at each end
        for name, damage in {**IN_THE_HEAD, **IN_THE_BODY}.items():
            assert await case(f"{name}, not loaded", damage, loaded=False) <= needed + 3, name


async def test_a_pass_whose_window_is_damaged_is_closed_and_a_new_one_opened(tmp_path: Path) -> None:
    async with lab.source(lab.table(100), tmp_path, page_size=20) as (simulator, to):
        assert (await lab.sync_only(to, most=4)).outcome == "paused"
        [about] = stream(to).glob("*/pass.json")
        about.write_bytes(IN_THE_BODY["cut in the body"](about.read_bytes()))
        await go_on(simulator, to)
        assert len(list(stream(to).glob("*/pass.json"))) == 2
        before = contents(working(to), "core", "meta")
        assert (await again(to)).outcome == "ok"  # its pages are still good
        assert differing(before, contents(working(to), "core", "meta")) == {}


@pytest.mark.parametrize("what", ["a page", "a page that is gone", "a note"])
async def test_a_replay_says_what_it_goes_without_and_has_it_read_again(tmp_path: Path, what: str) -> None:
    async with lab.source(lab.table(100, step=HOUR), tmp_path, page_size=20) as (simulator, to):
        await lab.sync_only(to)
        simulator.world.insert(simulator.world.until - timedelta(minutes=9))
        await lab.sync_only(to)
        damaged = (
            stream(to) / "loads" / "000001.load" if what == "a note" else min(stream(to).glob("*/*.page"))
        )
        if what == "a page that is gone":
            damaged.unlink()
        else:
            damaged.write_bytes(IN_THE_BODY["the last byte"](damaged.read_bytes()))
        working(to).unlink()
        for _ in range(2):  # the second finds what the first has left
            replayed = await again(to)
            [told] = replayed.streams
            assert (OUTCOMES[replayed.outcome], told.packages, told.lost, told.since) == (3, 2, 1, EPOCH)
            assert lab.query(to, "SELECT watermark FROM meta.watermarks") == [{"watermark": EPOCH}]
            assert len(lab.loaded(to)) < 101
        await go_on(simulator, to)


async def test_a_page_of_an_open_pass_that_a_replay_finds_damaged_is_asked_for_again(tmp_path: Path) -> None:
    """Its head is good and it was loaded, so no sync would look at its body."""
    async with lab.source(lab.table(100), tmp_path, page_size=20) as (simulator, to):
        assert (await lab.sync_only(to, most=4)).outcome == "paused"
        page = min(stream(to).glob("*/*.page"))
        page.write_bytes(IN_THE_BODY["the last byte"](page.read_bytes()))
        assert (await again(to)).outcome == "unproven"
        assert page.with_name(f"{page.name}.damaged").exists()
        await go_on(simulator, to)
