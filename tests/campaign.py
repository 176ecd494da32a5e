"""The long campaigns, and tests/CAMPAIGN.md with what they found: `make campaign`, or `make campaign ONLY=seeds`.

Runs the tests marked `campaign` and reads what they recorded (junit properties): nothing in the table is a constant,
and a failure is a row as well, with the first line of each. A part that is run alone renews its own row, no other. The
row is written again after each lot of tests, so that a campaign that is broken off leaves what it found so far.
"""

import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import duckdb

TESTS = Path(__file__).parent
TABLE = TESTS / "CAMPAIGN.md"
MOST_LINES = 20  # of one test's failures
PROMISES = ("lost", "twice", "unreadable", "budget", "other")
COLUMNS = ("rounds", "failed", *PROMISES)
HEAD = """# Campaigns

Written by `make campaign` from what the tests recorded; `make campaign ONLY=seeds` renews one row. A round is a kill, a
life, a cut, or else one test. *failed* are rounds (where a test counts them) or tests in which a promise did not hold;
what broke is counted by oracle: *lost* (the simulator's table against the warehouse: a row missing, stale, invented, or
called deleted though it never went), *twice* (keys and load records), *unreadable* (every byte of the snapshot against
its manifest, every Parquet file opened), *budget* (the simulator's log, most requests in any rolling minute and day),
*other* (a run that raised, a receipt that miscounts, *proven* of unequal figures, no rest; and each failed test that
does not count by itself: its first line stands below the table).

- **kills**: `kill -9` at random moments of a sync, and at every step of one; a run after them ends it.
- **seeds**: lives of an installation in virtual time, of one to three nights and a calm end: real sockets and files,
  one Voki account of 20 to 120 rows, a moving and failing source, crashes between any two steps of the event loop,
  clocks that are set, machines that start anew. What a thread does is one piece; most nights end before marts and
  snapshot.
- **power**: the device is cut off from its filesystem (ext4, XFS) in the middle of a sync. Needs root.
- **others**: what else is marked `campaign`: walks over a moving source, large audits, damage, replays.

"""


@dataclass(frozen=True, slots=True)
class Part:
    """One campaign: which tests, over how many processes."""

    name: str
    arguments: tuple[str, ...]
    processes: int = 2
    root: bool = False
    lot: int = 6  # tests in one run of pytest


NAMED = ("test_kills.py", "test_simulation.py", "test_power.py")
PARTS = (
    Part("kills", ("tests/acceptance/test_kills.py",)),
    Part("seeds", ("tests/acceptance/test_simulation.py",), processes=3, lot=9),
    Part("power", ("tests/acceptance/test_power.py",), processes=0, root=True),
    Part("others", ("tests", *(f"--ignore=tests/acceptance/{name}" for name in NAMED))),
)


@dataclass(slots=True)
class Found:
    """What the tests of one campaign recorded."""

    counts: Counter[str] = field(default_factory=Counter)
    filesystems: set[str] = field(default_factory=set)
    failures: list[str] = field(default_factory=list)

    def add(self, other: "Found") -> None:
        self.counts.update(other.counts)
        self.filesystems |= other.filesystems
        self.failures += other.failures


def read(report: Path) -> Found:
    """The figures of a junit file."""
    found = Found()
    for case in ET.parse(report).iter("testcase"):  # noqa: S314 - as above
        told = {one.get("name", ""): one.get("value", "") for one in case.iter("property")}
        found.filesystems |= {told["filesystem"]} if "filesystem" in told else set()
        failure = next((one for one in case if one.tag in ("failure", "error")), None)
        found.counts["rounds"] += int(told.get("rounds", 1))
        mine = {name: int(told.get(name, 0)) for name in PROMISES}
        if failure is not None:
            message = (failure.get("message") or "").replace(tempfile.gettempdir(), "...")
            lines = [line for line in message.splitlines() if line and not line.startswith((" ", "assert"))]
            found.failures += [f"{case.get('name')}: {line[:300]}" for line in lines[:MOST_LINES] or ["?"]]
            mine["other"] += not any(mine.values())  # the test does not count by itself
        found.counts.update(mine)
        found.counts["failed"] += sum(mine.values())
    return found


