"""What is wrong with config.yaml, in sentences: file and line, the key, what is wrong, what to do.

Promises: one sentence per problem, in the words of the file and not of a validation library; a value from
under a secret key, or from the environment, is never quoted.
"""

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from pipeline.config_text import Document, Problem, Spot, at, line_of
from schemas.errors import ConfigError

_MOST = 25  # problems shown at once
_SECRET_KEYS = frozenset({"auth", "token", "base_url", "pseudonym_key", "notify"})
_AUTH_KEYS = frozenset({"token", "email", "password", "access_key_id", "secret_key", "mode"})
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,39}")
_NUMBER = "must be a whole number: write digits only"
_TEXT = "must be text: put the value in quotes"
_SWITCH = "must be true or false"
_SHARE = "must be a number, for example `0.05`"
_BLOCK = "must be a block of keys: write `key: value` lines below it"
_LIST = "must be a list: start each entry with `- `, or write `[a, b]`"
_KINDS: Mapping[str, str] = {
    "string_type": _TEXT,
    "int_type": _NUMBER, "int_parsing": _NUMBER, "int_parsing_size": _NUMBER, "int_from_float": _NUMBER,
    "bool_type": _SWITCH, "bool_parsing": _SWITCH,
    "float_type": _SHARE, "float_parsing": _SHARE, "finite_number": _SHARE,
    "model_type": _BLOCK, "model_attributes_type": _BLOCK, "dict_type": _BLOCK,
    "tuple_type": _LIST,
    "greater_than_equal": "is too small: write {ge} or more",
    "less_than_equal": "is too large: write {le} or less",
}  # fmt: skip
_MISSING: Mapping[str, str] = {
    "version": "write `version: 1` as the first line",
    "sources": "write at least one source; `evalsync init` asks for what it needs",
    "name": "write a short name, for example `name: acme`",
    "system": "write `system: voki` or `system: evaluagent`",
    "access_key_id": "write `access_key_id: ${EVALUAGENT_KEY_ID}`",
    "secret_key": "write `secret_key: ${EVALUAGENT_SECRET}`",
}


def problem(error: ErrorDetails, document: Document, model: type[BaseModel]) -> Problem:
    """One finding of the validation, as a sentence with its place."""
    spot = _spot(error["loc"])
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        known = _known_keys(model, document, spot[:-1])
        return Problem(line_of(document, spot), spot[:-1], _unknown_key(spot, known))
    if error["loc"][-1:] == ("[key]",):
        return Problem(line_of(document, spot), spot[:-1], _unknown_key(spot, _choices(context)))
    if kind in {"missing", "union_tag_not_found"}:
        spot = spot if kind == "missing" else (*spot, "system")
        sentence = f"is missing: {_MISSING.get(str(spot[-1]), 'write it')}"
    elif spot in document.lines and at(document, spot) is None:
        sentence = "is empty: give it a value, or remove the key"
    elif kind == "union_tag_invalid":
        spot = (*spot, "system")
        sentence = _choice(document, spot, ["voki", "evaluagent"])
    elif kind == "literal_error":
        sentence = _choice(document, spot, _choices(context))
    elif kind == "value_error":
        sentence = str(context["error"])
    else:
        bounds = {key: f"{bound:.17g}" for key, bound in context.items() if key in {"ge", "le"}}
        sentence = _KINDS.get(kind, "has a value that is not allowed here").format(**bounds)
    return Problem(line_of(document, spot), spot, f"{_subject(document, spot)}{sentence}")


def refuse(problems: Iterable[Problem], name: str) -> ConfigError:
    """All problems as one error, a line each, in the order of the file."""
    ordered = sorted(problems, key=lambda found: found.line)
    lines = [f"{name}:{found.line}: {_dotted(found.spot)}{found.sentence}" for found in ordered[:_MOST]]
    if len(ordered) > _MOST:
        lines.append(f"{name}: and {len(ordered) - _MOST} more problems: mend these first")
    return ConfigError("\n".join(lines))


def nearest(word: str, known: Iterable[str]) -> str | None:
    found = get_close_matches(word[:64].lower(), list(known), n=1, cutoff=0.6)
    return found[0] if found else None


def _spot(location: tuple[str | int, ...]) -> Spot:
    """Where in the file; the validation also names the variant of a source, and marks keys of a mapping."""
    spot = tuple(part for part in location if part != "[key]")
    if len(spot) > 2 and spot[0] == "sources" and isinstance(spot[1], int):
        return (*spot[:2], *spot[3:])
    return spot


def _dotted(spot: Spot) -> str:
    text, hidden = "", False
    for part in spot:
        if isinstance(part, int):
            text += f"[{part}]"
            continue
        shown = part in _AUTH_KEYS if hidden else bool(_WORD.fullmatch(part))
        text += ("." if text else "") + (part if shown else "?")
        hidden = hidden or part == "auth"
    return f"{text}: " if text else ""


def _subject(document: Document, spot: Spot) -> str:
    """The value as it stands in the file, where it may be shown."""
    written = document.written.get(spot)
    if not written or not _SECRET_KEYS.isdisjoint(spot):
        return ""
    plain = "".join(letter if letter.isprintable() else "?" for letter in written)
    return f"`{plain[:60]}{'…' if len(plain) > 60 else ''}` "


def _choices(context: Mapping[str, Any]) -> list[str]:
    return re.findall(r"[^', ]+", str(context["expected"]).replace(" or ", ", "))


def _choice(document: Document, spot: Spot, choices: list[str]) -> str:
    value = at(document, spot)
    meant = nearest(value, choices) if isinstance(value, str) else None
    if len(choices) == 1:
        return f"must be `{choices[0]}`: nothing else is known yet"
    listed = ", ".join(f"`{choice}`" for choice in choices)
    return f"must be one of {listed}" + (f": did you mean `{meant}`?" if meant else "")


def _unknown_key(spot: Spot, known: list[str]) -> str:
    """Below `auth` a key is shown only when it is nearly a known one: in `{token:abc}` all of it is a key."""
    word = str(spot[-1])
    meant = nearest(word, known) if _WORD.fullmatch(word) else None
    shown = bool(_WORD.fullmatch(word)) and (meant is not None or "auth" not in spot[:-1])
    named = f"`{word}`" if shown else "that is not named here (is a space missing after a colon?)"
    listed = ", ".join(f"`{key}`" for key in known)
    return f"has an unknown key {named}: " + (
        f"did you mean `{meant}`?" if meant else f"known keys are {listed}"
    )


def _known_keys(model: type[BaseModel], document: Document, spot: Spot) -> list[str]:
    """The keys that may stand at a spot; of a source, those of its system."""
    models = [model]
    for end, part in enumerate(spot, start=1):
        if isinstance(part, str):
            fields = [one.model_fields[part] for one in models if part in one.model_fields]
            models = [found for info in fields for found in _models(info.annotation)]
        else:
            system = at(document, (*spot[:end], "system"))
            models = [one for one in models if _is_for(one, system)] or models
    return list(dict.fromkeys(key for one in models for key in one.model_fields if key != "pseudonym_key"))


def _is_for(model: type[BaseModel], system: object) -> bool:
    info = model.model_fields.get("system")
    return info is None or system in get_args(info.annotation)


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in get_args(annotation) for found in _models(part)]
