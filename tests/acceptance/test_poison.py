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
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import lab
import pytest

from connectors.simulator.clock import stamp
from connectors.simulator.script import Fault
from connectors.simulator.server import serve
from connectors.simulator.world import World
from connectors.simulator.year import generate
from pipeline.config import Config
from pipeline.receipt import StreamReceipt
from pipeline.run import run

NOW = lab.NOW
NOON = NOW - timedelta(hours=12)
GOOD_ROWS = 180
INJECTION = "x'); DROP TABLE core.evaluations; --"


@dataclass(frozen=True)
class Poison:
    """A change of one good record, and the field that is to be blamed; "" for a record that is to be loaded."""

    name: str
    change: Mapping[str, Any]
    blamed: str = ""
    lacks: str = ""


def ratings() -> list[Poison]:
    bad: list[Any] = [
        999,
        -1,
        0,
        6,
        10**30,
        float("nan"),
        float("inf"),
        "4.5",
        "4,5",
        "4",
        "",
        None,
        True,
        4.0,
        [4],
        {},
    ]
    return [Poison(f"rating {value!r}", {"rating": value}, "/rating") for value in bad] + [
        Poison("no rating", {}, "/rating", lacks="rating")
    ]


def ids() -> list[Poison]:
    kept = [
        7,
        "7b",
        "ev1a2b3c-d4e5",
        "ação",
        " ",
        "null",
        INJECTION,
        "../../etc/passwd",
        "x" * 300,
        '{"a": 1}',
    ]
    bad: list[Any] = ["", None, True, 1.5, [], "half \ud83d"]
    return [
        *(Poison(f"id {str(value)[:20]}", {"id": value}) for value in kept),
        *(Poison(f"bad id {value!r}", {"id": value}, "/id") for value in bad),
        Poison("no id", {}, "/id", lacks="id"),
    ]


def times() -> list[Poison]:
    noon = "2025-12-31T12:00:00"
    bad: list[Any] = [
        None,
        "",
        0,
        1735689600,
        True,
        [],
        "yesterday",
        "2025-12-31",
        "2025-13-31T12:00:00Z",
        f"{noon}+99:00",
    ]
    bad += [
        "2025-02-30T12:00:00Z",
        "2025-12-31T25:00:00Z",
        "31/12/2025 12:00:00",
        "0001-01-01T00:00:00+14:00",
    ]
    good = [
        f"{noon}Z",
        noon,
        f"{noon}+00:00",
        "2025-12-31T09:00:00-03:00",
        "2025-12-31 12:00:00Z",
        f"{noon}.000Z",
    ]
    return [
        *(Poison(f"time {value!r}", {"inserted_at": value}, "/inserted_at") for value in bad),
        *(Poison(f"good time {value}", {"inserted_at": value}) for value in good),
        Poison("no time", {}, "/inserted_at", lacks="inserted_at"),
    ]


def texts() -> list[Poison]:
    kept = {
        "nul": "antes\x00depois",
        "huge": "é" * 2_500_000,
        "rtl": "\u202eشكرا جزيلا\u202c",
        "emoji": "👩‍👩‍👧‍👦 🇧🇷 \U0010ffff",
        "nfc": unicodedata.normalize("NFC", "Atenção"),
        "nfd": unicodedata.normalize("NFD", "Atenção"),
        "blank": "",
        "spaces": "  \t\r\n ",
        "bom": "\ufeffolá",
        "noncharacter": "\ufffe\uffff",
        "injection": INJECTION,
        "formula": '=HYPERLINK("http://example.com")',
        "backslashes": "\\N \\x00 \\ud800",
    }
    bad: dict[str, Any] = {
        "surrogate": "a\ud800b",
        "number": 7,
        "flag": False,
        "list": ["bom"],
        "object": {"texto": "bom"},
    }
    fields = ("comment", "customer_name", "user_name", "department_name")
    return [
        *(Poison(f"text {name}", {"comment": value}) for name, value in kept.items()),
        *(Poison(f"{field} injection", {field: INJECTION}) for field in fields),
        *(
            Poison(f"{field} {name}", {field: value}, f"/{field}")
            for field in fields
            for name, value in bad.items()
        ),
        Poison("call_id number", {"call_id": 12}),
        Poison("call_id list", {"call_id": []}, "/call_id"),
    ]