def row(part: Part, found: Found, minutes: float) -> str:
    where = ", ".join(sorted(found.filesystems)) or filesystem(Path(tempfile.gettempdir()))
    versions = f"Python {sys.version.split()[0]}, DuckDB {duckdb.__version__}"
    cells = [
        part.name,
        f"{datetime.now(UTC):%Y-%m-%d %H:%M}",
        f"{minutes:.0f}",
        *(str(found.counts[name]) for name in COLUMNS),
        where,
        versions,
    ]
    return "| " + " | ".join(cells) + " |"


def filesystem(folder: Path) -> str:
    """Of the longest mount point above the folder."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    above = [(len(place), kind) for _, place, kind, *_ in mounts if folder.is_relative_to(place)]
    return max(above)[1] if above else "unknown"


def run(part: Part, tell: Callable[[Found, float], None]) -> Found:
    """Run the tests of a campaign, lot by lot, to their end whatever fails; `tell` what was found after each."""
    found, began = Found(), time.monotonic()
    every = collect(part)
    for first in range(0, len(every), part.lot):
        found.add(run_lot(part, every[first : first + part.lot]))
        tell(found, (time.monotonic() - began) / 60)
    return found


def collect(part: Part) -> list[str]:
    """The names of its tests."""
    listed = pytest("--collect-only", *part.arguments, stdout=subprocess.PIPE)
    return [line for line in listed.stdout.splitlines() if "::" in line]


def run_lot(part: Part, names: Sequence[str]) -> Found:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "junit.xml"
        spread = ["-n", str(part.processes), "--dist", "load"] if part.processes else []
        pytest("--show-capture=no", "-o", "junit_family=xunit1", f"--junitxml={report}", *spread, *names)
        return read(report)


def pytest(*arguments: str, stdout: int | None = None) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "pytest", "-m", "campaign", "--timeout=7200", *arguments]
    return subprocess.run(line, cwd=TESTS.parent, check=False, stdout=stdout, text=True)


def write(part: Part, new: str, failures: Sequence[str]) -> None:
    """The table with one row renewed; the others stay as they are."""
    lines = TABLE.read_text().splitlines() if TABLE.exists() else []
    rows = {
        line.split(" | ")[0].strip("| "): line
        for line in lines
        if line.startswith("| ") and "---" not in line
    }
    kept = [
        line for line in lines if line.startswith("- failed in ") and f"- failed in {part.name}," not in line
    ]
    rows[part.name] = new
    names = ["campaign", "finished (UTC)", "minutes", *COLUMNS, "filesystem", "versions"]
    table = ["| " + " | ".join(names) + " |", "|" + "---|" * len(names)]
    table += [rows[one.name] for one in PARTS if one.name in rows]
    told = kept + [f"- failed in {part.name}, {failure}" for failure in failures]
    TABLE.write_text(HEAD + "\n".join([*table, "", *told]).rstrip() + "\n")


def report(part: Part, found: Found, minutes: float) -> None:
    write(part, row(part, found, minutes), found.failures)


def main(only: Sequence[str]) -> int:
    """Run the parts asked for, all by default; 1 where a promise did not hold."""
    unknown = set(only) - {part.name for part in PARTS}
    if unknown:
        sys.stderr.write(
            f"no such campaign: {', '.join(sorted(unknown))}; there are {', '.join(part.name for part in PARTS)}\n"
        )
        return 2
    failed = 0
    for part in PARTS:
        if only and part.name not in only:
            continue
        if part.root and os.geteuid() != 0:
            sys.stderr.write(f"{part.name}: needs root, not run; its row stays as it was\n")
            continue
        found = run(part, partial(report, part))
        failed += bool(found.failures)
    sys.stdout.write(TABLE.read_text() if TABLE.exists() else "")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
