"""The commands as a person or a script uses them: real processes, real exit codes, one JSON document on stdout."""

import stat
from pathlib import Path

import duckdb
import pytest
from shell import SIMULATED, document, evalsync

from connectors.simulator.server import serve_in_thread
from connectors.simulator.year import generate

ACCOUNT = """
version: 1
sources:
  - name: demo
    system: voki
    base_url: {url}
    tenant: demo
    streams: [evaluations]
    auth: {{token: "${{VOKI_TOKEN}}"}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.yaml").write_text(SIMULATED)
    return tmp_path


def test_sync_and_status_give_one_document_each(folder: Path) -> None:
    first = evalsync(folder, "sync", "--json")
    assert first.returncode == 0, first.stderr
    receipt = document(first)
    [stream] = receipt["sources"][0]["streams"]
    assert (receipt["outcome"], stream["inserted"], stream["proof"]["state"]) == ("ok", 300, "proven")
    assert set(receipt) >= {
        "run_id",
        "outcome",
        "started_at",
        "finished_at",
        "snapshot",
        "sources",
        "budgets",
    }
    assert receipt["budgets"][0]["day_left"] == 10_000 - stream["requests"] + 1  # one of them was for totals
    again = document(evalsync(folder, "sync", "--json"))
    [stream] = again["sources"][0]["streams"]
    assert (stream["audit"]["state"], stream["audit"]["requests"]) == ("proven", 2)
    assert stream["requests"] <= 5
    status = document(evalsync(folder, "status", "--json"))
    [seen] = status["streams"]
    assert (seen["rows_present"], seen["proof_state"], seen["last_outcome"]) == (300, "proven", "ok")
    assert [run["outcome"] for run in status["runs"]] == ["ok", "ok"]


def test_people_see_the_proof_and_the_marts(folder: Path) -> None:
    """Also kills: a process that ends in a way of which a library complains, below what was to be read."""
    done = evalsync(folder, "sync")
    assert "proven equal to the source: 300 loaded" in done.stdout
    assert "satisfaction by department" in done.stdout
    assert "leaked" not in done.stderr
    seen = evalsync(folder, "status")
    assert "nothing is published" not in seen.stdout
    assert seen.stderr == ""


def test_status_before_the_first_sync_says_what_to_do(folder: Path) -> None:
    done = evalsync(folder, "status")
    assert done.returncode == 0
    assert "evalsync sync" in done.stdout


def test_plan_sends_one_request_and_is_kept(folder: Path, tmp_path: Path) -> None:
    """Kills: a plan that reads pages to count them; a plan that a sync exceeds."""
    with serve_in_thread(generate(3, 300), tokens={"secret": "demo"}) as simulator:
        (tmp_path / "config.yaml").write_text(ACCOUNT.format(url=simulator.base_url))
        [planned] = document(evalsync(folder, "plan", "--json", VOKI_TOKEN="secret"))
        assert len(simulator.arrivals) == 1
        receipt = document(evalsync(folder, "sync", "--json", VOKI_TOKEN="secret"))
        assert planned["records"] == 300
        assert receipt["sources"][0]["streams"][0]["requests"] <= planned["requests"]


def test_check_finds_a_wrong_token_and_open_permissions(tmp_path: Path) -> None:
    with serve_in_thread(generate(3, 10), tokens={"secret": "demo"}) as simulator:
        (tmp_path / "config.yaml").write_text(ACCOUNT.format(url=simulator.base_url))
        good = evalsync(tmp_path, "check", VOKI_TOKEN="secret")
        assert (good.returncode, good.stdout.count("bad")) == (0, 0), good.stdout
        (tmp_path / "data" / "state").chmod(0o755)
        wrong = evalsync(tmp_path, "check", VOKI_TOKEN="other")
        assert wrong.returncode == 2
        assert "credential is refused" in wrong.stdout
        assert "other" not in wrong.stdout.replace("read by others", "")


def test_a_missing_variable_stops_before_anything_is_made(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(ACCOUNT.format(url="http://127.0.0.1:1"))
    done = evalsync(tmp_path, "sync", VOKI_TOKEN="")
    assert done.returncode == 2
    assert "VOKI_TOKEN" in done.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("sync", "--source", "nobody"), "there are demo"),
        (("sync", "--stream", "calls"), "none of the sources"),
        (("sync", "--since", "yesterday"), "2024-01-31"),
        (("sync", "--max-requests", "0"), "max-requests"),
        (("sync", "--config", "elsewhere.yaml"), "evalsync init"),
        (("synch",), "No such command"),
    ],
)
def test_usage_errors_say_what_to_do_and_exit_2(folder: Path, words: tuple[str, ...], said: str) -> None:
    done = evalsync(folder, *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stdout == ""


def test_max_requests_pauses_and_the_next_run_goes_on(folder: Path) -> None:
    """Kills: a pause that forgets its pages."""
    paused = evalsync(folder, "sync", "--json", "--max-requests", "2")
    assert (paused.returncode, document(paused)["outcome"]) == (0, "paused")
    rest = document(evalsync(folder, "sync", "--json"))
    assert rest["outcome"] == "ok"
    with duckdb.connect(str(folder / "data/current/warehouse.duckdb"), read_only=True) as db:
        assert db.execute(
            "SELECT count(*), count(DISTINCT evaluation_id) FROM core.evaluations"
        ).fetchall() == [(300, 300)]
    [stream] = rest["sources"][0]["streams"]
    assert stream["requests"] <= 9  # two pages were kept; two windows are proven, and history


def test_marts_are_rebuilt_in_another_time_zone_without_a_request(folder: Path) -> None:
    evalsync(folder, "sync")
    before = document(evalsync(folder, "status", "--json"))["budgets"]
    with (folder / "config.yaml").open("a") as file:
        file.write("reporting: {timezone: Asia/Tokyo, satisfied_from: 5}\n")
    done = evalsync(folder, "marts")
    assert done.returncode == 0, done.stderr
    after = document(evalsync(folder, "status", "--json"))["budgets"]
    assert [one["day_left"] for one in after] == [one["day_left"] for one in before]
    with duckdb.connect(str(folder / "data/current/warehouse.duckdb"), read_only=True) as db:
        satisfied = db.execute("SELECT sum(satisfied) FROM marts.satisfaction_rate").fetchall()
        assert satisfied == db.execute("SELECT count(*) FROM core.evaluations WHERE rating = 5").fetchall()


def test_dead_letters_are_listed_without_the_record_and_replayed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVALSYNC_PSEUDONYM_KEY", "key")
    (folder / "ratings.csv").write_text("id,rating,comment\na,5,a private matter\nb,seven,a private matter\n")
    (folder / "config.yaml").write_text(
        SIMULATED.replace("{seed: 3, evaluations: 300}", "{file: ratings.csv, columns: {rating: rating}}")
        + "privacy: {comment: pseudonym}\n"
    )
    unproven = evalsync(folder, "sync", "--json")
    assert unproven.returncode == 3
    [letter] = document(evalsync(folder, "dead-letters", "--json"))
    assert (letter["record_key"], letter["pointer"]) == ("b", "/rating")
    assert "private" not in evalsync(folder, "dead-letters").stdout
    replayed = evalsync(folder, "dead-letters", "replay")
    assert (replayed.returncode, replayed.stdout) == (
        0,
        "0 records are valid now and loaded; 1 are still dead letters\n",
    )
    # As a fixed contract would: the same record is valid now.
    with duckdb.connect(str(folder / "data/state/warehouse.duckdb")) as db:
        db.execute("UPDATE meta.dead_letters SET raw = replace(raw, '\"seven\"', '4')")
    healed = evalsync(folder, "dead-letters", "replay")
    assert "1 records are valid now" in healed.stdout, healed.stderr
    assert document(evalsync(folder, "dead-letters", "--json")) == []
    with duckdb.connect(str(folder / "data/current/warehouse.duckdb"), read_only=True) as db:
        assert db.execute("SELECT evaluation_id, rating FROM core.evaluations ORDER BY ALL").fetchall() == [
            ("a", 5),
            ("b", 4),
        ]
        [(comment,)] = db.execute("SELECT DISTINCT comment FROM core.evaluations").fetchall()
        assert len(comment) == 32  # the pseudonym of the same words


def test_init_writes_a_config_that_syncs(tmp_path: Path) -> None:
    done = evalsync(tmp_path, "init", answers="\n" * 20)
    assert done.returncode == 0, done.stderr
    config = tmp_path / "config.yaml"
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    assert evalsync(tmp_path, "init", answers="\n" * 20).returncode == 2  # never over a file that is there
    assert evalsync(tmp_path, "sync", "--max-requests", "1").returncode == 0


def test_a_broken_data_folder_fails_the_stream_without_a_traceback(folder: Path) -> None:
    """Kills: a traceback on stderr, which could hold a secret."""
    evalsync(folder, "sync")
    packages = folder / "data/state/packages/demo/evaluations"
    packages.rename(packages.with_name("gone"))
    packages.write_text("a file where a folder should be")
    done = evalsync(folder, "sync", "--json")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert str(packages) in document(done)["sources"][0]["streams"][0]["error"]


def test_help_names_every_command(tmp_path: Path) -> None:
    said = evalsync(tmp_path, "--help").stdout
    for command in ("sync", "plan", "status", "check", "marts", "dead-letters", "simulate", "init"):
        assert f"\n  {command} " in said
        assert evalsync(tmp_path, command, "--help").returncode == 0
