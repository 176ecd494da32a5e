"""The sheet that results are printed on: its width, its tables, its words and colours. Decides nothing."""

from datetime import datetime

from rich.console import Console
from rich.table import Table

from pipeline.receipt import StreamReceipt

WORDS = {
    "proven": "proven equal to the source",
    "unproven": "not proven equal to the source",
    "not_comparable": "not comparable with the source",
}
COLORS = {"ok": "green", "proven": "green", "paused": "yellow", "unproven": "red", "failed": "red"}


def print_proof(console: Console, one: StreamReceipt) -> None:
    proof, name = one.proof, f"{one.source}/{one.stream}"
    if proof is not None:
        line = f"{name}: {WORDS[proof.state]}: {proof.loaded_total:,} loaded"
        if proof.state == "proven":
            line += f", {len(proof.figures)} figures equal" if len(proof.figures) > 1 else ""
        elif proof.source_total is not None:
            line += f", {proof.source_total:,} at the source"
        line += f"; {proof.reason}" if proof.reason else ""
        console.print(line, highlight=False, markup=False, style=COLORS.get(proof.state, ""), soft_wrap=True)
        differing = [
            f"{figure} {number(proof.figures[figure].loaded)} (source: {number(proof.figures[figure].source)})"
            for figure in proof.differences()
        ]
        if differing:
            console.print(f"  differs: {', '.join(differing)}", highlight=False, soft_wrap=True)
    if one.error and (proof is None or one.error != proof.reason):
        console.print(f"{name}: {one.error}", highlight=False, markup=False, soft_wrap=True)
    if one.resume_at:
        console.print(f"  goes on from {one.resume_at:%Y-%m-%d %H:%M:%S} UTC", highlight=False)


def console_here() -> Console:
    """Standard output; wide where it is no terminal, so that nothing is cut in a file or a mail."""
    console = Console()
    return console if console.is_terminal else Console(width=160)


def new_table(*columns: str, title: str | None = None) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index == 0 else "right", overflow="fold")
    return table


def colored(word: str) -> str:
    return f"[{COLORS[word]}]{word}[/]" if word in COLORS else word


def number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.1f}".removesuffix(".0")


def beginning(moment: datetime) -> str:
    return "the beginning" if moment.year == 1970 else f"{moment:%Y-%m-%d %H:%M}"


def span_of(seconds: float | None) -> str:
    """How long something took."""
    if seconds is None:
        return "-"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def age_of(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit} ago"
    return "just now"
