"""The logic of `evalsync init`: questions as data, and the config.yaml that the answers mean.

Promises: `render` gives a text that `config.load` accepts, or raises ConfigError; no secret is asked for or
written, only the names of the environment variables that will hold them; a file that is there stays as it
is unless one insists, and is then replaced as a whole.
It asks nothing itself: `interview` is given the way to ask.
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
    """`kinds` are the answers to the first question for which this one is asked; none means always."""

    key: str
    text: str
    default: str
    choices: tuple[str, ...] = ()
    check: Callable[[str], object] | None = None
    kinds: tuple[str, ...] = ()


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


def _integrations(answer: str) -> object:
    if answer and not all(one.strip().isprintable() and one.strip() for one in answer.split(",")):
        raise ValueError("is not a list of names: write for example `zendesk, voki`")
    return answer


_KINDS = ("simulator", "voki", "evaluagent", "both")
_VOKI, _EVALUAGENT, _ACCOUNTS = ("voki", "both"), ("evaluagent", "both"), ("voki", "evaluagent", "both")
_REGIONS = ("europe", "north_america", "australia")
_TREATMENTS = ("keep", "pseudonym", "drop")
_PERSONAL = ("customer_name", "customer_contact", "comment")
QUESTIONS: tuple[Question, ...] = (
    Question("kind", "Try the built-in simulators, or connect accounts?", "simulator", _KINDS),
    Question("name", "A short name for the Voki account (a-z, 0-9, _)", "voki", check=name, kinds=_VOKI),
    Question("base_url", "Address of Voki", "https://voki.avanter.com.br", check=origin, kinds=_VOKI),
    Question("tenant", "Short name of your company in Voki (tenant)", "", check=tenant, kinds=_VOKI),
    Question(
        "sign_in", "Sign in to Voki with a token, or a password?", "token", ("token", "password"), kinds=_VOKI
    ),
    Question(
        "quality_name", "A short name for the evaluagent account", "quality", check=name, kinds=_EVALUAGENT
    ),
    Question("region", "Region of your evaluagent account", "europe", _REGIONS, kinds=_EVALUAGENT),
    Question(
        "mode", "Kind of its key: basic, or bearer tokens?", "basic", ("basic", "bearer"), kinds=_EVALUAGENT
    ),
    Question(
        "integrations",
        "Integrations for conversational analytics, with commas (empty: none)",
        "",
        check=_integrations,
        kinds=_EVALUAGENT,
    ),
    Question("start", "First day to fetch (empty: everything)", "", check=_start, kinds=_ACCOUNTS),
    Question("timezone", "Time zone of a day in the marts, such as America/Sao_Paulo", "UTC", check=timezone),
    Question("time", "Time of the nightly sync, in that zone", "02:15", check=_clock),
    Question("customer_name", "Names of customers", "keep", _TREATMENTS),
    Question("customer_contact", "E-mail addresses and telephone numbers of customers", "keep", _TREATMENTS),
    Question("comment", "Comments of customers", "keep", _TREATMENTS),
    Question("data_dir", "Folder for the data", "./data", check=_folder),
)


def interview(ask: Callable[[Question], str], tell: Callable[[str], None]) -> dict[str, str]:
    """The answers to all questions that apply; asked again, with the reason, until they can be used."""
    answers: dict[str, str] = {}
    for question in QUESTIONS:
        while applies(question, answers) and question.key not in answers:
            answer = ask(question).strip()
            if sentence := complaint(question, answer):
                tell(sentence)
            else:
                answers[question.key] = answer
    return answers


def applies(question: Question, answers: Answers) -> bool:
    """Whether a question is asked, after what was answered so far."""
    return not question.kinds or (answers.get("kind") or QUESTIONS[0].default) in question.kinds


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
        *_sources(full),
        "schedule:",
        f'  - {{cron: "{minute} {hour} * * *", timezone: {zone}}}',
        "privacy:                       # keep | pseudonym | drop",
        f"  customer_name: {full['customer_name']}",
        f"  customer_email: {full['customer_contact']}",
        f"  customer_phone: {full['customer_contact']}",
        f"  comment: {full['comment']}",
    ]
    return "\n".join(lines) + "\n"


def variables(answers: Answers) -> tuple[Variable, ...]:
    """What to set in the environment, in the order in which one sets it."""
    full = _complete(answers)
    needed: list[Variable] = []
    if full.get("sign_in") == "token":
        needed.append(Variable("VOKI_TOKEN", "the access token of a Voki user of this tenant"))
    elif full.get("sign_in") == "password":
        needed.append(Variable("VOKI_EMAIL", "the e-mail address of a Voki user of this tenant"))
        needed.append(Variable("VOKI_PASSWORD", "the password of that user"))
    if "region" in full:
        needed.append(Variable("EVALUAGENT_KEY_ID", "the Access Key ID of an evaluagent API key"))
        needed.append(Variable("EVALUAGENT_SECRET", "its Secret Key, which evaluagent shows once"))
    if "pseudonym" in [full[key] for key in _PERSONAL]:
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
    if full.get("name") is not None and full.get("name") == full.get("quality_name"):
        found.append("the answer to `quality_name` is the name of the Voki account: choose another")
    if found:
        raise ConfigError("\n".join(found))
    return full


def _sources(full: Mapping[str, str]) -> list[str]:
    start = [f"    start: {_quoted(full['start'])}"] if full.get("start") else []
    lines: list[str] = []
    if full["kind"] == "simulator":
        return [
            "  - {name: demo, system: voki, simulator: {seed: 7, evaluations: 5000}}",
            "  - name: quality",
            "    system: evaluagent",
            "    simulator: {seed: 7, evaluations: 1500}",
            "    integrations: [zendesk, voki]",
        ]
    if full["kind"] in _VOKI:
        by_token, by_login = "{token: ${VOKI_TOKEN}}", "{email: ${VOKI_EMAIL}, password: ${VOKI_PASSWORD}}"
        lines += [
            f"  - name: {_quoted(full['name'])}",
            "    system: voki",
            f"    base_url: {_quoted(full['base_url'])}",
            f"    tenant: {_quoted(full['tenant'])}",
            f"    auth: {by_token if full['sign_in'] == 'token' else by_login}",
            *start,
        ]
    if full["kind"] in _EVALUAGENT:
        named = dict.fromkeys(one.strip() for one in full["integrations"].split(",") if one.strip())
        keys = "access_key_id: ${EVALUAGENT_KEY_ID}, secret_key: ${EVALUAGENT_SECRET}"
        lines += [
            f"  - name: {_quoted(full['quality_name'])}",
            "    system: evaluagent",
            f"    region: {full['region']}",
            f"    auth: {{{keys}, mode: {full['mode']}}}",
            *([f"    integrations: [{', '.join(map(_quoted, named))}]"] if named else []),
            *start,
        ]
    return lines


def _quoted(text: str) -> str:
    """JSON's quotes are YAML's; a dollar sign is doubled, so that an answer is never taken for a variable."""
    return json.dumps(text, ensure_ascii=False).replace("$", "$$")
