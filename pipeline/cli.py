"""The commands. Parses, calls, prints, and turns an outcome or an error into an exit code; decides nothing else.

Human output goes to stdout, logs and progress to stderr; `--json` prints one document on stdout. Heavy imports
stand inside the commands, so that `--help` answers at once.
"""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli_loaded import audit, dead_letters, marts, replay
from pipeline.cli_runs import report, runs
from pipeline.cli_service import serve
from pipeline.exits import errors_as_exits, exit_code
from pipeline.options import as_json_option, carry_out, request_of, what_to_sync, with_config

if TYPE_CHECKING:
    from pipeline.config import Config


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


@main.command()
@what_to_sync
@as_json_option
@with_config
def sync(context: click.Context, config_here: Path | None, as_json: bool, **options: Any) -> None:
    """Bring the warehouse up to date: extract, load, prove, build marts, publish."""
    from connectors.clock import system_clock
    from pipeline.notify import failures_told, tell_run
    from pipeline.progress import progress_on
    from pipeline.run import run
    from pipeline.signals import stop_on_signals
    from pipeline.terminal import print_receipt

    async def work(config: "Config") -> int:
        clock = system_clock()
        with stop_on_signals() as signals, progress_on(sys.stderr) as progress:
            async with failures_told(config, clock):
                receipt = await run(config, request_of(options), stop=signals.stop, progress=progress)
        if as_json:
            click.echo(json.dumps(receipt.as_json()))
        else:
            print_receipt(receipt, config.data_dir)
        sys.stdout.flush()
        await tell_run(config, receipt.as_json(), clock)
        return exit_code(receipt.outcome, signals.number)

    carry_out(context, config_here, work)


@main.command()
@what_to_sync
@as_json_option
@with_config
def plan(context: click.Context, config_here: Path | None, as_json: bool, **options: Any) -> None:
    """What a sync would request, and how long it would take. Sends at most one request per stream."""
    from pipeline.plan import plan as make_plan
    from pipeline.terminal import print_plan

    async def work(config: "Config") -> int:
        planned = await make_plan(config, request_of(options))
        if as_json:
            click.echo(json.dumps([one.as_json() for one in planned]))
        else:
            print_plan(planned)
        return 1 if any(one.refused for one in planned) else 0

    carry_out(context, config_here, work)


@main.command()
@as_json_option
@with_config
def status(context: click.Context, config_here: Path | None, as_json: bool) -> None:
    """How things stand: watermarks, runs, proofs, rows, budgets, dead letters, freshness."""
    from connectors.clock import system_clock
    from pipeline.terminal_status import print_status
    from pipeline.web.health import health

    async def work(config: "Config") -> int:
        state = await health(config, system_clock().now())
        found = state.as_json()
        if as_json:
            click.echo(json.dumps(found))
        else:
            print_status(found)
        return 0

    carry_out(context, config_here, work)


@main.command()
@click.option("--verbose", is_flag=True, help="Also what each stream answers, beside what is assumed.")
@click.option(
    "--accept-lost-budget",
    is_flag=True,
    help="After a lost budget.sqlite: do not wait a day. You vouch for the requests already sent.",
)
@with_config
def check(context: click.Context, config_here: Path | None, verbose: bool, accept_lost_budget: bool) -> None:
    """Is everything in place? Config, folders, disk, credentials (one request per source)."""
    from pipeline.check import check as look
    from pipeline.terminal import print_findings

    async def work(config: "Config") -> int:
        findings = await look(config, verbose=verbose, accept_lost_budget=accept_lost_budget)
        print_findings(findings)
        return 0 if all(finding.good for finding in findings) else 2

    carry_out(context, config_here, work)


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


for command in (audit, marts, replay, dead_letters, serve, runs, report):
    main.add_command(command)
