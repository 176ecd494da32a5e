"""The text of config.yaml: YAML with line numbers, `${VAR}` filled in, nothing known of what the keys mean.

Promises: whatever the text is, `read` gives a Document or raises ConfigError; a variable's value never
changes the structure of the text; nothing of a value is ever quoted in an error from here.
It never looks at a file or at the process's environment: both are arguments.

`${VAR}` must be set and not empty, `${VAR:-default}` may be either, `$$` is a plain dollar sign.
Anchors, aliases and tags are refused: a config needs none, and a password that starts with one of
their signs would be misread in silence.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from schemas.errors import ConfigError

Spot = tuple[str | int, ...]  # the way to a value: ("sources", 0, "auth", "token")

_VARIABLE = re.compile(r"\$\$(?:\{[^}\n]*\})?|\$\{(?:\$\{[^}\n]*\}|[^}\n])*\}?")
_PARTS = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?\}")
_OPEN, _CLOSE = "\ue000", "\ue001"  # a variable is one plain word while YAML is read, also inside {..}
_MARK = re.compile(f"{_OPEN}([0-9]+){_CLOSE}")
_WORDS: Mapping[str, object] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_WHOLE = re.compile(r"[-+]?[0-9]{1,18}")
_FRACTION = re.compile(r"[-+]?(?:[0-9]{1,18}\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where, and a sentence that starts with its verb."""

    line: int
    spot: Spot
    sentence: str


@dataclass(frozen=True, slots=True)
class Document:
    """What the text says. `written` has each value as it stands in the file, variables not filled in."""

    data: object
    lines: Mapping[Spot, int]
    written: Mapping[Spot, str]
    problems: tuple[Problem, ...]


