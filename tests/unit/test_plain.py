"""A page of plain records is read at once, to the very rows that each record by itself would give.

Kills: a float or a boolean that passes for a rating; a time that one way reads and the other does not; a missing field,
an unknown one or a value of the wrong kind on an otherwise plain page; personal data that is read past `privacy`.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from connectors.simulator.year import generate
from connectors.source import Account, Limit, Stream
from connectors.voki.streams import streams
from pipeline.normalize import plain_rows
from pipeline.privacy import Privacy
from pipeline.validate import judge, judge_each

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


def agree(stream: Stream, records: Sequence[Any], privacy: Privacy) -> None:
    """Both ways say the same; `plain_rows` may also say nothing."""
    slow = judge_each(stream, 1, NOW, records, privacy)
    fast = plain_rows(stream.contract, records, NOW, privacy)
    assert fast is None or (not slow.letters and fast.equals(slow.rows))
    whole = judge(stream, 1, NOW, records, privacy)
    assert whole.rows.equals(slow.rows)
    assert (whole.keys, whole.letters) == (slow.keys, slow.letters)


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


@pytest.mark.parametrize("records", [[], ["text"], [None], [[1] * 8], [7]])
def test_what_is_no_record_is_left_to_the_slow_way(records: list[Any]) -> None:
    assert plain_rows(EVALUATIONS.contract, records, NOW, KEEP) is None
    agree(EVALUATIONS, records, KEEP)


def test_the_documented_form_is_plain() -> None:
    """Else everything would be right, and slow."""
    rows = generate(3, 300).rows()
    assert plain_rows(EVALUATIONS.contract, rows, NOW, KEEP) is not None
    agree(EVALUATIONS, rows, KEEP)
    for stream in STREAMS:
        assert plain_rows(stream.contract, [PLAIN[stream.name]], NOW, KEEP) is not None
