"""Who takes part, and one run of each on the same pages: evalsync, its rivals, and the probe.

Promises that a rival runs with its own locked environment, made on first use, as a whole process of its own into an
empty folder, and that what it made is compared with the source; a rival whose rows are not right is shown, as such.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
from benchmarks import ours
from benchmarks.measure import Cost, measured
from benchmarks.pages import Served
from benchmarks.results import Run

ROOT = Path(__file__).parents[2]
RIVALS = Path(__file__).parent / "rivals"


@dataclass(frozen=True, slots=True)
class Rival:
    """One who takes part: its script in rivals/, its environment, and the table that it fills."""

    name: str
    title: str
    script: str
    env: str  # the lock in rivals/; or the packages of evalsync as a user has them
    table: str = "voki.evaluations"
    most: int = 1_000_000  # rows; beyond that it takes too long or too much memory
    slow: bool = False  # one round is enough of a million rows
    shows: tuple[str, ...] = ()  # packages whose versions tell what it is


OURS = "evalsync"
ALL = (
    Rival("dlt_defaults", "dlt, defaults", "dlt_defaults.py", "dlt", most=100_000, shows=("dlt", "duckdb")),
    Rival("dlt_tuned", "dlt, tuned", "dlt_tuned.py", "dlt", shows=("dlt", "duckdb", "orjson")),
    Rival(
        "dlt_arrow", "dlt, Arrow resource by hand", "dlt_arrow.py", "dlt", shows=("dlt", "duckdb", "pyarrow")
    ),
    Rival(
        "singer",
        "Singer tap -> target-duckdb",
        "singer.py",
        "singer",
        slow=True,
        shows=("singer-sdk", "target-duckdb"),
    ),
    Rival(
        "airbyte",
        "Airbyte low-code -> DuckDB cache",
        "airbyte_read.py",
        "airbyte",
        slow=True,
        shows=("airbyte", "airbyte-cdk"),
    ),
    Rival("probe", "the probe, by hand", "probe.py", OURS, "main.evaluations", shows=("duckdb", "pyarrow")),
)
TITLES = {OURS: "evalsync", **{one.name: one.title for one in ALL}}
TELL = (
    "import sys; from importlib.metadata import version; "
    "print(', '.join(f'{name} {version(name)}' for name in sys.argv[1:]))"
)
QUIET = {"RUNTIME__DLTHUB_TELEMETRY": "false", "DO_NOT_TRACK": "1"}


def chosen(names: list[str], rows: int) -> list[str]:
    """Those who run, in order; all who can do so many rows, where none is named."""
    known = {OURS: None, **{one.name: one for one in ALL}}
    if unknown := [name for name in names if name not in known]:
        raise SystemExit(f"nobody is called {unknown[0]}; there are: {', '.join(known)}")
    return [
        name
        for name, one in known.items()
        if (name in names) or (not names and (one is None or rows <= one.most))
    ]


def run(name: str, served: Served, page_size: int) -> Run:
    """One run of one who takes part, checked."""
    with TemporaryDirectory(prefix="bench-") as place:
        served.asked()
        before = served.cpu()
        if name == OURS:
            config = ours.write_config(Path(place), served.url, page_size)
            cost, right = ours.sync(config, served.truth, python=python(OURS)), True
        else:
            [rival] = [one for one in ALL if one.name == name]
            cost, right = _run_rival(rival, served, page_size, Path(place))
        asked = served.asked()
        tail = cost.ended - asked["last_page"]
        return Run(
            wall=cost.wall,
            cpu=cost.cpu,
            memory=cost.memory,
            tail=tail,
            requests=asked["requests"],
            right=right,
            server_cpu=served.cpu() - before,
        )


def _run_rival(rival: Rival, served: Served, page_size: int, place: Path) -> tuple[Cost, bool]:
    line: list[str | Path] = [python(rival.env), RIVALS / rival.script, served.url, str(page_size), place]
    env = {**os.environ, **QUIET, "TMPDIR": str(place), "PYTHONPATH": ""}
    log = place / "printed.txt"
    cost = measured(line, env, log)
    if cost.code:
        raise SystemExit(f"{rival.name} ended with {cost.code}:\n{log.read_text()[-3000:]}")
    return cost, is_right(place / "out.duckdb", rival.table, served.truth)


def is_right(path: Path, table: str, truth: Mapping[str, int]) -> bool:
    with duckdb.connect(str(path), read_only=True) as db:
        found = db.execute(f"SELECT count(*), sum(rating), count(DISTINCT id) FROM {table}").fetchone()  # noqa: S608
    return found == (truth["rows"], truth["rating_sum"], truth["ids"])


def python(env: str) -> Path:
    """The interpreter of an environment, which is made where it is not there or its lock has changed.

    evalsync too has one of its own: with the packages of the tests beside them, pyarrow and DuckDB would load pandas.
    """
    lock = ROOT / "requirements.lock" if env == OURS else RIVALS / f"{env}.lock"
    place = ROOT / f".venv-bench-{env}"
    made = place / "made-of.lock"
    if not made.exists() or made.read_text() != lock.read_text():
        print(f"setting up {place.name} ...", flush=True)
        shutil.rmtree(place, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", place], check=True)
        pip = [
            str(place / "bin" / "python"),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ]
        subprocess.run([*pip, "--require-hashes", "-r", str(lock)], check=True)
        shutil.copyfile(lock, made)
    return place / "bin" / "python"


def versions(name: str) -> str:
    """What it is, as its environment says."""
    one = next((rival for rival in ALL if rival.name == name), None)
    env, shows = (one.env, one.shows) if one else (OURS, ("duckdb", "pyarrow", "pydantic"))
    done = subprocess.run([python(env), "-c", TELL, *shows], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def slow(name: str) -> bool:
    return any(rival.slow for rival in ALL if rival.name == name)