def unknown() -> list[Poison]:
    return [
        Poison("new field", {"channel": "whatsapp"}),
        Poison("new fields", {"tags": ["a", {"b": None}], "score": 4.5, "Rating": 3, INJECTION: INJECTION}),
        Poison("new nan", {"score": float("nan")}),
        Poison("new surrogate", {"note": "a\ud800b"}),
        Poison("named as ours", {"evaluation_id": "other", "source": "x", "_deleted_at": "x", "extra": "x"}),
    ]


POISON = [*ratings(), *ids(), *times(), *texts(), *unknown()]
BROKEN = [one for one in POISON if one.blamed]


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


def good_row(n: int) -> dict[str, Any]:
    return {
        "id": f"p-{n}",
        "call_id": f"call-{n}",
        "rating": 1 + n % 5,
        "comment": "bom",
        "customer_name": "Cliente",
        "user_name": "Plantão",
        "department_name": "Suporte",
        "inserted_at": stamp(int(NOON.timestamp()) + n),
    }


def poisoned(n: int, one: Poison) -> dict[str, Any]:
    row = {**good_row(n), **one.change}
    return {name: value for name, value in row.items() if name != one.lacks}


def look(config: Config, receipt: StreamReceipt) -> Outcome:
    letters = lab.query(config, "SELECT * FROM meta.dead_letters")
    extra = lab.query(config, "SELECT evaluation_id, extra FROM core.evaluations")
    return Outcome(
        receipt,
        {row["id"]: row for row in lab.loaded(config)},
        {row["evaluation_id"]: row["extra"] for row in extra},
        {letter["raw"]: letter for letter in letters},
    )


def patient(base_url: str, folder: Path, **source: Any) -> Config:
    """A configuration that takes any share of dead letters."""
    config = lab.config(base_url, folder, **source)
    return config.model_copy(update={"quarantine": config.quarantine.model_copy(update={"max_share": 1.0})})


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


# -- what a table of objects cannot hold -------------------------------------------------------------


def spelled(records: list[str]) -> list[Fault]:
    """The list and the figures of a source with these records, spelled as JSON text."""
    meta = f'"meta":{{"current_page":1,"page_size":100,"total_pages":1,"total_count":{len(records)}}}'
    body = f'{{"data":[{",".join(records)}],{meta}}}'.encode()
    figures = {"total_evaluations": len(records), "distribution": {}, "with_comments": 0}
    return [Fault(200, "list", payload=body), Fault(200, "stats", payload={"data": figures})]


async def test_records_that_are_no_objects_and_numbers_that_are_none(tmp_path: Path) -> None:
    """They have no id and no time; still their letters go when the source mends them."""
    world = World(until=NOW)
    for n in range(20):
        world.insert_raw(NOON + timedelta(seconds=n), good_row(n))
    good = [json.dumps(row) for row in world.rows()]
    odd = ['"texto"', "null", "[]", "[[1]]", "7", "true", "NaN", "-Infinity", "{}", '""', '"\\ud800"']
    digits = ["1e999", "-1e999", "9" * 5000, "1e-400", "5.0", "NaN"]
    rated = [
        json.dumps(good_row(50 + n) | {"rating": "?"}).replace('"?"', text) for n, text in enumerate(digits)
    ]
    nested = json.dumps(good_row(90) | {"deep": "?"}).replace('"?"', "[" * 500 + "]" * 500)
    async with serve(world, tokens=lab.TOKENS) as simulator:
        config = patient(simulator.base_url, tmp_path)
        simulator.script.faults += spelled([*good[:10], *odd, *good[10:], *rated, nested])
        first = await lab.sync(config)
        letters = lab.query(config, "SELECT record_key, reason, pointer FROM meta.dead_letters")
        assert lab.ids(lab.loaded(config)) == {f"p-{n}" for n in (*range(20), 90)}
        simulator.script.faults.clear()
        second = await lab.sync(config)
    assert len(letters) == len({letter["record_key"] for letter in letters}) == len(odd) + len(rated)
    assert all(letter["reason"] and letter["pointer"].startswith("/") for letter in letters)
    assert first.outcome == "unproven"
    counts = first.loaded
    assert counts.fetched == counts.inserted + counts.unchanged + counts.dead_letters + counts.duplicates
    assert (second.outcome, second.loaded.deleted) == ("ok", 1)
    assert lab.query(config, "SELECT * FROM meta.dead_letters") == []


