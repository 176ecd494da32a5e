"""The sources of config.yaml: an account of a system, or the simulator in its place.

Promises: a source is either whole (where, who, with what credential) or refused; a budget is raised only on
purpose. It knows no connector and does no I/O.
"""

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from pipeline.config_fields import (
    Duration,
    Filled,
    Instant,
    Line,
    LocalPath,
    Name,
    Origin,
    Secret,
    Tenant,
    Token,
    Whole,
    at_most,
)

_PUBLISHED = {"per_minute": 100, "per_day": 10_000}

Bound = Literal["inclusive", "exclusive"]
Column = Literal[  # a row as Voki sends it
    "id", "call_id", "rating", "comment", "customer_name", "user_name", "department_name", "inserted_at"
]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Budget(Section):
    """Requests per endpoint group. Lower is free; higher is a promise that only the vendor can give."""

    per_minute: Whole = Field(_PUBLISHED["per_minute"], ge=1, le=1_000_000)
    per_day: Whole = Field(_PUBLISHED["per_day"], ge=1, le=100_000_000)
    force: bool = False

    @model_validator(mode="after")
    def _raised_on_purpose(self) -> Self:
        if not self.force and (
            self.per_minute > _PUBLISHED["per_minute"] or self.per_day > _PUBLISHED["per_day"]
        ):
            raise ValueError("is above 100 per minute or 10000 per day: lower it, or add `force: true`")
        return self


class VokiAuth(Section):
    token: Token | None = None
    email: Line | None = None
    password: Secret | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        login = (self.email is not None, self.password is not None)
        if (self.token is not None) == any(login) or any(login) != all(login):
            raise ValueError("needs either `token`, or `email` and `password`: write one of the two ways")
        return self


class Simulator(Section):
    """A made-up world (seed, evaluations), or a file of real ratings; `until` is its present."""

    seed: Whole = Field(7, ge=0, le=2**63 - 1)
    evaluations: Whole = Field(5000, ge=0, le=10_000_000)
    until: Instant | None = None
    file: LocalPath | None = None
    columns: dict[Column, Line] = {}  # the name at Voki -> the name in the file

    @model_validator(mode="after")
    def _one_world(self) -> Self:
        if self.file is None and self.columns:
            raise ValueError("has `columns` without a `file`: add `file: ratings.csv`, or remove `columns`")
        if self.file is not None and self.model_fields_set & {"seed", "evaluations"}:
            raise ValueError("has a `file` and a made-up world: keep `file`, or `seed` and `evaluations`")
        if self.file is not None and self.file.suffix.lower() not in {".csv", ".parquet"}:
            raise ValueError(
                "has a `file` that is no CSV or Parquet: give one that ends with .csv or .parquet"
            )
        return self


class VokiAssume(Section):
    """What the vendor's documentation leaves open."""

    date_from: Bound = "inclusive"
    date_to: Bound = "inclusive"
    date_unit: Literal["second", "day"] = "second"
    settle: Duration = timedelta(seconds=5)

    @field_validator("settle")
    @classmethod
    def _short(cls, value: timedelta) -> timedelta:
        return at_most(value, timedelta(hours=1), "1h")


class AnySource(Section):
    """What every source has."""

    name: Name
    lookback: Duration = timedelta(days=2)
    start: Instant | None = None  # None: everything
    retention: Duration | None = None  # the source purges older rows; they are never called deleted
    budget: Budget = Budget()
    simulator: Simulator | None = None

    @field_validator("lookback", "retention")
    @classmethod
    def _within_a_decade(cls, value: timedelta | None) -> timedelta | None:
        return value if value is None else at_most(value, timedelta(days=3650), "3650d")


class VokiSource(AnySource):
    system: Literal["voki"]
    base_url: Origin | None = None  # set unless there is a simulator
    tenant: Tenant = ""  # never empty once valid
    auth: VokiAuth | None = None  # set unless there is a simulator
    streams: Annotated[tuple[Literal["evaluations"], ...], Filled] = ("evaluations",)
    page_size: Whole = Field(100, ge=1, le=1000)
    assume: VokiAssume = VokiAssume()

    @model_validator(mode="before")
    @classmethod
    def _simulated_tenant(cls, value: object) -> object:
        if isinstance(value, dict) and value.get("simulator") is not None and "tenant" not in value:
            return {**value, "tenant": value.get("name", "")}
        return value

    @model_validator(mode="after")
    def _one_account(self) -> Self:
        needed = [key for key in ("base_url", "tenant", "auth") if not getattr(self, key)]
        if self.simulator is None and needed:
            listed = ", ".join(f"`{key}`" for key in needed)
            raise ValueError(
                f"needs {listed} for a real account: add what is missing, or write `simulator: {{seed: 7}}`"
            )
        if self.simulator is not None and (self.base_url or self.auth):
            raise ValueError(
                "has a simulator and a real account: remove `simulator`, or `base_url` and `auth`"
            )
        return self


class EvaluagentAuth(Section):
    access_key_id: Secret
    secret_key: Secret
    mode: Literal["basic", "bearer"] = "basic"


class EvaluagentPaging(Section):
    number: Line = "page[number]"
    size: Line = "page[size]"
    page_size: Whole = Field(50, ge=1, le=1000)
    next: Line = "links.next"
    total: Line = "meta.page.total"


class EvaluagentAssume(Section):
    paging: EvaluagentPaging = EvaluagentPaging()
    filter: Line = "filter[published_at;between]"
    sort: Line = "published_at"
    include: Line = "contacts"
    token_path: Line = "/v1/auth/token"  # noqa: S105  a path


class EvaluagentSource(AnySource):
    """Known, so that its sections are checked; refused, because this version has no connector for it."""

    system: Literal["evaluagent"]
    region: Literal["europe", "north_america", "australia"] | None = None
    base_url: Origin | None = None
    auth: EvaluagentAuth | None = None
    streams: Annotated[tuple[Name, ...], Filled] | None = None
    assume: EvaluagentAssume = EvaluagentAssume()

    @field_validator("system")
    @classmethod
    def _not_yet(cls, _: str) -> str:
        raise ValueError("comes with the next version, this one syncs Voki only: remove this source for now")


Source = Annotated[VokiSource | EvaluagentSource, Field(discriminator="system")]
