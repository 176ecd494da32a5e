"""The kinds of value that config.yaml knows: durations, instants, origins, time zones, cron lines, secrets.

Each is a function from what stands in the file to the value, or ValueError with half a sentence that starts
with its verb and says what to write instead. The half sentence never quotes the value: it may be a secret,
and whoever knows the place decides whether it may be shown.
"""

import re
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, SecretStr, ValidationInfo

T = TypeVar("T")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_LONGEST = timedelta(days=36500)
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9:.,]+(Z|[+-][0-9:]{5})?)?")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")


def duration(value: object) -> timedelta:
    found = re.fullmatch(r"([0-9]{1,9})\s?([dhms])", value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("is not a duration: write a number with d, h, m or s, for example `2d` or `12h`")
    length = timedelta(**{_UNITS[found[2]]: int(found[1])})
    if length > _LONGEST:
        raise ValueError("is longer than a hundred years: write less, for example `365d`")
    return length


def step(value: object) -> timedelta:
    length = at_most(duration(value), timedelta(days=366), "366d")
    if not length:
        raise ValueError("is no time at all: write for example `6h`")
    return length


def instant(value: object) -> datetime:
    """A date is midnight UTC; a time without its zone could mean two hours of work, so it is refused."""
    if not isinstance(value, str) or not (found := _INSTANT.fullmatch(value)):
        raise ValueError("is not a date: write `2024-01-31`, or with a time `2024-01-31T06:00:00Z`")
    if found[1] and not found[2]:
        raise ValueError("has a time without a zone: end it with `Z` for UTC, or an offset such as `-03:00`")
    try:
        moment = datetime.fromisoformat(value)
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise ValueError("is not a day of the calendar: write for example `2024-01-31`") from None
    if moment < _EPOCH:
        raise ValueError("lies before 1970: write a later date, or leave the key out for everything")
    return moment


def origin(value: str) -> str:
    """Scheme, host and port. Anything more could carry a credential, or send one elsewhere."""
    try:
        parts = urlsplit(value)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError("is not a URL: write for example `https://voki.avanter.com.br`") from None
    if parts.username is not None or parts.password is not None:
        raise ValueError("holds a user name or password: keep them under `auth`, and only the host here")
    if parts.scheme not in {"https", "http"} or not _is_host(host) or port == 0:
        raise ValueError("is not a URL: write for example `https://voki.avanter.com.br`")
    if parts.path not in {"", "/"} or parts.query or parts.fragment or not value.isascii() or "\\" in value:
        raise ValueError("has more than scheme and host: write for example `https://voki.avanter.com.br`")
    if parts.scheme == "http" and not is_loopback(host):
        raise ValueError("would send the credentials unencrypted: write `https://`")
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + (f":{port}" if port else "")


def notice_url(value: SecretStr) -> SecretStr:
    """Where notices go. Its path may be a key, so all of it is a secret; it must not travel in the clear."""
    text = value.get_secret_value()
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError("is not a URL: write for example `https://example.com/hooks/evalsync`") from None
    if parts.scheme not in {"https", "http"} or not _is_host(host) or port == 0 or not text.isascii():
        raise ValueError("is not a URL: write for example `https://example.com/hooks/evalsync`")
    if parts.username is not None or parts.password is not None or parts.fragment or "\\" in text:
        raise ValueError("holds a user name or a fragment: notices are signed, write the bare address")
    if parts.scheme == "http" and not is_loopback(host):
        raise ValueError("would send the notice unencrypted: write `https://`")
    return value


def host(value: str) -> str:
    if not _is_host(value):
        raise ValueError("is not a host: write for example `127.0.0.1`, or `0.0.0.0` for every network")
    return value


def is_loopback(host_name: str) -> bool:
    if host_name.lower() == "localhost":
        return True
    try:
        return ip_address(host_name).is_loopback
    except ValueError:
        return False


def timezone(value: str) -> str:
    if value in _zones():
        return value
    folded = {zone.lower(): zone for zone in _zones()}
    close = get_close_matches(value.lower()[:64], folded, n=1, cutoff=0.5)
    meant = (
        f"did you mean `{folded[close[0]]}`?" if close else "write for example `UTC` or `America/Sao_Paulo`"
    )
    raise ValueError(f"is not a time zone: {meant}")


def cron(value: str) -> str:
    """Weekday numbers are refused: 0 is Sunday in crontab, Monday in the scheduler's library."""
    fields = value.split()
    if len(fields) != 5 or len(value) > 200:
        raise ValueError(
            "is not a cron line: write five fields, for example `15 2 * * *` for 02:15 every day"
        )
    if re.search(r"(?<![/0-9])[0-9]", fields[4]):
        raise ValueError("has a weekday as a number, which programs count differently: write `mon` to `sun`")
    from apscheduler.triggers.cron import CronTrigger

    try:
        trigger = CronTrigger.from_crontab(value, timezone=UTC)
        fires = trigger.get_next_fire_time(None, datetime(2024, 1, 1, tzinfo=UTC))
    except (ValueError, OverflowError):
        raise ValueError("is not a cron line: write for example `15 2 * * *` for 02:15 every day") from None
    if fires is None:
        raise ValueError("names a day that never comes: write for example `15 2 * * *`")
    return value


def local_path(value: object, info: ValidationInfo) -> Path:
    """A path in the file counts from the file's own folder, wherever the command is started."""
    folder: Path = (info.context or {}).get("folder", Path())
    if isinstance(value, Path):  # a default
        return folder / value
    if not isinstance(value, str) or not value or not value.isprintable():
        raise ValueError("is not a path: write for example `./data`")
    if value.startswith("~"):
        raise ValueError("starts with `~`, which only a shell knows: write `${HOME}/...`")
    return folder / value


def whole(value: object) -> object:
    """Digits, also from a variable; `true` and 1.0 are no numbers that anyone meant."""
    if isinstance(value, bool | float):
        raise ValueError("must be a whole number: write digits only")  # noqa: TRY004  the validation collects ValueErrors
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,18}", value):
        return int(value)
    return value


