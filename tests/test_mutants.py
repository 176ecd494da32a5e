"""The table of mutants does not rot: each edit fits the code as it is, and each test that is to notice is there.

That they are killed is shown by `make mutants`, which takes minutes.
Kills: an old text that is gone or stands twice; a mutant that changes nothing; a test that was renamed.
"""

import ast

import pytest
import sqlglot
from mutants import report
from mutants.table import ROOT, Mutant, mutants, mutated, titles
from named import missing

ALL = mutants()


@pytest.mark.parametrize("mutant", ALL, ids=lambda mutant: mutant.name)
def test_every_edit_fits_and_leaves_a_program(mutant: Mutant, request: pytest.FixtureRequest) -> None:
    for file, text in mutated(mutant).items():
        assert text != (ROOT / file).read_text()
        assert ast.parse(text) if file.endswith(".py") else sqlglot.parse(text, read="duckdb")
    assert missing(mutant.tests, request.session) == set()


def test_each_of_the_tests_that_matter_has_a_mutant_or_says_why_not() -> None:
    numbers = [title.number for title in titles()]
    assert numbers == list(range(1, 26))
    assert {title.number for title in titles() if not title.absent} <= {mutant.number for mutant in ALL}
    assert {mutant.number for mutant in ALL} <= set(numbers)


def test_the_report_has_every_mutant_and_none_that_survived() -> None:
    rows = report.known()
    assert rows.keys() == {mutant.name for mutant in ALL}, "run `make mutants`"
    assert {name for name, (outcome, _, _) in rows.items() if not outcome.startswith("`tests/")} == set()
    assert report.REPORT.read_text() == report.text(ALL, rows)
