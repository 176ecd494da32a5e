"""pipeline.validate and pipeline.normalize: records against their contract, from the body's bytes to the table.

Kills: an exception for one record; a count that misses duplicates; the older answer wins; a letter without a key that
can be stored; a reason with the value in it; the threshold as an absolute number, or per run; NaN in `extra`.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from connectors.responses import parse
from connectors.source import Account, Limit, Stream
from connectors.voki.streams import streams
from pipeline.normalize import staging_schema
from pipeline.privacy import Privacy
from pipeline.validate import DeadLetter, Judged, check_share, judge, newest
from schemas.errors import QuarantineOverflow
from schemas.voki import EVALUATIONS

NOON = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
SECRET = "s3ntinel-of-a-customer"
KEEP = Privacy()
HIDE = Privacy({"comment": "pseudonym", "customer_name": "drop"}, SecretStr("key"))


def stream() -> Stream:
    [found] = streams(
        Account("demo", "voki", "http://127.0.0.1", "demo", {}, ("evaluations",), 100, Limit(1))
    )
    return found


def row(n: int = 0, **fields: Any) -> dict[str, Any]:
    at = (NOON + timedelta(seconds=n)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"id": f"e{n}", "call_id": f"c{n}", "rating": 5, "comment": "bom", "inserted_at": at} | fields


def judged(records: Sequence[Any], number: int = 1, minute: int = 0, privacy: Privacy = KEEP) -> Judged:
    return judge(stream(), number, NOON + timedelta(minutes=minute), records, privacy)


def letter(record: Any, privacy: Privacy = KEEP) -> DeadLetter:
    [found] = judged([record], privacy=privacy).letters.values()
    return found


def rows(*pages: Judged) -> pa.Table:
    return newest(EVALUATIONS, pages).rows


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["\ud800", "\x00", "1", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FIELDS = (
    "id",
    "call_id",
    "rating",
    "comment",
    "customer_name",
    "user_name",
    "department_name",
    "inserted_at",
    "new",
)
RECORDS = st.lists(
    JSON | st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, JSON)).map(lambda some: row() | some),
    max_size=12,
)


@given(pages=st.lists(RECORDS, min_size=1, max_size=3), privacy=st.sampled_from([KEEP, HIDE]))
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_a_source_sends_every_record_is_counted_once(
    pages: list[list[Any]], privacy: Privacy
) -> None:
    """No record stops a page, and what is to be stored can be stored."""
    bodies = [parse(json.dumps(page).encode()) for page in pages]
    found = newest(EVALUATIONS, [judged(page, number, number, privacy) for number, page in enumerate(bodies)])
    table = found.rows
    assert found.fetched == len(table) + len(found.dead) + found.duplicates == sum(map(len, pages))
    assert table.schema == staging_schema(EVALUATIONS)
    assert len(set(table.column("evaluation_id").to_pylist())) == len(table)
    for extra in filter(None, table.column("extra").to_pylist()):
        json.loads(extra, parse_constant=pytest.fail)
    for one in found.dead:
        assert one.reason
        assert one.pointer.startswith("/")
        assert one.raw.isascii()
        assert 0 < len(one.record_key.encode()) <= 200


# -- which answer wins ------------------------------------------------------------------------------------


def ratings(*pages: Judged) -> dict[str, int]:
    table = rows(*pages)
    return dict(
        zip(table.column("evaluation_id").to_pylist(), table.column("rating").to_pylist(), strict=True)
    )


def test_the_newest_answer_wins_whatever_the_order_of_the_pages() -> None:
    old, new = judged([row(rating=1)], number=2, minute=0), judged([row(rating=2)], number=1, minute=1)
    assert ratings(old, new) == ratings(new, old) == {"e0": 2}


def test_at_one_moment_the_later_page_wins_and_in_a_page_the_later_record() -> None:
    first, second = judged([row(rating=1)], number=1), judged([row(rating=2), row(rating=3)], number=2)
    assert ratings(second, first) == {"e0": 3}
    assert newest(EVALUATIONS, [first, second]).duplicates == 2


def test_a_broken_newer_version_is_a_letter_and_a_mended_one_a_row() -> None:
    good, bad = judged([row()], minute=0), judged([row(rating=9)], minute=1)
    assert len(newest(EVALUATIONS, [good, bad]).dead) == 1
    assert len(rows(good, bad)) == 0
    bad, good = judged([row(rating=9)], minute=0), judged([row()], minute=1)
    assert newest(EVALUATIONS, [good, bad]).dead == []


def test_an_integer_id_and_its_text_are_one_record() -> None:
    assert ratings(judged([row(id=7, rating=1), row(id="7", rating=2)])) == {"7": 2}


# -- letters ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"rating": SECRET}, "/rating"),
        ({"rating": 6}, "/rating"),
        ({"comment": [SECRET]}, "/comment"),
        ({"comment": SECRET + "\ud800"}, "/comment"),
        ({"customer_name": {SECRET: SECRET}}, "/customer_name"),
        ({"inserted_at": SECRET}, "/inserted_at"),
        ({"id": [SECRET]}, "/id"),
        ({"call_id": 4.5}, "/call_id"),
    ],
)
def test_a_letter_names_the_field_and_never_the_value(fields: dict[str, Any], pointer: str) -> None:
    found = letter(row(**fields))
    assert found.pointer == pointer
    assert SECRET not in found.reason
    assert SECRET not in found.record_key
    assert json.loads(found.raw) == row(**fields)


def test_a_letter_hides_what_privacy_hides() -> None:
    found = letter(row(rating=0, comment=SECRET, customer_name=SECRET), HIDE)
    assert SECRET not in found.raw
    assert json.loads(found.raw)["customer_name"] is None


@pytest.mark.parametrize("record", ["text", None, [], 7, True, {}, [{"id": "e0"}]])
def test_a_record_that_is_no_object_stands_where_its_neighbours_stand(record: Any) -> None:
    """So that its letter belongs to a window, and goes when the source has mended it."""
    for records in ([row(3), record, row(9)], [record, row(3)]):
        moments = [one.moment for one in judged(records).letters.values()]
        assert moments == [NOON + timedelta(seconds=3)]
    assert letter(record).moment is None


def test_a_long_or_odd_key_is_named_by_its_hash() -> None:
    keys = [letter(row(id=key, rating=0)).record_key for key in ("é" * 150, "{", "[", '"', "\ud800")]
    assert all(key.startswith("sha256:") for key in keys)
    assert len(set(keys)) == len(keys)
    assert letter(row(id="ev1a2b3c-d4e5", rating=0)).record_key == "ev1a2b3c-d4e5"


# -- a page of poison is a changed source -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("broken", "whole", "stops"),
    [
        (0, 0, False),
        (1, 1, False),
        (2, 2, True),
        (9, 9, True),
        (9, 10, False),
        (10, 11, True),
        (10, 200, False),
        (11, 200, True),
        (50, 1000, False),
        (51, 1000, True),
    ],
)
def test_few_broken_records_pass_and_too_large_a_share_does_not(broken: int, whole: int, stops: bool) -> None:
    page = judged([row(n, rating=9 if n < broken else 5) for n in range(whole)])
    if not stops:
        check_share(stream(), page, 0.05)
        return
    with pytest.raises(QuarantineOverflow) as caught:
        check_share(stream(), page, 0.05)
    assert str(caught.value).startswith(
        f"{broken} of {whole} records of a page break the contract of evaluations"
    )
    assert caught.value.pointer == "/rating"
    check_share(stream(), page, 1.0)


def test_the_reason_told_is_the_most_frequent_one() -> None:
    page = judged([*(row(n, comment=n) for n in range(3)), *(row(n, rating="x") for n in range(3, 20))])
    with pytest.raises(QuarantineOverflow, match="most often /rating: Input should be a valid integer"):
        check_share(stream(), page, 0.05)


# -- rows ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unknown", "extra"),
    [
        ({}, None),
        ({"b": 1, "a": {"c": [None, 1.5]}}, '{"a": {"c": [null, 1.5]}, "b": 1}'),
        ({"score": float("nan"), "odd": "\ud800"}, '{"odd": "\\\\ud800", "score": "nan"}'),
        ({"ação": "é"}, '{"a\\u00e7\\u00e3o": "\\u00e9"}'),
    ],
)
def test_unknown_fields_are_one_json_object(unknown: dict[str, Any], extra: str | None) -> None:
    assert rows(judged([row(**unknown)])).column("extra").to_pylist() == [extra]


def test_endless_nesting_ends_in_extra_and_nowhere_else() -> None:
    deep: Any = 1
    for _ in range(500):
        deep = [deep]
    [text] = rows(judged([row(deep=deep)])).column("extra").to_pylist()
    assert text.count("[") == 99
    assert "nested too deeply" in text


def test_a_letter_that_is_tried_again_has_the_pseudonym_of_its_customer() -> None:
    """Kills: a pseudonym of a pseudonym, which no other row of the customer has."""
    privacy = Privacy({"comment": "pseudonym", "customer_name": "pseudonym"}, SecretStr("key"))
    record = row(customer_name=SECRET, comment=SECRET)
    [good] = judged([record], privacy=privacy).rows.to_pylist()
    raw = json.loads(letter(record | {"rating": "seven"}, privacy).raw)
    assert SECRET not in raw.values()
    [healed] = judged([raw | {"rating": 5}], privacy=replace(privacy, again=True)).rows.to_pylist()
    assert healed["comment"] == good["comment"]
    assert len(good["comment"]) == 32
    assert healed["customer_name"] == good["customer_name"]
    [alike] = judged([row(comment=good["comment"])], privacy=privacy).rows.to_pylist()
    assert alike["comment"] != good["comment"]  # only of a letter it is known to be one


@pytest.mark.parametrize(("comment", "has"), [("", False), (None, False), (" ", True), ("bom", True)])
def test_whether_there_is_a_comment_survives_its_dropping(comment: str | None, has: bool) -> None:
    table = judged([row(comment=comment)], privacy=Privacy({"comment": "drop"})).rows
    assert table.column("has_comment").to_pylist() == [has]
    assert table.column("comment").to_pylist() == ["" if comment == "" else None]


def test_times_are_utc_whatever_zone_the_source_writes() -> None:
    times = [
        "2026-01-01T12:00:00Z",
        "2026-01-01T12:00:00",
        "2026-01-01T09:00:00-03:00",
        "2026-01-01T12:00:00.000Z",
    ]
    table = judged([row(n, inserted_at=time) for n, time in enumerate(times)]).rows
    assert table.column("created_at").to_pylist() == [NOON] * len(times)
