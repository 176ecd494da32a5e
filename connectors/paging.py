"""Drift-safe walks over a window of a list that moves while it is read.

Promise: every row that is in the window from start to end of the walk is on some page, or the walk raises
DriftError. No offset is ever trusted across two requests. `seek` asks for ranges, always their first page:
each answer is an atomic picture of its range, so a page proves the part up to its last unit of time (`covers`),
and the next request begins inside that unit: the two pages share rows, so nothing can hide between them. When
these tiles cover the window it is complete, whatever was inserted, edited or deleted meanwhile.

A shared row costs a hundredth of a page. Pages are linked so as long as it costs two requests at most, and for
good once the source is seen to move; a source that has stood still till then is linked by counts (the total
behind a page must be the total before it less its rows), so that it is read in no more requests than it has
pages. A count is right by accident when as many rows come in behind a page as the page left of its last moment:
where any change is seen in the end, the moments that only a count links are read by themselves, the first hundred.

Two lanes, one from each end, hide the latency of a slow source. A lane counts in places: the number of the
unit of time, negative for the lane that descends, so that both read upwards.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from connectors.axis import Axis, Located, located
from connectors.source import EPOCH, Answer, Page, Query, Stream, Window, subtract
from connectors.ties import is_whole, leaves_out, read_unit
from schemas.errors import DriftError, EvalsyncError, FatalSourceError, Place

Ask = Callable[[Query], Awaitable[Answer]]

STAGGER = 0.1  # seconds that one lane waits for an answer before the other sends too, near the end
FAR = 10  # pages between the lanes from which on they do not wait for each other
LINK_PAGES = 1.0  # what shared rows may cost, in pages, before counts link the pages
RECHECKS = 100  # units linked by a count that are read again when the source is seen to move: a request each
MARGIN = 1  # units asked for outside of a gap: right for inclusive and for exclusive filters


@dataclass(frozen=True, slots=True)
class Lane:
    """How far one end of a gap is read: all places before `edge` are covered."""

    axis: Axis
    edge: int
    far: int  # the gap's other end
    start: int  # where the next request begins: outside of the gap at first, behind `edge` after a count
    shared: frozenset[str] = frozenset()  # keys of the last page at the place `edge`
    checked: bool = False  # a row at the bound of a request has come: the filter's bound is as assumed
    expected: int | None = None  # rows at `start` and behind, if the source stands still

    def query(self, size: int) -> Query:
        asked = self.axis.window(self.start, self.far + MARGIN)
        return Query(asked.lower, asked.upper, size, descending=self.axis.descending)


@dataclass(slots=True)
class Links:
    """Whether the next two pages are linked by shared rows or by a count."""

    page_size: int
    spent: int = 0  # rows read twice for the sake of a link
    given: int = 0  # rows on the largest page so far
    moved: bool = False  # the source was seen to move: a count could be right by accident
    counted: list[Window] = field(
        default_factory=list
    )  # units in which only a count says that nothing is missing

    def by_rows(self) -> bool:
        return self.moved or self.spent < LINK_PAGES * self.page_size


async def seek(
    stream: Stream,
    ask: Ask,
    window: Window,
    done: Sequence[Window],
    page_size: int,
    stop: asyncio.Event,
    *,
    lanes: int = 2,
) -> AsyncGenerator[Page]:
    """Pages until they, with the parts already `done`, cover `window`, or until `stop` at a page's edge.

    Raises DriftError where the answers contradict themselves, and what `ask` raises; what the other lane has
    under way is yielded first.
    """
    links = Links(page_size)
    for gap in subtract(window, done):
        async for page in _read_gap(stream, ask, gap, links, stop, lanes):
            yield page
        while links.moved and links.counted and not stop.is_set():
            for page in await read_unit(stream, ask, links.counted.pop(), page_size):
                yield page
        if stop.is_set():
            return


async def _read_gap(
    stream: Stream, ask: Ask, gap: Window, links: Links, stop: asyncio.Event, lanes: int
) -> AsyncIterator[Page]:
    both = [_open_lane(gap, stream.unit, descending=False), _open_lane(gap, stream.unit, descending=True)]
    left: int | None = None  # rows unread, by the source's last count
    flying: dict[asyncio.Task[tuple[list[Page], Lane]], int] = {}
    failure: EvalsyncError | None = None
    try:
        while True:
            halted = failure is not None or stop.is_set() or _met(*both)
            if not flying and halted:
                break
            if not halted and await _may_send(list(flying), left, links.page_size, lanes):
                index = 1 - next(iter(flying.values()), 1)
                flying[asyncio.create_task(_step(stream, ask, both[index], links))] = index
                continue
            landed, _ = await asyncio.wait(flying, return_when=asyncio.FIRST_COMPLETED)
            for task in landed:
                index = flying.pop(task)
                try:
                    pages, both[index] = task.result()
                except EvalsyncError as error:
                    failure = failure or error
                    continue
                left = _left(left, pages[-1].answer)
                for page in pages:
                    yield page
    finally:
        for task in flying:
            task.cancel()
        await asyncio.gather(*flying, return_exceptions=True)
    if failure is not None:
        raise failure


def _open_lane(gap: Window, unit: timedelta, *, descending: bool) -> Lane:
    axis = Axis(unit, descending)
    edge, far = axis.ends(gap)
    return Lane(axis, edge=edge, far=far, start=edge - MARGIN)


def _met(up: Lane, down: Lane) -> bool:
    return up.edge + down.edge > 0 or up.edge >= up.far or down.edge >= down.far


async def _may_send(
    flying: list[asyncio.Task[tuple[list[Page], Lane]]], left: int | None, page_size: int, lanes: int
) -> bool:
    """Whether a lane should send now: always when none does, else when there is work and the other is slow."""
    if not flying:
        return True
    if len(flying) >= lanes or left is None or left <= page_size * len(flying):
        return False
    if left > FAR * page_size:
        return True
    landed, _ = await asyncio.wait(flying, timeout=STAGGER, return_when=asyncio.FIRST_COMPLETED)
    return not landed


def _left(left: int | None, answer: Answer) -> int | None:
    before = answer.total if left is None else left
    return None if before is None else max(before - len(answer.records), 0)


async def _step(stream: Stream, ask: Ask, lane: Lane, links: Links) -> tuple[list[Page], Lane]:
    """One page further (more where the source moved or a unit is larger than a page)."""
    found, lane = await _linked_answer(stream, ask, lane, links.page_size)
    answer, places = found.answer, _checked(stream, found, lane)
    pages: list[Page] = []
    claim = lane.edge
    if lane.expected is not None and answer.total != lane.expected:
        if lane.start > lane.edge:  # linked by count: the doubtful unit by itself
            pages = await read_unit(stream, ask, lane.axis.window(lane.edge, lane.start), links.page_size)
            claim = lane.start
        links.moved = links.moved or not _left_over(stream, lane, answer, pages)
    elif lane.start > lane.edge and len(links.counted) < RECHECKS:
        links.counted.append(lane.axis.window(lane.edge, lane.start))
    sure = max(claim, lane.start)
    answer = _judged(answer, places, claim, links)
    if answer.complete:
        pages.append(_page(answer, lane.axis, claim, sure, lane.far))
        return pages, replace(lane, edge=lane.far)
    last = places[-1]
    if last > claim:
        pages.append(_page(answer, lane.axis, claim, sure, min(last, lane.far)))
        return pages, _next(stream, found, lane, last, links)
    if last < claim and lane.start >= claim:  # a page full of what lies before its bound: no step further
        raise _misread(stream, "gives rows before its bound: look at assume.date_unit and", lane)
    pages.append(Page(answer, covers=None, certain=None))
    if last == claim:  # the rest of the page is one moment
        unit = await read_unit(stream, ask, lane.axis.window(last, last + 1), links.page_size)
        if await leaves_out(stream, ask, lane.query(links.page_size), answer, unit):
            what = "leaves out rows at its bounds: raise page_size, or look at assume.date_to and"
            raise _misread(stream, what, lane)
        pages += unit
        claim = last + 1
    return pages, replace(lane, edge=claim, start=claim, shared=frozenset(), expected=None)


def _judged(answer: Answer, places: Sequence[int], claim: int, links: Links) -> Answer:
    """Where the source does not say, an answer that goes no further than its bound is the last, if it is not full."""
    if answer.complete is None and (not places or places[-1] <= claim):
        answer = replace(answer, complete=is_whole(answer, links.page_size))
    if not answer.complete:  # a source may give less than it was asked for
        links.given = max(links.given, len(answer.records))
        links.page_size = len(answer.records) if answer.complete is False else links.given
    return answer


def _left_over(stream: Stream, lane: Lane, answer: Answer, unit: Sequence[Page]) -> bool:
    """Whether rows of the unit at the edge, which the page before had no room for, explain a count to the full."""
    found = {stream.key_of(record) for page in unit for record in page.answer.records}
    missing = (lane.expected or 0) - (answer.total or 0)
    return bool(unit) and lane.shared <= found and missing == len(found) - len(lane.shared)


def _page(answer: Answer, axis: Axis, claim: int, sure: int, end: int) -> Page:
    return Page(
        answer, covers=axis.window(claim, end), certain=axis.window(sure, end) if sure < end else None
    )


def _next(stream: Stream, found: Located, lane: Lane, last: int, links: Links) -> Lane:
    """Where the lane stands after a page that reaches into the place `last`, and how the next page is linked."""
    total = found.answer.total
    behind = None if total is None else total - len(found.answer.records)
    shared, places = found.keys_at(stream, last), found.known()
    # Where moments are often shared, a count would often be off, and each time cost a request.
    ties = len(places) - len(set(places))
    if behind is not None and lane.checked and not links.by_rows() and ties < len(shared):
        return replace(lane, edge=last, start=last + 1, shared=shared, expected=behind)
    links.spent += len(shared)
    still = None if behind is None else behind + len(shared)
    return replace(lane, edge=last, start=last, shared=shared, expected=still)


async def _linked_answer(stream: Stream, ask: Ask, lane: Lane, page_size: int) -> tuple[Located, Lane]:
    """The next answer. Where no row at its bound comes, one unit earlier tells deletion from a wrong filter."""
    found = located(stream, lane.axis, await ask(lane.query(page_size)))
    if not lane.shared or lane.start > lane.edge:
        return found, lane
    if found.keys_at(stream, lane.start):  # of a large tie perhaps others than those shared
        return found, replace(lane, checked=True)
    earlier = replace(lane, start=lane.start - MARGIN, shared=frozenset())
    found = located(stream, lane.axis, await ask(earlier.query(page_size)))
    if lane.shared & found.keys_at(stream, lane.start):
        raise _misread(stream, "leaves out rows at its bound: set to exclusive", lane)
    return found, earlier


def _misread(stream: Stream, does: str, lane: Lane) -> FatalSourceError:
    name = "assume.date_to" if lane.axis.descending else "assume.date_from"
    return FatalSourceError(f"the source {does} {name}", Place(stream=stream.name, group=stream.group))


def _checked(stream: Stream, found: Located, lane: Lane) -> list[int]:
    """The places that are known, checked: in the asked order and in the asked range, give or take a unit."""
    place = Place(stream=stream.name, group=stream.group)
    answer, places = found.answer, found.known()
    if places != sorted(places):
        raise DriftError("the source does not answer in the asked order", place)
    if places and (places[0] < lane.start - MARGIN or places[-1] > lane.far + 2 * MARGIN):
        raise DriftError("the source answers with records outside of the asked range", place)
    if not places and (answer.records or answer.complete is False) and not answer.complete:
        field = stream.contract.wire_cursor
        raise DriftError(f"no record of a page has a readable {field}: the page has no place in time", place)
    return places


async def open_window(
    stream: Stream, ask: Ask, lower: datetime, page_size: int, upper: datetime | None = None
) -> tuple[Window, Page]:
    """The window that can be closed now, and its first page, in one request.

    The upper bound lies behind the source's own clock (its Date header; without one, its newest row), never
    behind ours, so that no new row enters while the window is read; `upper` can only draw it in.
    """
    query = Query(lower - MARGIN * stream.unit, None, page_size)
    answer = await ask(query)
    observed = answer.observed_at
    if observed is None:
        # The same picture where it is whole: a row that comes between two answers must not be behind the bound.
        newest = answer if answer.complete else await ask(replace(query, size=1, descending=True))
        observed = max(filter(None, map(stream.cursor_of, newest.records)), default=lower)
    closed = stream.floor(observed - stream.settle)
    window = Window(lower, max(lower, closed if upper is None else min(closed, stream.floor(upper))))
    axis = Axis(stream.unit, descending=False)
    edge, far = axis.ends(window)
    lane = Lane(axis, edge=edge, far=far, start=edge - MARGIN)
    if window.empty:
        return window, Page(answer, covers=None, certain=None)
    endless = replace(lane, far=max(far, (datetime.max.replace(tzinfo=UTC) - EPOCH) // stream.unit))
    places = _checked(stream, located(stream, axis, answer), endless)
    end = far if answer.complete or not places else min(places[-1], far)
    if end <= edge:
        return window, Page(answer, covers=None, certain=None)
    return window, _page(answer, axis, edge, edge, end)
