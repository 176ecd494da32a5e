"""The dashboard in a real browser: what a person reads is what the marts say, and no comment does anything.

Kills: a filter that the form does not send, or that a link drops; a number on the page that is not the mart's; a
template without escaping; a weaker policy; a chart whose style the policy forbids; a page wider than a phone.
"""

import csv
import io
from datetime import date, timedelta
from typing import Any

import pytest
from browser import Watched, browser
from page import HOSTILE, HOSTILE_NAME, published, serving, site, synced

from pipeline.config import Config

pytestmark = pytest.mark.browser

NARROW = {"viewport": {"width": 390, "height": 844}}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Config:
    return synced(tmp_path_factory.mktemp("browser"))


async def read(seen: Watched) -> dict[str, float]:
    """The cards and the table of ratings, as they stand on the page."""
    await seen.page.wait_for_load_state()
    shares = await seen.page.locator("#distribution tbody td:nth-child(2)").all_text_contents()
    return {
        "evaluations": await seen.number("#evaluations"),
        "satisfaction_rate": await seen.number("#satisfaction-rate"),
        "average_rating": await seen.number("#average-rating"),
        "ratings": sum(float(share.replace(",", "")) for share in shares),
    }


def wanted(to: Config, condition: str = "true", **values: Any) -> dict[str, Any]:
    sums = (
        "sum(evaluations)::DOUBLE AS evaluations, sum(evaluations)::DOUBLE AS ratings,"
        " round(100 * sum(satisfied) / sum(evaluations), 1) AS satisfaction_rate,"
        " round(sum(rating_sum) / sum(evaluations), 2) AS average_rating"
    )
    sql = f"SELECT {sums} FROM marts.satisfaction_rate WHERE {condition}"  # noqa: S608
    [found] = published(to, sql, values or None)
    return found


async def test_each_filter_changes_the_numbers_to_those_of_the_marts(data: Config) -> None:
    newest: date = published(data, "SELECT max(day) AS day FROM marts.rating_distribution")[0]["day"]
    agent = published(data, "SELECT max(agent_name) AS name FROM marts.satisfaction_by_agent")[0]["name"]
    first, last = newest - timedelta(days=200), newest - timedelta(days=100)
    async with site(data) as one, browser(one.url) as seen:
        page = seen.page
        assert await read(seen) == wanted(data)
        assert await seen.number("#satisfaction-rate") > 50

        await page.click("nav[aria-label=Period] >> text=90 days")
        assert await read(seen) == wanted(data, "day > $day", day=newest - timedelta(days=90))

        await page.select_option("select[name=department]", HOSTILE_NAME)
        await page.click("text=Show")
        assert await read(seen) == wanted(data, "department_name = $name", name=HOSTILE_NAME)
        assert "period=90d" in page.url

        await page.click("text=Reset")
        await page.fill("input[name=from]", str(first))
        await page.fill("input[name=to]", str(last))
        await page.click("text=Show")
        assert await read(seen) == wanted(data, "day BETWEEN $first AND $last", first=first, last=last)

        await page.select_option("select[name=agent]", agent)
        await page.click("text=Show")
        both = "day BETWEEN $first AND $last AND agent_name = $agent"
        assert await read(seen) == wanted(data, both, first=first, last=last, agent=agent)
        shared = page.url
        await page.goto("about:blank")
        await page.goto(shared)
        assert await read(seen) == wanted(data, both, first=first, last=last, agent=agent)

        await page.click("text=Reset")
        await page.select_option("select[name=source]", "quality")
        await page.click("text=Show")
        assert await seen.number("#evaluations") == 0
        [quality] = published(data, "SELECT sum(evaluations)::BIGINT AS n FROM marts.quality_outcomes")
        assert f"{quality['n']:,} quality evaluations" in await seen.text("main")
        assert seen.wrong == []


