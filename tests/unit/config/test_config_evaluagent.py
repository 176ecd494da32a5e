"""An evaluagent source is whole or refused, its assumptions are the connector's, and its keys are never quoted.

Kills: a default that differs from the connector's; a key that is read and forgotten; a region beside a base_url; a
stream that could never be asked for; a secret in a sentence.
"""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.evaluagent.assumed import REGIONS, Assumed, assumed
from connectors.registry import SOURCES
from pipeline.accounts import account_of, budget_key, streams_of
from pipeline.config import Config, EvaluagentSource, parse
from schemas.errors import ConfigError

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SENTINEL = "s3ntinel-Value"
ENV = {"KEY_ID": f"{SENTINEL}-id", "SECRET": f"{SENTINEL}-secret"}
REAL = Path(__file__).with_name("contract.yaml").read_text("utf-8")


def read(text: str) -> Config:
    return parse(text, ENV, Path("/srv/evalsync/config.yaml"), now=NOW)


def first(text: str) -> EvaluagentSource:
    source = read(text).sources[0]
    assert isinstance(source, EvaluagentSource)
    return source


def test_every_key_reaches_the_connector() -> None:
    source = first(REAL)
    account = account_of(source)
    assert read(REAL).agents == Path("/srv/evalsync/people/agents.csv")
    assert (account.base_url, account.tenant, account.page_size) == (REGIONS["north_america"], "quality", 25)
    assert account.options == {
        "mode": "bearer",
        "integrations": ("zendesk", "voki"),
        "details": ("quality_evaluations",),
    }
    assert {name: secret.get_secret_value() for name, secret in account.credentials.items()} == {
        "access_key_id": ENV["KEY_ID"],
        "secret_key": ENV["SECRET"],
    }
    assert assumed(account.assume) == Assumed(
        number="page",
        size="per_page",
        next="links.following",
        total="meta.total",
        filter="filter[published_at;range]",
        sort="published",
        include="contact",
        date_from="exclusive",
        date_to="exclusive",
        token_path="/v1/token",
        token="access_token",
        expires_at="expires",
    )
    assert (source.lookback, source.reread, source.assume.settle) == (
        timedelta(days=7),
        50,
        timedelta(seconds=30),
    )
    assert [one.name for one in streams_of(account)] == ["quality_evaluations", "conversations"]
    limits = SOURCES["evaluagent"].limits(account)
    assert (limits["org/users"].per_minute, limits["org/users"].per_day) == (60, 9000)
    assert limits["analytics/conversations"].per_minute == 20, "its own limit is lower"


def test_the_defaults_are_the_connector_s() -> None:
    account = account_of(read(REAL).sources[1])
    assert asdict(assumed(account.assume)) == asdict(Assumed())
    assert account.page_size == 50
    assert account.options == {"mode": "basic", "integrations": (), "details": ()}
    assert (account.limit.per_minute, account.limit.per_day) == (100, 10_000)


def test_without_integrations_conversations_are_left_out_unless_asked_for() -> None:
    trial = read(REAL).sources[1]
    assert [one.name for one in streams_of(account_of(trial))] == [
        "quality_evaluations",
        "agents",
        "groups",
        "roles",
    ]


def test_looking_again_is_the_default_where_edits_keep_their_date() -> None:
    trial = read(REAL).sources[1]
    assert trial.reread == 200


def test_two_sources_on_one_key_share_its_budget_also_after_its_secret_is_renewed() -> None:
    one = first(REAL)
    other = first(REAL.replace("${SECRET}", "another").replace("name: quality", "name: again"))
    assert budget_key(one, account_of(one)) == budget_key(other, account_of(other))
    elsewhere = first(REAL.replace("north_america", "europe"))
    assert budget_key(one, account_of(one)) != budget_key(elsewhere, account_of(elsewhere))


def test_no_key_is_in_any_text_of_the_config() -> None:
    config = read(REAL)
    assert SENTINEL not in f"{config} {config!r} {config.sources[0]!r} {config.model_dump_json()}"


def test_a_region_may_be_left_for_an_address() -> None:
    source = first(REAL.replace("region: north_america", "base_url: http://127.0.0.1:8099"))
    assert account_of(source).base_url == "http://127.0.0.1:8099"


