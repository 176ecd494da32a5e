"""Tests by name, as the tables of failures and of mutants name them: `path::test`, with or without parameters."""

import ast
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def missing(names: Iterable[str], session: pytest.Session) -> set[str]:
    """Names of no test: not in its file, or in a file of this session and not collected there."""
    collected = {item.nodeid.partition("[")[0] for item in session.items}
    files = {node.partition("::")[0] for node in collected}
    return {name for name in names if not _is_there(name, collected, files)}


def _is_there(name: str, collected: set[str], files: set[str]) -> bool:
    path, _, test = name.partition("[")[0].partition("::")
    if not test:
        return path in files or (ROOT / path).is_file()
    if test not in _tests(path):
        return False
    return path not in files or f"{path}::{test}" in collected or _tests(path)[test]


@cache
def _tests(path: str) -> dict[str, bool]:
    """The tests of a file by name, and whether they are run only when asked for: campaigns, and those for root."""
    place = ROOT / path
    if not place.is_file() or not place.name.startswith("test_"):
        return {}
    body = ast.parse(place.read_text()).body
    all_of_them = any(isinstance(node, ast.Assign) and _asked_for(node) for node in body)  # pytestmark
    return {
        node.name: all_of_them or any(map(_asked_for, node.decorator_list))
        for node in body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    }


def _asked_for(node: ast.AST) -> bool:
    return any(isinstance(one, ast.Attribute) and one.attr in ("campaign", "root") for one in ast.walk(node))
