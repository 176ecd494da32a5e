"""More rows in one unit of time than fit on a page: the one place where offsets cannot be avoided.

Promise: `read_unit` returns pages that hold every row which was in the unit throughout, or raises DriftError.
A unit is split by the stream's `parts` (Voki: the rating) until each answer is whole and so atomic. What still
does not fit is paged in both directions, again and again, until as many distinct keys are seen as the source
counts and a whole pass brings no other: the order of ties may change with every request, and a count alone is
right by accident where one row goes and another comes.
"""

import math
from collections.abc import Awaitable, Callable
from dataclasses import replace

from connectors.source import Answer, Page, Query, Stream, Window
from schemas.errors import DriftError, FatalSourceError, Place

PASSES = 16  # over one part; 125 shuffled rows on pages of 100 need about four


async def read_unit(
    stream: Stream, ask: Callable[[Query], Awaitable[Answer]], unit: Window, page_size: int
) -> list[Page]:
    """All rows of one unit of time; the last page carries the claim."""
    query = Query(unit.lower, unit.upper, page_size)
    whole = await ask(query)
    answers = [whole]
    if not whole.complete:
        answers += await _by_parts(stream, ask, query)
        if len(_keys(stream, answers)) != whole.total:  # a record of no part, or the unit has moved
            answers += await _until_all_seen(stream, ask, query)
    silent = [Page(answer, covers=None, certain=None) for answer in answers[:-1]]
    # Deletions are left to a whole answer about this very unit: rows paged by offset are never called gone.
    moments = filter(None, map(stream.cursor_of, whole.records))
    sure = whole.complete and all(unit.holds(moment) for moment in moments)
    return [*silent, Page(answers[-1], covers=unit, certain=unit if sure else None)]


async def _by_parts(stream: Stream, ask: Callable[[Query], Awaitable[Answer]], query: Query) -> list[Answer]:
    answers = []
    for part in stream.parts:
        one = await ask(replace(query, part=part))
        answers.append(one)
        if not one.complete:
            answers += await _until_all_seen(stream, ask, replace(query, part=part))
    return answers


async def _until_all_seen(
    stream: Stream, ask: Callable[[Query], Awaitable[Answer]], query: Query
) -> list[Answer]:
    answers: list[Answer] = []
    seen: set[str] = set()
    total: int | None = None
    for turn in range(PASSES):
        number, last, known = 1, 1, len(seen)
        while number <= last:
            try:
                answer = await ask(replace(query, descending=turn % 2 == 1, number=number))
            except FatalSourceError as error:
                if number > 1 and error.place.status in (404, 422):
                    break  # the page has vanished behind us: the count below decides
                raise
            if answer.total != total:
                seen, total = set(), answer.total
            answers.append(answer)
            seen |= _keys(stream, [answer])
            last = math.ceil((total or 0) / max(len(answer.records), 1)) if number == 1 else last
            number += 1
        if len(seen) == total == known:  # and a whole pass the other way has brought nothing new
            return answers
        if len(seen) > (total or 0):
            seen = set()  # some that were seen are gone, and others have come for them
    raise DriftError(
        f"{total} rows share one moment and their pages keep changing; raise page_size or try again later",
        Place(stream=stream.name, group=stream.group),
    )


def _keys(stream: Stream, answers: list[Answer]) -> set[str]:
    return {stream.key_of(record) for answer in answers for record in answer.records}
