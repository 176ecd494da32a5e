"""A page of plain records is read at once, to the very rows that each record by itself would give.

Kills: a float or a boolean that passes for a rating; a time that one way reads and the other does not; a missing field,
an unknown one or a value of the wrong kind on an otherwise plain page; personal data that is read past `privacy`.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from connectors.axis import Axis, located
from connectors.columns import Columns, keys_at, reading
from connectors.responses import parse
from connectors.simulator.year import generate
from connectors.source import SECOND, Account, Answer, Limit, Stream
from connectors.voki.streams import META, streams
from pipeline.normalize import plain_rows
from pipeline.privacy import Privacy
from pipeline.validate import judge, judge_each

AXES = (Axis(SECOND, descending=False), Axis(SECOND, descending=True))
NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
KEEP = Privacy()
RULES = [KEEP, Privacy({"comment": "pseudonym", "customer_name": "drop"}, SecretStr("key"))]
STREAMS = streams(
    Account("demo", "voki", "http://127.0.0.1", "demo", {}, ("evaluations", "calls"), 100, Limit(1))
)
EVALUATIONS, CALLS = STREAMS
TEXT: dict[str, Any] = {
    "id": "e1",
    "call_id": "c1",
    "comment": "bom",
    "customer_name": "Ana",
    "user_name": "Rui",
}
EVALUATION: dict[str, Any] = TEXT | {
    "department_name": None,
    "rating": 5,
    "inserted_at": "2025-03-01T10:20:30Z",
}
CALL: dict[str, Any] = TEXT | {
    "department_name": "Vendas",
    "department_id": "d1",
    "user_id": "u1",
    "status": "completed",
}
CALL |= {"customer_email": None, "customer_phone": "", "duration": 61, "wait_time": None}
CALL |= dict.fromkeys(("started_at", "completed_at", "inserted_at"), "2025-03-01T10:20:30.5-03:00")
del CALL["comment"], CALL["call_id"]
PLAIN: dict[str, dict[str, Any]] = {EVALUATIONS.name: EVALUATION, CALLS.name: CALL}
TIMES = (
    *(
        "2025-03-01T10:20:30",
        "2025-03-01 10:20:30Z",
        "2025-03-01T10:20Z",
        "2025-03-01T10Z",
        "2025-03-01",
        "20250301",
    ),
    *(
        "2025-03-01T10:20:30.1234567Z",
        "2025-03-01T10:20:30,5Z",
        "2025-03-01T10:20:30+02",
        "2025-03-01T10:20:30-0330",
    ),
    *("2025-03-01t10:20:30z", "2025-02-30T10:20:30Z", "2025-03-01T24:00:00Z", "2025-03-01T23:59:60Z"),
    *(
        "1970-01-01T00:00:00+14:00",
        "1969-12-31T23:59:59-01:00",
        "8999-12-31T23:59:59Z",
        "9000-01-01T00:00:00+01:00",
    ),
    *("+2025-03-01T10:20:30Z", " 2025-03-01T10:20:30Z", "2025-03-01T10:20:30Z ", "２025-03-01T10:20:30Z"),
    *("2025-W09-6T10:20:30Z", "2025-060T10:20:30Z", "2025-03-01T10:20:30+24:00", "2025-03-01T10:20:30 Z"),
)
VALUES: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        1,
        3.0,
        3.5,
        -1,
        5,
        6,
        127,
        128,
        2**31,
        2**63,
        10**40,
        float("nan"),
        float("inf"),
    ),
    *("", "x", "\x00", "\ud800", "5", "é", "null", [], [1], {}, {"a": 1}),
    *TIMES,
)


def body_of(records: Sequence[Any]) -> bytes:
    return json.dumps({"data": records, "meta": dict.fromkeys(META, 1)}).encode()


def agree(stream: Stream, records: Sequence[Any], privacy: Privacy) -> None:
    """Both ways say the same; `plain_rows` may also say nothing."""
    body = body_of(records)
    read = reading(stream.contract, META)(body)["data"]
    assert repr(list(read)) == repr(list(records))  # a NaN is not equal to itself
    places = range(len(records))
    assert keys_at(stream, read, places[1::2]) == [stream.key_of(records[n]) for n in places[1::2]]
    for axis in AXES:
        answer = Answer(records, None, None, None, body)
        assert (
            located(stream, axis, replace(answer, records=read)).places
            == located(stream, axis, answer).places
        )
    slow = judge_each(stream, 1, NOW, records, privacy)
    fast = plain_rows(stream.contract, read, NOW, privacy) if isinstance(read, Columns) else None
    assert fast is None or (not slow.letters and fast.equals(slow.rows))
    whole = judge(stream, 1, NOW, read, privacy)
    assert whole.rows.equals(slow.rows)
    assert (whole.keys, whole.letters) == (slow.keys, slow.letters)


def rows_of(stream: Stream, records: Sequence[Any]) -> pa.Table | None:
    """What is read at once; None where it is not."""
    read = reading(stream.contract, META)(body_of(records))["data"]
    return plain_rows(stream.contract, read, NOW, KEEP) if isinstance(read, Columns) else None


@pytest.mark.parametrize("privacy", RULES, ids=["keep", "hide"])
@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.name)
def test_each_odd_value_in_each_field_of_one_record(stream: Stream, privacy: Privacy) -> None:
    plain = PLAIN[stream.name]
    agree(stream, [plain, plain | {"id": "e2"}], privacy)
    for field in plain:
        for value in VALUES:
            agree(stream, [plain, plain | {"id": "e2", field: value}], privacy)
        agree(stream, [plain, {name: value for name, value in plain.items() if name != field}], privacy)
    agree(stream, [plain, plain | {"new": 1}], privacy)
    agree(stream, [{**plain, "new": 1}], privacy)


@given(
    st.sampled_from(STREAMS),
    st.lists(
        st.dictionaries(st.sampled_from([*EVALUATION, *CALL]), st.sampled_from(VALUES), max_size=2),
        max_size=6,
    ),
    st.sampled_from(RULES),
)
@settings(max_examples=300, deadline=None)
def test_whatever_a_page_consists_of(stream: Stream, changes: list[dict[str, Any]], privacy: Privacy) -> None:
    plain = PLAIN[stream.name]
    agree(stream, [plain | {"id": f"e{n}"} | change for n, change in enumerate(changes)], privacy)


@pytest.mark.parametrize(
    "records", [[], ["text"], [None], [[1] * 8], [7], [None, EVALUATION], [EVALUATION, []]]
)
def test_what_is_no_record_is_left_to_the_slow_way(records: list[Any]) -> None:
    assert rows_of(EVALUATIONS, records) is None
    agree(EVALUATIONS, records, KEEP)


def test_the_documented_form_is_plain() -> None:
    """Else everything would be right, and slow."""
    rows = generate(3, 300).rows()
    assert rows_of(EVALUATIONS, rows) is not None
    agree(EVALUATIONS, rows, KEEP)
    for stream in STREAMS:
        assert rows_of(stream, [PLAIN[stream.name]]) is not None


RECORD = b'{"id":"e1","rating":5,"inserted_at":"2025-03-01T10:20:30Z"}'
PAGE = b'{"data":[' + RECORD + b'],"meta":{"current_page":1,"page_size":1,"total_pages":1,"total_count":1}}'
READ = reading(EVALUATIONS.contract, META)
BODIES = (
    *(
        PAGE,
        b"\xef\xbb\xbf" + PAGE,
        PAGE.decode().encode("utf-16"),
        PAGE.replace(b",", b"\n , ") + b" \r\n",
        b"\n" + PAGE,
    ),
    *(PAGE + PAGE, PAGE + b"\n" + PAGE, PAGE + b"x", PAGE[:-1], PAGE.replace(b"e1", b"\xff"), b"/**/" + PAGE),
    *(
        PAGE.replace(b"e1", rb"\u0041"),
        PAGE.replace(b"e1", rb"\ud83d\ude00"),
        PAGE.replace(b"e1", rb"\ude00\ud83d"),
    ),
    *(PAGE.replace(b"e1", b"a\nb"), PAGE.replace(b"e1", rb"\x"), PAGE.replace(b'"e1"', b"'e1'")),
    *(
        PAGE.replace(b":5", one)
        for one in (b":05", b":5.0", b":5e0", b":-0", b":+5", b":NaN", b":Infinity", b":0x5")
    ),
    *(
        PAGE.replace(b":5", one)
        for one in (b":5,", b':5,"rating":4', b':5,"id":"e2"', b':5,"new":"2025-03-01"', b":")
    ),
    *(
        PAGE.replace(b":1}", one)
        for one in (b":1.0}", b":1e0}", b":-0}", b":null}", b":NaN}", b":%d}" % 10**30, b':"1"}')
    ),
    *(
        PAGE.replace(b":1}", one)
        for one in (b':1,"since":"2025-03-01"}', b':1,"total_count":2}', b':1,"pages":[1,"a"]}')
    ),
    *(
        PAGE.replace(b":1}", one)
        for one in (b':1,"pages":{"next":null,"more":true}}', b':1,"pages":{"to":"2025-03-01"}}')
    ),
    *(
        PAGE[:-1] + one
        for one in (
            b',"data":[]}',
            b',"data":null}',
            b',"meta":7}',
            b',"meta":null}',
            b',"version":"2025-03-01"}',
        )
    ),
    # Bare nulls and deep nesting, of which Arrow's reader can die: the process, not the call.
    *(PAGE + b"null" + PAGE, PAGE + b'}null{"body":' + PAGE, PAGE + b'} \n null {"body":' + PAGE),
    *(
        PAGE.replace(b":5", b':5,"new":' + b"[" * 200_000),
        PAGE.replace(b'"e1"', b"[" * 200_000 + b"]" * 200_000),
    ),
    # What could close the object around the body, and what only looks so.
    *(
        PAGE + b"}",
        b"}",
        b'1},"body":{',
        PAGE + b',"body":' + PAGE,
        PAGE + b',"new":1',
        b'{"body":%b}' % PAGE,
    ),
    PAGE.replace(b"e1", b"} null"),
    *(
        b"",
        b" ",
        b"null",
        b"7",
        b"[]",
        b"{}",
        b'"text"',
        b'{"data":null}',
        b'{"data":{}}',
        b'{"data":[]}',
        b'{"data":[{}]}',
    ),
    *(
        b'{"data":[null]}',
        b'{"data":[[]]}',
        b'{"data":"text"}',
        b'{"meta":{}}',
        b"<html>",
        b'{"errors":{}}',
        b"[" * 9000,
    ),
)


def said(read: Callable[[bytes], Any], body: bytes) -> str:
    """The value, or the kind of refusal, as the callers tell them apart."""
    try:
        value = read(body)
    except (ValueError, RecursionError):
        return "no JSON"
    if isinstance(value, dict) and isinstance(value.get("data"), Columns):
        value = {**value, "data": list(value["data"])}
    return repr(sorted(value.items()) if isinstance(value, dict) else value)


@pytest.mark.parametrize("body", BODIES)
def test_a_body_means_the_same_to_both_readers(body: bytes) -> None:
    """A mutant that drops the check of UTF-8, of a second document or of the fields beside the records dies here."""
    assert said(READ, body) == said(parse, body)


@given(st.binary(max_size=3), st.integers(0, len(PAGE)), st.integers(0, 3))
@settings(max_examples=500, deadline=None)
def test_a_damaged_body_means_the_same_to_both_readers(piece: bytes, place: int, cut: int) -> None:
    body = PAGE[:place] + piece + PAGE[place + cut :]
    assert said(READ, body) == said(parse, body)
