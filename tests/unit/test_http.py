"""connectors.http: each attempt is granted, sent once and counted, and nothing of it is told.

Kills: a retry without a grant (aiohttp's own included); retries counted once; a 4xx sent again; a request sent after
its grant has ended; a ceiling that forgets retries; a body, a query or a credential in an error or a log line.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from desk import PATH, REDIRECTS, TOKEN, desk, simulator

from connectors.http import Ceiling
from connectors.simulator.script import Fault
from schemas.errors import BudgetExhausted, RetryableSourceError, SourceError


@pytest.mark.parametrize(
    "kind",
    [500, 502, 503, 504, 408, 425, "html", "empty", "no_content", "error_200", "truncated", "reset", "deep"],
)
async def test_every_attempt_has_a_grant_and_the_server_sees_no_more(tmp_path: Path, kind: Any) -> None:
    async with simulator() as source, desk(tmp_path, source.base_url) as one:
        await one.get()  # so that there is a connection to break
        source.script.faults.append(Fault(kind, "list", first=3))
        await one.get()
        assert (await one.spent(), one.client.requests["list"], len(source.arrivals)) == (5, 5, 5)


@pytest.mark.parametrize("kind", [500, "html", "reset", "truncated"])
async def test_attempts_are_bounded(tmp_path: Path, kind: Any) -> None:
    async with simulator(Fault(kind, "list")) as source, desk(tmp_path, source.base_url) as one:
        with pytest.raises(RetryableSourceError):
            await one.get()
        assert (await one.spent(), one.client.requests["list"], len(source.arrivals)) == (5, 5, 5)


@pytest.mark.parametrize("status", [400, 403, 404, 405, 409, 410, 422, 451, *REDIRECTS])
async def test_what_cannot_help_is_not_tried_again(tmp_path: Path, status: int) -> None:
    async with simulator(Fault(status, "list")) as source, desk(tmp_path, source.base_url) as one:
        with pytest.raises(SourceError, match=f"status {status}"):
            await one.get()
        assert (await one.spent(), len(source.arrivals)) == (1, 1)


async def test_a_check_that_fails_is_another_attempt(tmp_path: Path) -> None:
    values: list[Any] = []

    def check(value: Any) -> None:
        values.append(value)
        if len(values) < 3:
            raise RetryableSourceError("not what was asked for")

    async with simulator() as source, desk(tmp_path, source.base_url) as one:
        await one.client.get("list", PATH, (), check)
        assert (len(values), await one.spent(), len(source.arrivals)) == (3, 3, 3)


async def test_a_group_without_a_limit_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    async with simulator() as source, desk(tmp_path, source.base_url) as one:
        with pytest.raises(Exception, match="no budget is declared for endpoint group 'new'"):
            await one.client.get("new", PATH)
        assert source.arrivals == []


async def test_a_process_that_wakes_up_after_its_grant_sends_nothing(tmp_path: Path) -> None:
    async with simulator() as source, desk(tmp_path, source.base_url, hold=0.0) as one:
        with pytest.raises(RetryableSourceError, match="stopped between the grant and the request"):
            await one.get()
        assert source.arrivals == []


# -- the most requests of a run -----------------------------------------------------------------------------


async def test_the_ceiling_counts_retries_and_pauses_the_run(tmp_path: Path) -> None:
    ceiling = Ceiling(4)
    async with (
        simulator(Fault(500, "list", first=2)) as source,
        desk(tmp_path, source.base_url, ceiling=ceiling) as one,
    ):
        await one.get()
        await one.client.get("stats", f"{PATH}/stats")
        with pytest.raises(BudgetExhausted, match="--max-requests are spent") as caught:
            await one.get()
        assert caught.value.resume_at is None
        assert (len(source.arrivals), await one.spent()) == (4, 3)


# -- nothing is told ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", [400, 401, 403, 404, 422, 429, 500, "html", "error_200", "truncated", "reset", "redirect", "bomb"]
)
async def test_no_error_and_no_log_line_holds_credential_query_or_body(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: Any
) -> None:
    told = {"errors": {"detail": f"{TOKEN} s3ntinel-c0mment"}}
    fault = Fault(kind, "list", payload=told if isinstance(kind, int) else None, retry_after="zero")
    async with simulator(fault) as source, desk(tmp_path, source.base_url) as one:
        with pytest.raises(SourceError) as caught:
            await one.get(PATH, (("search", "s3ntinel-qu3ry"),))
    printed = capsys.readouterr()
    text = f"{caught.value!s} {caught.value!r} {caught.value.__cause__!r} {printed.out} {printed.err}"
    assert "s3ntinel" not in text
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert TOKEN not in repr(one.client.auth)


async def test_the_sources_own_time_comes_with_the_answer(tmp_path: Path) -> None:
    async with simulator() as source, desk(tmp_path, source.base_url) as one:
        payload = await one.client.get("list", PATH)
        assert payload.observed_at is not None
        assert abs(payload.observed_at - source.site.now()) < timedelta(seconds=30)
