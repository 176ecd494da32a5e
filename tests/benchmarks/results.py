"""What was measured, kept in RESULTS.json so that a part can be renewed by itself. Arithmetic only, no sentence."""

import json
import os
import platform
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

PLACE = Path(__file__).with_name("RESULTS.json")


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one who takes part."""

    wall: float
    cpu: float
    memory: float  # MB
    tail: float  # seconds from the last page to the end
    requests: int
    right: bool  # whether the rows are the source's
    server_cpu: float


@dataclass(frozen=True, slots=True)
class Entry:
    """All runs of one who takes part in one contest."""

    runs: Sequence[Run]
    versions: str
    day: str  # and time: those who ran side by side have the same

    def median(self, name: str) -> float:
        return statistics.median(float(getattr(run, name)) for run in self.runs)

    def spread(self, name: str) -> tuple[float, float]:
        values = [float(getattr(run, name)) for run in self.runs]
        return min(values), max(values)

    @property
    def right(self) -> bool:
        return all(run.right for run in self.runs)


@dataclass(slots=True)
class Results:
    """Everything that was measured so far."""

    machine: dict[str, str] = field(default_factory=dict)
    contests: dict[str, dict[str, Entry]] = field(default_factory=dict)  # "ROWSxPAGE_SIZE" -> name -> entry
    server: dict[str, dict[str, float]] = field(default_factory=dict)  # of each contest
    stages: dict[str, Any] = field(default_factory=dict)
    growth: dict[str, dict[str, float]] = field(default_factory=dict)  # rows -> what -> seconds or MB
    figures: dict[str, float] = field(default_factory=dict)

    def contest(self, rows: int, page_size: int) -> dict[str, Entry]:
        return self.contests.get(f"{rows}x{page_size}", {})


def read(path: Path = PLACE) -> Results:
    if not path.exists():
        return Results()
    said: dict[str, Any] = json.loads(path.read_text())
    said["contests"] = {
        contest: {
            name: Entry([Run(**run) for run in entry["runs"]], entry["versions"], entry["day"])
            for name, entry in entries.items()
        }
        for contest, entries in said["contests"].items()
    }
    return Results(**said)


def write(results: Results, path: Path = PLACE) -> None:
    fresh = path.with_suffix(".tmp")
    fresh.write_text(json.dumps(asdict(results), indent=1, default=list) + "\n")
    fresh.replace(path)


def per_second(rows: int, entry: Entry) -> float:
    return rows / entry.median("wall")


def times(ours: Entry, theirs: Entry, name: str = "wall") -> float:
    """How many times as much they need: above 1 we are ahead."""
    return theirs.median(name) / ours.median(name)


def ahead(entries: Mapping[str, Entry], ours: str, name: str) -> list[str]:
    """Those who need less of something than we do, with right rows or without."""
    mine = entries[ours]
    return [one for one, entry in entries.items() if one != ours and times(mine, entry, name) < 1]


def machine() -> dict[str, str]:
    """What this machine is, without its name."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    model = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return {
        "cores": str(len(os.sched_getaffinity(0))),
        "processor": model[0] if model else platform.machine(),
        "memory": f"{memory / 1e9:.0f} GB",
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": platform.python_version(),
        "load": f"{os.getloadavg()[0]:.1f}",
    }


# -- what issue "Fast" asks for ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Aim:
    text: str
    measured: Callable[[Results], float | None]
    bound: float
    least: bool  # the bound is the least that is good, else the most

    def reached(self, results: Results) -> bool | None:
        value = self.measured(results)
        if value is None:
            return None
        return value >= self.bound if self.least else value <= self.bound


def _speed(name: str, rows: int) -> Callable[[Results], float | None]:
    def measured(results: Results) -> float | None:
        entries = results.contest(rows, 1000)
        ours, theirs = entries.get("evalsync"), entries.get(name)
        if not ours or not theirs or ours.day != theirs.day:  # another time, another load
            return None
        return times(ours, theirs)

    return measured


def _grown(upper: tuple[int, str], lower: tuple[int, str]) -> Callable[[Results], float | None]:
    """A quotient of two figures of the growth."""

    def measured(results: Results) -> float | None:
        found = [results.growth.get(str(rows), {}).get(what) for rows, what in (upper, lower)]
        return found[0] / found[1] if found[0] and found[1] else None

    return measured


def _at(rows: int, what: str) -> Callable[[Results], float | None]:
    return lambda results: results.growth.get(str(rows), {}).get(what)


def _figure(upper: str, lower: str | None = None) -> Callable[[Results], float | None]:
    def measured(results: Results) -> float | None:
        values = [results.figures.get(name) for name in (upper, lower) if name]
        return None if None in values else (values[0] or 0.0) / ((values[1] or 0.0) if lower else 1.0)

    return measured


def _peak(results: Results) -> float | None:
    entry = results.contest(M, 1000).get("evalsync")
    return entry.spread("memory")[1] if entry else None


M = 1_000_000
AIMS = (
    Aim("1M rows: times as fast as dlt's Arrow resource", _speed("dlt_arrow", M), 2, least=True),
    Aim("1M rows: times as fast as dlt tuned", _speed("dlt_tuned", M), 5, least=True),
    Aim("1M rows: times as fast as Singer", _speed("singer", M), 8, least=True),
    Aim("1M rows: times as fast as Airbyte", _speed("airbyte", M), 15, least=True),
    Aim("1M rows: of the probe's speed", _speed("probe", M), 0.6, least=True),
    Aim("100k rows: times as fast as dlt with defaults", _speed("dlt_defaults", M // 10), 12, least=True),
    Aim("peak memory at 1M rows, MB", _peak, 400, least=False),
    Aim(
        "peak memory at 10M rows, of that at 1M", _grown((10 * M, "memory"), (M, "memory")), 1.2, least=False
    ),
    Aim(
        "increment into 10M, of that into 1M",
        _grown((10 * M, "increment"), (M, "increment")),
        1.5,
        least=False,
    ),
    Aim(
        "350 pages at 100/min: wall, of the shortest",
        _figure("paced wall", "paced shortest"),
        1.02,
        least=False,
    ),
    Aim("350 pages: requests beyond one a page", _figure("paced extra"), 5, least=False),
    Aim("tail of 10,000 changed rows in 1M, s", _at(M, "increment tail"), 1.5, least=False),
    Aim(
        "replay of 1M rows, times as fast as a sync",
        _grown((M, "first sync"), (M, "replay")),
        1.5,
        least=True,
    ),
    Aim("`evalsync --help`, s", _figure("help"), 0.25, least=False),
    Aim("`evalsync status` on 1M rows, s", _at(M, "status"), 0.5, least=False),
    Aim(
        "marts of 10M rows, of a bare GROUP BY",
        _grown((10 * M, "marts"), (10 * M, "group by")),
        5,
        least=False,
    ),
)
