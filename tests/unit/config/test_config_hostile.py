"""Whatever stands in the file: a Config, or a ConfigError in plain words, and never a secret in it."""

from datetime import UTC, datetime
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.config import Config, parse
from schemas.errors import ConfigError

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SENTINEL = "s3ntinel-Value"
LINES = [
    "version: 1",
    "version: [",
    "data_dir: ./d",
    "sources:",
    "  - name: a",
    "    system: voki",
    "    tenant: t",
    "    system: evaluagent",
    "    simulator: {}",
    "    simulator: {file: x.csv, columns: {rating: 1}}",
    "reporting:",
    "    base_url: https://voki.example",
    "    auth: {token: ${T}}",
    "    auth: ${T}",
    "    start: ${T}",
    "schedule:",
    "    budget: {per_minute: ${T}}",
    "  - {cron: ${T}, sources: [${T}]}",
    "serve: {host: ${T}, token: ${T}}",
    "- x",
    "privacy: {comment: ${T}}",
    "reporting: {timezone: ${T}}",
    "? [a, b]",
    "<<: {a: 1}",
    "a: &b c",
    "d: *b",
    "---",
    "quarantine: {max_share: .inf}",
    "x: !!python/object/apply:os.system [ls]",
    "x: !!int abc",
    "%YAML 99.1",
    "...",
    "packages: {keep: 9999999999999d}",
    "    page_size: 1e400",
    "    lookback: '\\ud800'",
    '    tenant: "\\ud800"',
]
YAMLISH = st.lists(
    st.one_of(
        st.sampled_from(LINES),
        st.text(alphabet="abc:-[]{}#&*!|>'\"%@`,?$\t \n0123.~\\xU\x85\u2028\ufeff", max_size=20),
        st.text(max_size=8),
    ),
    max_size=14,
).map("\n".join)


def outcome(text: str, env: dict[str, str]) -> Config | str:
    """The config, or everything that the refusal tells. Anything else that is raised fails the test."""
    try:
        return parse(text, env, Path("config.yaml"), now=NOW)
    except ConfigError as error:
        return f"{error}{error.__cause__ or ''}"


@settings(max_examples=600, deadline=None)
@given(YAMLISH)
@example('a: "\\UFFFFFFFF"')
@example("a: ${" + "T" * 5000)
@example("9" * 5000)
@example("version: " + "9" * 5000)
@example("{" * 400 + "}" * 400)
def test_any_text_is_a_config_or_a_sentence(text: str) -> None:
    told = outcome(text, {"T": SENTINEL})
    if isinstance(told, str):
        assert SENTINEL not in told
        assert all(line.startswith("config.yaml:") for line in told.splitlines())


def values() -> st.SearchStrategy[str]:
    return st.text(alphabet=st.characters(codec="utf-8"), min_size=1, max_size=60)


SAMPLE = """\
version: 1
reporting: {timezone: ${V}}
sources:
  - name: ${V}
    system: voki
    base_url: ${V}
    tenant: ${V}
    auth: {email: ${V}, password: ${V}}
    streams: [${V}]
    start: ${V}
    lookback: ${V}
schedule: [{cron: ${V}, timezone: ${V}}]
serve: {host: ${V}, port: ${V}}
"""


@settings(max_examples=300, deadline=None)
@given(values())
@example("5 5 5 5 5")
@example("[::1]")
@example("https://x.example:٣")
def test_the_value_of_a_variable_is_never_quoted(value: str) -> None:
    told = outcome(SAMPLE, {"V": f"{SENTINEL}{value}"})
    assert isinstance(told, str)
    assert SENTINEL not in told
    assert isinstance(outcome(SAMPLE, {"V": value}), str)
