"""growth.svg: what grows with the number of rows, and what does not."""

import sys
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree as ET

import pygal
from pygal.style import Style

# As in pipeline/web/charts.py: Python warns of pygal's finder of plug-ins at every import.
sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, pygal.PluginImportFixer)]

PLACE = Path(__file__).with_name("growth.svg")
PLOTTED = ("first sync", "replay", "increment", "marts", "publish", "status", "audit", "group by")
COLORS = ("#0c3795", "#b3261e", "#e47f00", "#5a7d00", "#7b1fa2", "#00838f", "#6d4c41", "#888888")


def write(growth: Mapping[str, Mapping[str, float]], path: Path = PLACE) -> None:
    """Both axes by tens; a drawing without a script, and the same for the same figures."""
    chart = pygal.Line(
        style=Style(colors=COLORS, background="white", plot_background="white"),
        logarithmic=True,
        title="Seconds against rows",
        x_title="rows",
        y_labels=[place * 10.0**power for power in range(-2, 3) for place in (1, 2, 5)],
        truncate_legend=-1,
        width=900,
        height=500,
        js=(),
        disable_xml_declaration=True,
    )
    sizes = sorted(growth, key=int)
    chart.x_labels = [f"{int(size):,}" for size in sizes]
    for name in PLOTTED:
        chart.add(name, [growth[size].get(name) for size in sizes])
    chart.uuid = "growth"
    chart.add_xml_filter(_without_scripts)
    path.write_text(chart.render(is_unicode=True) + "\n")


def _without_scripts(root: ET.Element) -> ET.Element:
    for parent in list(root.iter()):
        for child in [one for one in parent if one.tag == "script"]:
            parent.remove(child)
    return root
