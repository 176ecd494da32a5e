"""Notes of loads: each is there before its load commits, and together they are what the warehouse was made of.

Kills: a note that is written after the commit, or without the lease; a note of a commit that never came beside the one
that did; notes of a warehouse that is no more; a note that goes while its pages are there; the last trace of what was
pruned.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from connectors.source import EPOCH, Stream, key_of
from connectors.voki.streams import cursor_of
from pipeline import notes
from pipeline.destinations.load import load
from pipeline.destinations.warehouse import connect
from pipeline.notes import Note
from pipeline.passes import pack
from schemas.errors import LoadError
from schemas.voki import EVALUATIONS

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
NOTE = Note("norte", "run", "pass", 1, 3, 3, EPOCH, NOW - timedelta(days=9), NOW, NOW)


async def never(*_: Any) -> Any:
    raise AssertionError("a load asks no source")


STREAM = Stream("evaluations", EVALUATIONS, "evaluations", never, None, lambda _: [], cursor_of, key_of)


def test_a_note_comes_back_or_is_known_to_be_damaged(tmp_path: Path) -> None:
    notes.write(tmp_path, 1, NOTE)
    notes.write(tmp_path, 2, replace(NOTE, watermark=None, pages=0))
    assert notes.numbers(tmp_path) == [1, 2]
    assert [notes.read(tmp_path, n) for n in (1, 2, 3)] == [
        NOTE,
        replace(NOTE, watermark=None, pages=0),
        None,
    ]
    path = tmp_path / "loads" / "000001.load"
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert notes.read(tmp_path, 1) is None


def test_a_note_takes_the_place_of_one_whose_commit_never_came_and_of_all_later_ones(tmp_path: Path) -> None:
    for number in range(1, 6):
        notes.write(tmp_path, number, replace(NOTE, run_id=f"old-{number}"))
    notes.write(tmp_path, 3, replace(NOTE, run_id="new"))
    found = [notes.read(tmp_path, number) for number in notes.numbers(tmp_path)]
    assert [note and note.run_id for note in found] == ["old-1", "old-2", "new"]


def test_the_first_notes_go_with_their_pages_and_the_newest_stays(tmp_path: Path) -> None:
    for number, name in enumerate(("a", "a", "letters", "b", "a"), 1):
        notes.write(tmp_path, number, replace(NOTE, pass_id=name, pages=0 if name == "letters" else 1))
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    notes.prune(tmp_path)
    assert notes.numbers(tmp_path) == [1, 2, 3, 4, 5]
    (tmp_path / "a").rmdir()
    notes.prune(tmp_path)
    assert notes.numbers(tmp_path) == [4, 5]
    (tmp_path / "b").rmdir()
    notes.prune(tmp_path)
    assert notes.numbers(tmp_path) == [5]


def loads(db: duckdb.DuckDBPyConnection) -> int:
    [(count,)] = db.execute("SELECT count(*) FROM meta.loads").fetchall()
    return int(count)


def test_a_load_is_noted_before_its_commit_while_the_lease_is_held(tmp_path: Path) -> None:
    told: list[Any] = []

    @contextmanager
    def fence() -> Iterator[None]:
        told.append("held")
        yield
        told.append("free")

    @contextmanager
    def lost() -> Iterator[None]:
        raise LoadError("the lease is lost")
        yield

    def full(_: int) -> None:
        raise LoadError("no space left")

    first, second = (
        pack("demo", STREAM, replace(NOTE, pages=0, first_page=n, last_page=n), []) for n in (1, 2)
    )
    with connect(tmp_path / "warehouse.duckdb") as db:
        with pytest.raises(LoadError, match="no space left"):
            load(db, first, NOW, fence, full)
        with pytest.raises(LoadError, match="lease is lost"):
            load(db, first, NOW, lost, told.append)
        assert loads(db) == 0
        told.clear()
        for package in (first, first, second):
            load(db, package, NOW, fence, told.append)
        assert told == ["held", 1, "free", "held", 2, "free"]
        assert loads(db) == 2
