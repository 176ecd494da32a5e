"""tests/MUTANTS.md: a row for each mutant, with its date. A part of the table can be tried again by itself."""

import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from mutants.table import HERE, Mutant, mutants, titles
from mutants.trial import Tried

REPORT = HERE.parent / "MUTANTS.md"
HEAD = """# Mutants

Made by `make mutants`: {killed} of {all} killed{absent}. Each is one mistake that somebody could make, put into a copy
of the code by `tests/mutants/`; without it the same tests are green. Seconds are those of two tried side by side.

| mutant | what is wrong in it | killed by | seconds | tried |
|---|---|---|---|---|
"""
ROW = re.compile(r"^\| (\d+[a-z]) \| .* \| (\S+) \| (\d+) \| ([\d-]+) \|$", re.MULTILINE)

Row = tuple[str, str, str]  # what came of it, seconds, date


def write(tried: Sequence[Tried], today: date, path: Path = REPORT) -> None:
    """Put what was tried in the place of what stood there; rows of mutants that are gone go too."""
    rows = known(path) | {one.mutant.name: _row(one, today) for one in tried}
    path.write_text(text(mutants(), rows))


def known(path: Path = REPORT) -> dict[str, Row]:
    """The rows that stand there, by mutant."""
    found = ROW.findall(path.read_text()) if path.exists() else []
    return {name: (outcome, seconds, day) for name, outcome, seconds, day in found}


def text(table: Sequence[Mutant], rows: dict[str, Row]) -> str:
    """The whole report; every one of the tests that matter has a line of its own."""
    missing = [one.name for one in table if one.name not in rows]
    killed = sum(rows[one.name][0].startswith("`") for one in table if one.name in rows)
    absent = f" (not tried yet: {', '.join(missing)})" if missing else ""
    lines = [HEAD.format(killed=killed, all=len(table), absent=absent)]
    for title in titles():
        lines.append(f"| **{title.number}** | **{title.what}** | | | |\n")
        lines += [
            f"| {one.name} | {one.wrong} | {' | '.join(rows[one.name])} |\n"
            for one in table
            if one.number == title.number and one.name in rows
        ]
        if title.absent:
            lines.append(f"| - | {title.absent} | | | |\n")
    return "".join(lines)


def _row(one: Tried, today: date) -> Row:
    test = one.test.partition("[")[0]
    return f"`{test}`" if one.verdict == "killed" else f"**{one.verdict}**", f"{one.seconds:.0f}", str(today)
