"""The logic of `evalsync init`: questions as data, and the config.yaml that the answers mean.

Promises: `render` gives a text that `config.load` accepts, or raises ConfigError; no secret is asked for or
written, only the names of the environment variables that will hold them; a file that is there stays as it
is unless one insists, and is then replaced as a whole.
It asks nothing itself: the command line does, with `QUESTIONS`, `applies` and `complaint`.
"""

import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.config import PSEUDONYM_VARIABLE
from pipeline.config_fields import instant, name, origin, tenant, timezone
from schemas.errors import ConfigError

Answers = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Question:
    """`kind` is the answer to the first question for which this one is asked; "" means always."""

    key: str
    text: str
    default: str
    choices: tuple[str, ...] = ()
    check: Callable[[str], object] | None = None
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Variable:
    """An environment variable to set before the first sync."""

    name: str
    purpose: str


def _start(answer: str) -> object:
    return answer and instant(answer)


def _folder(answer: str) -> object:
    if not answer.strip() or not answer.isprintable() or answer.startswith("~"):
        raise ValueError("is not a folder: write for example `./data`")
    return answer


def _clock(answer: str) -> tuple[int, int]:
    found = re.fullmatch(r"([01]?[0-9]|2[0-3]):([0-5][0-9])", answer)
    if found is None:
        raise ValueError("is not a time of day: write 00:00 to 23:59, for example `02:15`")
    return int(found[1]), int(found[2])


_KINDS = ("simulator", "voki")
_SIGN_INS = ("token", "password")
_TREATMENTS = ("keep", "pseudonym", "drop")
QUESTIONS: tuple[Question, ...] = (
    Question("kind", "Try the built-in simulator, or connect a Voki account?", "simulator", _KINDS),
    Question("name", "A short name for the source (a-z, 0-9, _)", "demo", check=name, kind="simulator"),
    Question("name", "A short name for the account (a-z, 0-9, _)", "voki", check=name, kind="voki"),
    Question("base_url", "Address of Voki", "https://voki.avanter.com.br", check=origin, kind="voki"),
    Question("tenant", "Short name of your company in Voki (tenant)", "", check=tenant, kind="voki"),
    Question("sign_in", "Sign in with a token, or e-mail and password?", "token", _SIGN_INS, kind="voki"),
    Question("start", "First day to fetch (empty: everything)", "", check=_start, kind="voki"),
    Question("timezone", "Time zone of a day in the marts, such as America/Sao_Paulo", "UTC", check=timezone),
    Question("time", "Time of the nightly sync, in that zone", "02:15", check=_clock),
    Question("customer_name", "Names of customers", "keep", _TREATMENTS),
    Question("comment", "Comments of customers", "keep", _TREATMENTS),
    Question("data_dir", "Folder for the data", "./data", check=_folder),
)


def applies(question: Question, answers: Answers) -> bool:
    """Whether a question is asked, after what was answered so far."""
    return question.kind in {"", answers.get("kind") or QUESTIONS[0].default}


def complaint(question: Question, answer: str) -> str | None:
    """What is wrong with an answer, for asking again; None where it can be used."""
    if question.choices and answer not in question.choices:
        return f"must be one of {', '.join(question.choices)}"
    try:
        if question.check is not None:
            question.check(answer)
    except ValueError as error:
        return str(error)
    return None


def render(answers: Answers) -> str:
    """The text of config.yaml. A question without an answer takes its default."""
    full = _complete(answers)
    hour, minute = _clock(full["time"])
    zone = _quoted(full["timezone"])
    lines = [
        "# Written by `evalsync init`. Secrets come from the environment: ${VAR}.",
        "version: 1",
        f"data_dir: {_quoted(full['data_dir'])}",
        f"reporting: {{timezone: {zone}, satisfied_from: 4}}",
        "sources:",
        f"  - name: {_quoted(full['name'])}",
        "    system: voki",
        *_account(full),
        "schedule:",
        f'  - {{cron: "{minute} {hour} * * *", timezone: {zone}}}',
        "privacy:                       # keep | pseudonym | drop",
        f"  customer_name: {full['customer_name']}",
        f"  comment: {full['comment']}",
    ]
    return "\n".join(lines) + "\n"


def variables(answers: Answers) -> tuple[Variable, ...]:
    """What to set in the environment, in the order in which one sets it."""
    full = _complete(answers)
    needed: list[Variable] = []
    if full["kind"] == "voki" and full["sign_in"] == "token":
        needed.append(Variable("VOKI_TOKEN", "the access token of a Voki user of this tenant"))
    elif full["kind"] == "voki":
        needed.append(Variable("VOKI_EMAIL", "the e-mail address of a Voki user of this tenant"))
        needed.append(Variable("VOKI_PASSWORD", "the password of that user"))
    if "pseudonym" in (full["customer_name"], full["comment"]):
        purpose = (
            "a long random text, kept for ever: the same key gives the same pseudonyms (openssl rand -hex 32)"
        )
        needed.append(Variable(PSEUDONYM_VARIABLE, purpose))
    return tuple(needed)


def write(path: Path, text: str, *, force: bool = False) -> None:
    """Puts the file in place, readable by its owner only; over another one only by `force`."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            if force:
                fresh.replace(path)
            else:
                os.link(fresh, path)  # unlike a rename, a link never replaces what is there
        finally:
            fresh.unlink(missing_ok=True)
    except FileExistsError:
        raise ConfigError(f"{path}: is there already: keep it, or write over it with --force") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no such path"
        raise ConfigError(
            f"{path}: cannot be written ({reason}): check the folder and its permissions"
        ) from None


def _complete(answers: Answers) -> dict[str, str]:
    asked = [question for question in QUESTIONS if applies(question, answers)]
    full = {question.key: answers.get(question.key) or question.default for question in asked}
    wrong = {question.key: complaint(question, full[question.key]) for question in asked}
    found = [f"the answer to `{key}` {sentence}" for key, sentence in wrong.items() if sentence]
    if found:
        raise ConfigError("\n".join(found))
    return full


def _account(full: Mapping[str, str]) -> list[str]:
    if full["kind"] == "simulator":
        return ["    simulator: {seed: 7, evaluations: 5000}"]
    by_token, by_login = "{token: ${VOKI_TOKEN}}", "{email: ${VOKI_EMAIL}, password: ${VOKI_PASSWORD}}"
    lines = [
        f"    base_url: {_quoted(full['base_url'])}",
        f"    tenant: {_quoted(full['tenant'])}",
        f"    auth: {by_token if full['sign_in'] == 'token' else by_login}",
    ]
    return [*lines, f"    start: {_quoted(full['start'])}"] if full["start"] else lines


def _quoted(text: str) -> str:
    """JSON's quotes are YAML's; a dollar sign is doubled, so that an answer is never taken for a variable."""
    return json.dumps(text, ensure_ascii=False).replace("$", "$$")
