"""RESULTS.md, written from what was measured: also where a rival is ahead, and what was not measured."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.contest import OURS, TITLES
from benchmarks.results import AIMS, Entry, Results, ahead, per_second, times

PLACE = Path(__file__).with_name("RESULTS.md")
NEEDS = {
    "wall": "seconds",
    "cpu": "CPU seconds",
    "memory": "MB of memory",
    "tail": "seconds after the last page",
}
MORE = (
    "evalsync does more than each of them: packages on disk, budget, dead letters, history, tombstones, an"
    " atomic snapshot, and a proof against the source's own figures."
)

HOW = """\
Rows: the simulator's made-up year (`tests/benchmarks/rows.py`): 65 % have a comment, of 5 to 90 letters, a few of 360.
Everybody reads the same pages from the same loopback server, in turn, round after round, each as a whole process with
an environment of its own, into an empty folder. Figures are medians; *times* above 1 mean that they need so many times
as much as evalsync. CPU seconds are of all their processes, memory is the largest sum over them. The tail is the time
from the last page to the end of the process."""
GROWING = """\
A million rows a year, so that a month has as many rows in a long history as in a short one. *increment*: the newest
10,000 rows have changed, a whole run reads, loads, proves and publishes them; its tail is from the last page until
readers see them. *marts*, *publish* (of what has not changed) and *group by* are parts of a run by themselves; the
others are whole commands."""


def write(results: Results, path: Path = PLACE) -> None:
    path.write_text("\n".join(lines(results)).rstrip() + "\n")


def lines(results: Results) -> Iterator[str]:
    """The whole page."""
    yield "# How fast"
    yield ""
    yield "Written by `make bench` from `RESULTS.json`; see `README.md`. Do not edit."
    yield ""
    yield from _machine(results)
    for contest in sorted(results.contests, key=lambda name: [int(part) for part in name.split("x")]):
        yield from _contest(results, contest)
    yield from _aims(results)
    yield from _stages(results)
    yield from _growth(results)
    yield from _figures(results)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def _machine(results: Results) -> Iterator[str]:
    one = results.machine
    if one:
        yield (
            f"{one['cores']} cores ({one['processor']}), {one['memory']}, {one['system']}, Python {one['python']};"
            f" load when it began {one['load']}. Server and pipeline share the cores."
        )
        yield ""
    yield HOW
    yield ""


def _contest(results: Results, contest: str) -> Iterator[str]:
    rows, page_size = (int(part) for part in contest.split("x"))
    entries = results.contests[contest]
    ours = entries.get(OURS)
    yield f"## {rows:,} rows, {page_size} a page"
    yield ""
    shown = []
    for name in (one for one in TITLES if one in entries):
        entry = entries[name]
        ratios = [times(ours, entry, what) if ours else None for what in ("wall", "cpu", "memory")]
        wall, cpu, memory = (f" ({ratio:.1f} x)" if ratio and name != OURS else "" for ratio in ratios)
        shown.append(
            [
                *(TITLES[name], f"{per_second(rows, entry):,.0f}", _spread(entry, wall)),
                *(f"{entry.median('cpu'):.1f}{cpu}", f"{entry.median('memory'):,.0f}{memory}"),
                *(f"{entry.median('tail'):.1f}", f"{entry.median('requests'):,.0f}"),
                *("yes" if entry.right else "**no**", entry.versions, entry.day),
            ]
        )
    head = (
        "who",
        "rows/s",
        "wall s (times)",
        "CPU s",
        "MB",
        "tail s",
        "requests",
        "rows right",
        "versions",
        "day",
    )
    if len({entry.day for entry in entries.values()}) > 1:
        yield "Not all ran side by side (see the last column): ratios between different times say little."
        yield ""
    yield from table(head, shown)
    server = results.server.get(contest, {})
    if server:
        yield (
            f"The server gives {server['pages']:,.0f} pages a second to a reader that does nothing with them, and needs"
            f" {1000 * server['cpu']:.2f} ms of CPU for one; a row has {server['row_bytes']:.0f} bytes."
        )
        yield ""
    if ours:
        yield from _honest(rows, entries)


def _spread(entry: Entry, ratio: str) -> str:
    low, high = entry.spread("wall")
    several = f", {len(entry.runs)} runs {low:.1f} to {high:.1f}" if len(entry.runs) > 1 else ", 1 run"
    return f"{entry.median('wall'):.1f}{ratio}{several}"


def _honest(rows: int, entries: dict[str, Entry]) -> Iterator[str]:
    """Where a rival is ahead."""
    found = []
    for what, word in NEEDS.items():
        mine = entries[OURS].median(what)
        better = [
            f"{TITLES[name]} ({entries[name].median(what):,.1f}{'' if entries[name].right else ', wrong rows'})"
            for name in ahead(entries, OURS, what)
        ]
        if better:
            found.append(f"- less {word} than our {mine:,.1f}: {'; '.join(better)}")
    yield f"**Where others are ahead at {rows:,} rows**{':' if found else ': nowhere.'}"
    yield ""
    yield from found
    if found:
        yield ""
        yield MORE
        yield ""


def _aims(results: Results) -> Iterator[str]:
    yield "## Aims"
    yield ""
    shown = []
    for aim in AIMS:
        value, reached = aim.measured(results), aim.reached(results)
        bound = f"{'>=' if aim.least else '<='} {aim.bound:g}"
        verdict = "not measured" if reached is None else "reached" if reached else "**missed**"
        shown.append([aim.text, bound, "-" if value is None else f"{value:,.2f}", verdict])
    yield from table(("what", "aim", "measured", ""), shown)


def _stages(results: Results) -> Iterator[str]:
    for rows, stage in results.stages.items():
        yield f"## Stages by themselves, {int(rows):,} rows"
        yield ""
        total = sum(one["ours"] for one in stage["stages"])
        shown = [
            [
                *(one["stage"], f"{one['ours']:.2f}", f"{one['ours'] / total:.0%}"),
                f"{int(rows) / one['ours'] / 1000:,.0f}",
                *((f"{one['best']:.2f}", f"{one['ours'] / one['best']:.1f} x") if one["best"] else ("", "")),
                one["way"],
            ]
            for one in stage["stages"]
        ]
        head = ("stage", "ours s", "share", "1,000 rows/s", "best known s", "distance", "the best known way")
        yield from table(head, shown)
        yield f"One thread each, one after the other, on {stage['day']}; in a sync they overlap."
        yield ""


def _growth(results: Results) -> Iterator[str]:
    if not results.growth:
        return
    yield "## Growth"
    yield ""
    sizes = sorted(results.growth, key=int)
    names = list(dict.fromkeys(name for size in sizes for name in results.growth[size]))
    shown = [[name, *(_number(results.growth[size].get(name)) for size in sizes)] for name in names]
    yield from table(("seconds, or MB", *(f"{int(size):,} rows" for size in sizes)), shown)
    yield GROWING
    yield ""
    yield "![cost against size](growth.svg)"
    yield ""


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.2f}"


def _figures(results: Results) -> Iterator[str]:
    if results.figures:
        yield "## Other figures"
        yield ""
        yield from table(("what", ""), [[name, f"{value:,.2f}"] for name, value in results.figures.items()])
