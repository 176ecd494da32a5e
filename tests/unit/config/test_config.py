"""A config is whole or refused: every wrong input has its place, its key and its remedy in one sentence."""

import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import pytest

from connectors.simulator.world import FIELDS
from pipeline.config import Config, EvaluagentSource, VokiSource, load, parse
from pipeline.config_sources import Column
from schemas.errors import ConfigError

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SENTINEL = "s3ntinel-Value"
ENV = {"VOKI_TOKEN": SENTINEL, "EVALSYNC_PSEUDONYM_KEY": SENTINEL}
SHIPPED = Path(__file__).parents[3] / "config.yaml"
REAL = Path(__file__).with_name("account.yaml").read_text("utf-8")


def read(text: str, env: dict[str, str] | None = None) -> Config:
    return parse(text, ENV if env is None else env, Path("/srv/evalsync/config.yaml"), now=NOW)


def refusal(text: str, env: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as raised:
        read(text, env)
    return str(raised.value)


def test_every_key_of_the_contract_reaches_the_config() -> None:
    config = read(REAL)
    acme, demo = config.sources
    assert isinstance(acme, VokiSource)
    assert isinstance(demo, VokiSource)
    assert config.data_dir == Path("/srv/evalsync/warehouse")
    assert (config.reporting.timezone, config.reporting.satisfied_from) == ("America/Sao_Paulo", 4)
    assert (acme.base_url, acme.tenant, acme.page_size) == ("https://voki.avanter.com.br", "acme", 50)
    assert acme.auth is not None
    assert acme.auth.token is not None
    assert acme.auth.token.get_secret_value() == SENTINEL
    assert acme.lookback == timedelta(hours=36)
    assert acme.retention == timedelta(days=365)
    assert acme.start == datetime(2024, 1, 1, tzinfo=UTC)
    assert (acme.budget.per_minute, acme.budget.per_day) == (60, 9000)
    assert (acme.assume.date_to, acme.assume.date_unit) == ("exclusive", "day")
    assert acme.assume.settle == timedelta(seconds=30)
    assert demo.simulator is not None
    assert demo.simulator.until == datetime(2025, 1, 1, 3, tzinfo=UTC)
    assert demo.tenant == "demo", "a simulated tenant has the source's name"
    assert config.schedule[0].sources == ("acme",)
    assert config.packages.keep == timedelta(days=30)
    assert config.privacy.pseudonym_key is not None
    assert config.privacy.pseudonym_key.get_secret_value() == SENTINEL
    assert config.serve.token is None


def test_a_secret_is_in_no_text_of_the_config() -> None:
    config = read(REAL.replace("${EVALSYNC_TOKEN:-}", "${VOKI_TOKEN}"))
    source = config.sources[0]
    assert (
        SENTINEL not in f"{config} {config!r} {source!r} {source.auth!r} {config.serve!r} {config.privacy!r}"
    )
    assert SENTINEL not in config.model_dump_json()


def test_a_config_cannot_be_changed() -> None:
    config: Any = read(REAL)
    with pytest.raises(ValueError, match="frozen"):
        config.version = 2


def test_the_defaults_are_the_published_ones() -> None:
    config = read("version: 1\nsources: [{name: demo, system: voki, simulator: {}}]", {})
    (source,) = config.sources
    assert isinstance(source, VokiSource)
    assert (source.tenant, source.page_size, source.lookback) == ("demo", 100, timedelta(days=2))
    assert (source.budget.per_minute, source.budget.per_day) == (100, 10_000)
    assert source.streams == ("evaluations", "calls", "departments", "users")
    assert (source.start, source.retention, source.reread, source.audit) == (None, None, 0, 100)
    assert config.agents is None
    assert (config.snapshots.keep, config.packages.keep) == (3, timedelta(days=30))
    assert (config.quarantine.max_share, config.serve.port) == (0.05, 8080)
    assert config.data_dir == Path("/srv/evalsync/data")


def test_a_budget_above_the_published_one_needs_force_and_one_below_does_not() -> None:
    raised = REAL.replace("{per_minute: 60, per_day: 9000}", "{per_minute: 500, force: true}")
    assert read(raised).sources[0].budget.per_minute == 500
    assert read(REAL).sources[0].budget.per_day == 9000


def test_a_file_of_ratings_is_mapped_by_the_fields_that_the_simulator_knows() -> None:
    assert get_args(Column) == FIELDS
    text = REAL.replace("{seed: 7, evaluations: 10,", "{file: ratings.csv, columns: {rating: score},")
    source = read(text).sources[1]
    assert source.simulator is not None
    assert source.simulator.file == Path("/srv/evalsync/ratings.csv")
    assert source.simulator.columns == {"rating": "score"}


def test_http_is_for_loopback_only() -> None:
    for host in ("127.0.0.1:8099", "localhost", "[::1]:80"):
        source = read(REAL.replace("https://voki.avanter.com.br", f"http://{host}/")).sources[0]
        assert isinstance(source, VokiSource)
        assert source.base_url == f"http://{host}"
    for host in ("voki.example", "127.0.0.1.example", "localhost.example", "10.0.0.1"):
        assert "https://" in refusal(REAL.replace("https://voki.avanter.com.br", f"http://{host}"))


def test_a_variable_is_filled_in_wherever_a_value_stands() -> None:
    text = REAL.replace("tenant: acme", 'tenant: "${A}-${B:-two}"').replace(
        "page_size: 50", "page_size: ${SIZE}"
    )
    source = read(text, ENV | {"A": "one", "SIZE": "25"}).sources[0]
    assert isinstance(source, VokiSource)
    assert (source.tenant, source.page_size) == ("one-two", 25)


def test_two_dollars_are_one_and_never_a_variable() -> None:
    auth = "{email: a@b.example, password: $${HOME}$$x$y}"
    source = read(REAL.replace("{token: ${VOKI_TOKEN}}", auth)).sources[0]
    assert isinstance(source, VokiSource)
    assert source.auth is not None
    assert source.auth.password is not None
    assert source.auth.password.get_secret_value() == "${HOME}$x$y"


def test_the_value_of_a_variable_never_becomes_structure() -> None:
    """Mutant: filling variables into the text before YAML reads it."""
    env = ENV | {"EVALSYNC_TOKEN": "a}, extra: {b: 1"}
    assert "serve.token" in refusal(REAL, env)
    password = "x}, tenant: {other: 1 # é"
    text = REAL.replace("{token: ${VOKI_TOKEN}}", "{email: a@b.example, password: ${P}}")
    source = read(text, ENV | {"P": password}).sources[0]
    assert isinstance(source, VokiSource)
    assert source.auth is not None
    assert source.auth.password is not None
    assert source.auth.password.get_secret_value() == password


def test_a_commented_variable_is_not_needed() -> None:
    assert read(REAL + "# ${NOT_SET} and ${ broken\n")


def test_words_that_yaml_turns_into_something_else_stay_words() -> None:
    text = REAL.replace("tenant: acme", "tenant: no").replace("start: 2024-01-01", "start: 2024-02-29")
    source = read(text).sources[0]
    assert isinstance(source, VokiSource)
    assert source.tenant == "no"
    assert source.start == datetime(2024, 2, 29, tzinfo=UTC)


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"", "is empty"),
        (b"# nothing\n", "is empty"),
        (b"version: 1\nx: \xff", "config.yaml:2: is not UTF-8"),
        (b"- a", "must be a block of keys"),
        (b"hello", "must be a block of keys"),
        (b"[" * 5000, "nested too deeply"),
        (b"x" * 300_000, "larger than 256 KB"),
        ("\ue000".encode(), "U+E000"),
    ],
    ids=["empty", "comment", "latin", "list", "word", "deep", "large", "private"],
)
def test_a_file_that_is_no_config_is_refused(tmp_path: Path, content: bytes, part: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=re.escape(part)) as raised:
        load(path, {}, now=NOW)
    assert str(raised.value).startswith(str(path))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="evalsync init"):
        load(tmp_path / "absent.yaml", {}, now=NOW)
    with pytest.raises(ConfigError, match="is a folder"):
        load(tmp_path, {}, now=NOW)
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / ("x" * 300), {}, now=NOW)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="not a regular file"):
        load(tmp_path / "pipe", {}, now=NOW)


