"""What happens between two requests: changes of the table, faults, latency. Seeded, so that it happens again.

A mutation is called before each request for a list of evaluations is answered and after it arrived; a fault strikes the
requests that it names. Nothing here knows HTTP: how a fault looks on the wire is in faults.py.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from connectors.simulator.clock import Now, moment, seconds
from connectors.simulator.evaluagent.world import QualityWorld, micros
from connectors.simulator.log import Arrival
from connectors.simulator.switches import RetryAfter
from connectors.simulator.world import World

Mutation = Callable[[int, Arrival], None]  # the number of the request among those, from 1; the request
Kind = (
    int  # a status code, with the documented error body or `payload`
    | Literal[
        # instead of the answer
        "html",  # 200 with a page of HTML
        "empty",  # 200 with an empty body
        "error_200",  # 200 with {"error": ..}
        "no_content",  # 204
        "redirect",  # 302 to `location`
        "bomb",  # small gzip that inflates to 512 MiB
        "deep",  # 200,000 nested brackets
        "reset",  # the connection is torn down
        "stall",  # headers never come
        # the true answer, to another question
        "stale",  # from `snapshot`
        "same_page",  # page 1, whatever page was asked, and it says it is the page asked
        "ignore_dates",
        # the true answer, spoiled
        "short_json",  # half of the rows, no meta: still JSON
        "short_rows",  # half of the rows, meta as it should be
        "no_meta",  # nor links
        "no_links",  # evaluagent: meta as it should be
        "no_included",  # evaluagent
        "foreign_next",  # evaluagent: links.next leads to the origin of `location`
        "empty_page",  # no rows, meta as it should be
        "null_data",
        "wrong_type",  # data is an object, total_count a text
        # the true answer, badly sent
        "truncated",  # closed in mid-body, Content-Length promises more
        "slow",  # a few bytes every `delay` seconds
    ]
)


@dataclass(frozen=True, slots=True, eq=False)
class Fault:
    """One fault. Of the matching requests it strikes those named by `at`, `every`, `first`; else all."""

    kind: Kind
    match: str = ""  # an endpoint's name (third member of the ROUTES of an application) or part of a path
    at: frozenset[int] = frozenset()  # these, counted from 1
    every: int | None = None
    first: int | None = None
    chance: float = 1.0  # of those, by the script's seed
    retry_after: RetryAfter = "none"
    wait: float = 2.0  # seconds that Retry-After names
    delay: float = 0.05  # seconds between the pieces of a slow answer
    location: str = "http://127.0.0.1:9/"
    snapshot: Any = None  # a world as it was, of the system that is asked
    payload: Any = None  # body of a status fault: JSON value, text or bytes

    def strikes(self, n: int) -> bool:
        named = self.at or self.every or self.first
        return not named or (
            n in self.at
            or (self.every is not None and n % self.every == 0)
            or (self.first is not None and n <= self.first)
        )


@dataclass(slots=True)
class Script:
    """Owns the counters that say which request is whose turn. Lists may be changed while it runs."""

    before: list[Mutation] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    latency: Callable[[], float] | None = None  # seconds to wait before each answer
    moments: frozenset[str] = frozenset(
        {"list", "evaluations"}
    )  # endpoints before which the table may change
    seed: int = 0
    _turns: int = 0
    _seen: dict[Fault, int] = field(default_factory=dict)
    _random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def mutate(self, name: str, arrival: Arrival) -> None:
        if name in self.moments:
            self._turns += 1
            for mutation in list(self.before):
                mutation(self._turns, arrival)

    def strike(self, name: str, arrival: Arrival) -> Fault | None:
        """The first fault whose turn it is. Every matching fault counts the request."""
        struck: Fault | None = None
        for fault in list(self.faults):
            if fault.match not in ("", name) and not ("/" in fault.match and fault.match in arrival.path):
                continue
            n = self._seen[fault] = self._seen.get(fault, 0) + 1
            if struck is None and fault.strikes(n) and self._random.random() < fault.chance:
                struck = fault
        return struck


def jitter(seed: int, low: float, high: float) -> Callable[[], float]:
    """Latency between two values, seeded."""
    source = random.Random(seed)
    return lambda: source.uniform(low, high)


@dataclass(slots=True)
class Churn:
    """A source that moves: so many changes before each request; 0.3 is one in about three requests.

    Late inserts, edits and deletes happen in [lower, upper) of `inside`, inserts at `now`. With
    `constant_total` as many rows come late as go, so that no total over `inside` ever tells. Ends
    after `turns` requests.
    """

    world: World | QualityWorld
    seed: int
    inside: tuple[datetime, datetime]
    now: Now | None = None
    inserts: float = 0
    late_inserts: float = 0
    edits: float = 0
    deletes: float = 0
    constant_total: bool = False
    turns: int | None = None
    _random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        if self.inserts and self.now is None:
            raise ValueError("inserts happen now: churn needs the calendar")

    def __call__(self, turn: int, _arrival: Arrival) -> None:
        if self.turns is None or turn <= self.turns:
            with self.world.lock:
                self._change(turn)

    def _change(self, turn: int) -> None:
        if self.now:
            for _ in range(self._often(self.inserts)):
                self._insert(self.now())
        for row_id in self._victims(self._often(self.edits)):
            self._edit(row_id, turn)
        late, gone = self._often(self.late_inserts), self._often(self.deletes)
        size = len(self.world)
        for row_id in self._victims(max(late, gone) if self.constant_total else gone):
            self.world.delete(row_id)
        lower, upper = map(seconds, self.inside)
        for _ in range(size - len(self.world) if self.constant_total else late):
            self._insert(moment(self._random.randrange(lower, upper)))

    def _insert(self, at: datetime) -> None:
        if isinstance(self.world, QualityWorld):
            self.world.publish(at, score=float(self._random.randint(0, 100)))
        else:
            self.world.insert(at, rating=self._random.randint(1, 5))

    def _edit(self, row_id: str, turn: int) -> None:
        """Of a quality evaluation what a dispute changes: it keeps its publication date."""
        if isinstance(self.world, QualityWorld):
            outcome = self._random.choice(("Pass", "Fail"))
            self.world.edit(row_id, outcome=outcome, score=float(self._random.randint(0, 100)))
        else:
            rating = self._random.randint(1, 5)
            self.world.edit(row_id, rating=rating, comment=f"Corrigido na consulta {turn}")

    def _often(self, mean: float) -> int:
        return int(mean) + (self._random.random() < mean % 1)

    def _victims(self, n: int) -> Iterator[str]:
        lower, upper = map(micros if isinstance(self.world, QualityWorld) else seconds, self.inside)
        for _ in range(n):
            keys, low, high = self.world.span(lower, upper)
            if low < high:
                yield keys[self._random.randrange(low, high)][1]


def purging(world: World, before: datetime, at_turn: int) -> Mutation:
    """A retention rule that runs once, before the given request."""

    def purge(turn: int, _arrival: Arrival) -> None:
        if turn == at_turn:
            world.purge(before)

    return purge
