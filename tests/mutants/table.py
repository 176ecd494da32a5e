"""The table of mutants: what is wrong in each, by which edits, and the tests that have to notice. Runs nothing.

Each mutant belongs to one of the tests that matter (`titles.toml`) and is named by its number and a letter. Promises
that an edit whose old text does not occur exactly once is an error, so that the table cannot rot unseen.
"""

import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import ascii_lowercase
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


@dataclass(frozen=True, slots=True)
class Edit:
    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Mutant:
    """One mistake that somebody could make, and the tests that are to fail with it."""

    name: str  # the number of its test and a letter
    wrong: str
    edits: tuple[Edit, ...]
    tests: tuple[str, ...]
    hangs: bool  # that the tests run out of time is how it is noticed

    @property
    def number(self) -> int:
        return int(self.name[:-1])


@dataclass(frozen=True, slots=True)
class Title:
    """One of the tests that matter."""

    number: int
    what: str
    absent: str  # what of it is not built, and why; "" for nothing


def titles() -> tuple[Title, ...]:
    rows = tomllib.loads((HERE / "titles.toml").read_text())["title"]
    return tuple(Title(one["number"], one["what"], one.get("absent", "")) for one in rows)


def mutants() -> tuple[Mutant, ...]:
    """All of them, by the number of their test."""
    files = sorted(path for path in HERE.glob("*.toml") if path.name != "titles.toml")
    rows = [one for path in files for one in tomllib.loads(path.read_text())["mutant"]]
    seen: Counter[int] = Counter()
    found = []
    for row in sorted(rows, key=lambda row: row["number"]):
        found.append(_mutant(row, ascii_lowercase[seen[row["number"]]]))
        seen[row["number"]] += 1
    return tuple(found)


def mutated(mutant: Mutant, root: Path = ROOT) -> Mapping[str, str]:
    """The files of the mutant with its edits made, by their path. Raises ValueError where an edit does not fit."""
    texts: dict[str, str] = {}
    for edit in mutant.edits:
        text = texts.get(edit.file) or (root / edit.file).read_text()
        if (times := text.count(edit.old)) != 1:
            raise ValueError(f"{mutant.name}: the old text occurs {times} times in {edit.file}: {edit.old!r}")
        texts[edit.file] = text.replace(edit.old, edit.new)
    return texts


def _mutant(row: Mapping[str, Any], letter: str) -> Mutant:
    edits = tuple(Edit(**one) for one in row["edits"])
    return Mutant(
        f"{row['number']}{letter}", row["wrong"], edits, tuple(row["tests"]), row.get("hangs", False)
    )
