"""Evaluations by the million: the made-up year of the simulator's, made by columns instead of by rows.

Promises the same shape as `connectors.simulator.year`: its staff, its load by day and hour, its ratings by agent, its
comments (65 % a text, 10 % empty, 10 % no such field, 15 % null) and its ids; the same arguments give the same rows.
The newest `changed` rows can be had as they are after an edit. Knows nothing of who reads them.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise, product
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from connectors.simulator.clock import seconds
from connectors.simulator.phrases import COMMENTS, ENDINGS, FIRST_NAMES, LAST_NAMES, ODD_COMMENTS
from connectors.simulator.roster import roster
from connectors.simulator.world import UNTIL
from connectors.simulator.year import GOOD, HOURS, POOR, WEEK, ZONE

Numbers = NDArray[np.int64]

SEED = 7
YEAR = 365.0  # days
CHUNK = 1_000_000  # rows that are written at once
DIGITS = np.frombuffer(
    bytes(f"{n:02x}"[i].encode()[0] for n in range(256) for i in (0, 1)), np.uint8
).reshape(256, 2)
EDITED = " (corrigido)"


@dataclass(frozen=True, slots=True)
class Rows:
    """All rows, oldest first: their JSON, a comma behind each, and what is asked of them."""

    body: bytes
    starts: Numbers  # of each row in the body, and the body's end
    times: Numbers  # unix seconds
    ratings: NDArray[np.int8]
    commented: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.times)

    def json(self, first: int, last: int, *, descending: bool = False) -> bytes:
        """The rows [first, last) as they stand between the brackets of a list."""
        if first >= last:
            return b""
        if not descending:
            return self.body[self.starts[first] : self.starts[last] - 1]
        edges = self.starts[first : last + 1].tolist()
        return b",".join(self.body[edges[i] : edges[i + 1] - 1] for i in range(len(edges) - 2, -1, -1))

    def truth(self) -> dict[str, int]:
        """What a copy has to have."""
        return {"rows": len(self), "rating_sum": int(self.ratings.sum()), "ids": len(self)}


def make(n: int, *, days: float = YEAR, seed: int = SEED, changed: int = 0) -> Rows:
    """`n` rows of the `days` before the simulator's `UNTIL`."""
    chance = np.random.default_rng([seed, n])
    times = _times(chance, n, days)
    agent, ratings = _ratings(chance, n, seed)
    comment, text = _comments(chance, ratings)
    customer = chance.integers(len(FIRST_NAMES) * len(LAST_NAMES), size=n)
    ids, calls = _ids(chance, n, documented=0.02), _ids(chance, n, documented=0)
    if changed:
        ratings[-changed:] = ratings[-changed:] % 5 + 1
        comment[-changed:] = _edited(comment[-changed:], len(text))
        text = [*text, *(_with(one) for one in text)]
    commented = np.array([one not in NO_TEXT for one in text])[comment]
    bodies, starts = [], [np.zeros(1, np.int64)]
    for first in range(0, n, CHUNK):
        part = slice(first, first + CHUNK)
        codes = (ratings[part], comment[part], customer[part], agent[part])
        written = _written(ids[part], calls[part], codes, times[part], text, seed)
        ends = np.frombuffer(written.buffers()[1], np.int64)[1 : len(written) + 1]
        bodies.append(written.buffers()[2].to_pybytes()[: ends[-1]])
        starts.append(ends + starts[-1][-1])
    return Rows(b"".join(bodies), np.concatenate(starts), times, ratings, commented)


def _times(chance: np.random.Generator, n: int, days: float) -> Numbers:
    """Sorted; about one in five hundred shares its second with another on purpose, more do by chance."""
    until, span = seconds(UNTIL), int(days * 86_400)
    start = until - span
    first = datetime.fromtimestamp(start, ZONE).replace(hour=0, minute=0, second=0, microsecond=0)
    midnights = [first + timedelta(days=day) for day in range(int(np.ceil(days)) + 1)]
    load = np.array([WEEK[day.weekday()] for day in midnights]) * chance.uniform(0.8, 1.2, len(midnights))
    day = chance.choice(np.array([seconds(one) for one in midnights]), n, p=load / load.sum())
    hour = chance.choice(24, n, p=np.array(HOURS) / sum(HOURS))
    times = np.sort(start + (day + hour * 3600 + chance.integers(3600, size=n) - start) % span)
    tied = np.flatnonzero(chance.random(n) < 0.002)
    tied = tied[tied > 0]
    times[tied] = times[tied - 1]
    return times


