"""connectors/README.md is enough, and true: what it names is there, and the toy has each of its parts.

Kills: a file that was renamed; a step that the toy needed and the text does not have; a member of Stream or a case that
nobody described.
"""

import re
from dataclasses import fields
from pathlib import Path

from contract.cases import CASES
from crash import ROOT

from connectors.source import Answer, Stream

README = (ROOT / "connectors" / "README.md").read_text()
NAMED = set(re.findall(r"`((?:[\w<>.]+/)+[\w<>.]*)`", README)) | {"pyproject.toml"}
HERE = Path(__file__).parent


def test_every_file_that_is_named_is_there() -> None:
    assert len(NAMED) > 15
    assert {name for name in NAMED if "<" not in name and not (ROOT / name).exists()} == set()


def test_the_toy_has_every_part_and_no_other() -> None:
    """A file of the README is a headline in toy.py, or a file of the toy's own."""
    headlines = set(re.findall(r"^# -- (\S+) -+$", (HERE / "toy.py").read_text(), re.MULTILINE))
    named = {name.replace("<system>", "toy") for name in NAMED}
    assert headlines <= named, "the toy needed what the README does not name"
    own = {"tests/contract/toy_stage.py", "connectors/simulator/toy/"}  # the latter is toy_source.py here
    assert {name for name in named if "toy" in name} - headlines - own == {"tests/contract/toy.py"}
    assert (HERE / "toy_source.py").exists()


def test_every_member_is_described() -> None:
    members = {field.name for field in fields(Stream)} | {field.name for field in fields(Answer)}
    plain = {"name", "contract", "group"}
    assert {one for one in members - plain if not re.search(rf"\b{one}\b", README)} == set()


def test_every_case_is_named() -> None:
    assert len(CASES) == README.partition("`tests/contract/cases.py`:")[2].count(",") + 1
