"""The table against a plain list that is sorted and filtered by hand."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.simulator.clock import seconds
from connectors.simulator.world import World, labels
from connectors.simulator.year import generate

START = datetime(2025, 6, 1, tzinfo=UTC)


def at(minute: int) -> datetime:
    return START + timedelta(minutes=minute)


@pytest.mark.parametrize("seed", range(20))
def test_any_history_leaves_the_table_that_a_plain_list_would_be(seed: int) -> None:
    source, world = random.Random(seed), World()
    model: dict[str, dict[str, Any]] = {}
    ratings = (1, 2, 5, 9, "4", None, True)
    comments = (None, "", "x")
    for _ in range(300):
        act, name = source.random(), source.choice(sorted(model)) if model else ""
        if act < 0.5 or not model:
            when = at(source.randrange(50))
            row_id = world.insert(when, rating=source.choice(ratings), comment=source.choice(comments))
            model[row_id] = world.find(row_id) or {}
        elif act < 0.7:
            world.edit(name, rating=source.choice(ratings), comment=source.choice(comments))
            model[name] = world.find(name) or {}
        elif act < 0.8:
            world.edit(name, at=at(source.randrange(50)))
            model[name] = world.find(name) or {}
        elif act < 0.99:
            world.delete(name)
            del model[name]
        else:
            wall = at(source.randrange(10))
            kept = {i: row for i, row in model.items() if row["inserted_at"] >= f"{wall:%Y-%m-%dT%H:%M:%SZ}"}
            assert world.purge(wall) == len(model) - len(kept)
            model = kept
    rows = sorted(model.values(), key=lambda row: (row["inserted_at"], row["id"]))
    assert world.rows() == rows
    assert len(world) == len(rows)
    lower, upper = seconds(at(10)), seconds(at(30))
    for label in ("all", 1, 2, 3, 4, 5, "commented", "empty"):
        keys, low, high = world.span(lower, upper, label)
        expected = [r for r in world.rows(at(10), at(30)) if label in set(labels(r)) and not _true(r, label)]
        assert [world.row(key) for key in keys[low:high]] == expected


def _true(row: dict[str, Any], label: object) -> bool:
    """True == 1 in Python, and a rating of true is no rating."""
    return row["rating"] is True and label == 1


def test_bounds_are_half_open_and_may_be_empty_or_crossed() -> None:
    world = World()
    world.tie_burst(at(0), 2)
    world.insert(at(1))
    assert len(world.rows(at(0), at(1))) == 2
    assert len(world.rows(at(1))) == 1
    assert world.rows(at(5), at(2)) == []


def test_poison_is_kept_as_it_is_and_can_be_addressed() -> None:
    world = World()
    twin = {"id": "twin", "rating": 5, "inserted_at": "2025-06-01T00:00:00Z"}
    world.insert_raw(at(0), twin)
    world.insert_raw(at(0), twin)
    world.insert_raw(at(1), {"id": 7, "extra": {"a": [1]}})
    world.insert_raw(at(2), {})
    assert world.rows() == [twin, twin, {"id": 7, "extra": {"a": [1]}}, {}]
    world.edit("twin", rating=1)
    assert [row["rating"] for row in world.rows()[:2]] == [1, 1]
    world.delete("7")
    world.delete("")
    world.delete("twin")
    assert (len(world), world.ids(), world.find("twin")) == (0, set(), None)
    with pytest.raises(KeyError):
        world.delete("twin")


def test_a_row_put_back_has_been_away() -> None:
    world = World()
    row_id = world.insert(at(0))
    moved = world.insert(at(1))
    mark = world.mark()
    row = world.find(row_id)
    assert row is not None
    world.delete(row_id)
    world.insert_raw(at(0), row)
    world.edit(moved, at=at(5), rating=2)
    assert world.alive_since(mark) == {moved}


def test_a_snapshot_stands_still() -> None:
    world = generate(1, 50)
    copy, rows = world.snapshot(), world.rows()
    for row in rows[:20]:
        world.edit(row["id"], rating=1)
    world.purge(datetime(2025, 9, 1, tzinfo=UTC))
    world.insert(at(0))
    assert copy.rows() == rows
    copy.insert(at(0))
    assert len(copy) == 51


def test_what_the_oracle_gives_is_a_copy() -> None:
    world = generate(1, 3)
    world.rows()[0]["rating"] = 99
    assert 99 not in [row["rating"] for row in world.rows()]


def test_calls_are_known_until_their_rows_are_gone() -> None:
    world = World()
    row_id = world.insert(at(0), call_id="c")
    assert world.has_call("c")
    world.edit(row_id, call_id="d")
    assert (world.has_call("c"), world.has_call("d")) == (False, True)
    world.purge(at(1))
    assert not world.has_call("d")


def test_a_world_of_given_rows_ends_after_the_newest() -> None:
    rows = generate(1, 20).rows()
    world = World.from_rows(reversed(rows), tenant="x")
    assert world.rows() == rows
    assert f"{world.until - timedelta(seconds=1):%Y-%m-%dT%H:%M:%SZ}" == rows[-1]["inserted_at"]
    with pytest.raises(ValueError, match="'ontem' is no time"):
        World.from_rows([{"id": "a", "inserted_at": "ontem"}])
