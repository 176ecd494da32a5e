"""What `evalsync init` writes, `load` reads; no secret is in it, and nothing is overwritten by chance."""

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import init
from pipeline.config import EvaluagentSource, VokiSource, load, parse
from schemas.errors import ConfigError

NOW = datetime(2026, 6, 1, tzinfo=UTC)
ACCOUNT = {
    "kind": "voki", "name": "acme", "tenant": "acme-br", "sign_in": "password", "start": "2024-01-31",
    "timezone": "America/Sao_Paulo", "time": "23:05", "customer_name": "pseudonym", "customer_contact": "drop",
    "comment": "drop",
    "data_dir": "./da ta/${HOME}/$x: #1",
}  # fmt: skip


BOTH = {
    **ACCOUNT, "kind": "both", "quality_name": "acme_qa", "region": "australia", "mode": "bearer",
    "integrations": " zendesk, voki,zendesk",
}  # fmt: skip


def test_no_answer_at_all_gives_both_simulators_without_a_variable() -> None:
    voki, quality = parse(init.render({}), {}, Path("config.yaml"), now=NOW).sources
    assert isinstance(voki, VokiSource)
    assert isinstance(quality, EvaluagentSource)
    assert voki.simulator is not None
    assert quality.simulator is not None
    assert voki.simulator.seed == quality.simulator.seed, "the same people at work"
    assert quality.integrations == ("zendesk", "voki")
    assert init.variables({}) == ()


def test_the_answers_for_both_accounts_come_back_from_load() -> None:
    env = {variable.name: f"value-of-{variable.name}" for variable in init.variables(BOTH)}
    config = parse(init.render(BOTH), env, Path("config.yaml"), now=NOW)
    voki, quality = config.sources
    assert isinstance(voki, VokiSource)
    assert isinstance(quality, EvaluagentSource)
    assert voki.name == "acme"
    assert quality.auth is not None
    assert quality.auth.access_key_id.get_secret_value() == "value-of-EVALUAGENT_KEY_ID"
    assert quality.auth.secret_key.get_secret_value() == "value-of-EVALUAGENT_SECRET"
    assert (quality.name, quality.region, quality.auth.mode) == ("acme_qa", "australia", "bearer")
    assert quality.integrations == ("zendesk", "voki")
    assert voki.start == quality.start == datetime(2024, 1, 31, tzinfo=UTC)
    assert (config.privacy.customer_email, config.privacy.customer_phone) == ("drop", "drop")


def test_one_account_alone_asks_for_its_own_variables_only() -> None:
    only = {**BOTH, "kind": "evaluagent", "customer_name": "keep"}
    env = {variable.name: "x" for variable in init.variables(only)}
    assert set(env) == {"EVALUAGENT_KEY_ID", "EVALUAGENT_SECRET"}
    (source,) = parse(init.render(only), env, Path("config.yaml"), now=NOW).sources
    assert isinstance(source, EvaluagentSource)


def test_two_accounts_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="`quality_name` is the name of the Voki account"):
        init.render({**BOTH, "quality_name": "acme"})


def test_an_answer_that_cannot_be_used_is_asked_for_again() -> None:
    given = iter(["nobody", "evaluagent", "A B", "qa", "mars", "europe", *[""] * 20])
    told: list[str] = []

    def ask(question: init.Question) -> str:
        return next(given) or question.default

    answers = init.interview(ask, told.append)
    assert [answers[key] for key in ("kind", "quality_name", "region")] == ["evaluagent", "qa", "europe"]
    assert len(told) == 3
    assert "base_url" not in answers


