"""What the README and the decisions name is there: commands, options, keys, exit codes, tables, files, targets.

Kills: a command or an option that was renamed in the code alone; a key that the models do not know; a default that
is another one; a path that has moved. The last tests feed it such texts, so that it cannot pass by seeing nothing.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import click
import pytest
from pydantic import BaseModel

from pipeline.cli import main
from pipeline.config import Config, EvaluagentSource, VokiSource, load
from pipeline.destinations.warehouse import connect
from pipeline.marts import load_marts

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
TEXTS = {path: (ROOT / path).read_text() for path in ("README.md", "pipeline/DECISIONS.md")}
CODES = {0, 1, 2, 3, 75, 130, 143}  # the contract's
MADE = ("data/", "./data", "state/", "snapshots/", "packages/", "evaluations/")  # below the data folder


def code(text: str) -> list[str]:
    """What stands between backticks, and the lines of fenced blocks, without their comments."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [re.split(r"\s#\s", line)[0].strip() for block in blocks for line in block.splitlines()]
    rest = re.sub(r"^```\w*\n.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return [*lines, *re.findall(r"`([^`\n]+)`", rest)]


def tables(text: str, first_heading: str) -> Iterator[list[str]]:
    """The rows of every table whose first column has this heading."""
    inside = False
    for line in text.splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] if line.startswith("|") else []
        if not cells:
            inside = False
        elif cells[0] == first_heading:
            inside = True
        elif inside and set(cells[0]) - set("-: "):
            yield cells


# -- commands --------------------------------------------------------------------------------------


def unknown_commands(text: str) -> set[str]:
    """`evalsync WORDS --options` that the program does not know, and options that no command has."""
    found = set()
    for piece in code(text):
        for said in re.findall(
            r"(?:^|[\s/])evalsync((?:\s+[a-z][a-z-]*)*)((?:\s+\[?--?[a-z-]+[^|&;]*)?)", piece
        ):
            command: click.Command = main
            for word in said[0].split():
                if isinstance(command, click.Group) and word in command.commands:
                    command = command.commands[word]
                elif isinstance(command, click.Group):
                    found.add(f"evalsync {word}")
            found |= {
                option for option in re.findall(r"--[a-z-]+", said[1]) if option not in options(main, command)
            }
        if re.fullmatch(r"--[a-z-]+( [A-Z]+)?", piece) and piece.split()[0] not in options(
            main, *main.commands.values()
        ):
            found.add(piece)
    return found


def options(*commands: click.Command) -> set[str]:
    declared = [one for command in commands for one in command.params]
    return {name for one in declared for name in (*one.opts, *one.secondary_opts)} | {"--help"}


def test_every_command_and_option_that_is_named_exists() -> None:
    assert {path: unknown_commands(text) for path, text in TEXTS.items()} == {path: set() for path in TEXTS}


def test_every_command_is_in_the_readme() -> None:
    named = {row[0].strip("`").removeprefix("evalsync ").split()[0] for row in tables(README, "command")}
    assert named == set(main.commands)


def test_exit_codes_are_those_of_the_contract() -> None:
    codes = {int(number) for row in tables(README, "code") for number in re.findall(r"\d+", row[0])}
    assert codes == CODES


# -- configuration ----------------------------------------------------------------------------------


def keys(model: type[BaseModel], before: str = "") -> dict[str, Any]:
    """Every dotted key of the configuration with its default; a list is marked with []."""
    found: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        inner = kinds(field.annotation)
        listed = "[]" if "tuple" in str(field.annotation) and inner else ""
        found[f"{before}{name}{listed}"] = (
            None if field.is_required() else field.get_default(call_default_factory=True)
        )
        for one in inner:
            found |= keys(one, f"{before}{name}{listed}.")
    return found


