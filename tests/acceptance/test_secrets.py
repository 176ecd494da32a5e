"""Secrets and personal data, by sentinels: the command itself, as a person or a timer starts it, under every fault.

A token, a password, comments and customers' names are given words that stand nowhere else. What the commands print
is searched for all of them, every byte below the data folder for the credentials. Comments and names are data: they
belong into the warehouse, and into no log line and no error.

Kills: `repr(error)` of aiohttp in a sentence; the body or the query in a log line; the value in a dead letter's
reason; a credential in a budget's key, a receipt or a package; a file made with the umask's mode; a folder made by
`parents=True`; an f-string in SQL.
"""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from connectors.simulator.script import Fault
from connectors.simulator.server import Simulator, serve_in_thread
from connectors.simulator.world import World
from connectors.simulator.year import generate
from connectors.source import EPOCH, Window
from pipeline import package
from pipeline.package import Pass

ROOT = Path(__file__).parents[2]
TOKEN = "T0KSENTINELzx9"
PASSWORD = "P4SSENTINELqv7"
COMMENT = "C0MSENTINELjk3"
CUSTOMER = "N4MSENTINELhd5"
CREDENTIALS = (TOKEN, PASSWORD)
INJECTION = "x\"; DROP TABLE core.evaluations; --'); DELETE FROM meta.watermarks; --"

TOLD = {"errors": {"detail": f"Bearer {TOKEN} {PASSWORD} of {CUSTOMER}: {COMMENT}", "rating": [COMMENT]}}
FAULTS: Mapping[str, Fault | None] = {
    "good": None,
    "poisoned": None,
    "changed": None,
    "bad_login": None,
    **{
        f"status_{code}": Fault(
            code, "list", payload=TOLD, retry_after="zero", location=f"http://127.0.0.1:9/?t={TOKEN}"
        )
        for code in (302, 400, 401, 403, 404, 422, 429, 500)
    },
    "told_200": Fault(200, "list", payload={"error": TOLD}),
    "told_text": Fault(200, "list", payload=f"<html>{TOKEN} {COMMENT}</html>"),
    "figures": Fault(200, "stats", payload={"data": {"total_evaluations": COMMENT}}),
    "truncated": Fault("truncated", "list"),
    "reset": Fault("reset", "list"),
    "short_json": Fault("short_json", "list"),
    "wrong_type": Fault("wrong_type", "list"),
    "redirect": Fault("redirect", "list", location=f"http://127.0.0.1:9/{TOKEN}"),
}
ELSEWHERE = {"refused": "http://127.0.0.1:9", "unknown": "https://nowhere.invalid"}


def private_world(seed: int) -> World:
    """Rows whose comments and customers are sentinels."""
    world = generate(seed, 40)
    for n, row in enumerate(world.rows()):
        world.edit(row["id"], comment=f"{COMMENT} {n}", customer_name=f"{CUSTOMER} {n}")
    return world


def world_of(name: str, seed: int) -> World:
    world = private_world(seed)
    rows = world.rows()
    if name == "poisoned":
        for n, value in enumerate([COMMENT, 9, None, [COMMENT], {COMMENT: CUSTOMER}]):
            world.edit(rows[n]["id"], rating=value)
        world.edit(rows[6]["id"], comment=[COMMENT], customer_name={"nome": CUSTOMER})
        world.insert_raw(world.until - timedelta(days=1), {"comment": COMMENT, "customer_name": CUSTOMER})
    if name == "changed":
        for row in rows:
            world.edit(row["id"], comment={"texto": COMMENT}, customer_name=[CUSTOMER])
    return world


@dataclass(frozen=True)
class Told:
    """What one command left behind."""

    arguments: Sequence[str]
    code: int
    out: str
    err: str


def command(folder: Path, *arguments: str, umask: int = 0o022) -> Told:
    """`evalsync` as a process, with the credentials in its environment."""
    env = {name: value for name, value in os.environ.items() if name != "EVALSYNC_DEBUG"}
    env |= {"PYTHONPATH": str(ROOT), "VOKI_TOKEN": TOKEN, "VOKI_PASSWORD": PASSWORD}
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", *arguments, "--config", str(folder / "config.yaml")],
        env=env,
        cwd=folder,
        umask=umask,
        capture_output=True,
        timeout=120,
        check=False,
    )
    return Told(arguments, done.returncode, done.stdout.decode(), done.stderr.decode())


