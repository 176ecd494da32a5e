"""The command that does not end by itself: `serve`."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pipeline.exits import exit_code
from pipeline.options import carry_out, with_config

if TYPE_CHECKING:
    from pipeline.config import Config


@click.command()
@with_config
def serve(context: click.Context, config_here: Path | None) -> None:
    """The scheduler and the dashboard, until Ctrl-C or SIGTERM. SIGHUP reads the configuration anew.

    Syncs the sources of `schedule` at their times, and at once what was missed meanwhile.
    """
    from connectors.clock import system_clock
    from pipeline.config import load
    from pipeline.progress import Lines
    from pipeline.service import Service, sync_aside
    from pipeline.signals import call_on_hangup, stop_on_signals

    path = config_here or context.obj

    async def work(config: "Config") -> int:
        with stop_on_signals() as signals:
            service = Service(
                read=lambda: load(path, os.environ),
                sync=sync_aside(Lines),
                clock=system_clock(),
                stop=signals.stop,
            )
            await service.use(config)
            click.echo(f"dashboard: {service.address}  (Ctrl-C ends it)")
            sys.stdout.flush()
            with call_on_hangup(service.hangup.set):
                await service.live()
        return exit_code("ok", signals.number)

    carry_out(context, config_here, work)
