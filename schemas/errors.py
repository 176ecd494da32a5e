"""Every error of evalsync, placed by what the caller can do about it.

    EvalsyncError
    ├── ConfigError                 refuse to start: exit code 2
    ├── SourceError                 something about a source; never carries a body or a credential
    │   ├── RetryableSourceError    time-out, 5xx, 429, broken body: back off, then the stream fails
    │   ├── BudgetExhausted         stop at the page, go on next run: outcome "paused"
    │   ├── AuthError               401 or 403 after one refresh
    │   ├── FatalSourceError        other 4xx, broken contract, foreign origin
    │   └── DriftError              the walk could not be completed safely
    ├── RecordError                 one record is wrong: it becomes a dead letter
    │   └── QuarantineOverflow      too many of them: the stream fails, its watermark stays
    ├── LoadError                   rolled back; the package stays; tried again next run
    │   └── WarehouseBusy           another process holds the lease: exit code 75
    ├── PublishError                the previous snapshot stays in place
    ├── CheckFailed                 a mart broke its own check: the previous marts stay
    └── ReconciliationError         the warehouse could not be compared with the source

`str(error)` is one sentence for a person: what is wrong, where, and what to do.
"""

from dataclasses import dataclass
from datetime import datetime


class EvalsyncError(Exception):
    """Anything that evalsync itself reports."""


class ConfigError(EvalsyncError):
    """The configuration cannot be used."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where at a source something happened; every part may be unknown."""

    source: str = ""
    stream: str = ""
    group: str = ""
    status: int | None = None

    def __str__(self) -> str:
        parts = [part for part in (self.source, self.stream) if part]
        text = "/".join(parts) or "source"
        if self.group:
            text += f" ({self.group})"
        return text if self.status is None else f"{text}: status {self.status}"


class SourceError(EvalsyncError):
    """Something about a source. `place` says where; the sentence never holds a body or a credential."""

    def __init__(self, message: str, place: Place | None = None) -> None:
        self.message = message
        self.place = place or Place()
        super().__init__(message)

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.place != Place() else self.message


class RetryableSourceError(SourceError):
    """May succeed when tried again. `retry_after` is what the source asked for, in seconds."""

    def __init__(self, message: str, place: Place | None = None, retry_after: float | None = None) -> None:
        super().__init__(message, place)
        self.retry_after = retry_after


class BudgetExhausted(SourceError):
    """No request is allowed before `resume_at` (None: before the next run)."""

    def __init__(self, message: str, place: Place | None = None, resume_at: datetime | None = None) -> None:
        super().__init__(message, place)
        self.resume_at = resume_at


class AuthError(SourceError):
    """The credential is refused."""


class FatalSourceError(SourceError):
    """Trying again would not help."""


class DriftError(SourceError):
    """The source moved, or answered in a way in which a row could be missed."""


class RecordError(EvalsyncError):
    """One record breaks its contract; `pointer` is the JSON pointer of the field."""

    def __init__(self, reason: str, pointer: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.pointer = pointer


class QuarantineOverflow(RecordError):
    """Too large a share of a page breaks the contract: the source has changed, not a record."""


class LoadError(EvalsyncError):
    """The warehouse refused a package; nothing of it is there."""


class WarehouseBusy(LoadError):
    """Another run holds the lease."""


class PublishError(EvalsyncError):
    """The new snapshot could not be put in place."""


class CheckFailed(EvalsyncError):
    """A mart broke a rule of its own."""


class ReconciliationError(EvalsyncError):
    """The source's totals could not be compared."""
