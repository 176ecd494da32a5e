"""Cost against size: the first sync, a night's increment, and all that is run on what is loaded.

A million rows a year: a long history has more months, not larger ones.
"""

import os
import statistics
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import ours, parts
from benchmarks.contest import OURS, python
from benchmarks.pages import serving
from benchmarks.rows import YEAR

CHANGED = 10_000
PAGE_SIZE = 1000
A_YEAR = 1_000_000  # rows
LOOKS = 3  # at what takes less than a second


def measure(rows: int) -> dict[str, float]:
    """Seconds, but for `memory`."""
    days = YEAR * rows / A_YEAR
    with TemporaryDirectory(prefix="bench-") as place:
        folder = Path(place)
        found: dict[str, float] = {}
        with serving(rows, days=days) as served:
            config = ours.write_config(folder, served.url, PAGE_SIZE)
            cost = ours.sync(config, served.truth, python=python(OURS))
            found |= {"first sync": cost.wall, "first sync, CPU": cost.cpu, "memory": cost.memory}
            found["audit"] = ours.evalsync(config, "audit", python=python(OURS)).wall
        found["replay"] = ours.evalsync(config, "replay", python=python(OURS)).wall
        found["status"] = again(config, "status")
        found |= increment(folder, rows, days)
        found |= by_themselves(folder / "data")
    return found


def increment(folder: Path, rows: int, days: float) -> dict[str, float]:
    """A night in which the newest rows have changed; the tail ends when readers can see them."""
    with serving(rows, days=days, changed=CHANGED) as served:
        config = ours.write_config(folder, served.url, PAGE_SIZE)
        cost = ours.sync(config, served.truth, "--since", served.since, python=python(OURS))
        asked = served.asked()
    published = os.lstat(folder / "data" / "current").st_mtime
    return {
        "increment": cost.wall,
        "increment, CPU": cost.cpu,
        "increment tail": published - asked["last_page"],
    }


def by_themselves(data: Path) -> dict[str, float]:
    warehouse = data / "state" / "warehouse.duckdb"
    return {
        "publish": parts.publish(data),
        "marts": parts.build_marts(warehouse),
        "group by": min(parts.group_by(warehouse) for _ in range(LOOKS)),
    }


def again(config: Path, *words: str) -> float:
    """The median of a quick command."""
    return statistics.median(ours.evalsync(config, *words, python=python(OURS)).wall for _ in range(LOOKS))
