"""connectors.responses: what is an answer, what is an error, how long to wait. No socket, no file.

Kills: `json() or []`; 204 as data; a redirect as an answer; an error's text with a part of the body in it; an
HTTP-date without a zone taken for local time; "-5" or "1.5" as seconds; a wait without an upper bound; a limit that
is checked only when the whole body is there.
"""

import gzip
import json
import time
import tracemalloc
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.responses import LONGEST_RETRY_AFTER, Inflater, http_date, parse, read, retry_after
from schemas.errors import AuthError, FatalSourceError, Place, RetryableSourceError, SourceError

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
PLACE = Place("demo", "", "list", 200)
SECRET = "s3cr3t-of-a-customer"


def answer(status: int, body: bytes, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return read(Place("demo", "", "list", status), status, named, body, NOW)


@pytest.mark.parametrize(
    "body", [b"[]", b'{"data": []}', b'{"data": [], "errors": []}', b"null", b"0", b'{"rows": 1}']
)
def test_json_is_a_value_whatever_it_says(body: bytes) -> None:
    assert answer(200, body) == json.loads(body)
    assert answer(201, body) == json.loads(body)


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (200, b"", "empty"),
        (200, b" \r\n\t", "empty"),
        (200, b"<!DOCTYPE html><html></html>", "not JSON"),
        (200, b'{"data": [', "not JSON"),
        (200, b'{"data": []} x', "not JSON"),
        (200, b"\xff\xfe[]", "not JSON"),
        (200, b"[" * 200_000 + b"]" * 200_000, "not JSON"),
        (200, b'{"error": "Internal error"}', "an error under a status that says success"),
        (200, b'{"errors": [{"status": "500"}]}', "an error under a status that says success"),
        (204, b"", "without content"),
        *((status, b"", "not ready") for status in (408, 425, 500, 502, 503, 504)),
        (429, b"", "too many requests"),
    ],
)
def test_what_is_worth_another_try(status: int, body: bytes, says: str) -> None:
    with pytest.raises(RetryableSourceError, match=says) as caught:
        answer(status, body)
    assert caught.value.place.status == status


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 300, 304])
def test_a_redirect_is_final_and_says_what_to_set(status: int) -> None:
    with pytest.raises(FatalSourceError, match="set base_url to the final address"):
        answer(status, b"", Location=f"https://evil.example/?{SECRET}")


@pytest.mark.parametrize(
    "status", [400, 402, 404, 405, 406, 409, 410, 413, 415, 422, 451, 501, 505, 599, 202, 206, 100]
)
def test_other_refusals_are_final(status: int) -> None:
    with pytest.raises(FatalSourceError, match=f"status {status}: the request is refused"):
        answer(status, b"")


@pytest.mark.parametrize(
    ("status", "where"),
    [(401, "check the environment variables"), (403, "leave the stream out of `streams`")],
)
def test_a_refused_credential_says_where_to_look(status: int, where: str) -> None:
    with pytest.raises(AuthError, match=where):
        answer(status, b"")


@pytest.mark.parametrize("status", [200, 204, 302, 400, 401, 403, 404, 422, 429, 500, 503])
@pytest.mark.parametrize(
    "body",
    [
        SECRET.encode(),
        json.dumps({"error": SECRET}).encode(),
        json.dumps({"errors": {"detail": SECRET}}).encode(),
        json.dumps({"errors": {"rating": [SECRET]}}).encode(),
        json.dumps({"errors": {SECRET + " is no field": [SECRET]}}).encode(),
        json.dumps({"errors": [{"detail": SECRET, "source": {"pointer": "/data/rating"}}]}).encode(),
    ],
)
def test_no_error_holds_a_part_of_the_answer(status: int, body: bytes) -> None:
    with pytest.raises(SourceError) as caught:
        answer(status, body, Set_Cookie=SECRET, X_Request=SECRET)
    error: BaseException | None = caught.value
    while error is not None:
        assert SECRET not in f"{error!s} {error!r} {error.args} {vars(error)}"
        error = None if error.__suppress_context__ else error.__context__


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"errors": {"date_from": ["is invalid"], "page_size": ["is invalid"]}}, "date_from, page_size"),
        ({"errors": [{"source": {"pointer": "/data/attributes/rating"}}]}, "/data/attributes/rating"),
        ({"errors": {f"f{n}": [] for n in range(9)}}, "f0, f1, f2, f3, f4"),
    ],
)
def test_a_refusal_names_the_fields_at_fault(body: Any, fields: str) -> None:
    with pytest.raises(FatalSourceError, match=rf"\(fields: {fields}\)$"):
        answer(422, json.dumps(body).encode())


@pytest.mark.parametrize(
    "body",
    [
        "1",
        "[]",
        '{"errors": {"detail": "Bad Request"}}',
        '{"errors": 1}',
        '{"errors": [1, {"source": 2}]}',
        '{"errors": null}',
        "{",
    ],
)
def test_a_refusal_of_any_shape_is_one_sentence(body: str) -> None:
    with pytest.raises(FatalSourceError, match=r"the request is refused$"):
        answer(422, body.encode())


