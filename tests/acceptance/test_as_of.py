"""Yesterday's marts today: earlier versions are kept, and give the very rows that readers saw then.

Kills: a version that is overwritten · a deletion that forgets what was · a version that counts on both sides of its
end · rows of today in yesterday · a table without history.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import lab

from connectors.simulator.world import World
from connectors.simulator.year import generate
from pipeline.as_of import build
from pipeline.config import Config
from pipeline.folders import Folders
from pipeline.statements import SQL

THERE = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'marts' ORDER BY table_name"


def marts(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every mart and view; but the state of the syncs, which has no history."""
    with duckdb.connect(str(path), read_only=True) as db:
        db.execute("SET TimeZone = 'UTC'")
        names = [name for (name,) in db.execute(THERE).fetchall() if name != "sync_health"]
        tables = {name: db.table(f"marts.{name}").fetchall() for name in names}
        return {name: sorted(rows, key=repr) for name, rows in tables.items()}


def today(to: Config) -> dict[str, list[tuple[Any, ...]]]:
    return marts(to.data_dir / "current" / "warehouse.duckdb")


def change(world: World, turn: int) -> None:
    """Edits, deletions and late rows all over the year; the third turn takes back what the second did."""
    ids = sorted(world.ids())
    for row_id in ids[turn::40]:
        world.edit(row_id, rating=1 + turn % 5, department_name=f"Sala {turn}")
    for row_id in ids[turn + 5 :: 60]:
        world.delete(row_id)
    for day in range(3):
        world.insert(world.until - timedelta(days=30 * turn + day), rating=2)


async def test_every_earlier_state_can_be_asked_for(tmp_path: Path) -> None:
    world = generate(5, 200)
    async with lab.source(world, tmp_path, streams="[evaluations, calls, departments, users]") as (_, to):
        states: list[tuple[datetime, dict[str, Any]]] = []
        for turn in range(3):
            if turn:
                change(world, turn)
                for call_id in sorted(world.calls.ids())[turn::50]:
                    world.calls.edit(call_id, status="missed")
            await lab.sync_all(to, full=True)
            states.append((datetime.now(UTC), today(to)))
        folders = Folders(to.data_dir)
        shipped = {path.name for path in (SQL / "marts").iterdir()} - {"sync_health"}
        for moment, seen in states:
            assert shipped <= seen.keys()
            assert marts(build(folders, moment)) == seen
        before = marts(build(folders, states[0][0] - timedelta(days=1)))
        assert not any(before.values())
        assert len({repr(seen) for _, seen in states}) == len(states)  # each state was another


async def test_what_was_seen_again_is_no_new_version(tmp_path: Path) -> None:
    world = generate(6, 50)
    async with lab.source(world, tmp_path) as (_, to):
        for _ in range(3):
            await lab.sync(to, full=True)
        assert lab.query(to, "SELECT count(*) AS n FROM core.evaluations_history") == [{"n": 0}]
        [row_id] = sorted(world.ids())[:1]
        world.edit(row_id, comment="outra vez")
        await lab.sync(to, full=True)
        [old] = lab.query(
            to, "SELECT evaluation_id, valid_from < valid_to AS ordered FROM core.evaluations_history"
        )
        assert old == {"evaluation_id": row_id, "ordered": True}
