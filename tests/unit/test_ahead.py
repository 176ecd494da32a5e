"""Reading ahead of who takes the items.

Kills: an error that overtakes what was read before it; a queue without an end; a reader that is left behind.
"""

import asyncio
import threading
from collections.abc import AsyncGenerator
from contextlib import aclosing, closing

import pytest

from pipeline.ahead import ahead, one_ahead

MOST = 3


class Source:
    """Numbers up to `last`, then an error where one is given."""

    def __init__(self, last: int, error: Exception | None = None) -> None:
        self.last, self.error = last, error
        self.given, self.closed = 0, False

    async def items(self) -> AsyncGenerator[int]:
        try:
            for number in range(self.last):
                self.given += 1
                yield number
            if self.error:
                raise self.error
        finally:
            self.closed = True


async def settle() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


async def test_all_items_come_in_order() -> None:
    source = Source(100)
    assert [item async for item in ahead(source.items(), MOST)] == list(range(100))
    assert source.closed


async def test_reading_goes_on_while_an_item_is_worked_on_and_not_for_ever() -> None:
    source = Source(100)
    async with aclosing(ahead(source.items(), MOST)) as items:
        assert await anext(items) == 0
        await settle()
        assert source.given == 1 + MOST + 1  # taken, waiting, and one in the hand


async def test_an_error_comes_behind_what_was_read_before_it() -> None:
    items = ahead(Source(7, OSError("cut")).items(), MOST)
    for number in range(7):
        assert await anext(items) == number
        await settle()
    with pytest.raises(OSError, match="cut"):
        await anext(items)


async def test_nothing_is_read_any_more_when_nobody_asks() -> None:
    source = Source(100)
    async with aclosing(ahead(source.items(), MOST)) as items:
        await anext(items)
    assert source.closed
    given = source.given
    await settle()
    assert source.given == given


def test_the_next_is_made_while_one_is_used_and_no_more() -> None:
    """A mutant that makes everything first, or each only when it is asked for, fails."""
    made: list[int] = []
    second = threading.Event()

    def work(item: int) -> int:
        made.append(item)
        if item == 2:
            second.set()
        return item * 10

    with closing(one_ahead(range(1, 6), work)) as items:
        assert next(items) == 10
        assert second.wait(10)  # while the first is still in our hands
        assert made == [1, 2]
        assert list(items) == [20, 30, 40, 50]
    assert made == [1, 2, 3, 4, 5]


def test_what_went_wrong_with_one_is_raised_in_its_turn() -> None:
    def work(item: int) -> int:
        if item == 2:
            raise ValueError(item)
        return item

    with closing(one_ahead([1, 2, 3], work)) as items:
        assert next(items) == 1
        with pytest.raises(ValueError, match="2"):
            next(items)
