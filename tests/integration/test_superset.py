"""Apache Superset over the published file: charts in a real browser, and the next snapshot without a restart.

Kills: a snapshot that a long-lived process cannot follow; one that goes, or changes, under a query; a published file
that Superset may write; marts whose types or schema Superset cannot use; a README that forgets Superset's own cache.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from browser import Watched, browser
from nightly import Account, account
from superset_site import PASSWORD, PATIENCE, USER, Superset, install, metric, signed_in, started

from connectors.simulator.year import generate

pytestmark = [pytest.mark.superset, pytest.mark.timeout(900)]

SCHEMA = "warehouse.marts"  # as Superset lists it
EVALUATIONS = metric("evaluations", "SUM(evaluations)")
SATISFIED = metric("satisfied", "ROUND(100.0 * SUM(satisfied) / SUM(evaluations), 1)")
POINTS = metric("points", "SUM(rating_sum)")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("superset")
    install(folder)
    with started(folder) as address:
        yield address


def uri(demo: Account) -> str:
    return f"duckdb:///{demo.data}/current/warehouse.duckdb?access_mode=READ_ONLY"


async def night(demo: Account, rows: int = 0) -> None:
    """A sync, with as many bad ratings as `rows` since the one before."""
    demo.now += timedelta(hours=1)
    for minute in range(rows):
        demo.insert(timedelta(minutes=minute + 1), rating=1, department_name="Suporte")
    receipt = await asyncio.to_thread(demo.sync)
    assert receipt.outcome == "ok"


@dataclass(frozen=True, slots=True)
class Shown:
    """What charts of satisfaction say: how many evaluations, and how many of a hundred were satisfied."""

    total: int
    departments: dict[str, tuple[int, float]]
    months: dict[int, float]  # by the milliseconds that charts count in


BY_SQL = """
SELECT grouping(department_name) = 0, department_name, epoch_ms(date_trunc('month', day)) AS month,
    sum(evaluations)::BIGINT, round(100 * sum(satisfied) / sum(evaluations), 1)
FROM marts.satisfaction_rate GROUP BY GROUPING SETS ((department_name), (month))
"""


def by_sql(demo: Account) -> Shown:
    with duckdb.connect(str(demo.current() / "warehouse.duckdb"), read_only=True) as db:
        rows = db.execute(BY_SQL).fetchall()
    departments = {name: (many, share) for is_one, name, _, many, share in rows if is_one}
    months = {month: share for is_department, _, month, _, share in rows if not is_department}
    return Shown(sum(many for many, _ in departments.values()), departments, months)


# -- in a browser ------------------------------------------------------------------------------------


async def draw(superset: Superset, dataset: int) -> dict[str, int]:
    """One number, a table by department, a line by month."""
    one = {"metric": EVALUATIONS, "y_axis_format": ",d"}
    table = {"query_mode": "aggregate", "groupby": ["department_name"], "metrics": [EVALUATIONS, SATISFIED]}
    line = {"x_axis": "day", "time_grain_sqla": "P1M", "metrics": [SATISFIED], "groupby": []}
    return {
        "number": await superset.chart(dataset, "Evaluations", "big_number_total", **one),
        "table": await superset.chart(dataset, "Departments", "table", row_limit=100, **table),
        "line": await superset.chart(dataset, "Satisfied", "echarts_timeseries_line", row_limit=1000, **line),
    }


async def sign_in(seen: Watched) -> None:
    async def stay(route: Any) -> None:
        """Superset's pages ask another host to count them: not from here."""
        await (route.continue_() if f"//{seen.host}/" in route.request.url else route.abort())

    await seen.page.context.route("**/*", stay)
    await seen.page.fill("#username", USER)
    await seen.page.fill("#password", PASSWORD)
    await seen.page.click("button[type=submit]")
    await seen.page.wait_for_url("**/welcome/**", timeout=PATIENCE * 1000)


@dataclass(frozen=True, slots=True)
class Looking:
    """A person before the charts, who keeps a picture of each."""

    seen: Watched
    address: str
    charts: dict[str, int]
    pictures: Path

    async def read(self) -> Shown:
        await self._show("number", ".header-line")
        total = int(await self.seen.number(".header-line"))
        rows = ".slice_container table tbody tr"
        await self._show("table", rows)
        departments = {}
        for row in await self.seen.page.locator(rows).all():
            name, evaluations, satisfied = await row.locator("td").all_inner_texts()
            departments[name] = (int(evaluations), float(satisfied))
        drawn = await self._show("line", ".slice_container canvas")  # a picture has no text to read
        return Shown(total, departments, {point["day"]: point["satisfied"] for point in drawn})

    async def _show(self, chart: str, wanted: str) -> list[dict[str, Any]]:
        """What it was drawn from."""
        page = self.seen.page
        async with page.expect_response("**/api/v1/chart/data**", timeout=PATIENCE * 1000) as waiting:
            await page.goto(f"{self.address}/explore/?slice_id={self.charts[chart]}&standalone=1")
        await page.wait_for_selector(wanted, timeout=PATIENCE * 1000)
        await page.wait_for_timeout(1500)  # a line grows for a second; for the picture only
        await page.screenshot(path=self.pictures / f"{chart}.png")
        data: list[dict[str, Any]] = (await (await waiting.value).json())["result"][0]["data"]
        return data


