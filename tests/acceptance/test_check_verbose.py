"""`evalsync check --verbose`: what an account answers beside what is assumed, for a person who has one.

Kills: a value of a record in the output; a wrong assumption that is called good; a right one that is called wrong; a
second request for a stream; a key that does not mend what it is named for.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from lab import TOKENS
from lab import config as voki_config
from quality_lab import KEY, account, config

from connectors.simulator.evaluagent.server import serve
from connectors.simulator.evaluagent.switches import ASSUMED, Switches
from connectors.simulator.evaluagent.world import QualityWorld
from connectors.simulator.evaluagent.year import generate
from connectors.simulator.server import serve as serve_voki
from connectors.simulator.year import generate as generate_voki
from pipeline.check import Finding, check

LISTED = ("quality_evaluations", "agents", "groups", "roles", "conversations")
TELLING = re.compile(r"[a-z_-]+|.{0,4}", re.DOTALL)  # words that our own sentences may hold


def told(findings: list[Finding]) -> str:
    return "\n".join(f"{one.what}: {one.detail}" for one in findings)


def wrong(findings: list[Finding]) -> list[str]:
    return [one.detail for one in findings if not one.good]


def leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for one in value.values():
            yield from leaves(one)
    elif isinstance(value, list):
        for one in value:
            yield from leaves(one)
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def values(*tables: Any) -> set[str]:
    """Everything that stands in the rows and is no word of ours."""
    return {
        text for text in leaves(json.loads(json.dumps(tables, default=str))) if not TELLING.fullmatch(text)
    }


async def looked(
    folder: Path, switches: Switches = ASSUMED, world: QualityWorld | None = None, **keys: Any
) -> tuple[list[Finding], list[str]]:
    """The findings, and the paths that were asked for."""
    world = world or generate(5, 60)
    async with serve(world, switches=switches, keys=(KEY,)) as simulator:
        keys = {"streams": list(LISTED), "integrations": ["zendesk", "voki"], **keys}
        findings = await check(config(folder, account(simulator.base_url, **keys)), verbose=True)
        asked = [arrival.path for arrival in simulator.arrivals]
    text = told(findings)
    rows = (world.rows(), world.users(), world.groups(), world.roles())
    assert [value for value in values(*rows) if value in text] == []
    assert KEY.access_key_id not in text
    assert KEY.secret not in text
    return findings, asked


async def test_as_assumed_all_is_good_in_one_request_for_each_stream(tmp_path: Path) -> None:
    findings, asked = await looked(tmp_path)
    assert wrong(findings) == []
    assert len(asked) == len(set(asked)) == 1 + len(LISTED)
    text = told(findings)
    for part in (
        "data (list), included (list), meta (page), links (first, last, prev, next)",
        "a total stands at meta.page.total, as assumed",
        "the next page is named by page[number], as assumed",
        "asked for 3 rows by page[size], given 3",
        "score number",
        "agent object, contacts list",
        "published_at: whole seconds, in UTC (Z)",
        "the answer has a Date header",
        "included contacts name an evaluation",
        "not to be seen by such requests: date_from, date_to",
    ):
        assert part in text, part


# A reading of the API, words of what is found, and the key that is named for it.
OTHER: list[tuple[dict[str, Any], str, str]] = [
    ({"total_at": "total"}, "a number at meta.total", "assume.paging.total"),
    ({"total_at": "pagination.total"}, "a number at meta.pagination.total", "assume.paging.total"),
    ({"paging": "laravel"}, "but by page", "assume.paging.number"),
    ({"paging": "none"}, "asked for 3 rows by page[size], given", "assume.paging.size"),
    ({"details": "single"}, "the list lacks score, line_items", "details: [quality_evaluations]"),
]


@pytest.mark.parametrize(("reading", "found", "key"), OTHER, ids=[str(row[0]) for row in OTHER])
async def test_what_differs_is_named_with_the_key_that_mends_it(
    tmp_path: Path, reading: dict[str, Any], found: str, key: str
) -> None:
    findings, asked = await looked(tmp_path, replace(ASSUMED, **reading))
    assert len(asked) == 1 + len(LISTED)
    assert any(found in one and one.endswith(f": set {key}") for one in wrong(findings)), told(findings)


FINE: list[tuple[dict[str, Any], str]] = [
    ({"total_at": "absent"}, "windows will be not comparable, never proven"),
    ({"links": "object"}, "links.next is an object with href"),
    ({"link_target": "path"}, "links.next is text, relative"),
    ({"links": "absent"}, "links that tell of pages: none"),
    ({"paging": "cursor"}, "the next page is named by a cursor"),
    ({"published_at": "offset"}, "published_at: whole seconds, with an offset"),
    ({"published_at": "fraction"}, "published_at: 6 digits of a second, in UTC (Z)"),
    ({"scorecard": "relationship"}, "agent object, contacts list, scorecard object"),
    ({"scorecard_id": "number"}, "scorecard_id number"),
    ({"contacts_linkage": "to_one"}, "contacts object"),
    ({"org_lists": "whole"}, "this list comes whole"),
    ({"members": "many"}, "jsonapi (version)"),
    ({"ping": "message"}, "the credential is good"),
    ({"ping": "nothing"}, "the credential is good"),
]


@pytest.mark.parametrize(("reading", "found"), FINE, ids=[str(row[0]) for row in FINE])
async def test_what_is_not_known_but_does_no_harm_is_told_and_good(
    tmp_path: Path, reading: dict[str, Any], found: str
) -> None:
    findings, asked = await looked(tmp_path, replace(ASSUMED, **reading))
    assert wrong(findings) == []
    assert found in told(findings)
    assert len(asked) == len(set(asked))


@pytest.mark.parametrize(
    ("reading", "assume"),
    [
        ({"total_at": "total"}, {"paging": {"total": "meta.total"}}),
        ({"paging": "laravel"}, {"paging": {"number": "page", "size": "per_page"}}),
    ],
)
async def test_the_key_that_is_named_mends_it(
    tmp_path: Path, reading: dict[str, Any], assume: dict[str, Any]
) -> None:
    findings, _ = await looked(tmp_path, replace(ASSUMED, **reading), assume=assume)
    assert wrong(findings) == []


@pytest.mark.parametrize(
    ("assume", "key"),
    [
        ({"filter": "filter[other]"}, "assume.filter"),
        ({"sort": "id"}, "assume.sort"),
        ({"include": "contact"}, "assume.include"),
    ],
)
async def test_a_parameter_that_is_ignored_is_noticed_by_its_effect(
    tmp_path: Path, assume: dict[str, Any], key: str
) -> None:
    """Kills: a look at the newest rows only, among which none lies outside of a window."""
    lenient = replace(
        ASSUMED, bad_filter="ignore", bad_sort="ignore", bad_include="ignore", default_order="oldest"
    )
    if key != "assume.sort":
        lenient = replace(lenient, default_order="newest")
    world = generate(5, 400)
    findings, _ = await looked(tmp_path, lenient, world, assume=assume)
    assert any(one.endswith(f": set {key}") for one in wrong(findings)), told(findings)


async def test_a_link_to_another_host_is_told_and_nothing_is_sent_there(tmp_path: Path) -> None:
    findings, _ = await looked(tmp_path, replace(ASSUMED, link_target="foreign"))
    assert any("another host" in one for one in wrong(findings))


async def test_details_are_not_asked_for_one_by_one(tmp_path: Path) -> None:
    findings, asked = await looked(
        tmp_path, replace(ASSUMED, details="single"), details=["quality_evaluations", "conversations"]
    )
    assert len(asked) == 1 + len(LISTED)
    assert any("the list lacks score" in one.detail for one in findings)


async def test_a_bearer_key_under_basic_is_said_with_its_remedy(tmp_path: Path) -> None:
    key = replace(KEY, bearer=True)
    async with serve(generate(5, 10), keys=(key,)) as simulator:
        findings = await check(config(tmp_path, account(simulator.base_url)), verbose=True)
        assert len(simulator.arrivals) == 1
        assert any("set `auth.mode: bearer`" in one for one in wrong(findings))
        good = await check(config(tmp_path, account(simulator.base_url, mode="bearer")))
        assert wrong(good) == []
        assert [arrival.path for arrival in simulator.arrivals[1:]] == ["/v1/auth/token", "/v1/ping"]


async def test_without_verbose_one_request_tells_of_the_credential(tmp_path: Path) -> None:
    async with serve(generate(5, 10), keys=(KEY,)) as simulator:
        findings = await check(config(tmp_path, account(simulator.base_url)))
        assert wrong(findings) == []
        assert [arrival.path for arrival in simulator.arrivals] == ["/v1/ping"]


async def test_voki_is_looked_at_likewise(tmp_path: Path) -> None:
    world = generate_voki(3, 80)
    async with serve_voki(world, tokens=TOKENS) as simulator:
        to = voki_config(simulator.base_url, tmp_path)
        findings = await check(to, verbose=True)
        assert len(simulator.arrivals) == 1
    text = told(findings)
    assert wrong(findings) == []
    assert "a total stands at meta.total_count" in text
    assert "inserted_at: whole seconds, in UTC (Z)" in text
    assert [value for value in values(world.rows()) if value in text] == []
