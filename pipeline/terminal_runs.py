"""What a person sees of the runs that were. Prints, decides nothing."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.console import colored, console_here, new_table, span_of


def print_runs(found: Sequence[Mapping[str, Any]]) -> None:
    """A line for each run; below them why those that failed did."""
    console = console_here()
    if not found:
        console.print("no run yet: evalsync sync")
        return
    table = new_table("began (UTC)", "outcome", "took", "requests", "new", "changed", "deleted", "dead")
    for one in found:
        counts = (one[name] for name in ("requests", "inserted", "updated", "deleted", "dead_letters"))
        table.add_row(
            one["started_at"][:16].replace("T", " "),
            colored(one["outcome"]),
            span_of(one["seconds"]),
            *(f"{count:,}" for count in counts),
        )
    console.print(table)
    for one in found:
        if one["error"]:
            told = f"{one['started_at'][:16].replace('T', ' ')}: {one['error']}"
            console.print(told, highlight=False, markup=False, soft_wrap=True)