def _ratings(chance: np.random.Generator, n: int, seed: int) -> tuple[Numbers, NDArray[np.int8]]:
    """(who took the call, how it was rated)"""
    people = roster(seed)
    busy = chance.uniform(0.1, 1.0, len(people))
    agent = chance.choice(len(people), n, p=busy / busy.sum())
    poor, good = np.array(POOR), np.array(GOOD)
    shares = np.array([poor + person.skill * (good - poor) for person in people])
    edges = np.cumsum(shares, axis=1) / shares.sum(axis=1, keepdims=True)
    luck, rating = chance.random(n), np.ones(n, np.int8)
    for place in range(4):
        rating += luck > edges[agent, place]
    return agent, rating


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


NO_TEXT = ("", '"comment":null,', '"comment":"",')  # no such field, null, the empty text


def _comments(chance: np.random.Generator, ratings: NDArray[np.int8]) -> tuple[Numbers, list[str]]:
    """(number of each row's comment, all comments as they are written)"""
    ends = ("", *(f" {one}" for one in ENDINGS))
    all_of = {rating: [text + end for text, end in product(COMMENTS[rating], ends)] for rating in COMMENTS}
    texts = [*ODD_COMMENTS, *(text for rating in sorted(all_of) for text in all_of[rating])]
    counts = np.array([0, *(len(COMMENTS[rating]) for rating in sorted(all_of))])
    begin = len(NO_TEXT) + len(ODD_COMMENTS) + np.cumsum(counts * len(ends))
    n = len(ratings)
    of_rating = (chance.random(n) * counts[ratings]).astype(np.int64)
    end = np.where(chance.random(n) < 0.28, chance.integers(1, len(ends), n), 0)
    number = begin[ratings - 1] + of_rating * len(ends) + end
    odd = len(NO_TEXT) + chance.integers(len(ODD_COMMENTS), size=n)
    number = np.where(chance.random(n) < 0.03, odd, number)
    kind = np.searchsorted([0.1, 0.25, 0.35], chance.random(n), side="right")  # none, null, empty, a text
    number = np.where(kind < len(NO_TEXT), kind, number)
    return number, [*NO_TEXT, *(f'"comment":{_json(text)},' for text in texts)]


def _edited(comment: Numbers, texts: int) -> Numbers:
    return np.where(comment < len(NO_TEXT), comment, comment + texts)


def _with(comment: str) -> str:
    return comment if comment in NO_TEXT else f'{comment[:-2]}{EDITED}",'


def _ids(chance: np.random.Generator, n: int, *, documented: float) -> NDArray[np.uint8]:
    """Each 36 letters: a uuid, or as the documentation's examples show it, which is not quite hex."""
    digits = DIGITS[chance.integers(256, size=(n, 16), dtype=np.uint8)].reshape(n, 32)
    digits[chance.random(n) < documented, :2] = np.frombuffer(b"ev", np.uint8)
    dash = np.full((n, 1), ord("-"), np.uint8)
    edges = (0, 8, 12, 16, 20, 32)
    pieces = [digits[:, a:b] for a, b in pairwise(edges)]
    return np.hstack([pieces[0], *(one for piece in pieces[1:] for one in (dash, piece))])


def _written(
    ids: NDArray[np.uint8],
    calls: NDArray[np.uint8],
    codes: tuple[NDArray[Any], ...],
    times: Numbers,
    comments: Sequence[str],
    seed: int,
) -> Any:
    """The rows' JSON as one Arrow array of texts."""
    ratings, comment, customer, agent = codes
    customers = [f'"customer_name":{_json(" ".join(pair))},' for pair in product(FIRST_NAMES, LAST_NAMES)]
    people = [
        f'"user_name":{_json(one.name)},"department_name":{_json(one.department)},"inserted_at":"'
        for one in roster(seed)
    ]
    parts = [
        *('{"id":"', _fixed(ids), '","call_id":"', _fixed(calls), '","rating":'),
        *(_coded([f"{n}," for n in range(6)], ratings), _coded(comments, comment)),
        *(_coded(customers, customer), _coded(people, agent)),
        *(
            pc.strftime(pa.array(times, pa.timestamp("s")), "%Y-%m-%dT%H:%M:%SZ").cast(pa.large_string()),
            '"},',
        ),
    ]
    whole = [pa.scalar(one, pa.large_string()) if isinstance(one, str) else one for one in parts]
    return pc.binary_join_element_wise(*whole, pa.scalar("", pa.large_string()))


def _fixed(letters: NDArray[np.uint8]) -> Any:
    rows, width = letters.shape
    edges = np.arange(rows + 1, dtype=np.int64) * width
    return pa.LargeStringArray.from_buffers(
        rows, pa.py_buffer(edges), pa.py_buffer(np.ascontiguousarray(letters))
    )


def _coded(texts: Sequence[str], numbers: NDArray[Any]) -> Any:
    return pa.array(texts, pa.large_string()).take(pa.array(numbers, pa.int64()))
