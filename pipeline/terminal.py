"""What a person sees: results as tables and short sentences. Prints, decides nothing."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from pipeline.check import Finding
from pipeline.console import COLORS, WORDS, beginning, colored, console_here, new_table, number, print_proof
from pipeline.destinations.warehouse import connect, rows
from pipeline.plan import Planned
from pipeline.receipt import CANNOT_SEE, Receipt, StreamReceipt
from pipeline.statements import statement


def print_receipt(receipt: Receipt, data: Path) -> None:
    """What was synced, its proof, and what the marts say."""
    console = console_here()
    console.print(f"run {receipt.run_id}: [{COLORS[receipt.outcome]}]{receipt.outcome}[/]", highlight=False)
    table = new_table(
        "stream", "outcome", "requests", "new", "changed", "same", "deleted", "dead letters", "up to"
    )
    for one in receipt.streams:
        done = one.loaded
        counts = (done.inserted, done.updated, done.unchanged, done.deleted, done.dead_letters)
        requests = f"{one.requests:,}" + (f" ({one.reread:,} for older rows)" if one.reread else "")
        upto = f"{one.watermark:%Y-%m-%d %H:%M:%S}" if one.watermark else "-"
        table.add_row(
            f"{one.source}/{one.stream}",
            colored(one.outcome),
            requests,
            *(f"{count:,}" for count in counts),
            upto,
        )
    console.print(table)
    for one in receipt.streams:
        print_proof(console, one)
        _print_history(console, one)
    if any(one.audit and one.audit.proof for one in receipt.streams):
        console.print(CANNOT_SEE, highlight=False, soft_wrap=True)
    for warning in receipt.warnings:
        console.print(f"warning: {warning}", highlight=False, markup=False)
    if receipt.error:
        console.print(f"not published: {receipt.error}", highlight=False, markup=False)
    if receipt.snapshot:
        print_marts(Path(receipt.snapshot) / "warehouse.duckdb", console)
        console.print(f"read it: {data / 'current' / 'warehouse.duckdb'}", highlight=False, soft_wrap=True)


def _print_history(console: Console, one: StreamReceipt) -> None:
    """What comparing all of the stream's history has shown."""
    history = one.audit
    if history is None:
        return
    window, done = history.window, history.loaded
    span = f" {beginning(window.lower)} .. {window.upper:%Y-%m-%d %H:%M}" if window else ""
    line = f"{one.source}/{one.stream}: history{span}: {WORDS.get(history.state, history.state)}"
    line += f": {history.proof.loaded_total:,} loaded" if history.proof else ""
    line += f"; {history.requests} requests"
    mended = ((done.inserted, "late"), (done.updated, "changed"), (done.deleted, "gone"))
    line += "".join(f", {count:,} {word}" for count, word in mended if count)
    line += f"; {history.reason}" if history.reason else ""
    style = COLORS.get(history.state, "")
    console.print(line, highlight=False, markup=False, style=style, soft_wrap=True)


def print_marts(warehouse: Path, console: Console | None = None) -> None:
    """The first lines of the marts that people ask for, as far as they are built."""
    console = console or console_here()
    with connect(warehouse, read_only=True) as db:
        there = {one["name"] for one in rows(db, statement("status/marts"))}
        spread, departments, agents = (
            rows(db, text) if mart in there else []
            for mart, text in (
                ("rating_distribution", statement("status/distribution")),
                ("satisfaction_by_department", statement("status/departments")),
                ("quality_by_agent", statement("status/agents")),
            )
        )
    if not departments and not agents:
        console.print("the marts are empty: nothing is loaded yet")
    if spread:
        ratings = new_table("source", "1", "2", "3", "4", "5", title="ratings")
        for one in spread:
            ratings.add_row(one["source"], *(f"{one[f'rating_{rating}']:,}" for rating in range(1, 6)))
        console.print(ratings)
    _print_shares(console, "satisfaction by department", "department", "satisfied", departments)
    _print_shares(console, "quality by agent, the best", "agent", "passed", agents)


def _print_shares(
    console: Console, title: str, who: str, what: str, found: Sequence[Mapping[str, Any]]
) -> None:
    """Shares with their bounds: of those with many evaluations the bounds are narrow."""
    if not found:
        return
    table = new_table("source", who, "evaluations", what, "95 % bounds", title=title)
    for one in found:
        bounds = f"{one['low']:.1f} - {one['high']:.1f} %"
        name = one["name"] or "(none)"
        table.add_row(one["source"], name, f"{one['evaluations']:,}", f"{one['share']:.1f} %", bounds)
    console.print(table)


def print_plan(planned: Sequence[Planned]) -> None:
    console = console_here()
    table = new_table(
        "stream", "from", "records", "requests", "left this minute", "left today", "takes about"
    )
    for one in planned:
        since = "a list, read whole"
        if one.since is not None:
            since = beginning(one.since)
        left = [number(count) for count in (one.left.minute_left, one.left.day_left)]
        note = f" (goes on: {one.sealed} pages kept)" if one.resumes else ""
        takes = "-" if one.requests is None else str(one.duration) if one.duration else "under a minute"
        counts = (number(one.records), number(one.requests))
        table.add_row(f"{one.source}/{one.stream}{note}", since, *counts, *left, takes)
    console.print(table)
    for one in planned:
        name = f"{one.source}/{one.stream}"
        if one.why:
            console.print(f"{name}: {one.why}", highlight=False, markup=False, soft_wrap=True)
        if one.again:
            nights = one.again.nights
            when = "never: no budget is left for it" if nights is None else f"in {nights} night(s)"
            told = f"{name}: about {one.again.requests:,} more requests for older rows; all seen again {when}"
            console.print(told, highlight=False, markup=False, soft_wrap=True)
        if one.audit:
            most = f"where it differs, up to {one.audit.at_most:,}"
            told = f"{name}: {one.audit.compare} more requests to compare all of history; {most}"
            console.print(told, highlight=False, markup=False, soft_wrap=True)


def print_findings(findings: Sequence[Finding]) -> None:
    console = console_here()
    for one in findings:
        mark = "[green]good[/]" if one.good else "[red]bad [/]"
        console.print(f"{mark} {one.what}: ", end="", highlight=False)
        console.print(one.detail, highlight=False, markup=False, soft_wrap=True)
