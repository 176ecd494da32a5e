"""connectors.http: nothing is sent to anybody else, and a connection that fails is named and bounded.

Kills: a redirect followed; a foreign link opened; a certificate error tried again; cookies kept; a read() without
a cap; `repr(error)` of aiohttp in a sentence.
"""

import ssl
from pathlib import Path

import pytest
from aiohttp import web
from desk import PATH, REDIRECTS, TOKEN, desk, plain, raw

from schemas.errors import FatalSourceError, RetryableSourceError

# Of this test alone; no machine trusts it, and it opens nothing.
SELF_SIGNED = """\
-----BEGIN CERTIFICATE-----
MIIBkDCCATagAwIBAgIUSwluQGALBpTr9FQ8/K9BjAXe2PMwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJMTI3LjAuMC4xMCAXDTI2MTEyMjAyNDQyN1oYDzIxMjYxMDI5
MDI0NDI3WjAUMRIwEAYDVQQDDAkxMjcuMC4wLjEwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAQQG7M4AVECjpluugaKO+cnAE4Zs0hJ5gi6r8RJf2RjZMv0U+7uvL3M
ZnarvpbcCAvuKYgRitHMe9cIuvwU2oaFo2QwYjAdBgNVHQ4EFgQURQzz3Em4Kgzc
ZerlOQBvMcFlS8QwHwYDVR0jBBgwFoAURQzz3Em4KgzcZerlOQBvMcFlS8QwDwYD
VR0TAQH/BAUwAwEB/zAPBgNVHREECDAGhwR/AAABMAoGCCqGSM49BAMCA0gAMEUC
IQCeQ/TjRRRVvSB1EaV1TSTf4cmEo9rUfqc2TqdjO7S/iQIgL3L3rrl0J3xPciOU
/NLww02S1TvGddckkqG1mFwENK8=
-----END CERTIFICATE-----
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgaSHcMo67d6W2ww57
fPv8hkNgx1XAd9mFjDR2Vu1ZftChRANCAAQQG7M4AVECjpluugaKO+cnAE4Zs0hJ
5gi6r8RJf2RjZMv0U+7uvL3MZnarvpbcCAvuKYgRitHMe9cIuvwU2oaF
-----END PRIVATE KEY-----
"""


@pytest.mark.parametrize("status", REDIRECTS)
async def test_a_redirect_takes_no_credential_to_another_server(tmp_path: Path, status: int) -> None:
    async with raw(plain) as other:

        async def answer(_: web.Request) -> web.StreamResponse:
            return web.Response(status=status, headers={"Location": f"{other.url}/?a=1"})

        async with raw(answer) as source, desk(tmp_path, source.url) as one:
            with pytest.raises(FatalSourceError, match="set base_url to the final address"):
                await one.get()
        assert (other.seen, len(source.seen)) == ([], 1)


async def test_a_redirect_within_the_server_is_not_followed_either(tmp_path: Path) -> None:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": "/elsewhere"})

    async with raw(answer) as source, desk(tmp_path, source.url) as one:
        with pytest.raises(FatalSourceError):
            await one.get()
        assert [request.path for request in source.seen] == [PATH]


@pytest.mark.parametrize(
    "link",
    [
        "{other}/api/v1/evaluations",
        "//{other_host}/api/v1/evaluations",
        "{source_https}/api/v1/evaluations",
        "http://user:pw@{other_host}/",
        "https://evil.example/",
        "http://localhost:{source_port}/",
    ],
)
async def test_a_link_to_another_origin_is_an_error_and_costs_nothing(tmp_path: Path, link: str) -> None:
    async with raw(plain) as other, raw(plain) as source, desk(tmp_path, source.url) as one:
        url = link.format(
            other=other.url,
            other_host=other.url.removeprefix("http://"),
            source_https=source.url.replace("http:", "https:"),
            source_port=source.url.rpartition(":")[2],
        )
        with pytest.raises(FatalSourceError, match="another host, port or scheme; nothing was sent there"):
            await one.get(url)
        assert (other.seen, source.seen, await one.spent()) == ([], [], 0)
        await one.get(f"{source.url}{PATH}")  # the same origin, written out
        assert len(source.seen) == 1


async def test_only_what_was_meant_is_sent(tmp_path: Path) -> None:
    async def answer(_: web.Request) -> web.StreamResponse:
        response = web.json_response({})
        response.set_cookie("session", "of the vendor's front")
        return response

    async with raw(answer) as source, desk(tmp_path, source.url) as one:
        await one.get(PATH, (("date_from", "2026-01-01T00:00:00Z"), ("odd", "a&b=c #ç")))
        await one.get()
        first, second = source.seen
    assert dict(first.query) == {"date_from": "2026-01-01T00:00:00Z", "odd": "a&b=c #ç"}
    assert (first.headers["Authorization"], first.headers["X-Tenant"]) == (f"Bearer {TOKEN}", "demo")
    assert "Cookie" not in second.headers


# -- connections that fail --------------------------------------------------------------------------------------


@pytest.fixture
def self_signed(tmp_path: Path) -> ssl.SSLContext:
    pem = tmp_path / "self_signed.pem"
    pem.write_text(SELF_SIGNED)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


async def test_a_certificate_that_cannot_be_verified_is_not_tried_again(
    tmp_path: Path, self_signed: ssl.SSLContext
) -> None:
    async with raw(plain, self_signed) as source, desk(tmp_path, source.url) as one:
        with pytest.raises(FatalSourceError, match="certificate cannot be verified"):
            await one.get()
        assert (one.client.requests["list"], source.seen) == (1, [])


async def test_a_plain_port_spoken_to_as_https_sees_no_credential(tmp_path: Path) -> None:
    async with raw(plain) as source, desk(tmp_path, source.url.replace("http:", "https:")) as one:
        with pytest.raises(RetryableSourceError, match=r"the connection failed \(\w+\)$"):
            await one.get()
        assert source.seen == []


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://nowhere.invalid", "http://[::1]:1"])
async def test_nobody_there_is_tried_again_and_named(tmp_path: Path, url: str) -> None:
    async with desk(tmp_path, url) as one:
        with pytest.raises(RetryableSourceError, match=r"^demo \(list\): the connection failed \(\w+\)$"):
            await one.get()
        assert one.client.requests["list"] == await one.spent() == 5


async def test_a_body_without_end_is_cut_off(tmp_path: Path) -> None:
    sent = 0

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" " * (1 << 20))
            sent += 1

    async with raw(answer) as source, desk(tmp_path, source.url) as one:
        with pytest.raises(FatalSourceError, match="larger than 64 MiB; lower page_size"):
            await one.get()
        assert len(source.seen) == 1
    assert sent < 80


async def test_headers_without_end_are_an_error_that_tells_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of all that may fail in aiohttp this one's repr has the request with its headers. Kills: `repr(error)`."""

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.json_response({}, headers={"X-Long": "x" * 100_000})

    async with raw(answer) as source, desk(tmp_path, source.url) as one:
        with pytest.raises(RetryableSourceError, match="the connection failed") as caught:
            await one.get()
    printed = capsys.readouterr()
    assert TOKEN not in f"{caught.value!s} {caught.value!r} {printed.out} {printed.err}"
