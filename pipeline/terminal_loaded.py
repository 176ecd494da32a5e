"""What a person sees of what is loaded: audits, replays, dead letters. Prints, decides nothing."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.audit import Audited
from pipeline.console import (
    COLORS,
    beginning,
    console_here,
    new_table,
    number,
    print_proof,
)
from pipeline.receipt import CANNOT_SEE
from pipeline.replay import Replayed


def print_audit(audited: Sequence[Audited]) -> None:
    """What was compared, as a tree; what was read; what it cost beside a full re-read."""
    console = console_here()
    for one in audited:
        receipt, done = one.receipt, one.receipt.loaded
        for part in one.parts:
            window = f"{part.window.lower:%Y-%m-%d %H:%M:%S} .. {part.window.upper:%Y-%m-%d %H:%M:%S}"
            ours, theirs = number(part.loaded.figures["total"]), number(part.source.get("total"))
            line = f"{window}  {ours} loaded, {theirs} at the source: {part.verdict}"
            console.print("  " * part.depth + line, highlight=False, markup=False, soft_wrap=True)
        print_proof(console, receipt)
        changed = f"{done.inserted:,} late, {done.updated:,} changed, {done.deleted:,} gone"
        cost = f"{receipt.requests} requests; reading all again would take about {one.full:,}"
        console.print(
            f"{receipt.source}/{receipt.stream}: {changed}; {cost}", highlight=False, soft_wrap=True
        )
    console.print(CANNOT_SEE, highlight=False, soft_wrap=True)


def print_replayed(replayed: Replayed, data: Path) -> None:
    """What was made anew, what it was made of, and what could not be."""
    console = console_here()
    console.print(
        f"replay {replayed.run_id}: [{COLORS[replayed.outcome]}]{replayed.outcome}[/]", highlight=False
    )
    if replayed.streams:
        table = new_table("stream", "packages", "pages", "records", "rows", "damaged", "read again from")
        for one in replayed.streams:
            counts = (one.packages, one.pages, one.records, one.rows, one.lost)
            since = "-" if one.since is None else beginning(one.since)
            table.add_row(f"{one.source}/{one.stream}", *(f"{count:,}" for count in counts), since)
        console.print(table)
        console.print(f"rebuilt in {replayed.seconds:,.1f} s, without a request", highlight=False)
    for remark in (*replayed.remarks, *(f"warning: {warning}" for warning in replayed.warnings)):
        console.print(remark, highlight=False, markup=False, soft_wrap=True)
    if replayed.snapshot:
        console.print(f"read it: {data / 'current' / 'warehouse.duckdb'}", highlight=False, soft_wrap=True)


def print_foreseen(found: Sequence[Mapping[str, Any]]) -> None:
    table = new_table("stream", "rows", "up to", "to compare", "per difference", "reading all")
    for one in found:
        name = f"{one['source']}/{one['stream']}"
        costs = (one["compare"], one["per_difference"], one["full"])
        table.add_row(name, number(one["rows"]), one["watermark"] or "-", *(f"{cost:,}" for cost in costs))
    console_here().print(table)
    console_here().print("requests; nothing was sent")


def print_letters(found: Sequence[Mapping[str, Any]]) -> None:
    if not found:
        console_here().print("no dead letters")
        return
    counts = Counter((one["source"], one["stream"], one["pointer"], one["reason"]) for one in found)
    reasons = new_table("source", "stream", "field", "reason", "records", title="why")
    for why, count in counts.most_common():
        reasons.add_row(*why, f"{count:,}")
    console_here().print(reasons)
    table = new_table("source", "stream", "record", "field", "reason", "first seen")
    for one in found:
        table.add_row(
            one["source"],
            one["stream"],
            one["record_key"],
            one["pointer"],
            one["reason"],
            one["first_seen_at"],
        )
    console_here().print(table)
    console_here().print("after a fix: evalsync dead-letters replay")
