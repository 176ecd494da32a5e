"""Fifty people look at the dashboard while syncs follow each other: what does either side feel of the other?

    python -m tests.benchmarks.readers [--rows 1000000] [--readers 50] [--syncs 8] [--folder PLACE]

Prints the errors and response times of the readers, and how long a sync takes without and with them. The dashboard
and the readers are processes of their own; the readers, whose machines are not ours, step back (nice). The first sync
of a million rows takes minutes. `--folder` names the disk.
"""

import argparse
import asyncio
import json
import random
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import structlog
from aiohttp import ClientError, ClientSession, ClientTimeout, web

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from nightly import LIFTED, Account, account  # noqa: E402

from connectors.simulator.world import UNTIL  # noqa: E402
from connectors.simulator.year import generate  # noqa: E402
from pipeline.config import Config, parse  # noqa: E402
from pipeline.run import Request, run  # noqa: E402
from pipeline.web.app import make_app, make_runner  # noqa: E402

NEW_ROWS = 500  # of every sync
PAUSE = (0.5, 1.5)  # seconds that a reader looks at a page
VIEWS = (  # most look at the usual view
    *["/"] * 6,
    *("/?period=28d", "/?period=90d", "/?period=all", "/?period=90d&department=Vendas"),
    *("/?agent=Caio+Barbosa", "/?search=atendimento", "/?rating=1&page=3"),
)


def main() -> None:
    asked = argparse.ArgumentParser(description="Readers beside syncs.")
    asked.add_argument("--rows", type=int, default=1_000_000)
    asked.add_argument("--readers", type=int, default=50)
    asked.add_argument("--syncs", type=int, default=8)
    asked.add_argument("--folder", type=Path)
    asked.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    asked.add_argument("--read", help=argparse.SUPPRESS)
    said = asked.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    if said.serve:
        asyncio.run(serve(said.serve.read_text(), said.serve))
    elif said.read:
        print(json.dumps(asyncio.run(read(said.read, said.readers))))
    else:
        with TemporaryDirectory() as place:
            measure(said.folder or Path(place), said.rows, said.readers, said.syncs)


def measure(folder: Path, rows: int, readers: int, syncs: int) -> None:
    world = generate(7, rows)
    with account(world, folder) as one:
        config = configured(one)
        began = time.perf_counter()
        asyncio.run(run(config, Request()))
        print(f"first sync of {len(world.rows()):,} rows: {time.perf_counter() - began:.0f} s", flush=True)
        alone = [sync(one, config, nth) for nth in range(syncs)]
        print(f"a sync alone: {told(alone)}", flush=True)
        server = subprocess.Popen(
            command("--serve", one.folder / "config.yaml"), stdout=subprocess.PIPE, text=True
        )
        url = (server.stdout or sys.stdin).readline().strip()
        crowd = subprocess.Popen(
            ["nice", "-n", "10", *command("--read", url, "--readers", str(readers))],  # people's own machines
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        beside = [sync(one, config, nth) for nth in range(syncs, 2 * syncs)]
        answers, _ = crowd.communicate("enough\n")
        server.terminate()
        server.wait()
        print(f"a sync beside {readers} readers: {told(beside)}")
        ratio = statistics.median(beside) / statistics.median(alone)
        print(f"sync time ratio: {ratio:.2f}")
        print(report(json.loads(answers)))


def configured(one: Account) -> Config:
    """The account and, for the panels on quality, a simulated evaluagent that only the first sync asks."""
    free = dict(LIFTED, per_day=100_000_000)
    voki: dict[str, Any] = {
        "system": "voki",
        "name": "demo",
        "tenant": "demo",
        "base_url": one.simulator.base_url,
    }
    voki |= {
        "auth": {"token": "secret"},
        "streams": ["evaluations", "users"],
        "page_size": 1000,
        "budget": free,
    }
    quality: dict[str, Any] = {
        "system": "evaluagent",
        "name": "quality",
        "simulator": {"seed": 7, "evaluations": 20_000},
    }
    quality |= {"streams": ["quality_evaluations", "agents", "groups"], "reread": 0, "budget": free}
    path = one.write_config(sources=[voki, quality])
    return parse(path.read_text(), {}, path, now=datetime.now(UTC))


def sync(one: Account, config: Config, nth: int) -> float:
    """Seconds that a sync of some new rows takes."""
    one.now = max(one.now, UNTIL) + timedelta(minutes=10)
    for place in range(NEW_ROWS):
        one.insert(timedelta(seconds=60 + place), rating=1 + place % 5, comment=f"Nova {nth}/{place}")
    began = time.perf_counter()
    receipt = asyncio.run(run(config, Request(sources=("demo",))))
    assert receipt.outcome == "ok", receipt.as_json()
    return time.perf_counter() - began


async def serve(text: str, path: Path) -> None:
    runner = make_runner(make_app(parse(text, {}, path, now=datetime.now(UTC))))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()


async def read(url: str, readers: int) -> dict[str, Any]:
    """Read until standard input says something."""
    enough = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin, enough.set)
    seconds: list[float] = []
    errors: list[str] = []

    async def reader(client: ClientSession, chance: random.Random) -> None:
        while not enough.is_set():
            await asyncio.sleep(chance.uniform(*PAUSE))
            began = time.perf_counter()
            try:
                async with client.get(url + chance.choice(VIEWS), headers={"Accept": "text/html"}) as answer:
                    page = await answer.text()
                    if answer.status != 200 or "</html>" not in page:
                        errors.append(str(answer.status))
            except (ClientError, TimeoutError) as error:
                errors.append(type(error).__name__)
            seconds.append(time.perf_counter() - began)

    async with ClientSession(timeout=ClientTimeout(total=30)) as client:
        first = []
        for view in dict.fromkeys(VIEWS):  # before the crowd comes
            began = time.perf_counter()
            async with client.get(url + view) as answer:
                await answer.text()
            first.append(time.perf_counter() - began)
        async with asyncio.TaskGroup() as group:
            for number in range(readers):
                group.create_task(reader(client, random.Random(number)))
    return {"first": first, "seconds": seconds, "errors": errors}


def report(found: dict[str, Any]) -> str:
    ordered = sorted(found["seconds"])
    shown = {
        share: 1000 * ordered[min(len(ordered) - 1, int(len(ordered) * share / 100))]
        for share in (50, 95, 99)
    }
    times = ", ".join(f"p{share} {ms:.0f} ms" for share, ms in shown.items())
    errors = f"{len(found['errors'])} errors {sorted(set(found['errors']))}"
    return f"first look at a view: {told(found['first'])}\n{len(ordered):,} pages read, {errors}; {times}"


def told(seconds: list[float]) -> str:
    return f"{statistics.median(seconds):.2f} s (median of {len(seconds)}; {min(seconds):.2f} to {max(seconds):.2f})"


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "tests.benchmarks.readers", *map(str, words)]


if __name__ == "__main__":
    main()
