"""evalsync as a user runs it: the command, a config.yaml, an empty data folder. Nothing is switched off.

Validation, packages on disk, dead letters, tombstones, history, proof, audit, marts with their checks, snapshot and
manifest: a run counts only when its outcome is `ok`, its proof `proven` and its rows are the source's.
"""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
from benchmarks.measure import Cost, measured

ROOT = Path(__file__).parents[2]
NO_LIMIT = {"per_minute": 1_000_000, "per_day": 100_000_000, "force": True}


def write_config(folder: Path, url: str, page_size: int, **keys: Any) -> Path:
    """A config.yaml of one Voki account (JSON is YAML); `keys` are further keys of the source."""
    source: dict[str, Any] = {
        "name": "bench",
        "system": "voki",
        "base_url": url,
        "tenant": "bench",
        "auth": {"token": "bench"},
        "streams": ["evaluations"],
        "page_size": page_size,
        "budget": NO_LIMIT,
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "config.yaml"
    path.write_text(json.dumps({"version": 1, "data_dir": "./data", "sources": [source | keys]}))
    return path


def evalsync(config: Path, *words: str, python: str | Path = sys.executable) -> Cost:
    """Run the command; what it printed stands beside the config."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    line = [python, "-m", "pipeline", *words[:1], "--config", str(config), *words[1:]]
    cost = measured(line, env, config.parent / "printed.txt")
    assert cost.code == 0, (config.parent / "printed.txt").read_text()[-2000:]
    return cost


def sync(config: Path, truth: Mapping[str, int], *words: str, python: str | Path = sys.executable) -> Cost:
    """One sync, with its result checked."""
    cost = evalsync(config, "sync", "--json", *words, python=python)
    printed = (config.parent / "printed.txt").read_text()
    receipt, _ = json.JSONDecoder().raw_decode(printed, printed.index('{"run_id"'))
    [stream] = receipt["sources"][0]["streams"]
    assert (receipt["outcome"], stream["proof"]["state"]) == ("ok", "proven"), receipt
    check(config, truth)
    return cost


def check(config: Path, truth: Mapping[str, int]) -> None:
    """What readers get, in the warehouse as in the files, against the source."""
    current = (config.parent / "data" / "current").resolve(strict=True)
    figures = "count(*), sum(rating), count(DISTINCT evaluation_id)"
    with duckdb.connect(str(current / "warehouse.duckdb"), read_only=True) as db:
        places = ("core.evaluations", f"read_parquet('{current}/evaluations/**/*.parquet')")
        for place in places:
            found = db.execute(f"SELECT {figures} FROM {place} WHERE _deleted_at IS NULL").fetchone()  # noqa: S608
            assert found == (truth["rows"], truth["rating_sum"], truth["ids"]), (place, found, truth)
        marts = db.execute("SELECT sum(evaluations) FROM marts.rating_distribution").fetchone()
        assert marts == (truth["rows"],)
