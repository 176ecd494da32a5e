"""The benchmarks measure what they say: their rows, their server, their arithmetic, and a small run of ours.

Kills: a ratio upside down; a mean in place of the median; a rival with a row lost that counts as right; figures of the
server that are off by a row; a descending page that is not the ascending one turned round.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from benchmarks import ours, plot, report, results
from benchmarks.contest import is_right
from benchmarks.measure import measured
from benchmarks.pages import LIST, STATS, Book, body_of, serving
from benchmarks.results import AIMS, Entry, Results, Run, ahead, per_second, times
from benchmarks.rows import EDITED, make

from connectors.simulator.queries import evaluations, stats
from connectors.simulator.switches import Switches
from connectors.simulator.world import UNTIL, World
from schemas.voki import Evaluation

ROWS = 2_000
FREE = Switches(max_page_size=None)


def parsed(n: int, changed: int = 0) -> list[dict[str, Any]]:
    rows = make(n, changed=changed)
    found: list[dict[str, Any]] = json.loads(b"[" + rows.json(0, n) + b"]")
    return found


def test_rows_are_valid_each_its_own_and_always_the_same() -> None:
    rows = parsed(ROWS)
    assert [Evaluation.model_validate(row).evaluation_id for row in rows] == [row["id"] for row in rows]
    assert not any(Evaluation.model_validate(row).model_extra for row in rows)
    assert len({row["id"] for row in rows}) == ROWS
    assert rows == sorted(rows, key=lambda row: row["inserted_at"]) == parsed(ROWS)
    truth = make(ROWS).truth()
    assert truth == {"rows": ROWS, "rating_sum": sum(row["rating"] for row in rows), "ids": ROWS}


def test_only_the_newest_rows_change_and_each_of_them_does() -> None:
    before, after = parsed(ROWS), parsed(ROWS, changed=500)
    assert before[:-500] == after[:-500]
    for old, new in zip(before[-500:], after[-500:], strict=True):
        text = old.get("comment")
        expected = old | {"rating": old["rating"] % 5 + 1} | ({"comment": text + EDITED} if text else {})
        assert new == expected


@pytest.mark.parametrize(
    "query",
    [
        {"page": "1", "page_size": "100"},
        {"page": "3", "page_size": "300", "sort_order": "asc"},
        {"page": "7", "page_size": "300", "sort_order": "desc"},
        {"page": "8", "page_size": "300", "sort_order": "asc"},
        {"rating": "2", "page": "2", "page_size": "50"},
        {"date_from": "2025-03-01T00:00:00Z", "date_to": "2025-06-30T12:00:00Z", "page_size": "1000"},
        {"date_from": "2025-12-31T23:59:59Z", "sort_order": "asc"},
    ],
)
def test_the_server_answers_as_the_simulator_does(query: dict[str, str]) -> None:
    rows = make(ROWS)
    world, book = World.from_rows(parsed(ROWS), until=UNTIL), Book(rows)
    asked = "&".join(f"{name}={value}" for name, value in query.items())
    found = json.loads(body_of(book.answer(f"{LIST}?{asked}")))
    true = evaluations(world, query, FREE, 0).payload
    assert found["meta"] == true["meta"]
    assert [row["inserted_at"] for row in found["data"]] == [row["inserted_at"] for row in true["data"]]
    figures = json.loads(body_of(book.answer(f"{STATS}?date_from=2025-01-01&date_to=2026-01-01&{asked}")))
    dates = {"date_from": "2025-01-01", "date_to": "2026-01-01"} | query
    assert figures["data"] == stats(world, dates, FREE, UNTIL).payload["data"]


def test_a_run_of_ours_gives_exactly_the_rows_of_the_server(tmp_path: Path) -> None:
    with serving(ROWS) as served:
        config = ours.write_config(tmp_path, served.url, 1000)
        ours.sync(config, served.truth)
        asked = served.asked()
        wrong = dict(served.truth, rating_sum=served.truth["rating_sum"] + 1)
    assert 2 <= asked["pages"] < asked["requests"] <= 8
    with pytest.raises(AssertionError):
        ours.check(config, wrong)


def test_a_rival_that_lost_a_row_or_has_one_twice_is_not_right(tmp_path: Path) -> None:
    path = tmp_path / "out.duckdb"
    with duckdb.connect(str(path)) as db:
        db.execute("CREATE TABLE rows AS SELECT greatest(range, 1) AS id, 4 AS rating FROM range(10)")
    assert is_right(path, "main.rows", {"rows": 10, "rating_sum": 40, "ids": 9})
    for wrong in ({"rows": 11}, {"rating_sum": 41}, {"ids": 10}):
        assert not is_right(path, "main.rows", {"rows": 10, "rating_sum": 40, "ids": 9} | wrong)


def test_the_cost_of_a_process_counts_those_below_it(tmp_path: Path) -> None:
    burn = "sum(range(20_000_000)); held = bytearray(b'x') * 100_000_000; import time; print(time.process_time())"
    below = f"import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-c', {burn!r}]))"
    cost = measured([sys.executable, "-c", below], {}, tmp_path / "log")
    assert cost.code == 0
    assert cost.memory > 100
    assert cost.cpu > float((tmp_path / "log").read_text())
    assert measured([sys.executable, "-c", "import sys; sys.exit(3)"], {}, tmp_path / "log").code == 3


# -- arithmetic ------------------------------------------------------------------------------------


def entry(*walls: float, memory: float = 300, right: bool = True) -> Entry:
    return Entry(
        [Run(wall, wall / 2, memory, 0.5, 10, right, 0.1) for wall in walls], "one 1.0", "2026-11-01"
    )


def known() -> Results:
    fast = {"evalsync": entry(9, 4, 5), "dlt_arrow": entry(15, 12, 14), "probe": entry(2, memory=500)}
    wrong = {"singer": entry(50, right=False)}
    return Results(
        machine=results.machine(),
        contests={"1000000x1000": fast | wrong},
        growth={"1000000": {"first sync": 5, "replay": 4, "increment": 2}, "10000000": {"increment": 3}},
        figures={"help": 0.2, "paced wall": 183, "paced shortest": 180},
        stages={
            "100000": {
                "day": "2026-11-01",
                "stages": [{"stage": "load", "ours": 2, "best": 1, "way": "MERGE"}],
            }
        },
    )


def test_medians_ratios_and_who_is_ahead() -> None:
    entries = known().contests["1000000x1000"]
    mine, arrow = entries["evalsync"], entries["dlt_arrow"]
    assert mine.median("wall") == 5
    assert mine.spread("wall") == (4, 9)
    assert per_second(1_000_000, mine) == 200_000
    assert times(mine, arrow) == 14 / 5  # they need 2.8 times as long
    assert ahead(entries, "evalsync", "wall") == ["probe"]
    assert ahead(entries, "evalsync", "memory") == []
    assert not entries["singer"].right


def test_aims_are_reached_missed_or_not_measured() -> None:
    found = {aim.text: (aim.measured(known()), aim.reached(known())) for aim in AIMS}
    assert found["1M rows: times as fast as dlt's Arrow resource"] == (2.8, True)
    assert found["1M rows: of the probe's speed"] == (0.4, False)
    assert found["1M rows: times as fast as Singer"] == (10, True)
    assert found["1M rows: times as fast as dlt tuned"] == (None, None)
    apart = known()
    apart.contests["1000000x1000"]["probe"] = replace(entry(2), day="2026-11-02")
    assert next(aim for aim in AIMS if "probe" in aim.text).measured(apart) is None
    assert "Not all ran side by side" in "\n".join(report.lines(apart))
    assert found["peak memory at 1M rows, MB"] == (300, True)
    assert found["increment into 10M, of that into 1M"] == (1.5, True)
    assert found["replay of 1M rows, times as fast as a sync"] == (1.25, False)
    assert found["350 pages at 100/min: wall, of the shortest"] == (183 / 180, True)
    assert found["`evalsync --help`, s"] == (0.2, True)


def test_the_page_says_where_others_are_ahead_and_what_is_missed(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    results.write(known(), path)
    assert results.read(path) == known()
    page = "\n".join(report.lines(results.read(path)))
    assert "- less seconds than our 5.0: the probe, by hand (2.0)" in page
    assert "| 1M rows: of the probe's speed | >= 0.6 | 0.40 | **missed** |" in page
    assert "| dlt, Arrow resource by hand | 71,429 | 14.0 (2.8 x), 3 runs 12.0 to 15.0 |" in page
    assert "| **no** | one 1.0 |" in page
    assert "| load | 2.00 | 100% | 50 | 1.00 | 2.0 x | MERGE |" in page


def test_the_plot_has_every_size_and_no_script(tmp_path: Path) -> None:
    for turn in ("one", "two"):
        plot.write(known().growth, tmp_path / turn)
    drawn = (tmp_path / "one").read_text()
    assert all(text in drawn for text in ("1,000,000", "10,000,000", "increment"))
    assert "<script" not in drawn
    assert drawn == (tmp_path / "two").read_text()
