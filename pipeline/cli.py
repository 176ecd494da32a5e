"""The commands. Parses, calls, prints, and turns an outcome or an error into an exit code; decides nothing else.

Human output goes to stdout, logs and progress to stderr; `--json` prints one document on stdout. Heavy imports
stand inside the commands, so that `--help` answers at once.
"""

import asyncio
import json
import os
import sys
from collections.abc import Callable, Coroutine
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.exits import errors_as_exits, exit_code

if TYPE_CHECKING:
    from pipeline.config import Config
    from pipeline.run import Request


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    envvar="EVALSYNC_CONFIG",
    default=Path("config.yaml"),
    show_default=True,
    help="The configuration file.",
)
@click.version_option(package_name="evalsync")
@click.pass_context
def main(context: click.Context, config_path: Path) -> None:
    r"""Copy call evaluations into a warehouse that proves itself against the source.

    \b
    First steps:
      evalsync init      write a config.yaml (the shipped one runs on a built-in simulator)
      evalsync check     is everything in place?
      evalsync plan      what would a sync cost?
      evalsync sync      do it
      evalsync status    how things stand

    Tab completion, for bash (zsh and fish alike): eval "$(_EVALSYNC_COMPLETE=bash_source evalsync)"
    """
    context.obj = config_path


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


@main.command()
@what_to_sync
@as_json_option
@with_config
def sync(context: click.Context, config_here: Path | None, as_json: bool, **options: Any) -> None:
    """Bring the warehouse up to date: extract, load, prove, build marts, publish."""
    from pipeline.progress import progress_on
    from pipeline.run import run
    from pipeline.signals import stop_on_signals
    from pipeline.terminal import print_receipt

    async def work(config: "Config") -> int:
        with stop_on_signals() as signals, progress_on(sys.stderr) as progress:
            receipt = await run(config, _request(options), stop=signals.stop, progress=progress)
        if as_json:
            click.echo(json.dumps(receipt.as_json()))
        else:
            print_receipt(receipt, config.data_dir)
        return exit_code(receipt.outcome, signals.number)

    _carry_out(context, config_here, work)


@main.command()
@what_to_sync
@as_json_option
@with_config
def plan(context: click.Context, config_here: Path | None, as_json: bool, **options: Any) -> None:
    """What a sync would request, and how long it would take. Sends at most one request per stream."""
    from pipeline.plan import plan as make_plan
    from pipeline.terminal import print_plan

    async def work(config: "Config") -> int:
        planned = await make_plan(config, _request(options))
        if as_json:
            click.echo(json.dumps([one.as_json() for one in planned]))
        else:
            print_plan(planned)
        return 1 if any(one.refused for one in planned) else 0

    _carry_out(context, config_here, work)


@main.command()
@as_json_option
@with_config
def status(context: click.Context, config_here: Path | None, as_json: bool) -> None:
    """How things stand: watermarks, runs, proofs, rows, budgets, dead letters, freshness."""
    from pipeline.status import status as read_status
    from pipeline.terminal import print_status

    async def work(config: "Config") -> int:
        found = await read_status(config)
        if as_json:
            click.echo(json.dumps(found))
        else:
            print_status(found)
        return 0

    _carry_out(context, config_here, work)


@main.command()
@click.option("--verbose", is_flag=True, help="Also what each stream answers, beside what is assumed.")
@with_config
def check(context: click.Context, config_here: Path | None, verbose: bool) -> None:
    """Is everything in place? Config, folders, disk, credentials (one request per source)."""
    from pipeline.check import check as look
    from pipeline.terminal import print_findings

    async def work(config: "Config") -> int:
        findings = await look(config, verbose=verbose)
        print_findings(findings)
        return 0 if all(finding.good for finding in findings) else 2

    _carry_out(context, config_here, work)


