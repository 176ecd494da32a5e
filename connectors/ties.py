"""Rows that cannot be told apart by time: more in one unit than fit on a page, and lists without any time. The one
place where pages are asked for by number, or by the source's own links.

Promise: `read_unit` and `read_list` return pages that hold every row which was there throughout, or raise
DriftError. A unit is split by the stream's `parts` (Voki: the rating) until each answer is whole and so atomic. What
still does not fit is paged in both directions, again and again, until as many distinct keys are seen as the source
counts and a whole pass brings no other: the order of ties may change with every request, and a count alone is
right by accident where one row goes and another comes. Deletions are claimed only by a whole answer, or by two
rounds of parts or passes in a row that saw the same rows and no others.
"""

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from connectors.source import EPOCH, Answer, Page, Query, Stream, Window
from schemas.errors import DriftError, FatalSourceError, Place

Ask = Callable[[Query], Awaitable[Answer]]

PASSES = 16  # over one part; 125 shuffled rows on pages of 100 need about four
MOST_PAGES = 100_000  # of one pass: a source that never ends ends somewhere


@dataclass(slots=True)
class Passes:
    """What the passes over one query have brought so far."""

    answers: list[Answer] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)  # in all passes since the total last changed
    last: frozenset[str] | None = None  # in the pass before
    total: int | None = None


async def read_unit(stream: Stream, ask: Ask, unit: Window, page_size: int) -> list[Page]:
    """All rows of one unit of time; the last page carries the claim."""
    query = Query(unit.lower, unit.upper, page_size)
    whole = await ask(query)
    answers, sure = [whole], is_whole(whole, page_size)
    if not sure:
        parts = await _by_parts(stream, ask, query)
        answers += parts
        if len(_keys(stream, answers)) != whole.total:  # a record of no part, or the unit has moved
            more, sure = await _until_all_seen(stream, ask, query, None)
        else:  # a row whose rating changes could be in no part: not twice in a row
            more = await _by_parts(stream, ask, query)
            sure = _keys(stream, more) == _keys(stream, answers) == _keys(stream, parts)
        answers += more
    # A filter that is not as assumed would leave out rows at the unit's ends.
    moments = filter(None, map(stream.cursor_of, whole.records))
    sure = sure and all(unit.holds(moment) for moment in moments)
    return _claimed(answers, unit, unit if sure else None)


async def leaves_out(stream: Stream, ask: Ask, query: Query, page: Answer, unit: Sequence[Page]) -> bool:
    """Whether a unit that was read by itself lacks rows that a page had of it, and still has.

    So it is where a bound does not take in what we think: also where times have fractions of a second.
    """
    window, found = unit[-1].covers, _keys(stream, [one.answer for one in unit])
    moments = [(record, stream.cursor_of(record)) for record in page.records]
    seen = {stream.key_of(record) for record, at in moments if at and window and window.holds(at)}
    missing = seen - found
    if page.total is not None:  # then the proof sees what is missing
        return not found
    return not found or (bool(missing) and bool(missing & _keys(stream, [await ask(query)])))


async def open_list(stream: Stream, ask: Ask, page_size: int, now: datetime) -> tuple[Window, Page]:
    """The window of a list, which has no place in time, and its first page: everything up to this moment.

    `now` stands in for the source's clock where it shows none.
    """
    answer = await ask(Query(None, None, page_size, part=stream.parts[0] if stream.parts else None))
    window = Window(EPOCH, stream.floor(answer.observed_at or now))
    whole = bool(answer.complete or not answer.records) and len(stream.parts) < 2
    return window, Page(answer, covers=window if whole else None, certain=window if whole else None)


async def read_list(
    stream: Stream, ask: Ask, window: Window, page_size: int, first: Answer | None
) -> list[Page]:
    """All rows of a list, in each of its parts; `first` is the answer that opened the window, if it is at hand."""
    answers: list[Answer] = []
    sure = True
    for part in stream.parts or (None,):
        query = Query(None, None, page_size, part=part)
        opening, first = first or await ask(query), None
        answers.append(opening)
        # Where the source does not say, a silent cap must not pass for the end.
        if opening.records and not opening.complete:
            more, agreed = await _until_all_seen(stream, ask, query, opening)
            answers, sure = answers + more, sure and agreed
    return _claimed(answers, window, window if sure else None)


