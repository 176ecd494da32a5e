"""The commands that work on what is loaded: `audit`, `marts`, `replay`, `dead-letters`. They decide nothing either."""

import asyncio
import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.exits import exit_code
from pipeline.options import Moment, as_json_option, carry_out, request_of, with_config

if TYPE_CHECKING:
    from pipeline.config import Config


@click.command()
@click.option("--source", "sources", multiple=True, metavar="NAME", help="Only this one; may be repeated.")
@click.option("--stream", "streams", multiple=True, metavar="NAME", help="Only this one; may be repeated.")
@click.option("--since", type=Moment(), help="From here, instead of from the beginning.")
@click.option("--until", type=Moment(), help="Up to here, instead of up to the watermark.")
@click.option("--repair/--no-repair", default=True, show_default=True, help="Whether to mend what differs.")
@click.option("--dry-run", is_flag=True, help="What would be compared, and what it may cost. Sends nothing.")
@click.option(
    "--max-requests",
    type=click.IntRange(min=4),
    default=500,
    show_default=True,
    help="Of each stream, for comparing, searching and mending.",
)
@as_json_option
@with_config
def audit(
    context: click.Context,
    config_here: Path | None,
    repair: bool,
    dry_run: bool,
    max_requests: int,
    as_json: bool,
    **options: Any,
) -> None:
    """Compare history with the source's totals, find what differs by halving, and mend it."""
    from pipeline.plan import plan_audit
    from pipeline.run import audit as run_audit
    from pipeline.signals import stop_on_signals
    from pipeline.terminal_loaded import print_audit, print_foreseen

    async def work(config: "Config") -> int:
        request = request_of({**options, "full": False, "max_requests": None})
        if dry_run:
            planned = await plan_audit(config, request)
            click.echo(json.dumps(planned)) if as_json else print_foreseen(planned)
            return 0
        with stop_on_signals() as signals:
            receipt, audited = await run_audit(
                config, request, requests=max_requests, repair=repair, stop=signals.stop
            )
        if as_json:
            click.echo(json.dumps({**receipt.as_json(), "audits": [one.as_json() for one in audited]}))
        else:
            print_audit(audited)
        return exit_code(receipt.outcome, signals.number)

    carry_out(context, config_here, work)


@click.command()
@click.option("--mart", "names", multiple=True, metavar="NAME", help="Only this one and what belongs to it.")
@click.option("--as-of", type=Moment(), help="As they were then, in a file of its own; nothing is published.")
@with_config
def marts(
    context: click.Context, config_here: Path | None, names: tuple[str, ...], as_of: datetime | None
) -> None:
    """Rebuild the marts from what is loaded, and publish them. Sends no request."""
    from pipeline.as_of import build
    from pipeline.folders import Folders
    from pipeline.present import rebuild_marts
    from pipeline.terminal import print_marts

    if as_of is not None and names:
        raise click.UsageError("--as-of builds all marts: leave --mart out")

    async def work(config: "Config") -> int:
        if as_of is not None:
            path = await asyncio.to_thread(build, Folders(config.data_dir), as_of)
            print_marts(path)
            click.echo(f"as of {as_of:%Y-%m-%d %H:%M:%S} UTC: {path}")
            return 0
        snapshot, warnings = await rebuild_marts(config, names)
        for warning in warnings:
            click.echo(f"warning: {warning}")
        print_marts(snapshot / "warehouse.duckdb")
        return 0

    carry_out(context, config_here, work)


@click.command()
@click.option("--source", "sources", multiple=True, metavar="NAME", help="Only this one; may be repeated.")
@as_json_option
@with_config
def replay(context: click.Context, config_here: Path | None, sources: tuple[str, ...], as_json: bool) -> None:
    """Rebuild the warehouse, the lake and the marts from the kept packages. Sends no request."""
    from pipeline.replay import replay as rebuild
    from pipeline.signals import stop_on_signals
    from pipeline.terminal_loaded import print_replayed

    async def work(config: "Config") -> int:
        with stop_on_signals() as signals:
            replayed = await rebuild(config, sources, stop=signals.stop)
        if as_json:
            click.echo(json.dumps(replayed.as_json()))
        else:
            print_replayed(replayed, config.data_dir)
        return exit_code(replayed.outcome, signals.number)

    carry_out(context, config_here, work)


@click.group("dead-letters", invoke_without_command=True)
@click.option("--source", "source", metavar="NAME", help="Only this source.")
@as_json_option
@with_config
def dead_letters(context: click.Context, config_here: Path | None, source: str | None, as_json: bool) -> None:
    """List the records that broke their contract, with the reason."""
    if context.invoked_subcommand is not None:
        context.obj = config_here or context.obj
        return
    from pipeline.letters import letters
    from pipeline.terminal_loaded import print_letters

    async def work(config: "Config") -> int:
        found = await letters(config, source)
        if as_json:
            click.echo(json.dumps(found))
        else:
            print_letters(found)
        return 0

    carry_out(context, config_here, work)


@dead_letters.command("replay")
@with_config
def replay_letters(context: click.Context, config_here: Path | None) -> None:
    """Try the dead letters again under today's contract. Sends no request."""
    from pipeline.letters import replay

    async def work(config: "Config") -> int:
        healed, left = await replay(config)
        click.echo(f"{healed} records are valid now and loaded; {left} are still dead letters")
        return 0

    carry_out(context, config_here, work)