def configure(folder: Path, urls: Mapping[str, str]) -> None:
    lines = ["version: 1", "data_dir: ./data", "sources:"]
    for name, url in urls.items():
        login = "{email: night@example.com, password: '${VOKI_PASSWORD}'}"
        auth = login if name == "bad_login" else "{token: '${VOKI_TOKEN}'}"
        lines.append(
            f"  - {{system: voki, name: {name}, tenant: demo, base_url: '{url}', auth: {auth}, streams: [evaluations]}}"
        )
    (folder / "config.yaml").write_text("\n".join(lines))


@dataclass(frozen=True)
class Story:
    folder: Path
    told: Sequence[Told]
    simulators: Mapping[str, Simulator]

    @property
    def receipt(self) -> Mapping[str, Any]:
        """The streams of the first sync, by source."""
        return {one["source"]: one["streams"][0] for one in json.loads(self.told[0].out)["sources"]}


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("secrets")
    with ExitStack() as stack:
        simulators = {
            name: stack.enter_context(serve_in_thread(world_of(name, seed), tokens={TOKEN: "demo"}))
            for seed, name in enumerate(FAULTS)
        }
        for name, fault in FAULTS.items():
            simulators[name].script.faults += [fault] if fault else []
        configure(folder, {name: one.base_url for name, one in simulators.items()} | ELSEWHERE)
        told = [
            command(folder, "sync", "--json"),
            command(folder, "sync", "--source", "good", "--source", "poisoned", "--source", "status_422"),
            command(folder, "status"),
            command(folder, "status", "--json"),
            command(folder, "dead-letters"),
            command(folder, "dead-letters", "--json"),
            command(folder, "plan", "--source", "good", "--source", "status_400"),
            command(folder, "sync", "--source", TOKEN),
        ]
        yield Story(folder, told, simulators)


def test_every_fault_was_met(story: Story) -> None:
    """Without this the search below would prove nothing."""
    outcomes = {name: one["outcome"] for name, one in story.receipt.items()}
    good = {"good": "ok", "poisoned": "unproven", "figures": "unproven"}
    assert outcomes == {name: good.get(name, "failed") for name in (*FAULTS, *ELSEWHERE)}
    assert all(one["error"] for name, one in story.receipt.items() if name != "good")
    assert story.receipt["poisoned"]["dead_letters"] >= 7
    codes = [(one.arguments[0], one.code) for one in story.told]
    assert codes == [
        ("sync", 1),
        ("sync", 1),
        ("status", 0),
        ("status", 0),
        ("dead-letters", 0),
        ("dead-letters", 0),
        ("plan", 1),
        ("sync", 2),
    ]
    assert all("Traceback" not in one.err for one in story.told)


@pytest.mark.parametrize("secret", [TOKEN, PASSWORD, COMMENT, CUSTOMER])
def test_nothing_that_is_printed_holds_a_secret_or_a_customer(story: Story, secret: str) -> None:
    for one in story.told:
        if secret in one.arguments:  # who types a token as a name has shown it already
            continue
        found = [line[:200] for line in (one.out + one.err).splitlines() if secret in line]
        assert found == [], one.arguments


@pytest.mark.parametrize("secret", CREDENTIALS)
def test_no_byte_below_the_data_folder_is_of_a_credential(story: Story, secret: str) -> None:
    files = [path for path in (story.folder / "data").rglob("*") if path.is_file()]
    assert len(files) > 20
    assert [path for path in files if secret.encode() in path.read_bytes()] == []
    passes = [
        place for place in (story.folder / "data" / "state" / "packages").glob("*/*/*") if place.is_dir()
    ]
    bodies = [
        package.body(page)
        for place in passes
        for page in package.sealed(Pass(place.name, place, Window(EPOCH, EPOCH), advances=False))
    ]
    assert any(COMMENT.encode() in body for body in bodies)  # the search can see into them
    assert all(secret.encode() not in body for body in bodies)


