"""The part of the page that a snapshot and the filters decide: cards, charts and tables."""

from typing import Any

from markupsafe import Markup

from pipeline.web import charts
from pipeline.web.charts import percent
from pipeline.web.filters import PAGES, PERIODS, Filters
from pipeline.web.pages import render
from pipeline.web.panels import COMMENTS_SHOWN, PANELS, Seen

TABLES = tuple(name for name in PANELS if name != "streams")  # those come with the state of the copy
PERIOD_NAMES = {"7d": "7 days", "28d": "28 days", "90d": "90 days", "365d": "12 months", "all": "All"}


def draw(seen: Seen, filters: Filters) -> Markup:
    """HTML of all sections; of one sentence where nothing is loaded."""
    rows = {name: seen.rows(name) for name in TABLES}
    comments = rows["comments"]
    return Markup(  # noqa: S704 - rendered with autoescape
        render(
            "figures.html",
            seen=seen,
            filters=filters,
            rows=rows | {"comments": comments[:COMMENTS_SHOWN]},
            last_page=PAGES,
            more_comments=len(comments) > COMMENTS_SHOWN,
            charts=pictures(seen, rows),
            periods=[(name, PERIOD_NAMES[name]) for name in PERIODS],
        )
    )


def pictures(seen: Seen, rows: dict[str, list[dict[str, Any]]]) -> dict[str, Markup | None]:
    """None where there is nothing to draw."""
    if seen.span is None:
        return {}
    bucket = seen.span.bucket
    [summary] = rows["summary"]
    compared = [row for row in rows["comparison"] if None not in (row["pass_rate"], row["satisfaction_rate"])]
    return {
        "trend": charts.trend(
            rows["trend"],
            "satisfaction_rate",
            "satisfaction_low",
            "satisfaction_high",
            bucket=bucket,
            says=f"Satisfied customers by {bucket}: {percent(summary['satisfaction_rate'])} in all. Table below.",
        )
        if rows["trend"]
        else None,
        "ratings": charts.ratings(rows["distribution"], says="Share of each rating. Table below.")
        if summary["evaluations"]
        else None,
        "outcomes": charts.outcomes(
            rows["quality"],
            bucket=bucket,
            says=f"Quality evaluations by {bucket}: passed, failed and other. Table below.",
        )
        if rows["quality"]
        else None,
        "comparison": charts.comparison(
            compared, says="Agents by quality passed and by customers satisfied. Table below."
        )
        if compared
        else None,
    }