@pytest.mark.browser
async def test_charts_show_the_next_snapshot_without_a_restart(address: str, tmp_path: Path) -> None:
    with account(generate(5, 1400), tmp_path) as demo:
        await night(demo)
        async with signed_in(address) as superset, browser(f"{address}/login/") as seen:
            database = await superset.database("evalsync", uri(demo), cache_timeout=-1)
            charts = await draw(superset, await superset.dataset(database, SCHEMA, "satisfaction_rate"))
            await sign_in(seen)
            looking = Looking(seen, address, charts, tmp_path)
            shown = []
            for new in (0, 11):
                await night(demo, new)
                shown.append(await looking.read())
                assert shown[-1] == by_sql(demo)
                assert shown[-1].total == len(demo.world)
            assert shown[1].total == shown[0].total + 11
            assert not [line for line in seen.wrong if line.startswith(("dialog", "popup"))]


# -- what it asks ------------------------------------------------------------------------------------


async def test_superset_keeps_answers_unless_it_is_told_not_to(address: str, tmp_path: Path) -> None:
    with account(generate(5, 400), tmp_path) as demo:
        await night(demo)
        async with signed_in(address) as superset:
            kept, fresh = [
                await superset.dataset(await superset.database(name, uri(demo), **more), SCHEMA, table)
                for name, more, table in (
                    ("kept", {}, "satisfaction_by_department"),
                    ("fresh", {"cache_timeout": -1}, "satisfaction_by_agent"),
                )
            ]
            before = {"evaluations": len(demo.world)}
            assert await superset.figures(kept, EVALUATIONS) == before
            assert await superset.figures(fresh, EVALUATIONS) == before
            await night(demo, 3)
            after = {"evaluations": before["evaluations"] + 3}
            assert await superset.figures(kept, EVALUATIONS) == before
            assert await superset.figures(fresh, EVALUATIONS) == after
            assert await superset.figures(kept, EVALUATIONS, force=True) == after


async def test_every_answer_beside_publishes_is_of_one_snapshot(address: str, tmp_path: Path) -> None:
    """Four who ask all the time, while more snapshots come than are kept."""
    with account(generate(5, 400), tmp_path) as demo:
        await night(demo)
        async with signed_in(address) as superset:
            database = await superset.database("busy", uri(demo), cache_timeout=-1)
            dataset = await superset.dataset(database, SCHEMA, "satisfaction_trend")
            answers: list[list[dict[str, Any]]] = [[], [], [], []]
            over = asyncio.Event()

            async def ask(found: list[dict[str, Any]]) -> None:
                while not over.is_set():
                    found.append(await superset.figures(dataset, EVALUATIONS, POINTS))

            published = [await superset.figures(dataset, EVALUATIONS, POINTS)]
            async with asyncio.TaskGroup() as asking:
                for found in answers:
                    asking.create_task(ask(found))
                for _ in range(5):
                    await night(demo, 2)
                    published.append(truth(demo))
                over.set()
            assert await superset.figures(dataset, EVALUATIONS, POINTS) == published[-1]
    for found in answers:
        places = [published.index(figures) for figures in found]
        assert places == sorted(places)
        assert len(set(places)) > 1


def truth(demo: Account) -> dict[str, int]:
    """By the source's own table; the trend has every row three times: by day, week and month."""
    ratings = [row["rating"] for row in demo.world.rows()]
    return {"evaluations": 3 * len(ratings), "points": 3 * sum(ratings)}


async def test_superset_can_write_nothing(address: str, tmp_path: Path) -> None:
    """Not even where its administrator allows it."""
    with account(generate(5, 400), tmp_path) as demo:
        await night(demo)
        file = demo.current() / "warehouse.duckdb"
        before = file.read_bytes()
        async with signed_in(address) as superset:
            database = await superset.database("writer", uri(demo), allow_dml=True)
            for sql in ("DELETE FROM core.evaluations", "CREATE TABLE marts.mine (x INTEGER)"):
                status, said = await superset.try_post("sqllab/execute/", database_id=database, sql=sql)
                assert status >= 400
                assert "read-only mode" in str(said)
        assert file.read_bytes() == before
