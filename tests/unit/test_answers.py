"""Kept answers: made once, not for longer than they hold, and no failure is remembered.

Kills: an answer of the old version for ever; each reader making its own; a cancelled reader that takes the answer
from the others; a failure that is served again; a store that grows without end.
"""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from pipeline.web.answers import Kept


class Kitchen:
    """Makes an answer when it is told to, and counts; its clock stands still until it is put on."""

    def __init__(self) -> None:
        self.made = 0
        self.now = 0.0
        self.ready = asyncio.Event()

    def steady(self) -> float:
        return self.now

    def makes(self, text: str, took: float = 0.0) -> Callable[[], Awaitable[str]]:
        async def make() -> str:
            self.made += 1
            await self.ready.wait()
            self.now += took
            return text

        return make


async def test_many_ask_at_once_and_it_is_made_once() -> None:
    kitchen = Kitchen()
    kept = Kept[str](10, kitchen.steady)
    asking = [asyncio.create_task(kept.get("page", 1, kitchen.makes("first"))) for _ in range(50)]
    await asyncio.sleep(0)
    asking[0].cancel()
    kitchen.ready.set()
    assert await asyncio.gather(*asking[1:]) == ["first"] * 49
    kitchen.now = 99.0
    assert (await kept.get("page", 1, kitchen.makes("again")), kitchen.made) == ("first", 1)


async def test_a_new_version_is_waited_for_unless_the_old_one_was_good_just_now() -> None:
    kitchen = Kitchen()
    kept = Kept[str](10, kitchen.steady, behind=2.0)
    kitchen.ready.set()
    assert await kept.get("page", 1, kitchen.makes("first")) == "first"
    kitchen.now = 60.0  # nobody looked for a minute
    assert await kept.get("page", 2, kitchen.makes("second")) == "second"
    kitchen.ready.clear()
    kitchen.now = 61.0
    assert await kept.get("page", 3, kitchen.makes("third")) == "second"
    kitchen.now = 62.5
    late = asyncio.create_task(kept.get("page", 3, kitchen.makes("third again")))
    await asyncio.sleep(0)
    kitchen.ready.set()
    assert await late == "third"
    assert kitchen.made == 3


async def test_what_takes_long_is_made_again_less_often() -> None:
    kitchen = Kitchen()
    kept = Kept[str](10, kitchen.steady, behind=2.0)
    kitchen.ready.set()
    assert await kept.get("page", 1, kitchen.makes("first", took=3.0)) == "first"
    for now, wanted in ((29.0, "first"), (59.0, "second")):
        kitchen.now = now
        assert await kept.get("page", now, kitchen.makes("second")) == wanted
        await asyncio.sleep(0.01)
    assert kitchen.made == 2  # nobody began on what was not to be sent yet


async def test_a_failure_is_not_kept_and_the_oldest_go_first() -> None:
    kitchen = Kitchen()
    kept = Kept[str](2, kitchen.steady)

    async def fail() -> str:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await kept.get("page", 1, fail)
    kitchen.ready.set()
    for key in ("a", "b", "a", "c", "a", "b"):
        assert await kept.get(key, 1, kitchen.makes(key)) == key
    assert kitchen.made == 4  # a, b, c, and b again
