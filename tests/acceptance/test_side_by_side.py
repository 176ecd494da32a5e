"""A source that is down, one with a wrong key and two good ones in one run: the good ones are proven.

Kills: a task group that one failure cancels; an exit code of the last source; a receipt that names no source.
"""

import json
from pathlib import Path

import lab
import nightly
import quality_lab as quality

from connectors.simulator.evaluagent.keys import Key
from connectors.simulator.evaluagent.server import serve_in_thread
from connectors.simulator.server import serve_in_thread as serve_voki

WRONG = Key(quality.KEY.access_key_id, "0" * 40)


def test_the_good_ones_are_proven(tmp_path: Path) -> None:
    world, ratings = quality.table(30), lab.table(30)
    with (
        serve_in_thread(world) as good,
        serve_in_thread(world) as locked,
        serve_voki(ratings, tokens=lab.TOKENS) as voki,
    ):
        to = quality.config(
            tmp_path,
            quality.account("http://127.0.0.1:9", "down", streams=["roles"]),
            quality.account(locked.base_url, "locked", key=WRONG, streams=["roles", "groups"]),
            quality.account(good.base_url, "good"),
            quality.voki_account(voki.base_url, "ratings"),
        )
        done = nightly.command(tmp_path / "config.yaml", "sync", "--json")
        assert done.returncode == 1, done.stderr
        told = {one["source"]: one["streams"] for one in json.loads(done.stdout)["sources"]}
        for name in ("good", "ratings"):
            for stream in told[name]:
                assert (stream["outcome"], stream["proof"]["state"]) == ("ok", "proven"), stream
        assert {one["outcome"] for name in ("down", "locked") for one in told[name]} == {"failed"}
        assert "connection failed" in told["down"][0]["error"]
        assert all("credential is refused" in one["error"] for one in told["locked"])
        assert all(name in one["error"] for name in ("down", "locked") for one in told[name])
        assert len(locked.arrivals) == 2  # a wrong key is not tried again and again
        quality.assert_equal(to, world, source="good")
