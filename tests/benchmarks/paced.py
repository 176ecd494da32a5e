"""A sync under the published budget: 350 pages at 100 requests a minute, and how long commands take to start."""

import json
import math
import statistics
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import ours
from benchmarks.contest import OURS, python
from benchmarks.pages import serving

PAGES = 350
PAGE_SIZE = 100
PER_MINUTE = 100
LOOKS = 5


def measure() -> dict[str, float]:
    """The shortest possible is counted from the requests that pages need: a hundred at once each minute."""
    with TemporaryDirectory(prefix="bench-") as place, serving(PAGES * PAGE_SIZE) as served:
        budget = {"per_minute": PER_MINUTE, "per_day": 10_000}
        config = ours.write_config(Path(place), served.url, PAGE_SIZE, budget=budget)
        cost = ours.sync(config, served.truth, python=python(OURS))
        asked = served.asked()
    shortest = 60.0 * (math.ceil(PAGES / PER_MINUTE) - 1)
    return {
        "paced wall": cost.wall,
        "paced shortest": shortest,
        "paced even": 60.0 * PAGES / PER_MINUTE,
        "paced requests": asked["requests"],
        "paced extra": asked["requests"] - PAGES,
        "paced tail": cost.ended - asked["last_page"],
    }


def starts() -> dict[str, float]:
    """Seconds until a command that needs nothing has answered."""
    with TemporaryDirectory(prefix="bench-") as place:
        config = Path(place) / "config.yaml"
        config.write_text(json.dumps({"version": 1, "sources": []}))
        walls = [ours.evalsync(config, "--help", python=python(OURS)).wall for _ in range(LOOKS)]
    return {"help": statistics.median(walls)}
