"""Every wrong config is refused in one sentence: file and line, the key, what is wrong, what to do."""
# ruff: noqa: E501  a row of the table is one case

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.config import Config, parse
from schemas.errors import ConfigError

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SENTINEL = "s3ntinel-Value"
ENV = {"VOKI_TOKEN": SENTINEL, "EVALSYNC_PSEUDONYM_KEY": SENTINEL}
INJECTION = 'x"; DROP TABLE ev; --'
JARGON = re.compile(
    r"pydantic|Input should|value_error|validation|NoneType|ctx|type=|Literal|Traceback|Extra inputs|Field required",
    re.IGNORECASE,
)

REAL = Path(__file__).with_name("account.yaml").read_text("utf-8")


def read(text: str, env: dict[str, str] | None = None) -> Config:
    return parse(text, ENV if env is None else env, Path("/srv/evalsync/config.yaml"), now=NOW)


def refusal(text: str, env: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as raised:
        read(text, env)
    error = raised.value
    assert error.__cause__ is None, "a cause would print the validation's own words"
    assert SENTINEL not in f"{error} {error!r}"
    assert not JARGON.search(str(error)), str(error)
    return str(error)


# What is changed in REAL, the line that the error names, and parts of its sentence: what, and what to do.
WRONG: list[tuple[str, str, int, tuple[str, ...]]] = [
    ("version: 1", "version: 2", 1, ("version: ", "must be `1`")),
    ("version: 1", "version: true", 1, ("version: ", "whole number: write digits only")),
    ("version: 1\n", "", 1, ("version: is missing", "`version: 1`")),
    ("data_dir:", "datadir:", 2, ("unknown key `datadir`", "did you mean `data_dir`?")),
    ("data_dir: ./warehouse", "data_dir: [a]", 2, ("data_dir: ", "not a path", "./data")),
    ("data_dir: ./warehouse", "data_dir: ~/x", 2, ("`~/x` starts with `~`", "${HOME}")),
    ("data_dir: ./warehouse", "data_dir:", 2, ("data_dir: is empty", "remove the key")),
    ("  timezone: Am", "  timzone: Am", 4, ("reporting: has an unknown key `timzone`", "`timezone`")),
    ("America/Sao_Paulo", "america/sao_paolo", 4, ("reporting.timezone: `america/sao_paolo`", "`America/Sao_Paulo`")),
    ("America/Sao_Paulo", "../../etc/passwd", 4, ("is not a time zone", "write for example")),
    ("satisfied_from: 4", "satisfied_from: 6", 5, ("reporting.satisfied_from: `6` is too large", "5 or less")),
    ("satisfied_from: 4", "satisfied_from: 0", 5, ("is too small", "1 or more")),
    ("satisfied_from: 4", "satisfied_from: four", 5, ("`four` must be a whole number: write digits only",)),
    ("satisfied_from: 4", "satisfied_from: 4.0", 5, ("`4.0` must be a whole number: write digits only",)),
    ("reporting:\n  timezone: America/Sao_Paulo\n  satisfied_from: 4", "reporting: UTC\n\n", 3, ("block of keys",)),
    ("name: acme", "name: Acme Inc", 7, ("sources[0].name: `Acme Inc` is not a name", "small letters")),
    ("name: acme", "name: 12", 7, ("sources[0].name: ", "must be text: put the value in quotes")),
    ("name: demo", "name: acme", 19, ("sources[1].name: ", "taken", "choose another")),
    ("name: acme\n    ", "", 7, ("sources[0].name: is missing", "write a short name")),
    ("system: voki\n    base", "system: vocki\n    base", 8, ("`vocki` must be one of", "did you mean `voki`?")),
    ("system: voki\n    base", "base", 7, ("sources[0].system: is missing", "`system: voki` or `system: evaluagent`")),
    ("https://voki.avanter.com.br", "voki.avanter.com.br", 9, ("sources[0].base_url: is not a URL", "https://")),
    ("https://voki.avanter.com.br", "ftp://voki.example", 9, ("is not a URL",)),
    ("https://voki.avanter.com.br", "http://voki.example", 9, ("unencrypted", "`https://`")),
    ("https://voki.avanter.com.br", f"https://u:{SENTINEL}@voki.example", 9, ("user name", "under `auth`")),
    ("https://voki.avanter.com.br", f"https://voki.example?k={SENTINEL}", 9, ("more than scheme and host",)),
    ("https://voki.avanter.com.br", "https://voki.example/api", 9, ("more than scheme and host",)),
    ("https://voki.avanter.com.br", "https://voki.example:99999", 9, ("is not a URL",)),
    ("https://voki.avanter.com.br", "'https://[::1'", 9, ("is not a URL",)),
    ("    tenant: acme\n", "", 7, ("sources[0]: needs `tenant`", "add")),
    ("    auth: {token: ${VOKI_TOKEN}}\n", "", 7, ("sources[0]: needs `auth`", "add")),
    ("tenant: acme", 'tenant: "a\\r\\nX-Evil: 1"', 10, ("sources[0].tenant: ", "is not a tenant")),
    ("{token: ${VOKI_TOKEN}}", "{token: ${VOKI_TOKN}}", 11, ("variable VOKI_TOKN", "export VOKI_TOKN=")),
    ("{token: ${VOKI_TOKEN}}", "{token: ${VOKI_TOKEN}, email: a@b}", 11, ("either `token`, or `email`",)),
    ("{token: ${VOKI_TOKEN}}", "{email: a@b.example}", 11, ("either `token`, or `email`", "write one")),
    ("{token: ${VOKI_TOKEN}}", f"{{tokn: {SENTINEL}}}", 11, ("unknown key `tokn`", "did you mean `token`?")),
    ("{token: ${VOKI_TOKEN}}", f"{{token:{SENTINEL}}}", 11, ("unknown key", "space missing after a colon")),
    ("{token: ${VOKI_TOKEN}}", f"{{{SENTINEL}}}", 11, ("sources[0].auth: has an unknown key",)),
    ("{token: ${VOKI_TOKEN}}", SENTINEL, 11, ("sources[0].auth: must be a block of keys",)),
    ("{token: ${VOKI_TOKEN}}", f'{{token: "Bearer {SENTINEL}"}}', 11, ("auth.token: ", "bare value")),
    ("{token: ${VOKI_TOKEN}}", f'{{token: "{SENTINEL}\\n"}}', 11, ("auth.token: ", "line break")),
    ("{token: ${VOKI_TOKEN}}", "{token: 12345}", 11, ("auth.token: must be text", "quotes")),
    ("{token: ${VOKI_TOKEN}}", f"{{token: *{SENTINEL}}}", 11, ("`*`", "in quotes")),
    ("{token: ${VOKI_TOKEN}}", f"{{token: !{SENTINEL} x}}", 11, ("`!`", "in quotes")),
    ("{token: ${VOKI_TOKEN}}", f"{{token: %{SENTINEL}}}", 11, ("cannot be read as YAML", "quotes")),
    ("{token: ${VOKI_TOKEN}}", f'{{token: "{SENTINEL}}}', 23, ("cannot be read as YAML",)),
    ("{token: ${VOKI_TOKEN}}", "{token: ${}}", 11, ("names no variable", "`${NAME}`")),
    ("{token: ${VOKI_TOKEN}}", "{token: ${A:-${B}}}", 11, ("default that holds another variable", "write the")),
    ("[evaluations]", "[evalutions]", 12, ("sources[0].streams[0]: `evalutions` must be one of", "did you mean `evaluations`?")),
    ("[evaluations]", "evaluations", 12, ("must be a list", "`- `")),
    ("[evaluations]", "[]", 12, ("is empty", "at least one entry")),
    ("page_size: 50", "page_size: 1001", 13, ("sources[0].page_size: `1001` is too large", "1000 or less")),
    ("page_size: 50", "page_size: yes", 13, ("`yes` must be a whole number: write digits only",)),
    ("page_size: 50", "page_size: ${VOKI_TOKEN}", 13, ("`${VOKI_TOKEN}` must be a whole number: write digits only",)),
    ("page_size: 50", "page_size: 50\n    page_size: 60", 14, ("page_size: stands twice, first on line 13", "keep one")),
    ("lookback: 36h", "lookback: 2 weeks", 14, ("`2 weeks` is not a duration", "`2d`")),
    ("lookback: 36h", "lookback: 2", 14, ("is not a duration",)),
    ("lookback: 36h", "lookback: 99999999d", 14, ("a hundred years",)),
    ("lookback: 36h", "lookback: 9999d", 14, ("is too long", "`3650d` or less")),
    ("start: 2024-01-01", "start: 01/02/2024", 15, ("`01/02/2024` is not a date", "`2024-01-31`")),
    ("start: 2024-01-01", "start: 2024-02-30", 15, ("not a day of the calendar",)),
    ("start: 2024-01-01", "start: 2024-01-01T06:00:00", 15, ("without a zone", "`Z`")),
    ("start: 2024-01-01", "start: 1969-12-31", 15, ("before 1970", "later date")),
    ("start: 2024-01-01", "start: 2026-06-02", 15, ("in the future", "past day")),
    ("start: 2024-01-01", "start: 9999-12-31T23:59:59-14:00", 15, ("not a day of the calendar",)),
    ("per_minute: 60", "per_minute: 101", 17, ("sources[0].budget: ", "above 100", "`force: true`")),
    ("per_day: 9000", "per_day: 10001", 17, ("above 100 per minute or 10000 per day",)),
    ("per_minute: 60", "per_minute: 0", 17, ("is too small", "1 or more")),
    ("per_minute: 60", "per_minut: 60", 17, ("unknown key `per_minut`", "`per_minute`")),
    ("date_unit: day", "date_unit: week", 18, ("`week` must be one of `second`, `day`",)),
    ("settle: 30s", "settle: 2h", 18, ("assume.settle: `2h` is too long", "`1h` or less")),
    ("seed: 7", "sed: 7", 21, ("unknown key `sed`", "`seed`")),
    ("{seed: 7, evaluations: 10,", "{file: a.csv, seed: 1,", 21, ("a `file` and a made-up world",)),
    ("{seed: 7, evaluations: 10,", "{columns: {rating: x},", 21, ("`columns` without a `file`", "add")),
    ("{seed: 7, evaluations: 10,", "{columns: {ratng: x},", 21, ("unknown key `ratng`", "`rating`")),
    ("{seed: 7, evaluations: 10, until: 2025-01-01T00:00:00-03:00}", "{file: a.xls}", 21, (".csv or .parquet",)),
    ("    simulator: {", "    base_url: https://a.example\n    simulator: {", 19, ("a simulator and a real account",)),
    ("15 2 * * mon-fri", "61 2 * * *", 23, ("schedule[0].cron: `61 2 * * *` is not a cron line", "`15 2 * * *`")),
    ("15 2 * * mon-fri", "@daily", 23, ("five fields",)),
    ("15 2 * * mon-fri", "15 2 * * 0", 23, ("weekday as a number", "`mon`")),
    ("15 2 * * mon-fri", "0 0 31 2 *", 23, ("never comes",)),
    ("timezone: UTC", "timezone: UCT+9", 23, ("is not a time zone",)),
    ("sources: [acme]", "sources: [acm]", 23, ("schedule[0].sources[0]: ", "did you mean `acme`?")),
    ("sources: [acme]", "sources: [x]", 23, ("is not the name of a source", "acme, demo")),
    ("packages: {keep: 30d}", "packages: {keep: 1h}", 24, ("packages.keep: `1h` is too short", "`1d` or more")),
    ("packages: {keep: 30d}", "packages:", 24, ("packages: is empty", "remove the key")),
    ("snapshots: {keep: 3}", "snapshots: {keep: 2}", 25, ("snapshots.keep: `2` is too small", "3 or more")),
    ("comment: drop", "comment: hash", 26, ("privacy.comment: `hash` must be one of `keep`, `pseudonym`, `drop`",)),
    ("comment: drop", f"pseudonym_key: {SENTINEL}", 26, ("privacy.pseudonym_key: ", "EVALSYNC_PSEUDONYM_KEY")),
    ("max_share: 0.05", "max_share: 5", 27, ("quarantine.max_share: `5` is too large", "1 or less")),
    ("max_share: 0.05", "max_share: nan", 27, ("must be a number", "`0.05`")),
    ("max_share: 0.05", "max_share: -.1", 27, ("is too small",)),
    ("host: 127.0.0.1", "host: 0.0.0.0", 28, ("serve: ", "without a token", "`host: 127.0.0.1`")),
    ("host: 127.0.0.1", "host: '::1::'", 28, ("serve.host: ", "is not a host")),
    ("port: 8080", "port: 65536", 28, ("serve.port: `65536` is too large",)),
    ("privacy:", "\tprivacy:", 26, ("tab", "spaces")),
    ("packages:", "---\npackages:", 24, ("second document", "`---`")),
    ("packages: {keep: 30d}", "[a]: 1", 24, ("a key that is no plain word",)),
    ("packages: {keep: 30d}", "${VOKI_TOKEN}: 1", 24, ("a key that is no plain word",)),
    ("packages:", 'x: "\\UFFFFFFFF"\npackages:', 0, ("escape sequence",)),
    ("packages:", "x: \x07\npackages:", 24, ("control character", "remove")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "line", "parts"), WRONG, ids=[f"{row[2]}-{row[1][:24]!r}" for row in WRONG]
)
def test_a_wrong_input_is_named_with_its_place_and_its_remedy(
    old: str, new: str, line: int, parts: tuple[str, ...]
) -> None:
    assert old in REAL
    sentence = refusal(REAL.replace(old, new, 1))
    assert sentence.startswith(
        f"/srv/evalsync/config.yaml:{line}: " if line else "/srv/evalsync/config.yaml: "
    )
    assert [part for part in parts if part not in sentence] == [], sentence
    assert "\n" not in sentence, "one problem, one sentence"


TEXT_KEYS = [
    ("data_dir: ", "./warehouse"), ("timezone: ", "America/Sao_Paulo"), ("name: ", "acme"), ("system: ", "voki"),
    ("base_url: ", "https://voki.avanter.com.br"), ("tenant: ", "acme"), ("streams: ", "[evaluations]"),
    ("page_size: ", "50"), ("lookback: ", "36h"), ("start: ", "2024-01-01"), ("retention: ", "365d"),
    ("per_minute: ", "60"), ("date_from: ", "inclusive"), ("date_to: ", "exclusive"), ("date_unit: ", "day"),
    ("settle: ", "30s"), ("seed: ", "7"), ("until: ", "2025-01-01T00:00:00-03:00"),
    ("cron: ", '"15 2 * * mon-fri"'), ("sources: ", "[acme]"), ("keep: ", "30d"), ("comment: ", "drop"),
    ("max_share: ", "0.05"), ("host: ", "127.0.0.1"), ("port: ", "8080"), ("token: ", "${EVALSYNC_TOKEN:-}"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "value"), TEXT_KEYS, ids=[key for key, _ in TEXT_KEYS])
def test_statements_in_a_text_are_refused_or_stay_text(key: str, value: str) -> None:
    text = REAL.replace(key + value, f"{key}'{INJECTION}'", 1)
    assert text != REAL
    if key == "data_dir: ":
        assert read(text).data_dir == Path("/srv/evalsync") / INJECTION
    else:
        assert key.strip(": ") in refusal(text)


def test_all_problems_are_listed_together_in_the_order_of_the_file() -> None:
    text = REAL.replace("satisfied_from: 4", "satisfied_from: 9").replace("page_size: 50", "page_siz: 50")
    text = text.replace("{token: ${VOKI_TOKEN}}", "{token: ${NOT_SET}}").replace("port: 8080", "port: x")
    lines = refusal(text).splitlines()
    assert [line.split(":")[1] for line in lines] == ["5", "11", "13", "28"]


def test_a_missing_variable_is_reported_once() -> None:
    """Not again as an empty token."""
    assert refusal(REAL, {"EVALSYNC_PSEUDONYM_KEY": "k"}).count("\n") == 0
    assert "VOKI_TOKEN, which is not set" in refusal(REAL, ENV | {"VOKI_TOKEN": ""})


def test_pseudonyms_need_their_key() -> None:
    sentence = refusal(REAL, {"VOKI_TOKEN": "t"})
    assert ":26: privacy.customer_name: " in sentence
    assert "export EVALSYNC_PSEUDONYM_KEY=" in sentence


def test_an_open_host_with_a_token_is_allowed() -> None:
    config = read(REAL.replace("127.0.0.1", "0.0.0.0"), ENV | {"EVALSYNC_TOKEN": SENTINEL})  # noqa: S104
    assert config.serve.token is not None