@dataclass(slots=True)
class _Reading:
    env: Mapping[str, str]
    variables: list[str]
    lines: dict[Spot, int] = field(default_factory=dict)
    written: dict[Spot, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def complain(self, node: yaml.Node, spot: Spot, sentence: str) -> None:
        self.problems.append(Problem(_line(node.start_mark), spot, sentence))


class _Refused(Exception):
    def __init__(self, mark: yaml.Mark, sentence: str) -> None:
        super().__init__(sentence)
        self.line = _line(mark)


class _Loader(yaml.SafeLoader):
    """Composes nodes without guessing types: `_plain` decides, and `no` or `12:30` stay text."""

    yaml_implicit_resolvers = {}  # noqa: RUF012  the name is PyYAML's

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if getattr(event, "anchor", None) is not None:
            raise _Refused(event.start_mark, "starts a value with `&` or `*`: put the value in quotes")
        if getattr(event, "tag", None) is not None:
            raise _Refused(event.start_mark, "starts a value with `!`: put the value in quotes")
        return super().compose_node(parent, index)


def read(text: str, env: Mapping[str, str], name: str) -> Document:
    """Reads the text of the file called `name`; what does not stop the reading is kept in `problems`."""
    if _OPEN in text or _CLOSE in text:
        raise ConfigError(f"{name}: holds a character that no text uses (U+E000 or U+E001): remove it")
    reading = _Reading(env, _VARIABLE.findall(text))
    numbers = iter(range(len(reading.variables)))
    node = _compose(_VARIABLE.sub(lambda _: f"{_OPEN}{next(numbers)}{_CLOSE}", text), name)
    if node is None:
        raise ConfigError(f"{name}: is empty: write a config with `evalsync init`")
    try:
        data = _value(reading, node, ())
    except RecursionError:
        raise ConfigError(f"{name}: is nested too deeply: a config has four levels at most") from None
    return Document(data, reading.lines, reading.written, tuple(reading.problems))


def line_of(document: Document, spot: Spot) -> int:
    """The line of a value, or of the nearest thing around it that stands in the file."""
    while spot and spot not in document.lines:
        spot = spot[:-1]
    return document.lines.get(spot, 1)


def at(document: Document, spot: Spot) -> object:
    """The value at a spot; None where there is none."""
    value = document.data
    for part in spot:
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return None
    return value


def _compose(text: str, name: str) -> yaml.Node | None:
    try:
        loader = _Loader(text)
        try:
            node: yaml.Node | None = loader.get_single_node()
        finally:
            loader.dispose()
    except _Refused as refused:
        raise ConfigError(f"{name}:{refused.line}: {refused}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ConfigError(f"{name}:{line}: holds a control character: remove it") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{name}:{_line(mark)}" if mark else name
        raise ConfigError(f"{place}: {_yaml_sentence(error)}") from None
    except RecursionError:
        raise ConfigError(f"{name}: is nested too deeply: a config has four levels at most") from None
    except (yaml.YAMLError, ValueError, OverflowError):
        raise ConfigError(f"{name}: holds an escape sequence that names no character: mend it") from None
    return node


def _yaml_sentence(error: yaml.MarkedYAMLError) -> str:
    """PyYAML's own words may quote a value (an alias is part of a password), so none of them is passed on."""
    if error.problem is not None and r"'\t'" in error.problem:
        return "holds a tab where spaces are needed: indent with spaces"
    if error.context == "expected a single document in the stream":
        return "starts a second document: keep one, and remove the line `---` between them"
    return (
        "cannot be read as YAML: check the indentation, colons, brackets and quotes around this line;"
        " a value with special characters belongs in quotes"
    )


def _line(mark: yaml.Mark) -> int:
    return int(mark.line) + 1


def _value(reading: _Reading, node: yaml.Node, spot: Spot) -> object:
    reading.lines.setdefault(spot, _line(node.start_mark))
    if isinstance(node, yaml.MappingNode):
        return _mapping(reading, node, spot)
    if isinstance(node, yaml.ScalarNode):
        return _scalar(reading, node, spot)
    return [_value(reading, item, (*spot, index)) for index, item in enumerate(node.value)]


def _mapping(reading: _Reading, node: yaml.MappingNode, spot: Spot) -> dict[str, object]:
    block: dict[str, object] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode) or _OPEN in key.value:
            reading.complain(key, spot, "has a key that is no plain word: variables and lists are for values")
            continue
        place = (*spot, key.value)
        if key.value in block:
            first = reading.lines[place]
            reading.complain(key, place, f"stands twice, first on line {first}: keep one of them")
            continue
        reading.lines[place] = _line(key.start_mark)
        block[key.value] = _value(reading, value, place)
    return block


def _scalar(reading: _Reading, node: yaml.ScalarNode, spot: Spot) -> object:
    text: str = node.value
    if _OPEN not in text:
        reading.written[spot] = text
        return text if node.style else _plain(text)
    reading.written[spot] = _MARK.sub(lambda mark: reading.variables[int(mark[1])], text)
    complaints: list[str] = []

    def fill(mark: re.Match[str]) -> str:
        value, complaint = _fill(reading.variables[int(mark[1])], reading.env)
        if complaint:
            complaints.append(complaint)
        return value

    filled = _MARK.sub(fill, text)
    for complaint in dict.fromkeys(complaints):
        reading.complain(node, spot, complaint)
    return filled


def _fill(variable: str, env: Mapping[str, str]) -> tuple[str, str]:
    """The variable's value, and what is wrong with it ("" where nothing is)."""
    if variable.startswith("$$"):
        return variable[1:], ""
    parts = _PARTS.fullmatch(variable)
    if parts is None:
        return "", "holds a `${` that names no variable: write `${NAME}`, or `$$` for a plain dollar sign"
    name, default = parts[1], parts[2]
    if default is not None and "${" in default:
        return "", f"gives `{name}` a default that holds another variable: write the default out"
    value = env.get(name, "") or default
    if value is None:
        return "", f"needs the environment variable {name}, which is not set: run `export {name}=...` first"
    return value, ""


def _plain(text: str) -> object:
    """An unquoted word, as YAML 1.2 reads it."""
    if text in _WORDS:
        return _WORDS[text]
    if _WHOLE.fullmatch(text):
        return int(text)
    return float(text) if _FRACTION.fullmatch(text) else text


def utf8(path: Path, content: bytes) -> str:
    """The text of a file that a person wrote, with or without a byte order mark. Raises ConfigError."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            f"{path}:{line}: is not UTF-8 text: save the file with the encoding UTF-8"
        ) from None
