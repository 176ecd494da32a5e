"""What the commands share: their options, and the way from a configuration to an exit code."""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.exits import errors_as_exits

if TYPE_CHECKING:
    from pipeline.config import Config
    from pipeline.run import Request


class Moment(click.ParamType[datetime]):
    """An ISO 8601 date or time; a date means midnight UTC."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        from pipeline.config_fields import instant

        try:
            return value if isinstance(value, datetime) else instant(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def with_config(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--config` also after the command's name, where people write it."""
    option = click.option(
        "--config", "config_here", type=click.Path(path_type=Path), help="The configuration file."
    )
    return option(click.pass_context(command))


def what_to_sync(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say what a run reads; `sync` and `plan` share them."""
    options = (
        click.option(
            "--source", "sources", multiple=True, metavar="NAME", help="Only this one; may be repeated."
        ),
        click.option(
            "--stream", "streams", multiple=True, metavar="NAME", help="Only this one; may be repeated."
        ),
        click.option("--since", type=Moment(), help="Read from here, instead of from the watermark."),
        click.option("--until", type=Moment(), help="Read up to here, instead of up to now."),
        click.option("--full", is_flag=True, help="Read everything again, from `start`."),
        click.option("--max-requests", type=click.IntRange(min=1), help="Send at most so many requests."),
    )
    for option in reversed(options):
        command = option(command)
    return command


as_json_option = click.option(
    "--json", "as_json", is_flag=True, help="One JSON document on stdout, nothing else."
)


def request_of(options: dict[str, Any]) -> "Request":
    from pipeline.job import Asked
    from pipeline.run import Request

    return Request(
        sources=options["sources"],
        streams=options["streams"],
        asked=Asked(since=options["since"], until=options["until"], full=options["full"]),
        max_requests=options["max_requests"],
    )


def carry_out(
    context: click.Context, config_here: Path | None, work: Callable[["Config"], Coroutine[Any, Any, int]]
) -> None:
    """Load the configuration, do the work, leave with its exit code."""
    from pipeline.config import load
    from pipeline.logs import configure

    configure(sys.stderr)
    with errors_as_exits():
        sys.exit(asyncio.run(work(load(config_here or context.obj, os.environ))))
