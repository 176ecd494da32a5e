"""Pages that are poison: records that are no objects, numbers that are none, a source whose types have changed.

Kills: an exception in the page for one record; a letter without a place that stays for ever; a window that moves
over a page of nothing but poison; a page that is asked for again although it is on the disk.
"""

import json
from datetime import timedelta
from pathlib import Path

import lab
from poison import NOON, NOW, good_row, patient

from connectors.simulator.clock import stamp
from connectors.simulator.script import Fault
from connectors.simulator.server import serve
from connectors.simulator.world import World
from connectors.simulator.year import generate
from pipeline.run import run

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
