"""A loopback server of Voki's evaluations whose rows are written before anybody asks: a process of its own.

    PYTHONPATH=tests python -m benchmarks.pages --rows 100000

Promises the documented answers (list with page, page_size, rating, dates and order; stats), and to cost next to nothing
beside who reads them: a page is two bisections and one slice. Its calendar stands still a minute behind the newest row.
`GET /bench` tells what was asked since it was last asked itself. Prints its address and the truth, then serves until
standard input ends. Neither checks credentials nor limits anybody.
"""

import argparse
import asyncio
import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from urllib.request import urlopen

import numpy as np
from benchmarks.rows import YEAR, Rows, make

from connectors.simulator.clock import imf_date, stamp
from connectors.simulator.dates import bounds
from connectors.simulator.switches import DOCUMENTED
from connectors.simulator.world import UNTIL

ROOT = Path(__file__).parents[2]
LIST, STATS = "/api/v1/evaluations", "/api/v1/evaluations/stats"
DATE = imf_date(UNTIL + timedelta(minutes=1))


@dataclass(frozen=True, slots=True)
class Served:
    """A running server, and what a copy of its rows has to have."""

    url: str
    truth: dict[str, int]
    since: str  # the oldest row that has changed; the newest of all, where none has
    row_bytes: float
    process: subprocess.Popen[str]

    def asked(self) -> dict[str, Any]:
        """What was asked since this was last called: requests, pages, seconds of the clock of the last ones."""
        with urlopen(f"{self.url}/bench") as answer:  # noqa: S310 - our own loopback server
            found: dict[str, Any] = json.load(answer)
        return found

    def cpu(self) -> float:
        """Seconds of CPU that the server has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def serving(rows: int, *, days: float = YEAR, changed: int = 0) -> Iterator[Served]:
    """The server, ready and idle."""
    words = ["--rows", str(rows), "--days", str(days), "--changed", str(changed)]
    line = [sys.executable, "-m", "benchmarks.pages", *words]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
    with subprocess.Popen(line, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            said = json.loads(process.stdout.readline())
            yield Served(said["url"], said["truth"], said["since"], said["row_bytes"], process)
        finally:
            process.stdin.close()
            process.wait(30)


@dataclass(slots=True)
class Asked:
    """What was asked of the server."""

    requests: int = 0
    pages: int = 0  # lists of more than one row a page: those of one row count the rows
    last_page: float = 0.0  # when its last byte was given to the socket
    last_answer: float = 0.0


@dataclass(slots=True)
class Book:
    """The rows, counted beforehand, and who asked."""

    rows: Rows
    counts: dict[str, np.ndarray[Any, Any]] = field(default_factory=dict)  # of the rows before each place
    asked: Asked = field(default_factory=Asked)

    def __post_init__(self) -> None:
        for name, holds in (
            *((str(rating), self.rows.ratings == rating) for rating in range(1, 6)),
            ("with_comments", self.rows.commented),
        ):
            self.counts[name] = np.concatenate([[0], np.cumsum(holds)])

    def answer(self, target: str) -> bytes:
        """The whole response."""
        url = urlsplit(target)
        query = dict(parse_qsl(url.query))
        if url.path == LIST:
            return _response(self._list(query))
        if url.path == STATS:
            return _response(json.dumps({"data": self._stats(query)}).encode())
        if url.path == "/bench":
            told, self.asked = self.asked, Asked()
            return _response(json.dumps({name: getattr(told, name) for name in Asked.__slots__}).encode())
        return _response(b'{"errors":{"detail":"Not Found"}}', "404 Not Found")

    def note(self, target: str) -> None:
        """An answer was sent."""
        if target.startswith("/bench"):
            return
        self.asked.requests += 1
        self.asked.last_answer = time.time()
        if not target.startswith(STATS) and dict(parse_qsl(urlsplit(target).query)).get("page_size") != "1":
            self.asked.pages += 1
            self.asked.last_page = self.asked.last_answer

    def _span(self, query: dict[str, str]) -> tuple[int, int]:
        lower, upper = bounds(query, DOCUMENTED)
        low = 0 if lower is None else int(np.searchsorted(self.rows.times, lower))
        high = len(self.rows) if upper is None else int(np.searchsorted(self.rows.times, upper))
        return low, max(low, high)

    def _list(self, query: dict[str, str]) -> bytes:
        low, high = self._span(query)
        page, size = int(query.get("page", 1)), int(query.get("page_size", 20))
        descending = query.get("sort_order", "desc") == "desc"
        if "rating" in query:
            found = low + np.flatnonzero(self.rows.ratings[low:high] == int(query["rating"]))
            found = found[::-1] if descending else found
            total, chosen = len(found), found[(page - 1) * size : page * size].tolist()
            rows = b",".join(self.rows.json(place, place + 1) for place in chosen)
        else:
            total, skip = high - low, (page - 1) * size
            first = max(high - skip - size, low) if descending else low + skip
            last = high - skip if descending else min(low + skip + size, high)
            rows = self.rows.json(first, last, descending=descending)
        meta = {
            "current_page": page,
            "page_size": size,
            "total_pages": -(-total // size),
            "total_count": total,
        }
        return b"".join([b'{"data":[', rows, b'],"meta":', json.dumps(meta).encode(), b"}"])

    def _stats(self, query: dict[str, str]) -> dict[str, Any]:
        low, high = self._span(query)
        count = {name: int(counts[high] - counts[low]) for name, counts in self.counts.items()}
        total, rated = high - low, sum(rating * count[str(rating)] for rating in range(1, 6))
        return {
            "total_evaluations": total,
            "average_rating": round(rated / total, 1) if total else 0.0,
            "distribution": {str(rating): count[str(rating)] for rating in range(1, 6)},
            "with_comments": count["with_comments"],
            "satisfaction_rate": round(100 * (count["4"] + count["5"]) / total, 1) if total else 0.0,
        }


def _response(body: bytes, status: str = "200 OK") -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: application/json; charset=utf-8\r\nDate: {DATE}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def body_of(response: bytes) -> bytes:
    return response.partition(b"\r\n\r\n")[2]


class Answering(asyncio.Protocol):
    """One connection, kept open; requests come one after the other."""

    def __init__(self, book: Book) -> None:
        self._book, self._buffer = book, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while b"\r\n\r\n" in self._buffer:
            head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
            target = head.split(b" ", 2)[1].decode()
            self._transport.write(self._book.answer(target))
            self._book.note(target)


def main() -> None:
    asked = argparse.ArgumentParser(description="Pages of evaluations, written beforehand.")
    asked.add_argument("--rows", type=int, default=100_000)
    asked.add_argument("--days", type=float, default=YEAR, help="that they are spread over")
    asked.add_argument("--changed", type=int, default=0, help="so many of the newest are edited")
    asked.add_argument("--port", type=int, default=0)
    said = asked.parse_args()
    rows = make(said.rows, days=said.days, changed=said.changed)
    asyncio.run(serve(Book(rows), stamp(int(rows.times[-max(said.changed, 1)])), said.port))


async def serve(book: Book, since: str, port: int) -> None:
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    server = await loop.create_server(lambda: Answering(book), "127.0.0.1", port)
    gc.freeze()
    told = {
        "url": f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}",
        "truth": book.rows.truth(),
        "since": since,
        "row_bytes": len(book.rows.body) / max(len(book.rows), 1),
    }
    print(json.dumps(told), flush=True)

    def heard() -> None:
        if not sys.stdin.readline():
            ended.set()

    loop.add_reader(sys.stdin, heard)
    await ended.wait()
    server.close()


def speed(url: str, page_size: int, last: int, pages: int) -> float:
    """Pages a second that one connection reads which does nothing with them: again and again up to the `last`."""
    from http.client import HTTPConnection  # noqa: PLC0415 - the server needs none

    connection = HTTPConnection(urlsplit(url).netloc)
    began = time.perf_counter()
    for turn in range(pages):
        connection.request("GET", f"{LIST}?sort_order=asc&page_size={page_size}&page={1 + turn % last}")
        connection.getresponse().read()
    seconds = time.perf_counter() - began
    connection.close()
    return pages / seconds


if __name__ == "__main__":
    main()
