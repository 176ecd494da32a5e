"""Charts: rows in, SVG text out. No script, no style of their own: static/charts.css gives colours, light and dark.

Promises that what stands in an SVG is escaped, that every mark says its value in words when it is pointed at, and
that the picture has a text alternative. The numbers themselves stand in a table beside each chart.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Any
from xml.etree import ElementTree as ET

import pygal
from markupsafe import Markup
from pygal.style import Style

Row = Mapping[str, Any]

# pygal puts a finder of plug-ins (maps) among those of Python, in a form that Python warns of at every import.
sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, pygal.PluginImportFixer)]

WIDE, NARROW, TALL = 640, 400, 270
LETTERS = Style(label_font_size=15, major_label_font_size=15, value_font_size=14, title_font_size=1)
MONTHS = ("", "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class _Band(pygal.DateLine):  # type: ignore[misc]  # pygal has no types
    """Lines over time, the first filled down to the second."""

    def _fill(self, values: list[tuple[float, float]]) -> list[tuple[float, float]]:
        return values + [self.view(point) for point in self.series[1].points][::-1]


def remembered(draw: Callable[..., Markup]) -> Callable[..., Markup]:
    """The same picture for the same rows: drawing takes a third of a page's time, and few filters change quality."""

    @lru_cache(64)
    def drawn(rows: tuple[tuple[tuple[str, Any], ...], ...], words: tuple[Any, ...], **named: Any) -> Markup:
        return draw([dict(row) for row in rows], *words, **named)

    def look_up(rows: Sequence[Row], *words: Any, **named: Any) -> Markup:
        return drawn(tuple(tuple(row.items()) for row in rows), words, **named)

    return look_up


@remembered
def trend(rows: Sequence[Row], value: str, low: str, high: str, *, bucket: str, says: str) -> Markup:
    """A percentage over time with its 95 % band."""
    found = [row for row in rows if row[value] is not None]
    days = [row["start"] for row in found]
    chart = _Band(
        **_look(x_value_formatter=lambda day: short(day, bucket)),
        x_labels=_spread(days, 6),
        range=_range([row[low] for row in found], [row[high] for row in found]),
        dots_size=3 if len(found) < 100 else 1.5,
    )
    chart.add("high", [(row["start"], row[high]) for row in found], fill=True, show_dots=False)
    chart.add("low", [(row["start"], row[low]) for row in found], stroke=False, show_dots=False)
    chart.add("rate", [_point(row, value, low, high, bucket) for row in found])
    return _svg(chart, says)


@remembered
def ratings(rows: Sequence[Row], *, says: str) -> Markup:
    """How often each rating was given, best on top."""
    chart = pygal.HorizontalBar(
        **_look(width=NARROW, classes=("chart", "narrow")),
        x_labels=[f"{row['rating']} ★" for row in reversed(rows)],
        range=(0, 1.2 * max(row["share"] or 0 for row in rows)),  # room for the value beside the longest bar
        show_x_labels=False,  # the values say it; pygal draws this graph with its axes swapped
        print_values=True,
        print_values_position="top",
        rounded_bars=3,
    )
    chart.add(
        "ratings",
        [
            {
                "value": row["share"] or 0,
                "tooltip": f"{row['rating']} of 5: {row['evaluations']:,} evaluations, {percent(row['share'])}",
                "node": {"class": f"rect rating-{row['rating']}"},
            }
            for row in reversed(rows)
        ],
        formatter=lambda value: f"{value:.1f} %",
    )
    return _svg(chart, says)


@remembered
def outcomes(rows: Sequence[Row], *, bucket: str, says: str) -> Markup:
    """Passed, failed and other evaluations over time."""
    shown = {short(row["start"], bucket): row for row in rows}
    chart = pygal.StackedBar(
        **_look(value_formatter=lambda value: f"{value:,.0f}"),
        x_labels=list(shown),
        x_labels_major=[short(day, bucket) for day in _spread([row["start"] for row in rows], 6)],
        show_minor_x_labels=False,
    )
    for name in ("passed", "failed", "other"):
        chart.add(
            name,
            [
                {"value": row[name], "tooltip": f"{label}: {row[name]:,} of {row['evaluations']:,} {name}"}
                if row[name]
                else None
                for label, row in shown.items()
            ],
        )
    return _svg(chart, says)


