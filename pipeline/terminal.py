"""What a person sees: results as tables and short sentences. Prints, decides nothing."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from pipeline.audit import Audited
from pipeline.check import Finding
from pipeline.destinations.warehouse import connect, rows
from pipeline.plan import Planned
from pipeline.receipt import Receipt, StreamReceipt
from pipeline.statements import statement

WORDS = {
    "proven": "proven equal to the source",
    "unproven": "not proven equal to the source",
    "not_comparable": "not comparable with the source",
}
COLORS = {"ok": "green", "proven": "green", "paused": "yellow", "unproven": "red", "failed": "red"}


def print_receipt(receipt: Receipt, data: Path) -> None:
    """What was synced, its proof, and what the marts say."""
    console = _console()
    console.print(f"run {receipt.run_id}: [{COLORS[receipt.outcome]}]{receipt.outcome}[/]", highlight=False)
    table = _table(
        "stream", "outcome", "requests", "new", "changed", "same", "deleted", "dead letters", "up to"
    )
    for one in receipt.streams:
        done = one.loaded
        counts = (done.inserted, done.updated, done.unchanged, done.deleted, done.dead_letters)
        requests = f"{one.requests:,}" + (f" ({one.reread:,} for older rows)" if one.reread else "")
        upto = f"{one.watermark:%Y-%m-%d %H:%M:%S}" if one.watermark else "-"
        table.add_row(
            f"{one.source}/{one.stream}",
            _colored(one.outcome),
            requests,
            *(f"{count:,}" for count in counts),
            upto,
        )
    console.print(table)
    for one in receipt.streams:
        _print_proof(console, one)
    for warning in receipt.warnings:
        console.print(f"warning: {warning}", highlight=False, markup=False)
    if receipt.error:
        console.print(f"not published: {receipt.error}", highlight=False, markup=False)
    if receipt.snapshot:
        print_marts(Path(receipt.snapshot) / "warehouse.duckdb", console)
        console.print(f"read it: {data / 'current' / 'warehouse.duckdb'}", highlight=False, soft_wrap=True)


def _print_proof(console: Console, one: StreamReceipt) -> None:
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
            f"{figure} {_number(proof.figures[figure].loaded)} (source: {_number(proof.figures[figure].source)})"
            for figure in proof.differences()
        ]
        if differing:
            console.print(f"  differs: {', '.join(differing)}", highlight=False, soft_wrap=True)
    if one.error and (proof is None or one.error != proof.reason):
        console.print(f"{name}: {one.error}", highlight=False, markup=False, soft_wrap=True)
    if one.resume_at:
        console.print(f"  goes on from {one.resume_at:%Y-%m-%d %H:%M:%S} UTC", highlight=False)


def print_marts(warehouse: Path, console: Console | None = None) -> None:
    """The first lines of the marts that people ask for, as far as they are built."""
    console = console or _console()
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
        ratings = _table("source", "1", "2", "3", "4", "5", title="ratings")
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
    table = _table("source", who, "evaluations", what, "95 % bounds", title=title)
    for one in found:
        bounds = f"{one['low']:.1f} - {one['high']:.1f} %"
        name = one["name"] or "(none)"
        table.add_row(one["source"], name, f"{one['evaluations']:,}", f"{one['share']:.1f} %", bounds)
    console.print(table)


def print_audit(audited: Sequence[Audited]) -> None:
    """What was compared, as a tree; what was read; what it cost beside a full re-read."""
    console = _console()
    for one in audited:
        receipt, done = one.receipt, one.receipt.loaded
        for part in one.parts:
            window = f"{part.window.lower:%Y-%m-%d %H:%M:%S} .. {part.window.upper:%Y-%m-%d %H:%M:%S}"
            ours, theirs = _number(part.loaded.figures["total"]), _number(part.source.get("total"))
            line = f"{window}  {ours} loaded, {theirs} at the source: {part.verdict}"
            console.print("  " * part.depth + line, highlight=False, markup=False, soft_wrap=True)
        _print_proof(console, receipt)
        changed = f"{done.inserted:,} late, {done.updated:,} changed, {done.deleted:,} gone"
        cost = f"{receipt.requests} requests; reading all again would take about {one.full:,}"
        console.print(
            f"{receipt.source}/{receipt.stream}: {changed}; {cost}", highlight=False, soft_wrap=True
        )
    console.print(
        "what such figures cannot see: two changes that cancel in every one of them, or a field that none counts"
    )


def print_foreseen(found: Sequence[Mapping[str, Any]]) -> None:
    table = _table("stream", "rows", "up to", "to compare", "per difference", "reading all")
    for one in found:
        name = f"{one['source']}/{one['stream']}"
        costs = (one["compare"], one["per_difference"], one["full"])
        table.add_row(name, _number(one["rows"]), one["watermark"] or "-", *(f"{cost:,}" for cost in costs))
    _console().print(table)
    _console().print("requests; nothing was sent")


def print_plan(planned: Sequence[Planned]) -> None:
    console = _console()
    table = _table("stream", "from", "records", "requests", "left this minute", "left today", "takes about")
    for one in planned:
        since = "a list, read whole"
        if one.since is not None:
            since = "the beginning" if one.since.year == 1970 else f"{one.since:%Y-%m-%d %H:%M}"
        left = [_number(count) for count in (one.left.minute_left, one.left.day_left)]
        note = f" (goes on: {one.sealed} pages kept)" if one.resumes else ""
        takes = "-" if one.requests is None else str(one.duration) if one.duration else "under a minute"
        counts = (_number(one.records), _number(one.requests))
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


def print_status(found: Mapping[str, Any]) -> None:
    console = _console()
    if not found["streams"]:
        console.print(f"nothing is published in {found['data_dir']} yet: evalsync sync", soft_wrap=True)
    else:
        table = _table(
            "stream", "last run", "proof", "rows", "deleted", "dead letters", "up to", "last good run"
        )
        for one in found["streams"]:
            age = one["seconds_since_ok"]
            table.add_row(
                f"{one['source']}/{one['stream']}" + (" (interrupted)" if one["interrupted"] else ""),
                _colored(one["last_outcome"]),
                _colored(one["proof_state"] or "-").replace("_", " "),
                f"{one['rows_present']:,}",
                f"{one['rows_deleted']:,}",
                f"{one['dead_letters']:,}",
                one["watermark"] or "-",
                "never" if age is None else _age(age),
            )
        console.print(table)
        for one in found["streams"]:
            if one["proof_reason"]:
                told = f"{one['source']}/{one['stream']}: {WORDS[one['proof_state']]}: {one['proof_reason']}"
                console.print(told, highlight=False, markup=False, soft_wrap=True)
    _print_budgets(console, found["budgets"])
    for run in found["runs"]:
        console.print(f"{run['started_at']}  {run['outcome']:<11} {run['run_id']}", highlight=False)


def _print_budgets(console: Console, budgets: Sequence[Mapping[str, Any]]) -> None:
    """The budgets of which something is used; the others are whole."""
    used = [
        one for one in budgets if (one["minute_left"], one["day_left"]) != (one["per_minute"], one["per_day"])
    ]
    if not used:
        return
    table = _table("budget", "left this minute", "left today")
    for one in used:
        minute = f"{_number(one['minute_left'])} of {_number(one['per_minute'])}"
        day = f"{_number(one['day_left'])} of {_number(one['per_day'])}" if one["per_day"] else "-"
        table.add_row(f"{one['source']}: {one['group']}", minute, day)
    console.print(table)


def print_findings(findings: Sequence[Finding]) -> None:
    console = _console()
    for one in findings:
        mark = "[green]good[/]" if one.good else "[red]bad [/]"
        console.print(f"{mark} {one.what}: ", end="", highlight=False)
        console.print(one.detail, highlight=False, markup=False, soft_wrap=True)


def print_letters(found: Sequence[Mapping[str, Any]]) -> None:
    if not found:
        _console().print("no dead letters")
        return
    table = _table("source", "stream", "record", "field", "reason", "first seen")
    for one in found:
        table.add_row(
            one["source"],
            one["stream"],
            one["record_key"],
            one["pointer"],
            one["reason"],
            one["first_seen_at"],
        )
    _console().print(table)
    _console().print("after a fix: evalsync dead-letters replay")


def _console() -> Console:
    """Standard output; wide where it is no terminal, so that nothing is cut in a file or a mail."""
    console = Console()
    return console if console.is_terminal else Console(width=160)


def _table(*columns: str, title: str | None = None) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index == 0 else "right", overflow="fold")
    return table


def _colored(word: str) -> str:
    return f"[{COLORS[word]}]{word}[/]" if word in COLORS else word


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.1f}".removesuffix(".0")


def _age(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit} ago"
    return "just now"