def test_the_answers_for_an_account_come_back_from_load(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    init.write(path, init.render(ACCOUNT))
    env = {variable.name: f"value of {variable.name}" for variable in init.variables(ACCOUNT)}
    config = load(path, env, now=NOW)
    (source,) = config.sources
    assert isinstance(source, VokiSource)
    assert source.auth is not None
    assert source.auth.email == "value of VOKI_EMAIL"
    assert (source.name, source.tenant, source.start) == (
        "acme",
        "acme-br",
        datetime(2024, 1, 31, tzinfo=UTC),
    )
    assert config.data_dir == tmp_path / "da ta/${HOME}/$x: #1"
    assert config.schedule[0].cron == "5 23 * * *"
    assert (config.schedule[0].timezone, config.reporting.timezone) == (
        "America/Sao_Paulo",
        "America/Sao_Paulo",
    )
    assert (config.privacy.customer_name, config.privacy.comment) == ("pseudonym", "drop")


def test_every_variable_that_is_named_is_needed() -> None:
    names = [variable.name for variable in init.variables(ACCOUNT)]
    assert names == ["VOKI_EMAIL", "VOKI_PASSWORD", "EVALSYNC_PSEUDONYM_KEY"]
    for left_out in names:
        env = {name: "x" for name in names if name != left_out}
        with pytest.raises(ConfigError, match=left_out):
            parse(init.render(ACCOUNT), env, Path("config.yaml"), now=NOW)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from([question.key for question in init.QUESTIONS]), st.text(max_size=20)))
def test_any_answers_give_a_config_or_a_sentence(answers: dict[str, str]) -> None:
    full = {
        question.key: answers.get(question.key) or question.default
        for question in init.QUESTIONS
        if init.applies(question, answers)
    }
    if any(init.complaint(question, full.get(question.key, question.default)) for question in init.QUESTIONS):
        return
    text = init.render(answers)
    env = {variable.name: "x" for variable in init.variables(answers)}
    assert parse(text, env, Path("config.yaml"), now=NOW)


@settings(max_examples=200, deadline=None)
@given(st.text(min_size=1, max_size=30))
def test_a_folder_of_any_name_comes_back_as_it_was(name: str) -> None:
    if init.complaint(next(one for one in init.QUESTIONS if one.key == "data_dir"), name) is None:
        config = parse(init.render({"data_dir": name}), {}, Path("/x/config.yaml"), now=NOW)
        assert config.data_dir == Path("/x") / name


@pytest.mark.parametrize(
    ("key", "answer", "part"),
    [
        ("kind", "neither", "must be one of simulator, voki, evaluagent, both"),
        ("quality_name", "Q A", "small letters"),
        ("region", "asia", "europe, north_america, australia"),
        ("mode", "token", "basic, bearer"),
        ("integrations", "zendesk,,voki", "zendesk, voki"),
        ("customer_contact", "hash", "keep, pseudonym, drop"),
        ("name", "A B", "small letters"),
        ("base_url", "http://voki.example", "https://"),
        ("tenant", "", "is not a tenant"),
        ("time", "24:00", "23:59"),
        ("start", "yesterday", "is not a date"),
        ("timezone", "Sao Paulo", "America/Sao_Paulo"),
        ("comment", "hash", "keep, pseudonym, drop"),
        ("data_dir", "~/data", "./data"),
    ],
)
def test_a_wrong_answer_is_explained_and_never_written(key: str, answer: str, part: str) -> None:
    (question,) = [one for one in init.QUESTIONS if one.key == key]
    told = init.complaint(question, answer)
    assert told is not None
    assert part in told
    with pytest.raises(ConfigError, match=f"the answer to `{key}`"):
        init.render({**BOTH, key: answer})


def test_questions_follow_the_kind() -> None:
    demo = [question.key for question in init.QUESTIONS if init.applies(question, {})]
    account = [question.key for question in init.QUESTIONS if init.applies(question, {"kind": "voki"})]
    assert "tenant" not in demo
    assert {"tenant", "sign_in", "base_url", "start"} <= set(account)
    assert len(set(account)) == len(account)


def test_a_file_that_is_there_stays_unless_forced(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    init.write(path, "first")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(ConfigError, match="--force"):
        init.write(path, "second")
    assert path.read_text("utf-8") == "first"
    path.chmod(0o644)
    init.write(path, "third", force=True)
    assert path.read_text("utf-8") == "third"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["config.yaml"]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be written"):
        init.write(tmp_path / "absent" / "config.yaml", "x")
