"""A real Apache Superset on loopback, from the environment of `make superset-test`: settings, metadata in SQLite, one
administrator, gunicorn; asked through its REST API with a session of its own.
"""

import json
import os
import re
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import ClientSession, CookieJar

ROOT = Path(__file__).resolve().parents[1]
BIN = ROOT / ".venv-superset/bin"
USER, PASSWORD = "reader", "one-password-of-a-test"
PATIENCE = 120.0  # seconds that a busy machine may take
SETTINGS = """
from pathlib import Path

HERE = Path(__file__).parent
SECRET_KEY = "one-key-of-a-test-and-of-nothing-else"
SQLALCHEMY_DATABASE_URI = f"sqlite:///{HERE}/superset.db?check_same_thread=false"
# As in production, answers are kept for a day: else a test could not see who is told old figures.
DATA_CACHE_CONFIG = {
    "CACHE_TYPE": "FileSystemCache",
    "CACHE_DIR": str(HERE / "cache"),
    "CACHE_DEFAULT_TIMEOUT": 86400,
}
"""


def install(folder: Path) -> None:
    """What its own documents say to do once."""
    assert BIN.exists(), "make superset-test makes .venv-superset: it is not there"
    (folder / "superset_config.py").write_text(SETTINGS)
    person = ("--firstname", "One", "--lastname", "Reader", "--email", "reader@example.org")
    for words in (
        ("db", "upgrade"),
        ("fab", "create-admin", "--username", USER, "--password", PASSWORD, *person),
        ("init",),
    ):
        line = [str(BIN / "superset"), *words]
        done = subprocess.run(
            line, env=_env(folder), cwd=folder, capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode == 0, done.stdout + done.stderr


def _env(folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "SUPERSET_CONFIG_PATH": str(folder / "superset_config.py"),
        "SUPERSET_HOME": str(folder),
    }


@contextmanager
def started(folder: Path) -> Iterator[str]:
    """Its address while it runs: one process, so that it is the same one before and after a publish."""
    log = folder / "gunicorn.log"
    line = [
        *(str(BIN / "gunicorn"), "--workers", "1", "--worker-class", "gthread", "--threads", "8"),
        *("--timeout", "120", "--bind", "127.0.0.1:0", "superset.app:create_app()"),
    ]
    with log.open("w") as out:
        server = subprocess.Popen(line, env=_env(folder), cwd=folder, stdout=out, stderr=out)
    try:
        deadline = time.monotonic() + PATIENCE
        while not (found := re.search(r"Listening at: (\S+)", log.read_text())):
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        yield found[1]
        assert "Booting worker" in log.read_text()
        assert log.read_text().count("Booting worker") == 1, "the worker was started anew"
    finally:
        server.terminate()
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()


@dataclass(frozen=True, slots=True)
class Superset:
    client: ClientSession

    async def post(self, what: str, **body: Any) -> dict[str, Any]:
        status, found = await self.try_post(what, **body)
        assert status < 300, found
        return found

    async def try_post(self, what: str, **body: Any) -> tuple[int, dict[str, Any]]:
        async with self.client.post(f"/api/v1/{what}", json=body) as answer:
            return answer.status, await answer.json()

    async def database(self, name: str, uri: str, **more: Any) -> int:
        made = await self.post("database/", database_name=name, sqlalchemy_uri=uri, **more)
        return int(made["id"])

    async def dataset(self, database: int, schema: str, table: str) -> int:
        """`schema` as the list of schemas has it."""
        async with self.client.get(f"/api/v1/database/{database}/schemas/") as answer:
            assert schema in (await answer.json())["result"]
        return int((await self.post("dataset/", database=database, schema=schema, table_name=table))["id"])

    async def chart(self, dataset: int, name: str, kind: str, **params: Any) -> int:
        made = await self.post(
            "chart/",
            slice_name=name,
            viz_type=kind,
            datasource_id=dataset,
            datasource_type="table",
            params=json.dumps({"datasource": f"{dataset}__table", "viz_type": kind} | params),
        )
        return int(made["id"])

    async def figures(self, dataset: int, *metrics: dict[str, str], force: bool = False) -> dict[str, Any]:
        """What a chart of these metrics would get."""
        answer = await self.post(
            "chart/data",
            datasource={"id": dataset, "type": "table"},
            queries=[{"metrics": list(metrics), "columns": []}],
            force=force,
        )
        [row] = answer["result"][0]["data"]
        return dict(row)


def metric(label: str, sql: str) -> dict[str, str]:
    return {"expressionType": "SQL", "sqlExpression": sql, "label": label}


@asynccontextmanager
async def signed_in(address: str) -> AsyncIterator[Superset]:
    """By the API, which wants a token and, for what changes something, a second one that belongs to the session."""
    async with ClientSession(address, cookie_jar=CookieJar(unsafe=True)) as client:
        login = {"username": USER, "password": PASSWORD, "provider": "db"}
        async with client.post("/api/v1/security/login", json=login) as answer:
            client.headers["Authorization"] = f"Bearer {(await answer.json())['access_token']}"
        async with client.get("/api/v1/security/csrf_token/") as answer:
            client.headers["X-CSRFToken"] = (await answer.json())["result"]
        yield Superset(client)
