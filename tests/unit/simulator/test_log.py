"""The oracle of the budgets."""

import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from connectors.simulator.log import Arrival, most_in_window, read_log
from connectors.simulator.server import serve
from connectors.simulator.tokens import User
from connectors.simulator.year import generate

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def arrived(times: list[float], key: str = "k", endpoint: str = "/e") -> list[Arrival]:
    return [Arrival(n, at, NOW, "GET", endpoint, endpoint, {}, key) for n, at in enumerate(times, 1)]


def test_the_fullest_window_wherever_it_lies() -> None:
    assert most_in_window(arrived([0, 30, 59, 60, 61, 200]), 60) == {("k", "/e"): 4}
    assert most_in_window(arrived([0, 60, 120]), 60) == {("k", "/e"): 1}
    assert most_in_window([], 60) == {}


def test_it_equals_counting_every_window() -> None:
    source = random.Random(1)
    times = [source.uniform(0, 500) for _ in range(300)]
    most = max(sum(start <= at < start + 60 for at in times) for start in times)
    assert most_in_window(arrived(times), 60) == {("k", "/e"): most}


def test_keys_and_endpoints_are_apart_unless_told() -> None:
    mixed = arrived([0, 1], "a") + arrived([0, 1, 2], "b") + arrived([3], "b", "/f")
    assert most_in_window(mixed, 60) == {("a", "/e"): 2, ("b", "/e"): 3, ("b", "/f"): 1}
    assert most_in_window(mixed, 60, by=lambda arrival: arrival.key) == {"a": 2, "b": 4}


async def test_every_request_is_logged_without_its_credential(ask: Any, tmp_path: Path) -> None:
    file = tmp_path / "arrivals.jsonl"
    user = User("ana@example.com", "correct-horse", "demo")
    async with serve(
        generate(1, 30), tokens={"secret": "demo"}, users=[user], now=lambda: NOW, log_file=file
    ) as simulator:
        await ask(simulator, "/api/v1/evaluations", page=2, date_from="2025-01-01")
        await ask(simulator, "/api/v1/evaluations/some-id")
        await ask(simulator, "/nowhere", token="wrong-secret")
        sent = {"email": user.email, "password": user.password, "tenant": "demo"}
        tokens = [
            (await ask(simulator, "/api/auth/login", "POST", token=None, send=sent)).body["data"]
            for _ in range(2)
        ]
        for token in tokens:
            await ask(simulator, "/api/v1/evaluations", token=token["access_token"])
        log = simulator.arrivals
        assert simulator.log.of("/evaluations") == [log[0], log[5], log[6]]
    assert [(a.n, a.endpoint, a.status) for a in log] == [
        (1, "/api/v1/evaluations", 200),
        (2, "/api/v1/evaluations/{id}", 404),
        (3, "", 404),
        (4, "/api/auth/login", 200),
        (5, "/api/auth/login", 200),
        (6, "/api/v1/evaluations", 200),
        (7, "/api/v1/evaluations", 200),
    ]
    assert log[0].query == {"page": "2", "date_from": "2025-01-01"}
    assert log[0].key == log[1].key != log[2].key
    assert log[3].key == "127.0.0.1"
    assert log[5].key == log[6].key, "a renewed token is the same account"
    assert read_log(file) == log
    for secret in ("secret", "correct-horse", tokens[0]["access_token"], tokens[0]["refresh_token"]):
        assert secret not in file.read_text("utf-8")
