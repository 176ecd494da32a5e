"""How a fault looks on the wire: the answer is replaced, spoiled, or sent badly over a real socket."""

import asyncio
import functools
import socket
import struct
import zlib
from collections.abc import Callable, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any

from aiohttp import web

from connectors.simulator.clock import imf_date
from connectors.simulator.script import Fault
from connectors.simulator.wire import Answer, encode, retry_after

BOMB_BYTES = 512 * 1024 * 1024
DEPTH = 200_000
HTML = "<!DOCTYPE html><html><head><title>Manutenção</title></head><body>Voltamos logo.</body></html>"
_BLOCK = 1024 * 1024
_NEVER = 24 * 3600.0


def error_body(status: int) -> Any:
    """Voki's body of an error."""
    if status == 422:
        return {"errors": {"date_from": ["is invalid"]}}
    return {"errors": {"detail": HTTPStatus(status).phrase}}


async def instead(fault: Fault, now: datetime, error: Callable[[int], Any] = error_body) -> Answer | None:
    """The answer that a fault gives in place of the true one, if it is of that sort; `error` makes its body."""
    if isinstance(fault.kind, int):
        payload = error(fault.kind) if fault.payload is None else fault.payload
        return Answer(fault.kind, payload, retry_after(fault.retry_after, fault.wait, now))
    if fault.kind == "html":
        return Answer(200, HTML, {"Content-Type": "text/html; charset=utf-8"})
    if fault.kind == "bomb":
        return Answer(200, await asyncio.to_thread(bomb), {"Content-Encoding": "gzip"})
    if fault.kind == "deep":
        return Answer(200, b"[" * DEPTH + b"]" * DEPTH)
    plain = {
        "empty": Answer(200, None),
        "error_200": Answer(200, {"error": "Internal error"}),
        "no_content": Answer(204, None),
        "redirect": Answer(302, None, {"Location": fault.location}),
        "reset": Answer(0, None),
        "stall": Answer(0, None),
    }
    return plain.get(fault.kind)


def bend(fault: Fault | None, query: Mapping[str, str]) -> dict[str, str]:
    """The query that is answered in place of the one asked."""
    asked = dict(query)
    if fault and fault.kind == "same_page":
        asked["page"] = "1"
    if fault and fault.kind == "ignore_dates":
        asked = {name: value for name, value in asked.items() if name not in ("date_from", "date_to")}
    return asked


def spoil(fault: Fault, answer: Answer, query: Mapping[str, str]) -> Answer:
    """The true answer of a list or of the figures, made wrong. Errors stay as they are."""
    body = answer.payload
    if answer.status != 200 or not isinstance(body, dict):
        return answer
    if fault.kind == "same_page" and "meta" in body and query.get("page", "").isdecimal():
        return Answer(200, body | {"meta": body["meta"] | {"current_page": int(query["page"])}})
    change = _SPOILED.get(str(fault.kind))
    return Answer(200, change(body), answer.headers) if change else answer


async def send(
    request: web.Request, answer: Answer, fault: Fault | None, now: datetime
) -> web.StreamResponse:
    """Send an answer, as badly as the fault wants it. Every response carries the simulator's Date."""
    if fault and fault.kind == "stall":
        await asyncio.sleep(_NEVER)
    if fault and fault.kind == "reset":
        return _reset(request)
    body, kind = encode(answer.payload)
    headers = {"Content-Type": kind, **answer.headers, "Date": imf_date(now)}
    if fault and fault.kind in ("truncated", "slow"):
        return await _piecemeal(request, answer.status, headers, body, fault)
    if answer.status == 204:
        del headers["Content-Type"]
        return web.Response(status=204, headers=headers)
    return web.Response(status=answer.status, headers=headers, body=body)


@functools.cache
def bomb() -> bytes:
    """A gzip of valid JSON that is almost all white space: about half a megabyte, 512 MiB when read.

    One block is compressed once and repeated; a full flush makes blocks independent of each other.
    """
    head, space, tail = b'{"data":[', b" " * _BLOCK, b'],"meta":{"current_page":1}}'
    checksum, size = zlib.crc32(head), len(head) + BOMB_BYTES + len(tail)
    for _ in range(BOMB_BYTES // _BLOCK):
        checksum = zlib.crc32(space, checksum)
    checksum = zlib.crc32(tail, checksum)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    begin = packer.compress(head) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(space) + packer.flush(zlib.Z_FULL_FLUSH)
    end = packer.compress(tail) + packer.flush()
    magic = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
    return magic + begin + block * (BOMB_BYTES // _BLOCK) + end + struct.pack("<II", checksum, size % 2**32)


def _half(body: dict[str, Any]) -> Any:
    rows = body["data"]
    return rows[: len(rows) // 2] if isinstance(rows, list) else {}


def _wrong_type(body: dict[str, Any]) -> dict[str, Any]:
    meta = {name: str(value) for name, value in body.get("meta", {}).items()}
    return {"data": {"rows": body["data"]}, "meta": meta}


_SPOILED: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "short_json": lambda body: {"data": _half(body)},
    "short_rows": lambda body: body | {"data": _half(body)},
    "no_meta": lambda body: {"data": body["data"]},
    "empty_page": lambda body: body | {"data": []},
    "null_data": lambda body: body | {"data": None},
    "wrong_type": _wrong_type,
}


def _reset(request: web.Request) -> web.StreamResponse:
    transport = request.transport
    if transport is not None:
        raw = transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # RST, not FIN
        transport.abort()
    return web.Response(status=500)


async def _piecemeal(
    request: web.Request, status: int, headers: dict[str, str], body: bytes, fault: Fault
) -> web.StreamResponse:
    response = web.StreamResponse(status=status, headers=headers)
    response.content_length = len(body)
    await response.prepare(request)
    if fault.kind == "truncated":
        await response.write(body[: len(body) // 2])
        if request.transport is not None:
            request.transport.close()
        return response
    for start in range(0, len(body), 16):
        await response.write(body[start : start + 16])
        await asyncio.sleep(fault.delay)
    await response.write_eof()
    return response
