"""A source that answers wrongly: what each fault costs, says and leaves behind, over whole runs.

All cases are sources of one configuration, so that one run meets every fault at once, and a broken source is seen
not to touch its neighbours. Time is virtual: a minute of waiting, a stalled answer and a slow drip cost nothing.

Three runs: before (good answers, where the case knows the source already), struck (with new rows and the
fault), after (a day later, without it). "200 but wrong" never counts as empty: the watermark stays, no row is
called gone, the sentence says what was wrong, and the run after it loads and proves everything.

Kills: `json() or []`; 204 as an empty page; a list believed without meta; errors under 200 as data; a watermark
moved by a failed window; 4xx sent again; a retry without a grant (aiohttp's own, after a broken connection);
Retry-After ignored, or slept through for a week; a redirect followed; a certificate error tried again;
no total time-out; one login for each attempt; one broken source that fails the others.
"""

import asyncio
import socket
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import pytest
from virtual_time import run_virtual, virtual_clock
from wrong_answers import BEFORE, CASES, ELSEWHERE, NEW, PAGE, PER_DAY, TOKEN, USER, Case

from connectors.clock import Clock
from connectors.simulator.log import Arrival
from connectors.simulator.server import Simulator, serve
from connectors.simulator.switches import Switches
from connectors.simulator.year import generate
from pipeline.config import Config, parse
from pipeline.exits import exit_code
from pipeline.receipt import Receipt, StreamReceipt
from pipeline.run import Request, run

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Seen:
    """What is known of one source at the end of one run."""

    receipt: StreamReceipt
    arrivals: Sequence[Arrival]  # of this run
    watermark: datetime | None
    rows: set[Row]  # present, as readers see them
    gone: int  # rows called deleted
    table: set[Row]  # the source's own
    spent: int  # requests by the ledger, of all runs
    requests: int  # that the run says it sent


@dataclass(frozen=True)
class Story:
    before: Mapping[str, Seen]
    struck: Mapping[str, Seen]
    after: Mapping[str, Seen]
    receipts: Sequence[Receipt]
    elsewhere: Mapping[str, StreamReceipt]
    stranger: Sequence[Arrival]  # what the server behind the redirect saw


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    told, _ = run_virtual(tell(tmp_path_factory.mktemp("wrong")))
    return told


async def tell(folder: Path) -> Story:
    clock = virtual_clock()
    async with AsyncExitStack() as stack:
        simulators = {
            case.name: await stack.enter_async_context(simulator(case, clock, seed))
            for seed, case in enumerate(CASES)
        }
        stranger = await stack.enter_async_context(simulator(CASES[0], clock, 0))
        config = written(folder, simulators, stranger, clock)
        known = tuple(case.name for case in CASES if case.known)
        first = await run(config, Request(sources=known), clock=clock)
        before = look(config, first, simulators, {})
        await asyncio.sleep(3600)
        marks = {name: len(one.arrivals) for name, one in simulators.items()}
        for case in CASES:
            strike(case, simulators[case.name], stranger, clock)
        second = await run(config, clock=clock)
        struck = look(config, second, simulators, marks)
        await asyncio.sleep(25 * 3600)  # behind the longest block
        marks = {name: len(one.arrivals) for name, one in simulators.items()}
        for one in simulators.values():
            one.script.faults.clear()
            one.site.switches = Switches()
        third = await run(config, Request(sources=tuple(simulators)), clock=clock)
        elsewhere = {one.source: one for one in second.streams if one.source in ELSEWHERE}
        after = look(config, third, simulators, marks)
        return Story(before, struck, after, (first, second, third), elsewhere, stranger.arrivals)


def simulator(case: Case, clock: Clock, seed: int) -> Any:
    world = generate(seed, BEFORE, tenant="demo", until=clock.now())
    return serve(
        world,
        tokens={TOKEN: "demo"},
        users=[USER],
        now=clock.now,
        steady=clock.steady,
        switches=case.switches,
    )


def written(folder: Path, simulators: Mapping[str, Simulator], stranger: Simulator, clock: Clock) -> Config:
    """The configuration of all cases, and of the addresses where nobody is at home."""
    with closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        closed = unused.getsockname()[1]
    urls = {name: one.base_url for name, one in simulators.items()} | {
        "refused": f"http://127.0.0.1:{closed}",
        "unknown_host": "https://nowhere.invalid",
        "https_on_http": stranger.base_url.replace("http:", "https:"),
    }
    login = {case.name for case in CASES if case.login}
    text = "version: 1\nsources:\n"
    for name, url in urls.items():
        auth = f"email: {USER.email}, password: '{USER.password}'" if name in login else f"token: {TOKEN}"
        text += f"""
  - {{name: {name}, system: voki, tenant: demo, base_url: "{url}", auth: {{{auth}}}, page_size: {PAGE},
     streams: [evaluations],
     budget: {{per_minute: 900, per_day: {PER_DAY}, force: true}}}}"""
    return parse(text, {}, folder / "config.yaml", now=clock.now())


def strike(case: Case, one: Simulator, stranger: Simulator, clock: Clock) -> None:
    """New rows at the source, and its fault."""
    for n in range(NEW):
        one.world.insert(clock.now() - timedelta(minutes=40, seconds=-n), rating=1 + n % 5)
    if case.fault is not None:
        one.script.faults.append(replace(case.fault, location=f"{stranger.base_url}/api/v1/evaluations"))


