"""The dashboard's figures are those of the marts, whatever the filters; its files hold what it shows.

Kills: a filter that is ignored, or narrows only some of the panels; rates of single days averaged; a day counted in
UTC; a ranking by the rate itself; a formula in a CSV file; rows that are cut off in a download; a mistyped filter
that shows everything; an empty or stale copy shown as a fresh one.
"""

import csv
import io
import json
import time
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from markupsafe import escape
from page import HOSTILE, HOSTILE_NAME, nothing_synced, published, site, synced

from connectors.clock import system_clock
from pipeline.config import Config
from pipeline.web.panels import opened
from schemas.errors import LoadError

HTML = {"Accept": "text/html"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Config:
    return synced(tmp_path_factory.mktemp("dashboard"))


def figures(to: Config, **where: Any) -> dict[str, Any]:
    """Summed up from the mart, straightforwardly."""
    tests = ["true", *(f"{column} = ${column}" for column in where if column not in {"first", "last"})]
    tests += [f"day {sign} ${name}" for name, sign in (("first", ">="), ("last", "<=")) if name in where]
    sums = ", ".join(f"coalesce(sum({name}), 0)::BIGINT AS {name}" for name in ("evaluations", "satisfied"))
    sql = f"SELECT {sums} FROM marts.satisfaction_rate WHERE {' AND '.join(tests)}"  # noqa: S608
    [found] = published(to, sql, where)
    return found


async def test_each_filter_narrows_every_panel_alike(data: Config) -> None:
    newest: date = published(data, "SELECT max(day) AS day FROM marts.rating_distribution")[0]["day"]
    [busiest] = published(
        data,
        "SELECT department_name, agent_name FROM marts.satisfaction_rate"
        " GROUP BY ALL ORDER BY sum(evaluations) DESC LIMIT 1",
    )
    department, agent = busiest["department_name"], busiest["agent_name"]
    first, last = newest - timedelta(days=80), newest - timedelta(days=20)
    week = {"first": newest - timedelta(days=6), "last": newest}
    choices: list[tuple[dict[str, str], dict[str, Any]]] = [
        ({}, {}),
        ({"from": str(first), "to": str(last)}, {"first": first, "last": last}),
        ({"to": str(last), "period": "7d"}, {"last": last}),
        ({"source": "nobody", "period": "7d"}, {"source": "nobody", **week}),
        ({"department": department}, {"department_name": department}),
        ({"agent": HOSTILE_NAME, "period": "all"}, {"agent_name": HOSTILE_NAME}),
        ({"department": department, "period": "7d"}, {**week, "department_name": department}),
        ({"agent": agent, "source": "demo"}, {"agent_name": agent, "source": "demo"}),
    ]
    async with site(data) as one:
        for query, where in choices:
            wanted = figures(data, **where)
            [summary] = await one.rows("summary", **query)
            assert {name: summary[name] for name in wanted} == wanted, query
            for panel in ("distribution", "trend", "departments", "agents"):
                found = await one.rows(panel, **query)
                assert sum(row["evaluations"] for row in found) == wanted["evaluations"], (panel, query)


async def test_rates_bands_and_ranks_are_those_of_the_marts(data: Config) -> None:
    async with site(data) as one:
        for noun, mart in (("department", "satisfaction_by_department"), ("agent", "satisfaction_by_agent")):
            wanted = published(
                data,
                f"SELECT source, {noun}_name AS {noun}, evaluations, satisfied, satisfaction_rate, satisfaction_low,"  # noqa: S608
                f" satisfaction_high, average_rating FROM marts.{mart}"
                f" ORDER BY satisfaction_low DESC, evaluations DESC, source, {noun}",
            )
            found = await one.rows(f"{noun}s", period="all")
            assert [row[noun] for row in found] == [row[noun] for row in wanted]
            assert found == [pytest.approx(row) for row in wanted]
        wanted = published(
            data,
            'SELECT agent_name AS agent, group_name AS "group", passed, failed, pass_low FROM marts.quality_by_agent'
            " ORDER BY pass_low DESC, evaluations DESC, source, agent_name",
        )
        found = await one.rows("quality_agents", period="all")
        assert [{name: row[name] for name in wanted[0]} for row in found] == [
            pytest.approx(row) for row in wanted
        ]
        compared = await one.rows("comparison", period="all")
        assert compared
        assert sum(row["ratings"] for row in compared) == sum(
            row["ratings"]
            for row in published(data, "SELECT ratings FROM marts.agent_quality_vs_satisfaction")
        )


async def test_comments_newest_first_searched_filtered_and_paged(data: Config) -> None:
    everything = published(
        data,
        "SELECT comment, rating FROM core.evaluations WHERE has_comment AND comment IS NOT NULL"
        " ORDER BY created_at DESC, evaluation_id",
    )
    async with site(data) as one:
        pages = [await one.rows("comments", period="all", page=page) for page in (1, 2, 3)]
        assert [row["comment"] for page in pages for row in page] == [
            row["comment"] for row in everything[:36]
        ]
        found = await one.rows("comments", search="ALERT(3)")
        assert [row["comment"] for row in found] == [HOSTILE[2]]
        assert not await one.rows("comments", search="100%_")  # as it stands: no wildcards
        worst = await one.rows("comments", rating=1)
        assert {row["rating"] for row in worst} == {1}
        assert "customer_name" not in worst[0]


async def test_names_and_searches_are_put_in_the_page_as_text(data: Config) -> None:
    async with site(data) as one:
        _, page = await one.get("/?period=7d&search=%3Cscript%3Ealert(12)%3C/script%3E", headers=HTML)
        assert str(escape(HOSTILE_NAME)) in page
        assert str(escape("<script>alert(12)</script>")) in page
        assert HOSTILE_NAME not in page
        assert "<script" not in page


async def test_a_csv_file_has_all_rows_and_no_formula(data: Config) -> None:
    async with site(data) as one:
        answer, text = await one.get("/download/comments.csv?period=all")
        assert answer.headers["Content-Disposition"] == 'attachment; filename="evalsync-comments.csv"'
        lines = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
        wanted = published(
            data, "SELECT comment FROM core.evaluations WHERE has_comment AND comment IS NOT NULL"
        )
        assert len(lines) == len(wanted) > 500
        cells = [cell for line in lines for cell in line.values()]
        assert not [
            cell for cell in cells if cell.strip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
        ]
        unchanged = {line["comment"].removeprefix("'") for line in lines}
        assert unchanged == {row["comment"] for row in wanted}


async def test_every_table_is_there_as_csv_and_parquet(data: Config, tmp_path: Path) -> None:
    async with site(data) as one:
        _, index = await one.get("/api")
        panels = [panel["panel"] for panel in json.loads(index)["panels"]]
        assert len(panels) == 14
        for panel in panels:
            _, text = await one.get(f"/download/{panel}.csv?period=90d")
            async with one.client.get(f"{one.url}/download/{panel}.parquet?period=90d") as answer:
                (tmp_path / "file.parquet").write_bytes(await answer.read())
            lines = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
            table = pq.read_table(tmp_path / "file.parquet")
            assert (table.num_rows, table.column_names) == (len(lines) - 1, lines[0]), panel


@pytest.mark.parametrize(
    "query",
    ["departement=x", "period=1y", "from=31.12.2025", "from=2025-02-01&to=2025-01-01", "rating=6", "rating=x",
     "page=0", "page=81", "search=" + "x" * 101, "agent=" + "x" * 201, "agent=%00", "from=0001-01-01", "rating=²"],
)  # fmt: skip
async def test_what_is_not_understood_is_refused_with_a_sentence(data: Config, query: str) -> None:
    async with site(data) as one:
        answer, text = await one.get(f"/?{query}")
        assert answer.status == 400
        assert query.partition("=")[0] in text
        assert (await one.get("/?agent=a&agent=b"))[0].status == 400
        answer, text = await one.get(f"/?{query}", headers=HTML)
        assert (answer.status, answer.content_type) == (400, "text/html")


@pytest.mark.parametrize(
    "query",
    ["from=2025-12-31&to=2025-12-31", "from=2030-01-01", "to=1999-01-01", "from=1970-01-01&to=9000-12-31",
     "source=quality&period=7d", "agent=nobody", "rating=3&search=zzz&page=80"],
)  # fmt: skip
async def test_a_page_of_one_day_of_nothing_or_of_all_time_is_a_page(data: Config, query: str) -> None:
    async with site(data) as one:
        answer, page = await one.get(f"/?{query}", headers=HTML)
        assert answer.status == 200
        assert page.count("<h3>") > 10
        assert (await one.rows("summary", **{"from": "2030-01-01"}))[0]["evaluations"] == 0


async def test_before_the_first_sync_the_page_says_so(tmp_path: Path) -> None:
    async with nothing_synced(tmp_path) as to, site(to) as one:
        answer, page = await one.get("/", headers=HTML)
        assert answer.status == 200
        assert "Nothing to show yet" in page
        assert "badge-empty" in page
        assert await one.rows("summary") == []
        assert await one.rows("runs") == []
        assert (await one.get("/download/comments.csv"))[0].status == 200


async def test_a_copy_older_than_the_schedule_allows_is_stale(data: Config) -> None:
    later = replace(system_clock(), wall=lambda: time.time() + 27 * 3600)
    async with site(data) as one:
        assert "badge-fresh" in (await one.get("/", headers=HTML))[1]
    async with site(data, clock=later) as one:
        _, page = await one.get("/", headers=HTML)
        assert "badge-stale" in page
        assert "1 day ago" in page


def test_a_look_that_takes_too_long_is_ended(data: Config) -> None:
    for_ever = "SELECT count(*) FROM range(10000000) AS a, range(10000000) AS b WHERE a.range * b.range = -1"
    with (
        pytest.raises(LoadError, match="INTERRUPT"),
        opened((data.data_dir / "current").resolve() / "warehouse.duckdb", 0.2) as db,
    ):
        db.execute(for_ever)


def test_a_look_reads_no_other_file(data: Config) -> None:
    path = (data.data_dir / "current").resolve() / "warehouse.duckdb"
    for statement in (
        "SELECT * FROM read_text('/etc/hostname')",
        "INSTALL httpfs",
        "DROP VIEW marts.satisfaction_rate",
    ):
        with pytest.raises(LoadError), opened(path) as db:
            db.execute(statement)


async def test_an_unreadable_snapshot_is_a_sentence_without_its_place(data: Config, tmp_path: Path) -> None:
    folder = tmp_path / "data" / "snapshots" / "20260101T000000.000000Z-dead"
    folder.mkdir(parents=True)
    (folder / "warehouse.duckdb").write_bytes(b"no database")
    (tmp_path / "data" / "current").symlink_to("snapshots/20260101T000000.000000Z-dead")
    async with site(data.model_copy(update={"data_dir": tmp_path / "data"})) as one:
        for path, headers in (("/", HTML), ("/api/summary", {}), ("/download/agents.csv", {})):
            answer, text = await one.get(path, headers=headers)
            assert answer.status == 503
            assert answer.headers["Retry-After"] == "5"
            assert str(tmp_path) not in text
            assert "duckdb" not in text.lower()


async def test_addresses_are_canonical_and_keep_the_other_filters(data: Config) -> None:
    async with site(data) as one:
        _, page = await one.get("/?agent=Caio+Barbosa&period=90d&rating=5&page=2", headers=HTML)
        assert 'href="/?period=7d&amp;agent=Caio+Barbosa&amp;rating=5"' in page
        assert 'href="/?period=90d&amp;agent=Caio+Barbosa&amp;rating=5#comments"' in page  # newer comments
        assert 'href="/download/trend.csv?period=90d&amp;agent=Caio+Barbosa&amp;rating=5"' in page
