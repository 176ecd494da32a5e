"""config.yaml as frozen data: what may stand in it, what is meant where nothing stands.

Promises: `load` gives a whole, valid Config or raises ConfigError with one sentence for each problem (file
and line, key, what is wrong, what to do); no secret's value is in an error, a repr or a str.
It reads the config file and nothing else: the environment and the clock are arguments.
"""

import stat
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator, model_validator

from pipeline.config_fields import (
    Cron,
    Distinct,
    Duration,
    Filled,
    Host,
    LocalPath,
    NoticeUrl,
    OptionalToken,
    Secret,
    Step,
    Whole,
    Zone,
    is_loopback,
    whole,
)
from pipeline.config_sentences import nearest, problem, refuse
from pipeline.config_sources import EvaluagentSource, Section, Source, VokiSource
from pipeline.config_text import Document, Problem, Spot, line_of, read, utf8
from schemas.errors import ConfigError

__all__ = ["Config", "EvaluagentSource", "Source", "VokiSource", "load", "parse"]

PSEUDONYM_VARIABLE = "EVALSYNC_PSEUDONYM_KEY"
_LARGEST_FILE = 256 * 1024

PERSONAL = ("customer_name", "customer_email", "customer_phone", "comment")
Notice = Literal["failed", "unproven", "stale"]
Treatment = Literal["keep", "pseudonym", "drop"]


class Reporting(Section):
    """What the marts mean by a day, and by satisfied."""

    timezone: Zone = "UTC"
    satisfied_from: Whole = Field(4, ge=1, le=5)


class Schedule(Section):
    """When to sync: by the calendar of a time zone (`cron`), or in steady steps since 1970 (`every`)."""

    cron: Cron | None = None
    every: Step | None = None
    timezone: Zone = "UTC"
    sources: Annotated[tuple[str, ...], Filled] | None = None  # None: all

    @model_validator(mode="after")
    def _one_of_the_two(self) -> Self:
        if (self.cron is None) == (self.every is None):
            raise ValueError('needs one of the two: `cron: "15 2 * * *"`, or `every: 6h`')
        return self


class Packages(Section):
    keep: Duration = timedelta(days=30)

    @field_validator("keep")
    @classmethod
    def _past_a_pause(cls, value: timedelta) -> timedelta:
        if value < timedelta(days=1):
            raise ValueError("is too short: a paused run goes on with them the next day: write `1d` or more")
        return value


class Snapshots(Section):
    keep: Whole = Field(3, ge=3, le=1000)


class Privacy(Section):
    customer_name: Treatment = "keep"
    customer_email: Treatment = "keep"
    customer_phone: Treatment = "keep"
    comment: Treatment = "keep"
    pseudonym_key: SecretStr | None = None  # from the environment, where one of the two needs it

    @property
    def rules(self) -> dict[str, Treatment]:
        """Field as on the wire -> what becomes of it."""
        return {name: getattr(self, name) for name in PERSONAL}

    @field_validator("pseudonym_key", mode="before")
    @classmethod
    def _not_in_the_file(cls, _: object) -> None:
        raise ValueError(f"comes from the environment variable {PSEUDONYM_VARIABLE} only: remove it here")


class Quarantine(Section):
    max_share: float = Field(0.05, ge=0, le=1, allow_inf_nan=False)


class Serve(Section):
    host: Host = "127.0.0.1"
    port: Whole = Field(8080, ge=0, le=65535)
    token: OptionalToken = None
    stale_after: Duration | None = None  # None: by the schedule

    @model_validator(mode="after")
    def _guarded(self) -> Self:
        if self.token is None and not is_loopback(self.host):
            raise ValueError(
                "opens the dashboard to other machines without a token: add `token: ${EVALSYNC_TOKEN}`, or"
                " write `host: 127.0.0.1`"
            )
        return self


class Notify(Section):
    """Where a signed notice goes, and of what."""

    url: NoticeUrl
    on: Annotated[tuple[Notice, ...], Filled, Distinct] = ("failed", "unproven", "stale")
    secret: Secret


