"""The house holds its own rules: imports, style, types, words, sizes, the tree of errors, the SQL files.

Kills: an import upwards or sideways; a module that no layer names; an error that the drawing lacks; a statement that
nobody reads or that does not parse; a "manager".
"""

import ast
import inspect
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from pipeline.present import TABLES
from schemas import errors

ROOT = Path(__file__).parents[1]
PACKAGES = ("schemas", "connectors", "pipeline")
BIN = Path(sys.executable).parent
UNUSED_WORDS = {"manager", "handler", "helper", "utils", "util", "base", "common", "processor"}
FIGURES = {contract.figures for contract in TABLES}


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def run(*line: str) -> None:
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False, timeout=250)
    assert done.returncode == 0, done.stdout + done.stderr


def test_imports_keep_to_their_layers() -> None:
    run(str(BIN / "lint-imports"), "--no-cache")


@pytest.mark.parametrize("package", ["pipeline", "connectors"])
def test_every_module_has_its_layer(package: str) -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = [
        one["layers"]
        for one in settings["contracts"]
        if one["type"] == "layers" and one["layers"][0].startswith(f"{package}.")
    ]
    named = {name.strip() for layer in layers[0] for name in layer.split("|")}
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in sources(package)
    }
    left_out = {
        module
        for module in modules - named
        if not any(module.startswith(f"{name}.") for name in named)  # part of a package that is named
        and not any(name.startswith(f"{module}.") for name in named)  # the package of modules that are named
    }
    assert left_out == set()


def test_style() -> None:
    run(str(BIN / "ruff"), "check", ".")
    run(str(BIN / "ruff"), "format", "--check", ".")


def test_types() -> None:
    run(str(BIN / "mypy"))


def test_the_drawing_of_the_errors_is_their_tree() -> None:
    drawn: dict[str, str | None] = {}
    above: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        if found := re.match(r"    ((?:[│├└─ ])*)([A-Z]\w+)(?:  |$)", line):
            depth = len(found[1]) // 4
            above[depth:] = [found[2]]
            drawn[found[2]] = above[depth - 1] if depth else None
    classes = [one for _, one in inspect.getmembers(errors, inspect.isclass) if issubclass(one, Exception)]
    real = {one.__name__: one.__base__.__name__ for one in classes if one.__base__ is not None}
    assert drawn.pop("EvalsyncError") is None
    assert real.pop("EvalsyncError") == "Exception"
    assert drawn == real


def test_no_error_of_ours_is_made_elsewhere() -> None:
    made = [
        f"{path.name}: {node.name}"
        for path in sources("connectors", "pipeline")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef) and node.name.endswith(("Error", "Exception"))
    ]
    assert made == []


def test_everything_is_caught_in_one_place() -> None:
    """At the edge of every command."""
    caught = [
        path.relative_to(ROOT)
        for path in sources(*PACKAGES)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or getattr(node.type, "id", "") == "Exception")
    ]
    assert len(caught) == 1, caught


def test_files_are_short_or_say_why_not() -> None:
    decisions = (ROOT / "pipeline" / "DECISIONS.md").read_text()
    files = [*sources(*PACKAGES), *(ROOT / "sql").rglob("*.sql")]
    long = {str(path.relative_to(ROOT)) for path in files if len(path.read_text().splitlines()) > 300}
    assert {name for name in long if name not in decisions} == set()


def test_words_that_say_nothing_name_nothing() -> None:
    names = [path.stem for path in sources(*PACKAGES, "tests")]
    for path in sources(*PACKAGES, "tests"):
        names += [
            node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ClassDef)
        ]
    parts = {name: set(re.findall(r"[a-z]+", re.sub(r"([A-Z])", r"_\1", name).lower())) for name in names}
    assert {name for name, words in parts.items() if words & UNUSED_WORDS} == set()


def test_every_module_says_what_room_it_is() -> None:
    assert [
        path.name for path in sources(*PACKAGES) if not ast.get_docstring(ast.parse(path.read_text()))
    ] == []


# -- SQL -------------------------------------------------------------------------------------------

SQL_FILES = sorted((ROOT / "sql").rglob("*.sql"))


def statements_read() -> Iterator[re.Pattern[str]]:
    """What the code passes to `statement(...)`; a part that is worked out is the figures of a contract."""
    table = "|".join(sorted(FIGURES))
    for path in sources("pipeline"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or getattr(node.func, "id", "") != "statement":
                continue
            match node.args[0]:
                case ast.Constant(value=str(name)):
                    yield re.compile(re.escape(name))
                case ast.JoinedStr(values=parts):
                    texts = [
                        re.escape(str(p.value)) if isinstance(p, ast.Constant) else f"(?:{table})"
                        for p in parts
                    ]
                    yield re.compile("".join(texts))


def test_every_statement_is_read_and_every_one_read_is_there() -> None:
    """Migrations and marts are found by their place: all of a folder is read."""
    by_place = re.compile(r"warehouse/\d{4}_\w+|marts/\w+/(mart|days|checks)")
    names = {str(path.relative_to(ROOT / "sql").with_suffix("")) for path in SQL_FILES}
    read = list(statements_read())
    assert len(read) > 10
    assert {
        name
        for name in names
        if not by_place.fullmatch(name) and not any(one.fullmatch(name) for one in read)
    } == set()
    assert [one.pattern for one in read if not any(one.fullmatch(name) for name in names)] == []


@pytest.mark.parametrize("path", SQL_FILES, ids=lambda path: str(path.relative_to(ROOT / "sql")))
def test_every_statement_parses_and_says_what_it_does(path: Path) -> None:
    text = path.read_text()
    assert text.startswith("-- ") or path.name == "checks.sql"  # a check has its name and its detail
    parsed = [one for one in sqlglot.parse(text, read="duckdb") if one is not None]
    assert parsed
    assert not [one.sql() for one in parsed if isinstance(one, exp.Command)], (
        "sqlglot did not understand this"
    )
