"""The sources of config.yaml: an account of a system, or the simulator in its place.

Promises: a source is either whole (where, who, with what credential) or refused; a budget is raised only on
purpose. It knows no connector and does no I/O.
"""

from datetime import timedelta
from typing import Annotated, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from pipeline.config_fields import (
    Distinct,
    Duration,
    Filled,
    Instant,
    KeyId,
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

LEAST_AUDIT = 4  # requests: the totals and the list's count, before and after
_PUBLISHED = {"per_minute": 100, "per_day": 10_000}

VokiStream = Literal["evaluations", "calls", "departments", "users"]
EvaluagentStream = Literal["quality_evaluations", "agents", "groups", "roles", "conversations"]
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
    tenant: Tenant = ""  # never empty once valid
    lookback: Duration = timedelta(days=2)
    reread: Whole = Field(0, ge=0, le=10_000)  # requests a run may spend on looking at older rows again
    audit: Whole = Field(100, ge=0, le=10_000)  # requests a run may spend on proving each stream's history
    start: Instant | None = None  # None: everything
    retention: Duration | None = None  # the source purges older rows; they are never called deleted
    budget: Budget = Budget()
    simulator: Simulator | None = None

    @field_validator("audit")
    @classmethod
    def _enough_to_compare(cls, value: int) -> int:
        if 0 < value < LEAST_AUDIT:
            raise ValueError(
                f"is too few: an audit needs {LEAST_AUDIT} requests at least, or write `0` for none"
            )
        return value

    @field_validator("lookback", "retention")
    @classmethod
    def _within_a_decade(cls, value: timedelta | None) -> timedelta | None:
        return value if value is None else at_most(value, timedelta(days=3650), "3650d")


class VokiSource(AnySource):
    system: Literal["voki"]
    base_url: Origin | None = None  # set unless there is a simulator
    auth: VokiAuth | None = None  # set unless there is a simulator
    streams: Annotated[tuple[VokiStream, ...], Filled] = get_args(VokiStream)
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
    access_key_id: KeyId
    secret_key: Secret
    mode: Literal["basic", "bearer"] = "basic"


class EvaluagentPaging(Section):
    number: Line = "page[number]"
    size: Line = "page[size]"
    page_size: Whole = Field(50, ge=1, le=1000)
    next: Line = "links.next"
    total: Line = "meta.page.total"

    @model_validator(mode="after")
    def _two_names(self) -> Self:
        if self.number == self.size:
            raise ValueError("has one name for `number` and `size`: give each its own, as the API has them")
        return self


class EvaluagentAssume(Section):
    """What the vendor's documentation leaves open; the defaults are the connector's."""

    paging: EvaluagentPaging = EvaluagentPaging()
    filter: Line = "filter[published_at;between]"
    sort: Line = "published_at"
    include: Line = "contacts"
    date_from: Bound = "inclusive"
    date_to: Bound = "inclusive"
    token_path: Line = "/v1/auth/token"  # noqa: S105  a path
    token: Line = "data.attributes.token"  # noqa: S105  where it stands in the answer
    expires_at: Line = "data.attributes.expires_at"
    settle: Duration = timedelta(seconds=5)

    @field_validator("settle")
    @classmethod
    def _short(cls, value: timedelta) -> timedelta:
        return at_most(value, timedelta(hours=1), "1h")


class EvaluagentSource(AnySource):
    """Edits that keep their publication date are seen only by looking again: hence a `reread` by default."""

    system: Literal["evaluagent"]
    reread: Whole = Field(200, ge=0, le=10_000)
    region: Literal["europe", "north_america", "australia"] | None = None
    base_url: Origin | None = None
    auth: EvaluagentAuth | None = None  # set unless there is a simulator
    streams: Annotated[tuple[EvaluagentStream, ...], Filled] = get_args(EvaluagentStream)
    integrations: Annotated[tuple[Line, ...], Distinct] = ()  # analytics cannot be asked for without one
    details: tuple[Literal["quality_evaluations", "conversations"], ...] = ()  # asked for one by one
    assume: EvaluagentAssume = EvaluagentAssume()

    @property
    def page_size(self) -> int:
        return self.assume.paging.page_size

    @model_validator(mode="before")
    @classmethod
    def _named_tenant(cls, value: object) -> object:
        """An account is one contract: its own name, unless another is given."""
        if isinstance(value, dict) and "tenant" not in value:
            return {**value, "tenant": value.get("name", "")}
        return value

    @model_validator(mode="after")
    def _one_account(self) -> Self:
        where = self.region or self.base_url
        needed = [key for key, given in (("region", where), ("auth", self.auth)) if not given]
        if self.simulator is None and needed:
            listed = ", ".join(f"`{key}`" for key in needed)
            raise ValueError(
                f"needs {listed} for a real account: add what is missing, or write `simulator: {{seed: 7}}`"
            )
        if self.region and self.base_url:
            raise ValueError("has a `region` and a `base_url`: keep one of them")
        if self.simulator is not None and (self.region or self.base_url or self.auth):
            raise ValueError("has a simulator and a real account: remove `simulator`, or the account's keys")
        if self.simulator is not None and self.simulator.file is not None:
            raise ValueError("has a simulator with a `file`, which only Voki's can play: give a `seed`")
        if "conversations" in self.streams and "streams" in self.model_fields_set and not self.integrations:
            raise ValueError("has the stream `conversations`, which needs `integrations: [name, ...]`")
        return self


Source = Annotated[VokiSource | EvaluagentSource, Field(discriminator="system")]