# What is changed in REAL, the line that the error names, and parts of its sentence.
WRONG: list[tuple[str, str, int, tuple[str, ...]]] = [
    ("region: north_america", "region: north_amerika", 6, ("region: `north_amerika`", "did you mean `north_america`?")),
    ("region: north_america", "region: asia", 6, ("must be one of `europe`, `north_america`, `australia`",)),
    ("region: north_america", "regoin: europe", 6, ("unknown key `regoin`", "did you mean `region`?")),
    ("    region: north_america\n", "", 4, ("sources[0]: needs `region` for a real account", "simulator")),
    ("    auth: {", "    base_url: https://a.example\n    auth: {", 4, ("a `region` and a `base_url`", "keep one")),
    ("    auth: {access_key_id: ${KEY_ID}, secret_key: ${SECRET}, mode: bearer}\n", "", 4, ("needs `auth`", "add")),
    ("access_key_id: ${KEY_ID}, ", "", 7, ("auth.access_key_id: is missing", "${EVALUAGENT_KEY_ID}")),
    (", secret_key: ${SECRET}", "", 7, ("auth.secret_key: is missing", "${EVALUAGENT_SECRET}")),
    ("mode: bearer", f"acces_key: {SENTINEL}", 7, ("unknown key `acces_key`", "`access_key_id`")),
    ("${KEY_ID}", f'"{SENTINEL}:{SENTINEL}"', 7, ("auth.access_key_id: holds a colon", "Access Key ID alone")),
    ("${KEY_ID}", f'"{SENTINEL} {SENTINEL}"', 7, ("auth.access_key_id: holds a space", "give the bare value")),
    ("${SECRET}", f'"{SENTINEL}\\n"', 7, ("auth.secret_key: holds a line break", "how the variable was set")),
    ("${SECRET}", '" "', 7, ("auth.secret_key: is empty", "environment variable")),
    ("${SECRET}", "12345", 7, ("auth.secret_key: must be text", "quotes")),
    ("${SECRET}", "${SECRT}", 7, ("needs the environment variable SECRT", "export SECRT=")),
    ("mode: bearer", "mode: token", 7, ("auth.mode: must be one of `basic`, `bearer`",)),
    ("mode: bearer", "token: x", 7, ("has an unknown key", "`access_key_id`")),
    ("[quality_evaluations, conversations]", "[evaluations]", 8, ("`evaluations` must be one of", "did you mean")),
    ("    integrations: [zendesk, voki]\n", "", 4, ("the stream `conversations`, which needs `integrations:",)),
    ("[zendesk, voki]", "zendesk", 9, ("integrations: ", "must be a list")),
    ("[zendesk, voki]", "[voki, voki]", 9, ("integrations: names an entry twice", "keep one")),
    ("[zendesk, voki]", "['']", 9, ("is empty", "one line")),
    ("details: [quality_evaluations]", "details: [agents]", 10, ("`agents` must be one of `quality_evaluations`",)),
    ("reread: 50", "reread: -1", 12, ("reread: `-1` is too small", "0 or more")),
    ("reread: 50", "audit: 3", 12, ("audit: `3` is too few", "4 requests at least")),
    ("reread: 50", "re_read: 50", 12, ("unknown key `re_read`", "did you mean `reread`?")),
    ("retention: 365d", "retention: a year", 14, ("retention: `a year` is not a duration",)),
    ("per_day: 9000", "per_day: 20000", 15, ("above 100 per minute or 10000 per day", "`force: true`")),
    ("page_size: 25", "page_size: 0", 17, ("assume.paging.page_size: `0` is too small", "1 or more")),
    ("number: page,", "numbr: page,", 17, ("assume.paging: has an unknown key `numbr`", "did you mean `number`?")),
    ("number: page,", "number: per_page,", 17, ("assume.paging: has one name for `number` and `size`",)),
    ("filter: ", "filtre: ", 18, ("assume: has an unknown key `filtre`", "did you mean `filter`?")),
    ("date_from: exclusive", "date_from: open", 21, ("assume.date_from: `open` must be one of", "`exclusive`")),
    ("settle: 30s", "settle: 2h", 26, ("assume.settle: `2h` is too long", "`1h` or less")),
    ("    simulator: {seed: 3", "    region: europe\n    simulator: {seed: 3", 27, ("a simulator and a real account",)),
    ("{seed: 3, evaluations: 40}", "{file: a.csv}", 27, ("which only Voki's can play", "give a `seed`")),
    ("name: trial", "name: quality", 27, ("sources[1].name: `quality` is taken", "choose another")),
    ("agents: people/agents.csv", "agents: ~/agents.csv", 2, ("agents: `~/agents.csv` starts with `~`", "${HOME}")),
    ("agents: people/agents.csv", "agents: [a, b]", 2, ("agents: is not a path",)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "line", "parts"), WRONG, ids=[f"{row[2]}-{row[1][:24]!r}" for row in WRONG]
)
def test_a_wrong_input_is_named_with_its_place_and_its_remedy(
    old: str, new: str, line: int, parts: tuple[str, ...]
) -> None:
    assert old in REAL
    with pytest.raises(ConfigError) as raised:
        read(REAL.replace(old, new, 1))
    sentence = str(raised.value)
    assert sentence.startswith(f"/srv/evalsync/config.yaml:{line}: ")
    assert [part for part in parts if part not in sentence] == [], sentence
    assert "\n" not in sentence, "one problem, one sentence"
    assert SENTINEL not in sentence
    assert raised.value.__cause__ is None


def test_voki_s_keys_at_evaluagent_are_refused_and_the_other_way_round() -> None:
    with pytest.raises(ConfigError, match=r"sources\[0\]: has an unknown key `page_size`"):
        read(REAL.replace("lookback: 7d", "page_size: 50"))
    voki = "version: 1\nsources: [{name: a, system: voki, simulator: {}, region: europe}]"
    with pytest.raises(ConfigError, match="unknown key `region`"):
        read(voki)