@main.command()
@click.option("--mart", "names", multiple=True, metavar="NAME", help="Only this one and what belongs to it.")
@with_config
def marts(context: click.Context, config_here: Path | None, names: tuple[str, ...]) -> None:
    """Rebuild the marts from what is loaded, and publish them. Sends no request."""
    from pipeline.present import rebuild_marts
    from pipeline.terminal import print_marts

    async def work(config: "Config") -> int:
        snapshot, warnings = await rebuild_marts(config, names)
        for warning in warnings:
            click.echo(f"warning: {warning}")
        print_marts(snapshot)
        return 0

    _carry_out(context, config_here, work)


@main.group("dead-letters", invoke_without_command=True)
@click.option("--source", "source", metavar="NAME", help="Only this source.")
@as_json_option
@with_config
def dead_letters(context: click.Context, config_here: Path | None, source: str | None, as_json: bool) -> None:
    """List the records that broke their contract, with the reason."""
    if context.invoked_subcommand is not None:
        context.obj = config_here or context.obj
        return
    from pipeline.letters import letters
    from pipeline.terminal import print_letters

    async def work(config: "Config") -> int:
        found = await letters(config, source)
        if as_json:
            click.echo(json.dumps(found))
        else:
            print_letters(found)
        return 0

    _carry_out(context, config_here, work)


@dead_letters.command("replay")
@with_config
def replay_letters(context: click.Context, config_here: Path | None) -> None:
    """Try the dead letters again under today's contract. Sends no request."""
    from pipeline.letters import replay

    async def work(config: "Config") -> int:
        healed, left = await replay(config)
        click.echo(f"{healed} records are valid now and loaded; {left} are still dead letters")
        return 0

    _carry_out(context, config_here, work)


@main.command()
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=8099, show_default=True, help="0: any free one."
)
@click.option("--seed", type=click.IntRange(min=0), default=7, show_default=True)
@click.option(
    "--evaluations", type=click.IntRange(min=0), default=5000, show_default=True, help="Rows of the year."
)
@click.option(
    "--quality-evaluations",
    type=click.IntRange(min=0),
    default=1500,
    show_default=True,
    help="Of evaluagent.",
)
@click.option("--token", default="demo-token", show_default=True, help="The token that Voki accepts.")
def simulate(port: int, seed: int, evaluations: int, quality_evaluations: int, token: str) -> None:
    """Run the simulator of both vendors' APIs on one loopback port, to build against. Ctrl-C ends it."""
    from pipeline.simulators import simulate_both

    simulate_both(seed, evaluations, quality_evaluations, token=token, port=port, tell=click.echo)


@main.command()
@click.option("--force", is_flag=True, help="Replace the file that is there.")
@with_config
def init(context: click.Context, config_here: Path | None, force: bool) -> None:
    """Ask a few questions and write a config.yaml; says which environment variables to set."""
    from pipeline import init as questions

    def ask(question: questions.Question) -> str:
        choices = click.Choice(question.choices) if question.choices else None
        return str(click.prompt(question.text, default=question.default, type=choices))

    answers = questions.interview(ask, lambda sentence: click.echo(f"  {sentence}"))
    path = config_here or context.obj
    with errors_as_exits():
        questions.write(path, questions.render(answers), force=force)
        click.echo(f"wrote {path}")
        for variable in questions.variables(answers):
            click.echo(f"  export {variable.name}=...   # {variable.purpose}")
        click.echo("next: evalsync check")


def _request(options: dict[str, Any]) -> "Request":
    from pipeline.job import Asked
    from pipeline.run import Request

    return Request(
        sources=options["sources"],
        streams=options["streams"],
        asked=Asked(since=options["since"], until=options["until"], full=options["full"]),
        max_requests=options["max_requests"],
    )


def _carry_out(
    context: click.Context, config_here: Path | None, work: Callable[["Config"], Coroutine[Any, Any, int]]
) -> None:
    """Load the configuration, do the work, leave with its exit code."""
    from pipeline.config import load
    from pipeline.logs import configure

    configure(sys.stderr)
    with errors_as_exits():
        sys.exit(asyncio.run(work(load(config_here or context.obj, os.environ))))