def test_the_ledger_and_the_warehouse_tell_errors_without_values(story: Story) -> None:
    """What `status`, the dashboard and a BI tool show of errors."""
    with closing(
        duckdb.connect(str(story.folder / "data" / "current" / "warehouse.duckdb"), read_only=True)
    ) as db:
        texts = db.execute("SELECT error FROM meta.stream_runs WHERE error IS NOT NULL").fetchall()
        texts += db.execute("SELECT reason FROM meta.proofs WHERE reason IS NOT NULL").fetchall()
        texts += db.execute("SELECT reason || pointer || record_key FROM meta.dead_letters").fetchall()
    state = story.folder / "data" / "state"
    ledgers = b"".join(path.read_bytes() for path in state.iterdir() if "sqlite" in path.name)
    assert len(texts) > 20
    for secret in (TOKEN, PASSWORD, COMMENT, CUSTOMER):
        assert [text for [text] in texts if secret in text] == []
        assert secret.encode() not in ledgers


# -- modes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_what_is_private_is_readable_by_its_owner_only(tmp_path: Path, umask: int) -> None:
    with serve_in_thread(private_world(1), tokens={TOKEN: "demo"}) as simulator:
        configure(tmp_path, {"good": simulator.base_url})
        for _ in range(2):  # the second links what has not changed
            assert command(tmp_path, "sync", umask=umask).code == 0
    state = tmp_path / "data" / "state"
    found = {
        path.relative_to(tmp_path): stat.S_IMODE(path.stat().st_mode) for path in [state, *state.rglob("*")]
    }
    wrong = {
        str(path): oct(mode)
        for path, mode in found.items()
        if mode != (0o700 if (tmp_path / path).is_dir() else 0o600)
    }
    assert wrong == {}
    assert sum(path.suffix == ".page" for path in found) >= 1
    others = [path for path in (tmp_path / "data" / "snapshots").rglob("*") if path.stat().st_mode & 0o007]
    assert others == []


# -- text is never SQL -----------------------------------------------------------------------------------------


def test_what_looks_like_sql_is_text(tmp_path: Path) -> None:
    world = generate(5, 60, tenant="a.b--c")
    fields = ("comment", "customer_name", "user_name", "department_name", "call_id")
    for n, row in enumerate(world.rows()):
        injected: dict[str, Any] = dict.fromkeys(fields, INJECTION)
        world.edit(row["id"], id=f"{INJECTION} {n}", **injected)
    with serve_in_thread(world, tokens={TOKEN: "a.b--c"}) as simulator:
        configure(tmp_path, {"good": simulator.base_url})
        config = tmp_path / "config.yaml"
        config.write_text(config.read_text().replace("tenant: demo", "tenant: a.b--c"))
        told = [command(tmp_path, "sync", "--json")]
        for n in range(0, 60, 7):
            world.edit(f"{INJECTION} {n}", rating=1 + n % 5)
        told.append(command(tmp_path, "sync", "--full", "--json"))
    assert [one.code for one in told] == [0, 0]
    with closing(
        duckdb.connect(str(tmp_path / "data" / "current" / "warehouse.duckdb"), read_only=True)
    ) as db:
        found = db.execute(
            "SELECT evaluation_id, comment, department_name, tenant FROM core.evaluations"
        ).fetchall()
        marts = db.execute(
            "SELECT DISTINCT department_name, agent_name FROM marts.satisfaction_rate"
        ).fetchall()
        watermarks = db.execute("SELECT count(*) FROM meta.watermarks").fetchall()
    assert sorted(found) == sorted((f"{INJECTION} {n}", INJECTION, INJECTION, "a.b--c") for n in range(60))
    assert marts == [(INJECTION, INJECTION)]
    assert watermarks == [(1,)]


@pytest.mark.parametrize("key", ["name", "tenant", "base_url"])
def test_a_name_that_is_sql_is_refused(tmp_path: Path, key: str) -> None:
    source = {"system": "voki", "name": "good", "tenant": "demo", "base_url": "http://127.0.0.1:9"}
    source |= {"auth": {"token": "${VOKI_TOKEN}"}, key: INJECTION}  # type: ignore[dict-item]
    (tmp_path / "config.yaml").write_text(json.dumps({"version": 1, "sources": [source]}))
    told = command(tmp_path, "sync")
    assert told.code == 2
    assert f"{key}" in told.err
    assert TOKEN not in told.out + told.err
    assert not (tmp_path / "data").exists()
