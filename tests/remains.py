"""What is left when a run has ended, by itself or not: homes of runs, and what must hold in them at any moment.

Looks at files and at the source's log only; uses nothing of the product.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from glob import glob
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from connectors.simulator.log import Arrival
from connectors.simulator.script import Script
from connectors.simulator.server import Simulator, serve_in_thread
from connectors.simulator.world import World
from connectors.simulator.year import generate

TOKENS = 6000
LIST = "/api/v1/evaluations"
FREE = "{per_minute: 100000, per_day: 10000000, force: true}"
ROWS = """
    SELECT evaluation_id, call_id, rating, comment, customer_name, agent_name, department_name,
        strftime(created_at, '%Y-%m-%dT%H:%M:%SZ')
    FROM core.evaluations WHERE _deleted_at IS NULL ORDER BY evaluation_id
"""
FIELDS = (
    "id",
    "call_id",
    "rating",
    "comment",
    "customer_name",
    "user_name",
    "department_name",
    "inserted_at",
)

TWICE = """
    SELECT count(*) FROM meta.loads AS a JOIN meta.loads AS b
    ON a.source = b.source AND a.stream = b.stream AND a.pass_id = b.pass_id
    WHERE a.first_page < b.first_page AND b.first_page <= a.last_page
        OR a.first_page = b.first_page AND a.loaded_at < b.loaded_at
"""

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Home:
    """The folder of one config.yaml; its token is its own, so that the source's log tells its requests."""

    folder: Path
    simulator: Simulator
    token: str

    @property
    def config(self) -> Path:
        return self.folder / "config.yaml"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def state(self) -> Path:
        return self.data / "state"

    def lists(self) -> list[Arrival]:
        """Its requests for lists, as the source noted them."""
        key = self.simulator.site.gate.key(self.token)
        return [
            arrival for arrival in self.simulator.arrivals if arrival.key == key and arrival.endpoint == LIST
        ]


def asked(at: Home) -> list[tuple[tuple[str, str], ...]]:
    """Its list requests for pages, without the number of their arrival."""
    return [tuple(sorted(arrival.query.items())) for arrival in at.lists()]


def month(seed: int, share: int) -> World:
    """About so many rows, all of the last weeks: few files to publish."""
    year = generate(seed, 12 * share)
    return World.from_rows(year.rows(year.until - timedelta(days=28)), until=year.until)


@contextmanager
def source(world: World, script: Script | None = None) -> Iterator[Simulator]:
    """The world's API in a thread, with a token for each home."""
    tokens = {f"token-{n}": world.tenant for n in range(TOKENS)}
    with serve_in_thread(world, tokens=tokens, script=script or Script()) as simulator:
        yield simulator


def home(folder: Path, simulator: Simulator, n: int, **more: Any) -> Home:
    """A new home; `more` are keys of its source."""
    folder.mkdir(parents=True, exist_ok=True)
    token = f"token-{n}"
    keys = {
        "page_size": 40,
        "budget": FREE,
        "audit": 0,
        **more,
        "base_url": simulator.base_url,
        "auth": f"{{token: {token}}}",
    }
    lines = [f"    {name}: {value}" for name, value in keys.items()]
    account = "  - system: voki\n    name: demo\n    tenant: demo\n    streams: [evaluations]"
    head = f"version: 1\ndata_dir: ./data\nsources:\n{account}"
    (folder / "config.yaml").write_text("\n".join([head, *lines]) + "\n")
    return Home(folder, simulator, token)


def table(world: World) -> list[Row]:
    """What is true at the source, in the order of `rows_of`."""
    return sorted(
        (tuple(row.get(field) for field in FIELDS) for row in world.rows()), key=lambda row: str(row[0])
    )


def query(file: Path, sql: str) -> list[Row]:
    with duckdb.connect(str(file), read_only=True) as db:
        db.execute("SET TimeZone = 'UTC'")
        return db.execute(sql).fetchall()


def rows_of(file: Path) -> list[Row]:
    """The rows of a warehouse that are there, each as often as it is."""
    return query(file, ROWS)


@dataclass(frozen=True, slots=True)
class Kept:
    """What one transaction is to change together."""

    rows: list[Row]
    watermark: Any
    loads: int


NOTHING = Kept([], None, 0)


def kept(at: Home) -> Kept:
    """What the working warehouse holds."""
    file = at.state / "warehouse.duckdb"
    if not file.exists():
        return NOTHING
    [(shape,)] = query(
        file, "SELECT count(*) FROM information_schema.tables WHERE table_schema IN ('core', 'meta')"
    )
    assert shape > 1, "a warehouse without its tables has got its name"
    [(watermark,)] = query(file, "SELECT max(watermark) FROM meta.watermarks")
    [(loads,)] = query(file, "SELECT count(*) FROM meta.loads")
    return Kept(rows_of(file), watermark, loads)


def reading(data: Path) -> str | None:
    """The run whose snapshot readers see now, every byte as its manifest says; None before the first.

    What a glob finds can be read, whether `current` points to it or not.
    """
    for found in glob(str(data / "**" / "*.parquet"), recursive=True):  # noqa: PTH207 - leaves out hidden folders
        pq.read_metadata(found)
    link = data / "current"
    if not link.is_symlink():
        assert not link.exists()
        return None
    place = link.resolve(strict=True)
    manifest = json.loads((place / "manifest.json").read_text())
    sums = {one["path"]: one["sha256"] for one in [manifest["warehouse"], *manifest["files"]]}
    there = {str(path.relative_to(place)) for path in place.rglob("*") if path.is_file()}
    assert there == sums.keys() | {"manifest.json"}
    for path, expected in sums.items():
        assert hashlib.sha256((place / path).read_bytes()).hexdigest() == expected, path
    for one in manifest["files"]:
        assert pq.read_metadata(place / one["path"]).num_rows == one["rows"], one["path"]
    assert manifest["run_id"] == place.name
    return place.name


def assert_whole(at: Home, world: World) -> None:
    """A run went to its end: every row of the source is there once, in the warehouse, the lake and the marts."""
    assert reading(at.data) is not None
    truth, published = table(world), at.data / "current" / "warehouse.duckdb"
    assert rows_of(at.state / "warehouse.duckdb") == truth
    assert rows_of(published) == truth
    lake = at.data / "current" / "evaluations" / "**" / "*.parquet"
    counts = f"SELECT count(*), count(DISTINCT evaluation_id) FROM read_parquet('{lake}') WHERE _deleted_at IS NULL"  # noqa: S608
    assert query(published, counts) == [(len(truth), len(truth))]
    assert query(published, "SELECT sum(evaluations) FROM marts.rating_distribution") == [(len(truth),)]
    assert query(published, TWICE) == [(0,)], "a page was loaded twice"
    assert query(published, "SELECT count(*) FROM meta.proofs WHERE state <> 'proven'") == [(0,)]