async def count(stream: Stream, ask: Ask, window: Window) -> int | None:
    """The source's own count of a window, by the smallest page; None where it gives none."""
    if stream.walk == "list":
        queries = [Query(None, None, 1, part=part) for part in stream.parts or (None,)]
    else:
        queries = [Query(window.lower, window.upper, 1)]
    counts = [(await ask(one)).total for one in queries]
    known = [one for one in counts if one is not None]
    return sum(known) if len(known) == len(counts) else None


def is_whole(answer: Answer, page_size: int) -> bool:
    """Whether nothing is left out; where the source does not say, a page that is not full is the last."""
    return len(answer.records) < page_size if answer.complete is None else answer.complete


def _claimed(answers: Sequence[Answer], covers: Window, certain: Window | None) -> list[Page]:
    silent = [Page(answer, covers=None, certain=None) for answer in answers[:-1]]
    return [*silent, Page(answers[-1], covers=covers, certain=certain)]


async def _by_parts(stream: Stream, ask: Ask, query: Query) -> list[Answer]:
    answers = []
    for part in stream.parts:
        one = await ask(replace(query, part=part))
        answers.append(one)
        if not is_whole(one, query.size):
            answers += (await _until_all_seen(stream, ask, replace(query, part=part), None))[0]
    return answers


async def _until_all_seen(
    stream: Stream, ask: Ask, query: Query, opening: Answer | None
) -> tuple[list[Answer], bool]:
    """(answers, whether two passes in a row saw the very same rows). `opening` is page 1, if it is at hand."""
    state = Passes()
    for turn in range(PASSES):
        known = len(state.seen)
        found = frozenset(
            await _one_pass(
                stream, ask, replace(query, descending=turn % 2 == 1), state, opening if turn == 0 else None
            )
        )
        same, state.last = found == state.last, found
        enough = len(state.seen) == (known if state.total is None else state.total)
        if (
            turn and enough and known == len(state.seen)
        ):  # and a whole pass the other way has brought nothing new
            return state.answers, same and found == state.seen
        if state.total is not None and len(state.seen) > state.total:
            state.seen = set()  # some that were seen are gone, and others have come for them
    what = "stand in one list" if stream.walk == "list" else "share one moment"
    raise DriftError(
        f"{state.total} rows {what} and their pages keep changing; raise page_size, look at assume.paging or try again"
        " later",
        Place(stream=stream.name, group=stream.group),
    )


async def _one_pass(
    stream: Stream, ask: Ask, query: Query, state: Passes, opening: Answer | None
) -> set[str]:
    """Ask for page after page; the keys of this pass."""
    found: set[str] = set()
    full = 0  # rows on the first page
    followed: set[str] = set()  # a link that was followed before leads in a circle
    for number in range(1, MOST_PAGES):
        try:
            answer = opening if opening is not None and number == 1 else await ask(query)
        except FatalSourceError as error:
            if number > 1 and error.place.status in (404, 422):
                break  # the page has vanished behind us: the count below decides
            raise
        if answer.total != state.total:
            state.seen, state.total = set(), answer.total
        if answer is not opening:
            state.answers.append(answer)
        keys = _keys(stream, [answer])
        nothing_new = keys <= found
        found |= keys
        state.seen |= keys
        full = full or len(answer.records)
        again = number == 2 and nothing_new and len(keys) == full
        if again and answer.total is None and answer.next is None:
            await _turns_pages(stream, ask, query, full)
        if _ends(answer, number, full, nothing_new=nothing_new) or answer.next in followed:
            break
        followed |= {answer.next} if answer.next else set()
        query = replace(query, number=number + 1, link=answer.next)
    return found


async def _turns_pages(stream: Stream, ask: Ask, query: Query, full: int) -> None:
    """Page 2 is page 1 again: the last page, a list in one body, or is the number ignored? Smaller pages tell."""
    smaller = await ask(replace(query, size=max(full - 1, 1)))
    if 1 < len(smaller.records) < full:
        raise FatalSourceError(
            "page 2 is page 1 again, whatever page is asked for: set assume.paging.number, size and next",
            Place(stream=stream.name, group=stream.group),
        )


def _ends(answer: Answer, number: int, full: int, *, nothing_new: bool) -> bool:
    """Whether a pass is over: by the source's link, else by its count, else by a page that brings nothing new."""
    if answer.next is not None:
        return not answer.records
    if answer.total is None:
        return bool(answer.complete) or nothing_new or len(answer.records) < full
    return number >= math.ceil(answer.total / max(full, 1))


def _keys(stream: Stream, answers: Sequence[Answer]) -> set[str]:
    return {stream.key_of(record) for answer in answers for record in answer.records}