def some(value: tuple[T, ...]) -> tuple[T, ...]:
    if not value:
        raise ValueError("is empty: write at least one entry")
    return value


def distinct(value: tuple[T, ...]) -> tuple[T, ...]:
    if len(set(value)) < len(value):
        raise ValueError("names an entry twice: keep one of them")
    return value


def at_most(value: timedelta, most: timedelta, written: str) -> timedelta:
    if value > most:
        raise ValueError(f"is too long: write `{written}` or less")
    return value


def name(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9_]{1,64}", value):
        raise ValueError("is not a name: use small letters, digits and `_`, for example `acme`")
    return value


def tenant(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,100}", value):
        raise ValueError("is not a tenant: write the short name of the account, for example `acme`")
    return value


def _printable(value: str) -> str:
    if not value.strip() or not value.isprintable():
        raise ValueError("is empty or holds a line break or control character: write it on one line")
    return value


def _secret(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().strip():
        raise ValueError("is empty: give it through an environment variable, such as `${VOKI_TOKEN}`")
    if not value.get_secret_value().isprintable():
        raise ValueError("holds a line break or control character: check how the variable was set")
    return value


def _token(value: SecretStr) -> SecretStr:
    """A token travels in a header: a line break in it would be a second header."""
    if not re.fullmatch(r"[!-~]+", _secret(value).get_secret_value()):
        raise ValueError("holds a space or a character that no header can carry: give the bare value")
    return value


def _key_id(value: SecretStr) -> SecretStr:
    """HTTP Basic ends the user's name at the first colon."""
    if ":" in _token(value).get_secret_value():
        raise ValueError("holds a colon: give the Access Key ID alone, without the Secret Key")
    return value


def _empty_is_none(value: object) -> object:
    return None if value == "" else value


def _is_host(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return bool(_HOST.fullmatch(text)) and ".." not in text
    return "%" not in text


@cache
def _zones() -> frozenset[str]:
    """IANA's names as the tzdata package lists them, so that every machine agrees; `Factory` is no place."""
    return frozenset(files("tzdata").joinpath("zones").read_text("utf-8").split()) - {"Factory"}


Filled = AfterValidator(some)
Distinct = AfterValidator(distinct)
Duration = Annotated[timedelta, BeforeValidator(duration)]
Step = Annotated[timedelta, BeforeValidator(step)]
Instant = Annotated[datetime, BeforeValidator(instant)]
Origin = Annotated[str, AfterValidator(origin)]
Host = Annotated[str, AfterValidator(host)]
Zone = Annotated[str, AfterValidator(timezone)]
Cron = Annotated[str, AfterValidator(cron)]
LocalPath = Annotated[Path, BeforeValidator(local_path)]
Whole = Annotated[int, BeforeValidator(whole)]
Line = Annotated[str, AfterValidator(_printable)]
Secret = Annotated[SecretStr, AfterValidator(_secret)]
Token = Annotated[SecretStr, AfterValidator(_token)]
KeyId = Annotated[SecretStr, AfterValidator(_key_id)]
OptionalToken = Annotated[Token | None, BeforeValidator(_empty_is_none)]
NoticeUrl = Annotated[Secret, AfterValidator(notice_url)]
Name = Annotated[str, AfterValidator(name)]
Tenant = Annotated[str, AfterValidator(tenant)]