# -- how long to wait --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (" 7 ", 7),
        ("007", 7),
        ("Thu, 01 Jan 2026 12:02:00 GMT", 120),
        ("Thursday, 01-Jan-26 12:02:00 GMT", 120),
        ("Thu Jan  1 12:02:00 2026", 120),
        ("Thu, 01 Jan 2026 09:02:00 -0300", 120),
        ("Thu, 01 Jan 2026 11:00:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_RETRY_AFTER),
        ("99999999999", LONGEST_RETRY_AFTER),
        ("9" * 5000, LONGEST_RETRY_AFTER),
        *(
            (text, None)
            for text in ("", " ", "-5", "1.5", "1e3", "+5", "soon", "٣", "0x10", "Thu, 32 Jan 2026", "1, 2")
        ),
        (None, None),
    ],
)
def test_retry_after(text: str | None, seconds: float | None) -> None:
    assert retry_after(text, NOW) == seconds


def test_a_date_without_a_zone_is_greenwich_wherever_we_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/Sao_Paulo")
    time.tzset()
    try:
        assert http_date("Thu Jan  1 12:02:00 2026") == NOW + timedelta(minutes=2)
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("ahead", [timedelta(minutes=-10), timedelta(), timedelta(minutes=10)])
def test_a_date_to_wait_for_is_one_of_the_sources_clock(ahead: timedelta) -> None:
    """Whatever our clock says, two minutes are two minutes."""
    headers = {"Retry-After": "Thu, 01 Jan 2026 12:02:00 GMT", "Date": "Thu, 01 Jan 2026 12:00:00 GMT"}
    with pytest.raises(RetryableSourceError) as caught:
        read(Place(), 503, headers, b"", NOW + ahead)
    assert caught.value.retry_after == 120


@pytest.mark.parametrize("text", [None, "", "yesterday", "Thu, 01 Jan", "\x00"])
def test_no_date_is_none(text: str | None) -> None:
    assert http_date(text) is None


# -- JSON as vendors write it ------------------------------------------------------------------------


def test_numbers_and_text_that_json_cannot_spell_break_their_record_only() -> None:
    value = parse(b'{"a": NaN, "b": 1e999, "c": "\\ud800", "d": ' + b"9" * 100_000 + b', "e": 7, "f": -0}')
    assert str(value["a"]) == "nan"
    assert value["b"] == value["d"] == float("inf")
    assert (value["c"], value["e"], value["f"]) == ("\ud800", 7, 0)


def test_an_integer_of_a_thousand_digits_is_itself() -> None:
    assert parse(b"1" * 1000) == int("1" * 1000)


# -- bodies of any size ------------------------------------------------------------------------------


def inflate(packed: bytes, encoding: str, limit: int = 1 << 20, step: int = 1000) -> bytes:
    inflater = Inflater(PLACE, encoding, limit)
    for start in range(0, len(packed), step):
        inflater.feed(packed[start : start + step])
    return inflater.finish()


@pytest.mark.parametrize("step", [1, 7, 100_000])
def test_a_body_comes_out_as_it_was_packed(step: int) -> None:
    body = b'{"data": []}' * 1000
    assert inflate(body, "", step=step) == inflate(body, "identity", step=step) == body
    assert (
        inflate(gzip.compress(body), "gzip", step=step)
        == inflate(zlib.compress(body), "deflate", step=step)
        == body
    )


def test_exactly_the_limit_is_allowed() -> None:
    assert len(inflate(gzip.compress(b"x" * 1000), "gzip", limit=1000)) == 1000
    with pytest.raises(FatalSourceError, match="lower page_size"):
        inflate(gzip.compress(b"x" * 1001), "gzip", limit=1000)
    with pytest.raises(FatalSourceError, match="lower page_size"):
        inflate(b"x" * 1001, "", limit=1000)


def test_a_bomb_is_never_unpacked_beyond_the_limit() -> None:
    bomb = gzip.compress(b" " * (64 << 20))
    tracemalloc.start()
    with pytest.raises(FatalSourceError, match="larger than 1 MiB"):
        inflate(bomb, "gzip", step=len(bomb))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 8 << 20


@pytest.mark.parametrize("encoding", ["br", "zstd", "compress", "gzip, gzip", "x"])
def test_an_encoding_that_was_not_asked_for_is_refused(encoding: str) -> None:
    with pytest.raises(FatalSourceError, match="encoding"):
        Inflater(PLACE, encoding, 1000)


def test_a_cut_or_broken_gzip_is_worth_another_try() -> None:
    packed = gzip.compress(b'{"data": []}' * 1000)
    with pytest.raises(RetryableSourceError, match="ends in the middle"):
        inflate(packed[:-9], "gzip")
    with pytest.raises(RetryableSourceError, match="compression is broken"):
        inflate(b"no gzip at all, but it says so", "gzip")
    with pytest.raises(RetryableSourceError, match="compression is broken"):
        inflate(packed[:-8] + b"\0\0\0\0\0\0\0\0", "gzip")
