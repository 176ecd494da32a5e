"""One mutant tried: its edits made in a copy of the tree, its tests run there, and what came of it.

A copy has an interpreter of its own whose path holds the copy and the installed packages, and not the tree itself: no
process that is started from it, however it is started, can import the product from anywhere else.
"""

import re
import shutil
import subprocess
import time
import venv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from sysconfig import get_path
from typing import Literal
from xml.etree import ElementTree as ET

import sqlglot
from mutants.table import ROOT, Mutant, mutated

PATIENCE, SHORT = 240, 30  # seconds for one test; of a mutant that is to make it hang
PACKAGES = ("schemas", "connectors", "pipeline")
# A mutant that fails for one of these is broken, and says nothing about the tests.
BROKEN = re.compile(
    r"\b(NameError|UnboundLocalError|ImportError|ModuleNotFoundError|SyntaxError|AttributeError|TypeError"
    r"|ParserException)\b"
)
Verdict = Literal["killed", "survived", "hung", "broken"]


@dataclass(frozen=True, slots=True)
class Tried:
    mutant: Mutant
    verdict: Verdict
    test: str  # the first that failed
    seconds: float
    told: str  # what it said


@dataclass(frozen=True, slots=True)
class Copy:
    """A tree of its own, and the interpreter that knows no other."""

    root: Path

    @property
    def python(self) -> str:
        return str(self.root / ".venv" / "bin" / "python")


def copy_tree(folder: Path) -> Copy:
    """What is in the repository or about to be, with an interpreter beside it."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).exists():  # else it is about to be removed
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name, follow_symlinks=False)
    copy = Copy(folder)
    venv.create(folder / ".venv", symlinks=True)
    [site] = (folder / ".venv").glob("lib/python*/site-packages")
    # Lines of a .pth are paths; the .pth that names the tree itself lies in the second, and is not read from there.
    (site / "copy.pth").write_text(f"{folder}\n{get_path('purelib')}\n")
    _assert_own(copy)
    return copy


def try_mutant(copy: Copy, mutant: Mutant) -> Tried:
    """Make the edits, run the tests, take the edits back."""
    originals = {file: (copy.root / file).read_text() for file in {edit.file for edit in mutant.edits}}
    texts = mutated(mutant, copy.root)
    began = time.monotonic()
    try:
        for file, text in texts.items():
            (copy.root / file).write_text(text)
        if reason := _unfit(copy, texts):
            return Tried(mutant, "broken", "", time.monotonic() - began, reason)
        seconds = SHORT if mutant.hangs else PATIENCE
        verdict, test, told = run_tests(copy, mutant.tests, f"--timeout={seconds}")
    finally:
        for file, text in originals.items():
            (copy.root / file).write_text(text)
    if verdict == "hung" and mutant.hangs:
        verdict = "killed"
    return Tried(mutant, verdict, test, time.monotonic() - began, told)


def run_tests(copy: Copy, tests: Sequence[str], *options: str) -> tuple[Verdict, str, str]:
    """(verdict, the first test that failed, what it said)."""
    report = copy.root.parent / f"{copy.root.name}.xml"
    report.unlink(missing_ok=True)
    line = [copy.python, "-m", "pytest", "-x", "-p", "no:cacheprovider", *options]
    line += ["-o", "junit_family=xunit1", f"--junitxml={report}", f"--basetemp={report.with_suffix('.tmp')}"]
    env = {"PATH": f"{copy.root / '.venv' / 'bin'}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"}
    env |= {
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": str(copy.root),
    }  # else one mutant could run another's code
    done = subprocess.run(
        [*line, *tests], cwd=copy.root, env=env, capture_output=True, text=True, check=False, timeout=3600
    )
    if done.returncode == 0:
        return "survived", "", ""
    if done.returncode != 1:
        return "broken", "", done.stdout[-2000:] + done.stderr[-2000:]
    for case in ET.parse(report).iter("testcase"):  # noqa: S314 - our own file
        for failure in (*case.iter("failure"), *case.iter("error")):
            told = f"{failure.get('message')}\n{failure.text}"
            return _verdict(told), f"{case.get('file')}::{case.get('name')}", told
    return "broken", "", done.stdout[-2000:]


def _verdict(told: str) -> Verdict:
    if "Timeout (>" in told:
        return "hung"
    return "broken" if BROKEN.search(told) else "killed"


def _assert_own(copy: Copy) -> None:
    """The interpreter of the copy takes the product from the copy, wherever it is started."""
    code = f"import {', '.join(PACKAGES)}; print(*(p.__file__ for p in ({', '.join(PACKAGES)})))"
    done = subprocess.run(
        [copy.python, "-c", code], cwd="/", env={}, capture_output=True, text=True, check=True
    )
    taken = [Path(one).parents[1] for one in done.stdout.split()]
    if taken != [copy.root] * len(PACKAGES):
        raise RuntimeError(f"the product is taken from {taken}, not from the copy {copy.root}")


def _unfit(copy: Copy, texts: Mapping[str, str]) -> str:
    """Why the edited files are no program at all; empty where they are one."""
    for file, text in texts.items():
        if file.endswith(".sql"):
            sqlglot.parse(text, read="duckdb")
            continue
        module = file.removesuffix(".py").replace("/", ".")
        line = [copy.python, "-B", "-c", f"import {module}"]
        done = subprocess.run(line, cwd="/", env={}, capture_output=True, text=True, check=False)
        if done.returncode:
            return done.stderr[-1000:]
    return ""