def kinds(annotation: Any) -> list[type[BaseModel]]:
    """The models inside of an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in kinds(part)]


KEYS = keys(Config)


def unknown_keys(text: str) -> set[str]:
    """Keys of the tables that the models do not know, by their whole name or by their end."""
    named = {key for row in tables(text, "key") for key in re.findall(r"`([^`]+)`", row[0])}
    return {key for key in named if not any(known == key or known.endswith(f".{key}") for known in KEYS)}


def test_every_key_that_is_named_exists() -> None:
    assert unknown_keys(README) == set()


def test_every_default_that_is_named_is_the_default() -> None:
    checked = 0
    for row in tables(README, "key"):
        default = re.fullmatch(r"`([^`]+)`", row[1])
        for key in re.findall(r"`([^`]+)`", row[0]):
            value = KEYS.get(key)
            if default and value is not None:
                assert shown(value) == default[1].removeprefix("./"), key
                checked += 1
    assert checked > 5


def shown(value: Any) -> str:
    if isinstance(value, timedelta):
        return f"{value // timedelta(days=1)}d"
    return str(value)


def test_every_key_of_the_models_is_in_the_readme_or_below_one_that_is() -> None:
    named = {key for row in tables(README, "key") for key in re.findall(r"`([^`]+)`", row[0])}
    left_out = {
        key
        for key in KEYS
        if not any(f"{key}.".startswith((f"{one}.", f"{one}[].")) for one in named)
        and not any(f"{one}.".startswith((f"{key}.", f"{key}[]")) for one in named)
        and not any(key.endswith(f".{one}") for one in named)
    }
    assert left_out <= {"privacy.pseudonym_key"}  # from the environment only


def test_the_shipped_configuration_is_valid_and_is_what_its_comments_say() -> None:
    text = (ROOT / "config.yaml").read_text()
    config = load(ROOT / "config.yaml", {}, now=datetime(2026, 6, 1, tzinfo=UTC))
    voki, quality = config.sources
    assert isinstance(voki, VokiSource)
    assert isinstance(quality, EvaluagentSource)
    assert all(source.simulator is not None for source in config.sources)
    for section in ("reporting", "packages", "snapshots", "privacy", "quarantine", "serve"):
        assert getattr(config, section) == KEYS[section], section
    said = {key: value for key, value in re.findall(r"^  #   (\w+): (\w+) .*#", text, re.MULTILINE) if value}
    for key in ("lookback", "page_size"):
        assert said[key] == shown(KEYS[f"sources[].{key}"])
    assert said["reread"] == shown(EvaluagentSource.model_fields["reread"].default)


# -- files, targets, tables -------------------------------------------------------------------------


def missing_paths(text: str) -> set[str]:
    """Paths in backticks and in links that are not in the repository."""
    links = [link for link in re.findall(r"\]\(([^)#\s]+)\)", text) if "://" not in link]
    spans = [
        piece
        for piece in code(text)
        if re.fullmatch(r"\.?[\w./-]+(/|\.(py|md|sql|yaml|toml|lock|txt))", piece)
    ]
    spans = [piece for piece in spans if not piece.startswith(MADE)]
    return {path for path in (*links, *spans) if not (ROOT / path).exists()}


def unknown_targets(text: str) -> set[str]:
    there = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {target for piece in code(text) for target in re.findall(r"^make ([a-z-]+)", piece)}
    return named - there


def test_every_path_and_target_that_is_named_exists() -> None:
    for path, text in TEXTS.items():
        assert (missing_paths(text), unknown_targets(text)) == (set(), set()), path


def unknown_tables(text: str, warehouse: set[str]) -> set[str]:
    return {
        name for piece in code(text) for name in re.findall(r"\b(?:core|marts|meta)\.\w+\b(?!\.)", piece)
    } - warehouse


def test_every_table_that_is_named_exists(tmp_path: Path) -> None:
    with connect(tmp_path / "warehouse.duckdb") as db:
        found = db.execute(
            "SELECT table_schema || '.' || table_name FROM information_schema.tables"
        ).fetchall()
    there = {name for (name,) in found} | {
        f"marts.{mart.name}" for mart in load_marts(ROOT / "sql" / "marts")
    }
    assert {path: unknown_tables(text, there) for path, text in TEXTS.items()} == {
        path: set() for path in TEXTS
    }


# -- the checks themselves --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("`evalsync snyc`", {"evalsync snyc"}),
        ("```\n.venv/bin/evalsync cheque   # look\n```", {"evalsync cheque"}),
        ("`evalsync dead-letters replya`", {"evalsync replya"}),
        ("`evalsync sync --ful --json`", {"--ful"}),
        ("`evalsync plan` with `--sources NAME`", {"--sources NAME"}),
        ("`evalsync sync --full`, `--since`, `evalsync dead-letters replay`, evalsync is good", set()),
    ],
)
def test_a_wrong_command_would_be_seen(text: str, seen: set[str]) -> None:
    assert unknown_commands(text) == seen


def test_a_wrong_key_path_target_or_table_would_be_seen() -> None:
    table = (
        "| key | default |\n|---|---|\n| `snapshots.kept` | `3` |\n| `sources[].page_size`, `date_from` | |\n"
    )
    assert unknown_keys(table) == {"snapshots.kept"}
    assert missing_paths("`pipeline/runn.py` `pipeline/run.py` [x](docs/no.md)") == {
        "pipeline/runn.py",
        "docs/no.md",
    }
    assert unknown_targets("`make teste`\n```\nmake sync   # ok\nmake synk\n```\n") == {"teste", "synk"}
    assert unknown_tables("`marts.no_such` `core.evaluations` `meta.page.total`", {"core.evaluations"}) == {
        "marts.no_such"
    }
