"""Records that break the contract, in a source that is otherwise in order: whole runs over real sockets and files.

All poison lies in one table, so that one run meets all of it. What is good is loaded byte for byte, each broken
record becomes one dead letter with reason and pointer, every record is counted once, and the run is unproven until
the source has mended them. Then they leave the quarantine by themselves.

Kills: an id cast to UUID; a rating cast to an integer ("4", 4.0, true); an exception in the page for one record;
text that is normalized, trimmed or cut at a NUL; unknown fields dropped; a dead letter that stays when its record
is healed or gone; a proof that forgets the quarantine; a window that moves over a page of nothing but poison.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import lab
import pytest
from poison import BROKEN, GOOD_ROWS, NOON, NOW, POISON, Poison, good_row, patient, poisoned

from connectors.simulator.clock import stamp
from connectors.simulator.server import serve
from connectors.simulator.world import World
from pipeline.config import Config
from pipeline.receipt import StreamReceipt


@dataclass(frozen=True)
class Outcome:
    receipt: StreamReceipt
    loaded: Mapping[str, Mapping[str, Any]]  # present rows in the words of the wire, by id
    extra: Mapping[str, Any]  # the unknown fields, by id
    letters: Mapping[str, Mapping[str, Any]]  # by the record as ASCII JSON


@dataclass(frozen=True)
class Story:
    rows: Mapping[str, Mapping[str, Any]]  # by the poison's name
    good: Sequence[str]
    first: Outcome
    again: Outcome
    healed: Outcome
    present: Mapping[str, Mapping[str, Any]]  # the source at the end


def look(config: Config, receipt: StreamReceipt) -> Outcome:
    letters = lab.query(config, "SELECT * FROM meta.dead_letters")
    extra = lab.query(config, "SELECT evaluation_id, extra FROM core.evaluations")
    return Outcome(
        receipt,
        {row["id"]: row for row in lab.loaded(config)},
        {row["evaluation_id"]: row["extra"] for row in extra},
        {letter["raw"]: letter for letter in letters},
    )


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    return asyncio.run(tell(tmp_path_factory.mktemp("poison")))


def place(n: int, one: Poison) -> datetime:
    """Where a record stands in the source's order: each at its own second; the good times all say noon."""
    return NOON if one.name.startswith("good time") else NOON + timedelta(seconds=n)


async def tell(folder: Path) -> Story:
    world = World(until=NOW)
    rows = {one.name: poisoned(n, one) for n, one in enumerate(POISON)}
    assert len(rows) == len(POISON)
    good = [world.insert(NOON + timedelta(seconds=n), comment=f"bom {n}") for n in range(GOOD_ROWS)]
    bad = {world.insert_raw(place(n, one), rows[one.name]) for n, one in enumerate(POISON)}
    async with serve(world, tokens=lab.TOKENS) as simulator:
        config = patient(simulator.base_url, folder, page_size=60)
        first = look(config, await lab.sync(config))
        again = look(config, await lab.sync(config))
        for row_id in bad:
            world.delete(row_id)
        for n, one in enumerate(POISON):
            if one.blamed:
                world.insert_raw(NOON + timedelta(seconds=n), good_row(n))
        healed = look(config, await lab.sync(config))
    return Story(rows, good, first, again, healed, {row["id"]: row for row in lab.present(world)})


def as_loaded(row: Mapping[str, Any]) -> dict[str, Any]:
    """A good record as the warehouse is to hold it: ids are text, times are UTC."""
    time = datetime.fromisoformat(row["inserted_at"])
    at = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    known = {name: row.get(name) for name in lab.COLUMNS.values()}
    return known | {
        "id": str(row["id"]),
        "call_id": str(row["call_id"]),
        "inserted_at": stamp(int(at.timestamp())),
    }


@pytest.mark.parametrize("one", POISON, ids=lambda one: one.name[:40])
def test_each_record_is_loaded_as_it_is_or_is_a_dead_letter(story: Story, one: Poison) -> None:
    row = story.rows[one.name]
    letter = story.first.letters.get(json.dumps(row))
    if one.blamed:
        assert letter is not None
        assert letter["pointer"] == one.blamed
        assert letter["reason"]
        assert len(letter["record_key"]) <= 200
        assert row.get("id") is None or str(row["id"]) not in story.first.loaded
    else:
        assert letter is None
        assert story.first.loaded[str(row["id"])] == as_loaded(row)


def test_the_good_records_beside_them_are_loaded(story: Story) -> None:
    assert [story.first.loaded.get(row_id) for row_id in story.good] == [
        story.present[row_id] for row_id in story.good
    ]


def test_every_record_is_counted_once(story: Story) -> None:
    for one in (story.first, story.again, story.healed):
        counts = one.receipt.loaded
        known = counts.inserted + counts.updated + counts.unchanged
        assert counts.fetched == known + counts.dead_letters + counts.duplicates
    assert story.first.receipt.loaded.fetched >= len(POISON) + len(story.good)


def test_with_letters_in_the_window_nothing_is_proven(story: Story) -> None:
    for one in (story.first, story.again):
        assert len(one.letters) == len(BROKEN)
        assert one.receipt.outcome == "unproven"
        assert one.receipt.proof is not None
        assert one.receipt.proof.state == "unproven"
        assert f"{len(BROKEN)} records of the window are dead letters" in (one.receipt.error or "")


def test_a_second_look_changes_no_row_and_keeps_when_a_letter_was_first_seen(story: Story) -> None:
    counts = story.again.receipt.loaded
    assert (counts.inserted, counts.updated, counts.deleted) == (0, 0, 0)
    assert story.again.loaded == story.first.loaded
    for raw, letter in story.again.letters.items():
        assert letter["first_seen_at"] == story.first.letters[raw]["first_seen_at"]


def test_what_is_healed_or_gone_leaves_the_dead_letters(story: Story) -> None:
    assert story.healed.letters == {}
    assert story.healed.receipt.outcome == "ok"
    assert story.healed.receipt.proof is not None
    assert story.healed.receipt.proof.state == "proven"
    assert story.healed.loaded == story.present


def test_unknown_fields_are_kept(story: Story) -> None:
    def extra(name: str) -> Any:
        return json.loads(story.first.extra[story.rows[name]["id"]])

    assert extra("new field") == {"channel": "whatsapp"}
    assert extra("new fields") == POISON[[one.name for one in POISON].index("new fields")].change
    assert extra("new nan") == {"score": "nan"}
    assert extra("new surrogate") == {"note": "a\\ud800b"}
    ours = {"source": "x", "_deleted_at": "x", "extra": "x", "evaluation_id": "other"}
    assert extra("named as ours") == ours
    assert story.first.extra[story.good[0]] is None