def look(
    config: Config, receipt: Receipt, simulators: Mapping[str, Simulator], marks: Mapping[str, int]
) -> dict[str, Seen]:
    streams = {one.source: one for one in receipt.streams}
    left = {
        name: sum(
            one.day_left
            for one in receipt.budgets
            if one.source == name and one.day_left is not None and one.group.startswith("evaluations")
        )
        for name in streams
    }
    with closing(duckdb.connect(str(config.data_dir / "current" / "warehouse.duckdb"), read_only=True)) as db:
        query = """SELECT evaluation_id, rating, comment, customer_name, agent_name, department_name, created_at
            FROM core.evaluations WHERE source = ? AND _deleted_at IS NULL"""
        gone = "SELECT count(*) FROM core.evaluations WHERE source = ? AND _deleted_at IS NOT NULL"
        marked = dict(db.execute("SELECT source, watermark FROM meta.watermarks").fetchall())
        return {
            name: Seen(
                receipt=streams[name],
                arrivals=one.arrivals[marks.get(name, 0) :],
                watermark=marked.get(name),
                rows=set(db.execute(query, [name]).fetchall()),
                gone=db.execute(gone, [name]).fetchall()[0][0],
                table=set(map(as_row, one.world.rows())),
                spent=2 * PER_DAY - left[name],
                requests=receipt.requests[name],
            )
            for name, one in simulators.items()
            if name in streams
        }


def as_row(wire: Mapping[str, Any]) -> Row:
    names = ("id", "rating", "comment", "customer_name", "user_name", "department_name")
    return (*(wire.get(name) for name in names), datetime.fromisoformat(wire["inserted_at"]))


each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


@each_case
def test_the_outcome_and_the_sentence(story: Story, case: Case) -> None:
    stream = story.struck[case.name].receipt
    assert stream.outcome == case.outcome
    assert case.says in (stream.error or "")
    if case.outcome != "ok":
        assert stream.error is not None
        assert stream.error.startswith((f"{case.name} ", f"{case.name}/", "not compared: "))
    assert (stream.proof is not None and stream.proof.state == "proven") == (case.outcome == "ok")


@each_case
def test_what_failed_moves_no_watermark_and_nothing_is_lost(story: Story, case: Case) -> None:
    before, struck = story.before.get(case.name), story.struck[case.name]
    if case.outcome in ("failed", "paused"):
        assert struck.watermark == (before.watermark if before else None)
    else:
        assert struck.rows == struck.table
    assert (before.rows if before else set()) <= struck.rows <= struck.table
    assert struck.gone == 0


@each_case
def test_the_next_run_heals_and_proves(story: Story, case: Case) -> None:
    after, struck = story.after[case.name], story.struck[case.name]
    assert after.receipt.outcome == "ok"
    assert after.receipt.proof is not None
    assert after.receipt.proof.state == "proven"
    assert after.rows == after.table
    assert len(after.table) == BEFORE + NEW
    assert after.gone == 0
    assert after.watermark is not None
    assert after.watermark > (struck.watermark or datetime.min.replace(tzinfo=after.watermark.tzinfo))


@each_case
def test_every_request_was_granted_and_counted_once(story: Story, case: Case) -> None:
    """H8: what the run says it sent, what the ledger granted and what the server saw are one number."""
    runs = [seen[case.name] for seen in (story.before, story.struck, story.after) if case.name in seen]
    for one in runs:
        assert one.requests == len(one.arrivals)
        own = [arrival for arrival in one.arrivals if "/auth/" not in arrival.endpoint]
        assert one.receipt.requests == len(own)
    struck = runs[-2]  # the third run is a day later: its ledger has forgotten the others
    counted = [one for seen in runs[:-1] for one in seen.arrivals if "/auth/" not in one.endpoint]
    assert struck.spent == len(counted)


@each_case
def test_the_question_is_asked_so_often_and_so_slowly(story: Story, case: Case) -> None:
    asked = [one for one in story.struck[case.name].arrivals if one.endpoint.endswith(endpoint(case))]
    if not case.times:
        return
    struck = asked[: case.times]
    assert case.outcome == "ok" or len(asked) == case.times
    assert all(later.at - one.at >= case.gap for one, later in pairwise(struck))


def endpoint(case: Case) -> str:
    return "/login" if case.name.startswith("login_") else "/evaluations"


def test_one_login_for_a_run_and_one_more_after_a_401(story: Story) -> None:
    again = ["login", "refresh"]
    logins = {
        name: [
            way for one in story.struck[name].arrivals if (way := one.endpoint.rpartition("/")[2]) in again
        ]
        for name in ("healthy_login", "refused_once", "always_401")
    }
    assert logins == {"healthy_login": ["login"], "refused_once": again, "always_401": again}


def test_a_long_block_is_capped_at_a_day_and_says_when_to_go_on(story: Story) -> None:
    until = story.struck["limited_for_a_week"].receipt.resume_at
    assert until is not None
    began, ended = story.receipts[1].started_at, story.receipts[1].finished_at
    assert began + timedelta(days=1) <= until <= ended + timedelta(days=1, minutes=5)


def test_the_server_behind_a_redirect_saw_nothing(story: Story) -> None:
    assert story.stranger == []


@pytest.mark.parametrize(("name", "sentence"), ELSEWHERE.items())
def test_an_address_where_no_api_answers(story: Story, name: str, sentence: str) -> None:
    stream = story.elsewhere[name]
    assert (stream.outcome, stream.requests, stream.watermark) == ("failed", 5, None)
    assert sentence in (stream.error or "")


def test_the_runs_outcomes_and_exit_codes(story: Story) -> None:
    outcomes = [receipt.outcome for receipt in story.receipts]
    assert outcomes == ["ok", "failed", "ok"]
    assert [exit_code(outcome, 0) for outcome in outcomes] == [0, 1, 0]
    assert all(
        receipt.snapshot for receipt in story.receipts
    )  # what is good is published whatever else failed