# -- a source that has changed -----------------------------------------------------------------------


def changing(broken: int) -> World:
    """Forty good rows, then ratings become text."""
    world = World(until=NOW)
    for n in range(40):
        world.insert_raw(NOON + timedelta(seconds=n), good_row(n))
    for n in range(40, 40 + broken):
        world.insert_raw(NOON + timedelta(seconds=n), good_row(n) | {"rating": "5"})
    return world


async def test_a_type_that_changes_for_a_few_records_does_not_stop_the_page(tmp_path: Path) -> None:
    world = changing(9)
    async with serve(world, tokens=lab.TOKENS) as simulator:
        config = lab.config(simulator.base_url, tmp_path, page_size=20)
        receipt = await lab.sync(config)
    assert (receipt.outcome, receipt.loaded.inserted) == ("unproven", 40)
    assert receipt.watermark is not None
    assert lab.query(config, "SELECT count(*) AS n FROM meta.dead_letters WHERE pointer = '/rating'") == [
        {"n": 9}
    ]


async def test_a_type_that_changes_for_good_stops_the_stream_and_only_that_part_is_asked_again(
    tmp_path: Path,
) -> None:
    """A page of poison is a changed source: nothing of it is quarantined, and the window stays where it was."""
    world = changing(15)
    async with serve(world, tokens=lab.TOKENS) as simulator:
        config = lab.config(simulator.base_url, tmp_path, page_size=20)
        failed = await lab.sync(config)
        loaded = lab.ids(lab.loaded(config))
        tried = len(simulator.arrivals)
        failed_again = await lab.sync(config)
        asked_again = simulator.arrivals[tried:]
        letters = lab.query(config, "SELECT * FROM meta.dead_letters")
        for n in range(40, 55):
            world.edit(f"p-{n}", rating=5)
        before = len(simulator.arrivals)
        healed = await lab.sync(config)
        asked = [one for one in simulator.arrivals[before:] if one.endpoint.endswith("/evaluations")]
    for one in (failed, failed_again):
        assert (one.outcome, one.watermark) == ("failed", None)
        assert "records of a page break the contract of evaluations (most often /rating: " in (
            one.error or ""
        )
        assert "the window is not moved" in (one.error or "")
        assert "quarantine.max_share" in (one.error or "")
    assert letters == []
    assert {f"p-{n}" for n in range(38)} <= loaded <= {f"p-{n}" for n in range(40)}
    assert len(asked_again) == 1
    late = stamp(int(NOON.timestamp()) + 30)
    assert asked_again[0].query["date_from"] > late
    assert asked[0].query["date_from"] > late
    assert (healed.outcome, healed.loaded.deleted) == ("ok", 0)
    assert lab.loaded(config) == lab.present(world)


async def test_a_poisoned_source_does_not_slow_its_neighbour(tmp_path: Path) -> None:
    """The same id may be poison in one tenant and good in the other."""
    first, second = generate(3, 30), generate(3, 30)
    for row in first.rows():
        first.edit(row["id"], rating=None)
    async with serve(first, tokens=lab.TOKENS) as one, serve(second, tokens=lab.TOKENS) as two:
        bad, good = lab.config(one.base_url, tmp_path), lab.config(two.base_url, tmp_path)
        neighbour = good.sources[0].model_copy(update={"name": "other"})
        config = bad.model_copy(update={"sources": (*bad.sources, neighbour)})
        receipt = await run(config)
    assert {stream.source: stream.outcome for stream in receipt.streams} == {"demo": "failed", "other": "ok"}
    assert receipt.outcome == "failed"
    assert lab.query(config, "SELECT DISTINCT source FROM core.evaluations") == [{"source": "other"}]
