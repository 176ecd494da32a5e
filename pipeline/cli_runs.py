"""The commands that tell what was: `runs` and `report`. They decide nothing, and send nothing."""

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.options import as_json_option, carry_out, with_config

if TYPE_CHECKING:
    from pipeline.config import Config


@click.command()
@click.option(
    "--last", type=click.IntRange(1, 10_000), default=20, show_default=True, help="So many, the newest first."
)
@as_json_option
@with_config
def runs(context: click.Context, config_here: Path | None, last: int, as_json: bool) -> None:
    """The history of runs: when, how long, requests, rows, outcome."""
    from pipeline.folders import Folders
    from pipeline.runs import runs as read_runs
    from pipeline.terminal_runs import print_runs

    async def work(config: "Config") -> int:
        found = await asyncio.to_thread(read_runs, Folders(config.data_dir), last)
        if as_json:
            click.echo(json.dumps(found))
        else:
            print_runs(found)
        return 0

    carry_out(context, config_here, work)


@click.command()
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The file to write."
)
@with_config
def report(context: click.Context, config_here: Path | None, out: Path) -> None:
    """One page of marts, proofs and runs to send by mail. Without customers' comments."""
    from connectors.clock import system_clock
    from pipeline.web.report import write_report

    async def work(config: "Config") -> int:
        await write_report(config, out, system_clock().now())
        click.echo(f"wrote {out}")
        return 0

    carry_out(context, config_here, work)
