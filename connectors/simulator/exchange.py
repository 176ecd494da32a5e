"""One request on its way through a simulator: logged, delayed, perhaps struck by a fault, answered, logged again.

Shared by the APIs. Never knows what is asked: the true answer is made by the function it is given.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from aiohttp import web

from connectors.simulator import faults
from connectors.simulator.clock import Now
from connectors.simulator.log import Arrival, Log
from connectors.simulator.script import Fault, Script
from connectors.simulator.wire import Answer

Answering = Callable[
    [bytes, Fault | None, Arrival], Answer
]  # the body; what spoils the answer; the log's entry


class Running(Protocol):
    """What every running API has."""

    @property
    def script(self) -> Script: ...
    @property
    def log(self) -> Log: ...
    @property
    def now(self) -> Now: ...


async def exchange(
    site: Running,
    names: tuple[str, str],
    key: str,
    request: web.Request,
    answering: Answering,
    *,
    error: Callable[[int], Any] = faults.error_body,
    dress: Callable[[Answer], Answer] = lambda answer: answer,
) -> web.StreamResponse:
    """`names` are the endpoint's name and route template, `key` the caller's in the log.

    `error` makes the body of a status fault, `dress` gives every answer the forms that hold for all.
    """
    name, template = names
    arrival = site.log.arrive(request.method, template, request.path, dict(request.query), key)
    status: int | None = None
    try:
        body = await request.read()
        if site.script.latency:
            await asyncio.sleep(site.script.latency())
        site.script.mutate(name, arrival)
        fault = site.script.strike(name, arrival)
        answer = await faults.instead(fault, site.now(), error) if fault else None
        answer = dress(answering(body, fault, arrival) if answer is None else answer)
        response = await faults.send(request, answer, fault, site.now())
        status = answer.status or None
        return response
    finally:
        site.log.answered(arrival.n, status)