class Config(Section):
    """Everything a run is told. `data_dir` is absolute when it comes from `load`."""

    version: Annotated[Literal[1], BeforeValidator(whole)]
    data_dir: LocalPath = Field(Path("data"), validate_default=True)
    reporting: Reporting = Reporting()
    sources: Annotated[tuple[Source, ...], Filled]
    agents: LocalPath | None = None  # who at Voki is who at evaluagent: a CSV file
    schedule: tuple[Schedule, ...] = ()
    packages: Packages = Packages()
    snapshots: Snapshots = Snapshots()
    privacy: Privacy = Privacy()
    quarantine: Quarantine = Quarantine()
    serve: Serve = Serve()
    notify: Notify | None = None


def load(path: Path, env: Mapping[str, str], *, now: datetime | None = None) -> Config:
    """Reads the config file. `now` decides what lies in the future."""
    return parse(_text(path), env, path, now=now or datetime.now(UTC))


def parse(text: str, env: Mapping[str, str], path: Path, *, now: datetime) -> Config:
    """The config that a text means. `path` names it in errors; relative paths start at its folder."""
    name = str(path)
    document = read(text, env, name)
    problems = list(document.problems)
    known = {found.spot for found in problems}
    config: Config | None = None
    try:
        config = Config.model_validate(document.data, context={"folder": path.absolute().parent})
    except ValidationError as error:
        found = [problem(detail, document, Config) for detail in error.errors(include_url=False)]
        problems += [one for one in found if not any(one.spot[: len(spot)] == spot for spot in known if spot)]
    if config is not None:
        problems += _across(config, document, env, now)
    if config is None or problems:
        raise refuse(problems, name)
    if "pseudonym" not in config.privacy.rules.values():
        return config
    key = SecretStr(env[PSEUDONYM_VARIABLE])
    return config.model_copy(update={"privacy": config.privacy.model_copy(update={"pseudonym_key": key})})


def _across(config: Config, document: Document, env: Mapping[str, str], now: datetime) -> Iterator[Problem]:
    """What can only be seen over several sections."""

    def found(spot: Spot, sentence: str) -> Problem:
        return Problem(line_of(document, spot), spot, sentence)

    names: list[str] = []
    for index, source in enumerate(config.sources):
        if source.name in names:
            yield found(
                ("sources", index, "name"), f"`{source.name}` is taken by a source above: choose another"
            )
        if source.start is not None and source.start > now:
            yield found(
                ("sources", index, "start"), "lies in the future: write a past day, or leave the key out"
            )
        names.append(source.name)
    for index, schedule in enumerate(config.schedule):
        for place, name in enumerate(schedule.sources or ()):
            if name not in names:
                meant = nearest(name, names)
                remedy = f"did you mean `{meant}`?" if meant else f"sources are {', '.join(names)}"
                yield found(("schedule", index, "sources", place), f"is not the name of a source: {remedy}")
    for key, rule in config.privacy.rules.items():
        if rule == "pseudonym" and not env.get(PSEUDONYM_VARIABLE, "").strip():
            sentence = (
                f"needs the environment variable {PSEUDONYM_VARIABLE}: run `export {PSEUDONYM_VARIABLE}=...`"
            )
            yield found(("privacy", key), sentence)


def _text(path: Path) -> str:
    try:
        if path.is_dir():
            raise ConfigError(
                f"{path}: is a folder: give the config file in it, such as `--config {path}/config.yaml`"
            )
        if not stat.S_ISREG(path.stat().st_mode):
            raise ConfigError(f"{path}: is not a regular file: give the path of a config file")
        with path.open("rb") as file:
            content = file.read(_LARGEST_FILE + 1)
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: is not there: write it with `evalsync init`, or name it with --config"
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no such path"
        raise ConfigError(f"{path}: cannot be read ({reason}): check its name and permissions") from None
    if len(content) > _LARGEST_FILE:
        raise ConfigError(f"{path}: is larger than 256 KB: is it the right file?")
    return utf8(path, content)
