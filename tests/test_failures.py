"""Every failure mode has a test that is there, or a reason why it cannot occur; and no test is left out in silence.

Kills: a mode without a line; a test that was renamed or removed; a skip, or an expected failure, that hides one.
"""

import ast
import re
from pathlib import Path

import pytest
from named import ROOT, missing

MODES = {"P": 19, "D": 11, "H": 10, "C": 9, "S": 8}
IDS = [f"{kind}{number}" for kind, most in MODES.items() for number in range(1, most + 1)]
LINES = re.findall(
    r"^\| ([A-Z]\d+) \| (.+?) \| (yes|no) \| (.+) \|$", (ROOT / "tests/FAILURES.md").read_text(), re.MULTILINE
)
HIDING = {"skip", "skipif", "xfail", "importorskip", "skipTest"}


def test_every_failure_mode_has_one_line() -> None:
    assert [line[0] for line in LINES] == IDS


@pytest.mark.parametrize("line", LINES, ids=lambda line: line[0])
def test_every_test_that_is_named_is_collected(
    line: tuple[str, str, str, str], request: pytest.FixtureRequest
) -> None:
    _, failure, _, shown = line
    assert failure
    names = [f"tests/{name}" for name in re.findall(r"`([\w/]+\.py::\w+)`", shown)]
    assert names or "cannot occur" in shown
    assert missing(names, request.session) == set()


def test_no_test_is_skipped_or_expected_to_fail() -> None:
    found = {
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sorted(Path(ROOT / "tests").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in HIDING
    }
    assert found == set()