@remembered
def comparison(rows: Sequence[Row], *, says: str) -> Markup:
    """Each agent by what the quality team says (across) and what customers say (up)."""
    found = [row for row in rows if row["pass_rate"] is not None and row["satisfaction_rate"] is not None]
    chart = pygal.XY(
        **_look(x_value_formatter=lambda value: f"{value:.0f} %"),
        stroke=False,
        show_x_guides=True,
        dots_size=6,
        xrange=_range([row["pass_rate"] for row in found], [row["pass_rate"] for row in found]),
        range=_range(
            [row["satisfaction_rate"] for row in found], [row["satisfaction_rate"] for row in found]
        ),
    )
    chart.add(
        "agents",
        [
            {
                "value": (row["pass_rate"], row["satisfaction_rate"]),
                "tooltip": f"{row['agent']}: {percent(row['pass_rate'])} passed ({row['evaluations']:,} evaluations),"
                f" {percent(row['satisfaction_rate'])} satisfied ({row['ratings']:,} ratings)",
            }
            for row in found
        ],
    )
    return _svg(chart, says)


def short(day: date, bucket: str) -> str:
    """A day on an axis."""
    return f"{MONTHS[day.month]} {day.year}" if bucket == "month" else f"{day.day} {MONTHS[day.month]}"


def percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} %"


def _point(row: Row, value: str, low: str, high: str, bucket: str) -> dict[str, Any]:
    when = {"day": "", "week": "week from ", "month": ""}[bucket] + short(row["start"], bucket)
    band = f"{row[low]:.1f} to {row[high]:.1f} %"
    return {
        "value": (row["start"], row[value]),
        "tooltip": f"{when}: {percent(row[value])} ({band}), {row['evaluations']:,} evaluations",
    }


def _look(**more: Any) -> dict[str, Any]:
    """What all charts have in common, and more."""
    shown: dict[str, Any] = {
        "width": WIDE,
        "height": TALL,
        "style": LETTERS,
        "css": (),
        "js": (),
        "classes": ("chart",),
        "show_legend": False,
        "no_prefix": True,
        "margin": 6,
        "spacing": 8,
        "max_scale": 6,
        "truncate_label": -1,
        "value_formatter": lambda value: f"{value:.0f} %",
        "disable_xml_declaration": True,
    }
    return shown | more


def _range(lows: Sequence[float], highs: Sequence[float]) -> tuple[float, float]:
    """Round percents around what is shown, at least 20 apart: a small change should not look like a large one."""
    if not lows:
        return 0, 100
    lower, upper = min(lows) // 10 * 10, -(-max(highs) // 10) * 10
    if upper - lower < 20:
        lower, upper = (lower - 10, upper) if lower >= 10 else (lower, upper + 10)
    return max(0, lower), min(100, upper)


def _spread(values: Sequence[Any], most: int) -> list[Any]:
    """At most so many of them, evenly."""
    step = max(1, -(-len(values) // most))
    return list(values[::step])


def _svg(chart: Any, says: str) -> Markup:
    """The drawing alone, with its text alternative."""

    def strip(root: ET.Element) -> ET.Element:
        for parent in list(root.iter()):
            for child in [one for one in parent if not _ours(parent, one, values=bool(chart.print_values))]:
                parent.remove(child)
        del root.attrib["id"]
        root.attrib |= {"role": "img", "aria-label": says}
        return root

    chart.add_xml_filter(strip)
    return Markup(chart.render(is_unicode=True))  # noqa: S704 - made by ElementTree, which escapes


def _ours(parent: ET.Element, node: ET.Element, *, values: bool) -> bool:
    """Without pygal's style sheet and script, what only its script uses, and titles that repeat an axis."""
    if not isinstance(node.tag, str) or node.tag in {"defs", "desc"}:
        return False
    if node.tag == "title":
        return parent.get("class") in {"bar", "dots"}
    unused = {"plot tooltip-overlay", "titles"} | (set() if values else {"plot text-overlay"})
    return node.get("class") not in unused
