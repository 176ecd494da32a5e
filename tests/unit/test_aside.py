"""Work beside the event loop, and what libraries may say in the log.

Kills: work on the caller's own loop, which would hold up its readers; a stop or a cancellation that does not arrive; an
end that is not waited for; a library's text that is logged with the values in it.
"""

import asyncio
import io
import json
import logging
import threading
from collections.abc import Iterator

import pytest
import structlog

from pipeline.aside import aside
from pipeline.logs import configure
from schemas.errors import LoadError


async def test_the_caller_goes_on_while_the_work_blocks() -> None:
    opened, began = threading.Event(), threading.Event()

    async def work(_: asyncio.Event) -> bool:
        began.set()
        return opened.wait(30)  # blocks its loop

    at_work = asyncio.create_task(aside(work, asyncio.Event()))
    assert await asyncio.to_thread(began.wait, 30)
    opened.set()
    assert await at_work


async def test_a_stop_arrives_and_the_result_comes_back() -> None:
    stop = asyncio.Event()

    async def work(halt: asyncio.Event) -> str:
        asyncio.get_running_loop().call_soon(stop_from_outside)
        await halt.wait()
        return "at the edge of a page"

    here = asyncio.get_running_loop()

    def stop_from_outside() -> None:
        here.call_soon_threadsafe(stop.set)

    assert await aside(work, stop) == "at the edge of a page"
    assert await aside(work, stop) == "at the edge of a page"  # it was set before


async def test_an_error_comes_back_as_it_is() -> None:
    async def work(_: asyncio.Event) -> None:
        raise LoadError("no room")

    with pytest.raises(LoadError, match="no room"):
        await aside(work, asyncio.Event())


async def test_a_cancelled_caller_waits_for_the_end() -> None:
    began, ended = threading.Event(), list[str]()

    async def work(_: asyncio.Event) -> None:
        began.set()
        try:
            await asyncio.sleep(600)
        finally:
            await asyncio.sleep(0.05)
            ended.append("the lease is given back")

    at_work = asyncio.create_task(aside(work, asyncio.Event()))
    assert await asyncio.to_thread(began.wait, 30)
    at_work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await at_work
    assert ended == ["the lease is given back"]


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    before = logging.getLogger().handlers[:]
    found = io.StringIO()
    configure(found)
    yield found
    logging.getLogger().handlers[:] = before
    structlog.reset_defaults()


def test_a_library_says_its_first_sentence_without_values(lines: io.StringIO) -> None:
    library = logging.getLogger("a.library")
    library.info("nobody asked")
    library.warning("cannot send %s", "Authorization: secret")
    try:
        int("secret")
    except ValueError:
        library.exception("it broke\nsecret=%s", "secret")
    structlog.get_logger().info("page_loaded", rows=3)
    said = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert [(one["event"], one["level"]) for one in said] == [
        ("library", "warning"),
        ("library", "error"),
        ("page_loaded", "info"),
    ]
    assert said[1] | {"name": "a.library", "said": "it broke", "error": "ValueError"} == said[1]
    assert "secret" not in lines.getvalue()