def test_the_shipped_config_needs_nothing_and_eight_lines_make_it_two_accounts(tmp_path: Path) -> None:
    config = load(SHIPPED, {}, now=NOW)
    demo, quality = config.sources
    assert isinstance(demo, VokiSource)
    assert isinstance(quality, EvaluagentSource)
    assert demo.simulator is not None
    assert quality.simulator is not None
    assert (demo.name, demo.simulator.seed, demo.simulator.evaluations) == ("demo", 7, 5000)
    assert (quality.name, quality.simulator.seed, quality.simulator.evaluations) == ("quality", 7, 1500)
    assert quality.integrations == ("zendesk", "voki")

    text = SHIPPED.read_text("utf-8")
    instead = re.findall(r"^  #   (\w+: \S.*?) +# ([1-8])\b", text, re.MULTILINE)
    assert len(instead) == 8
    for line, number in instead:
        text, count = re.subn(rf"^    .*# line {number}\b.*$", f"    {line}", text, flags=re.MULTILINE)
        assert count == 1
    path = tmp_path / "config.yaml"
    path.write_text(text, "utf-8")
    env = {"VOKI_TOKEN": "t", "EVALUAGENT_KEY_ID": "k", "EVALUAGENT_SECRET": "s"}
    account, contract = load(path, env, now=NOW).sources
    assert isinstance(contract, EvaluagentSource)
    assert (account.name, account.base_url, account.simulator) == (
        "acme",
        "https://voki.avanter.com.br",
        None,
    )
    assert (contract.name, contract.region, contract.simulator) == ("acme_quality", "europe", None)


def test_every_key_of_the_shipped_config_s_comments_exists_and_every_key_is_there() -> None:
    text = SHIPPED.read_text("utf-8")
    named = set(re.findall(r"^(?:    |  #   |  - )(\w+):", text, re.MULTILINE))
    known = set(VokiSource.model_fields) | set(EvaluagentSource.model_fields)
    assert named == known
    assert set(re.findall(r"^(?:# )?(\w+):", text, re.MULTILINE)) == set(Config.model_fields)
