"""Every request, noted the moment it arrives and before anything can fail. The oracle of every budget test.

Holds no credential and no body: `key` is a short hash of the account, or the address of a caller
without one.
"""

import json
from collections import deque
from collections.abc import Callable, Hashable, Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from connectors.simulator.clock import Now, Steady


@dataclass(frozen=True, slots=True)
class Arrival:
    n: int  # from 1, over all endpoints
    at: float  # steady seconds
    wall: datetime  # the simulator's calendar
    method: str
    endpoint: str  # route template; "" for a path that is no endpoint
    path: str
    query: dict[str, str]
    key: str
    status: int | None = None  # None: not answered (yet)


class Log:
    """Owns the arrivals, and a file of them if one is wanted: a line on arrival, a line with the status."""

    def __init__(self, now: Now, steady: Steady, file: Path | None = None) -> None:
        self._now, self._steady, self._arrivals = now, steady, list[Arrival]()
        self._file = file.open("a", encoding="utf-8", buffering=1) if file else None

    @property
    def arrivals(self) -> list[Arrival]:
        return list(self._arrivals)

    def of(self, endpoint: str) -> list[Arrival]:
        """The arrivals whose route template ends so, e.g. "/evaluations" or "/stats"."""
        return [arrival for arrival in self._arrivals if arrival.endpoint.endswith(endpoint)]

    def arrive(self, method: str, endpoint: str, path: str, query: dict[str, str], key: str) -> Arrival:
        arrival = Arrival(
            n=len(self._arrivals) + 1,
            at=self._steady(),
            wall=self._now(),
            method=method,
            endpoint=endpoint,
            path=path,
            query=query,
            key=key,
        )
        self._arrivals.append(arrival)
        if self._file:
            line = asdict(arrival) | {"wall": arrival.wall.isoformat()}
            self._file.write(json.dumps(line) + "\n")
        return arrival

    def answered(self, n: int, status: int | None) -> None:
        self._arrivals[n - 1] = replace(self._arrivals[n - 1], status=status)
        if self._file:
            self._file.write(json.dumps({"n": n, "status": status}) + "\n")

    def close(self) -> None:
        if self._file:
            self._file.close()


def read_log(file: Path) -> list[Arrival]:
    """The arrivals of a log file, with their status as far as it is known."""
    found: dict[int, Arrival] = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        item = json.loads(line)
        if "at" in item:
            found[item["n"]] = Arrival(**item | {"wall": datetime.fromisoformat(item["wall"])})
        else:
            found[item["n"]] = replace(found[item["n"]], status=item["status"])
    return list(found.values())


def per_endpoint(arrival: Arrival) -> Hashable:
    return (arrival.key, arrival.endpoint)


def most_in_window(
    arrivals: Iterable[Arrival], seconds: float, by: Callable[[Arrival], Hashable] = per_endpoint
) -> dict[Hashable, int]:
    """The largest number of arrivals in any rolling window of that length, per key and endpoint.

    Two arrivals exactly `seconds` apart are in two windows.
    """
    most: dict[Hashable, int] = {}
    recent: dict[Hashable, deque[float]] = {}
    for arrival in sorted(arrivals, key=lambda arrival: arrival.at):
        group = by(arrival)
        times = recent.setdefault(group, deque())
        times.append(arrival.at)
        while times[0] <= arrival.at - seconds:
            times.popleft()
        most[group] = max(most.get(group, 0), len(times))
    return most