async def test_links_charts_search_and_downloads(data: Config) -> None:
    [best] = published(
        data,
        "SELECT department_name AS name FROM marts.satisfaction_by_department ORDER BY satisfaction_low DESC LIMIT 1",
    )
    async with site(data) as one, browser(one.url, accept_downloads=True) as seen:
        page = seen.page
        assert await seen.text("#departments tbody tr:first-child th") == best["name"]
        assert await page.locator("svg.chart[role=img][aria-label]").count() == 4
        line = page.locator(".serie-2 .line").first
        assert await line.evaluate("node => getComputedStyle(node).stroke") not in {"none", "rgb(0, 0, 0)"}
        async with page.expect_download() as waiting:
            await page.click("#departments >> text=CSV")
        content = (await (await waiting.value).path()).read_bytes().decode("utf-8-sig")
        lines = list(csv.DictReader(io.StringIO(content, newline="")))
        found = {line["department"].removeprefix("'"): int(line["evaluations"]) for line in lines}
        mart = "SELECT department_name AS name, evaluations AS n FROM marts.satisfaction_by_department"
        assert found == {row["name"]: row["n"] for row in published(data, mart)}

        await page.click(f"#departments >> text={best['name']}")
        assert await read(seen) == wanted(data, "department_name = $name", name=best["name"])
        await page.fill("input[name=search]", "ATENDIMENTO")
        await page.select_option("select[name=rating]", "5")
        await page.click("text=Search")
        comments = await page.locator("#comments blockquote").all_inner_texts()
        assert all("atendimento" in comment.lower() for comment in comments)
        assert await page.locator("#comments .stars.rating-5").count() == len(comments) > 0
        assert await read(seen) == wanted(data, "department_name = $name", name=best["name"])
        assert seen.wrong == []


async def test_hostile_texts_are_texts(data: Config) -> None:
    async with site(data) as one, browser(f"{one.url}/?period=7d") as seen:
        shown = []
        for _ in range(2):
            shown += await seen.page.locator("#comments blockquote").all_text_contents()
            await seen.page.click("text=Older")
        assert set(HOSTILE) <= set(shown)
        await seen.page.select_option("select[name=agent]", HOSTILE_NAME)
        await seen.page.click("text=Show")
        await seen.page.hover(f"#agents >> text={HOSTILE_NAME}")
        for dot in await seen.page.locator(".chart .dot").all():
            await dot.hover()
        await seen.page.goto(
            f"{one.url}/?search=%3Cscript%3Ealert(12)%3C/script%3E&agent=%22onfocus=alert(13)//"
        )
        assert await seen.page.input_value("input[name=search]") == "<script>alert(12)</script>"
        assert await seen.page.locator("script, iframe, style, link[href*=evil], img").count() == 0
        assert await seen.page.inner_text("body") != ""
        assert seen.wrong == []


async def test_a_phone_needs_no_sideways_scrolling_and_a_keyboard_is_enough(data: Config) -> None:
    async with site(data) as one, browser(one.url, **NARROW) as seen:
        page = seen.page
        for summary in await page.locator("summary").all():
            await summary.click()
        assert await page.evaluate("document.documentElement.scrollWidth") == 390
        grounds = []
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme)
            grounds.append(await page.evaluate("getComputedStyle(document.body).backgroundColor"))
        assert grounds == ["rgb(245, 246, 248)", "rgb(14, 19, 26)"]
        await page.reload()
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.textContent") == "Skip to the figures"
        await page.keyboard.press("Enter")
        assert await page.evaluate("document.activeElement.id") == "main"
        await page.keyboard.press("Tab")
        outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid"
        fields = page.locator("input:not([type=hidden]), select")
        assert await fields.count() > 5
        assert await fields.evaluate_all("all => all.every(one => one.labels.length > 0)")
        assert await page.locator("th:not([scope])").count() == 0
        assert seen.wrong == []


async def test_signing_in(data: Config) -> None:
    guarded = serving(data, host="0.0.0.0", token="a-token-of-people")  # noqa: S104
    async with site(guarded) as one, browser(f"{one.url}/?period=90d") as seen:
        await seen.page.fill("input[name=token]", "wrong")
        await seen.page.click("text=Sign in")
        assert "not the token" in await seen.text("main")
        await seen.page.fill("input[name=token]", "a-token-of-people")
        await seen.page.click("text=Sign in")
        assert seen.page.url == f"{one.url}/?period=90d"
        assert await seen.number("#evaluations") > 0
        assert [line for line in seen.wrong if "401" not in line] == []
