"""The file `agents` of config.yaml: who at Voki is who at evaluagent, as a person has written it down.

Promises: `read_agents` gives pairs in which nobody stands twice, or raises ConfigError naming file and line;
no value of the file is ever quoted, because an e-mail address is one. It matches nobody itself: the marts do.
"""

import csv
from collections.abc import Iterator, Sequence
from io import StringIO
from pathlib import Path

from pipeline.config_text import utf8
from schemas.errors import ConfigError

HEADER = ["voki_user", "agent"]
_LARGEST_FILE = 8 << 20


def read_agents(path: Path) -> list[tuple[str, str]]:
    """Pairs of (user at Voki, agent at evaluagent), each an id or an e-mail address."""
    found: list[tuple[str, str]] = []
    users: dict[str, int] = {}
    agents: dict[str, int] = {}
    for line, (user, agent) in _pairs(path, _text(path)):
        before, other = users.get(_same(user)), agents.get(_same(agent))
        if before is not None and before == other:
            raise ConfigError(f"{path}:{line}: says the same as line {before}: keep one of them")
        if before is not None:
            raise ConfigError(f"{path}:{line}: its voki_user has an agent on line {before}: keep one of them")
        if other is not None:
            raise ConfigError(f"{path}:{line}: its agent has a voki_user on line {other}: keep one of them")
        users[_same(user)] = agents[_same(agent)] = line
        found.append((user, agent))
    return found


def _same(name: str) -> str:
    """An e-mail address is the same in any letter case, an id is not."""
    return name.lower() if "@" in name else name


def _pairs(path: Path, text: str) -> Iterator[tuple[int, tuple[str, str]]]:
    reader = csv.reader(StringIO(text, newline=""), strict=True)
    headed = False
    try:
        for cells in reader:
            row, line = [cell.strip() for cell in cells], reader.line_num
            if headed and row:
                yield line, _pair(f"{path}:{line}", row)
            elif row:
                _check_header(f"{path}:{line}", row)
                headed = True
    except csv.Error:
        raise ConfigError(f"{path}:{reader.line_num}: is not CSV: check the quotes on this line") from None
    if not headed:
        raise ConfigError(f"{path}: is empty: write the line `{','.join(HEADER)}`, and a pair on each below")


def _check_header(place: str, row: Sequence[str]) -> None:
    if row != HEADER:
        remedy = "put commas between the columns" if len(row) == 1 and ";" in row[0] else "write it so"
        raise ConfigError(f"{place}: the first line must be `{','.join(HEADER)}`: {remedy}")


def _pair(place: str, row: Sequence[str]) -> tuple[str, str]:
    if len(row) != len(HEADER):
        raise ConfigError(
            f"{place}: has {len(row)} columns where there are {len(HEADER)}: {','.join(HEADER)}"
        )
    for column, cell in zip(HEADER, row, strict=True):
        if not cell or not cell.isprintable():
            raise ConfigError(
                f"{place}: {column} is empty or no plain text: write an id or an e-mail address"
            )
    return row[0], row[1]


def _text(path: Path) -> str:
    if not path.exists():
        raise ConfigError(f"{path}: is not there: mend the key `agents` of the configuration, or remove it")
    if not path.is_file():
        raise ConfigError(f"{path}: is no file: the key `agents` of the configuration names a CSV file")
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_FILE + 1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}): check its permissions") from None
    if len(content) > _LARGEST_FILE:
        raise ConfigError(f"{path}: is larger than {_LARGEST_FILE >> 20} MB: is it the right file?")
    return utf8(path, content)
