"""One request: auth -> grant -> send -> read -> bounded retry. The only place that sends anything.

Promises: raises only errors of schemas.errors; each attempt has a grant of its own, committed before it
leaves; never follows a redirect, never leaves the declared origin; never logs or reports a body, a token or
the value of a query.
"""

import asyncio
import random
import ssl
from collections import Counter
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import aiohttp
import structlog
from yarl import URL

from connectors import responses
from connectors.auth import Auth, Fixed
from connectors.budget import Budget
from connectors.clock import Clock
from connectors.source import Check, Parse, Payload
from schemas.errors import AuthError, BudgetExhausted, FatalSourceError, Place, RetryableSourceError

log = structlog.get_logger()

_T = TypeVar("_T")

LARGE_BODY = 1 << 16  # bytes: what is parsed beside the event loop
LARGEST_BODY = 64 << 20  # bytes, unpacked
TOTAL_TIMEOUT = 60.0  # seconds from the grant to the last byte; the budget's `hold` is longer
LONGEST_WAIT = 120.0  # seconds: a source that asks for more is left to the next run
DEFAULT_BLOCK = 60.0  # a 429 that does not say how long: no request of the group for a whole window


@dataclass(frozen=True, slots=True)
class Retries:
    attempts: int = 5
    first: float = 0.5  # seconds; doubled each time, with full jitter
    longest: float = 30.0


class Ceiling:
    """The most requests that one run may send, over all its sources: `--max-requests`."""

    def __init__(self, most: int) -> None:
        self._left = most

    def take(self, place: Place) -> None:
        if self._left <= 0:
            raise BudgetExhausted("the run's --max-requests are spent", place)
        self._left -= 1


class HttpClient:
    """Owns the connections to one source. Counts its requests by endpoint group in `requests`."""

    def __init__(
        self,
        source: str,
        base_url: str,
        auth: Auth | None,
        budget: Budget,
        clock: Clock,
        *,
        headers: Mapping[str, str] | None = None,
        retries: Retries = Retries(),
        ceiling: Ceiling | None = None,
        stop: asyncio.Event | None = None,
        timeout: float = TOTAL_TIMEOUT,
    ) -> None:
        self._source = source
        self._origin = URL(base_url)
        self.auth = auth
        self._budget = budget
        self._clock = clock
        self._retries = retries
        self._timeout = timeout
        self._ceiling = ceiling
        self._stop = stop or asyncio.Event()
        self._headers = {"Accept": "application/json", "Accept-Encoding": "gzip", **(headers or {})}
        self._session: aiohttp.ClientSession | None = None
        self.requests: Counter[str] = Counter()
        self.answers: Counter[tuple[str, str]] = Counter()  # by group and status class

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def get(
        self,
        group: str,
        path: str,
        query: Sequence[tuple[str, str]] = (),
        check: Check | None = None,
        parse: Parse | None = None,
    ) -> Payload:
        url = self._url(path, group)
        return await self._send(
            group, "GET", url.update_query(query) if query else url, None, check, self.auth, parse
        )

    async def post(
        self,
        group: str,
        path: str,
        body: Mapping[str, Any],
        check: Check | None = None,
        credential: Mapping[str, str] = {},
    ) -> Payload:
        fixed = Fixed(credential) if credential else None
        return await self._send(group, "POST", self._url(path, group), body, check, fixed)

    async def _send(
        self,
        group: str,
        method: str,
        url: URL,
        body: Mapping[str, Any] | None,
        check: Check | None,
        auth: Auth | None,
        parse: Parse | None = None,
    ) -> Payload:
        """Send until an answer is good, an error is final or the attempts are spent."""
        renewed = False
        for attempt in range(1, self._retries.attempts + 1):
            credential = await auth.headers() if auth else {}
            try:
                payload = await self._once(group, method, url, credential, body, parse)
                if check is not None:
                    check(payload.value)
                return payload
            except AuthError as error:
                again = auth is not None and not renewed and error.place.status == 401
                if not again or auth is None or not await auth.renew(credential):
                    raise _with_hint(error, auth) from None
                renewed = True
            except RetryableSourceError as error:
                log.warning(
                    "request_failed", source=self._source, group=group, attempt=attempt, why=error.message
                )
                if attempt == self._retries.attempts or _asks_too_much(error):
                    raise
                await self._back_off(group, attempt, error)
        raise FatalSourceError("the source refuses a fresh credential", Place(self._source, "", group))

    async def _once(
        self,
        group: str,
        method: str,
        url: URL,
        credential: Mapping[str, str],
        body: Mapping[str, Any] | None,
        parse: Parse | None,
    ) -> Payload:
        if self._ceiling is not None:
            self._ceiling.take(Place(self._source, "", group))
        grant = await self._unless_stopped(self._budget.grant(group), group)
        self.requests[group] += 1
        try:
            # A process that was stopped between grant and send may not send late: its slot could be free again.
            time_left = min(self._timeout, grant.until - self._clock.steady())
            status, headers, raw = await self._exchange(group, method, url, credential, body, time_left)
        except BaseException:
            self.answers[group, "none"] += 1
            await asyncio.shield(self._budget.release(grant))
            raise
        self.answers[group, f"{status // 100}xx"] += 1
        releasing = asyncio.create_task(self._budget.release(grant))  # while the answer is read
        try:
            place = Place(self._source, "", group, status)
            reading = partial(responses.read, place, status, headers, raw, self._clock.now(), parse)
            value = await asyncio.to_thread(reading) if len(raw) > LARGE_BODY else reading()
        finally:
            await asyncio.shield(releasing)
        return Payload(value=value, body=raw, observed_at=responses.http_date(headers.get("Date")))

    async def _exchange(
        self,
        group: str,
        method: str,
        url: URL,
        credential: Mapping[str, str],
        body: Mapping[str, Any] | None,
        time_left: float,
    ) -> tuple[int, Mapping[str, str], bytes]:
        place = Place(self._source, "", group)
        if time_left <= 0:
            raise RetryableSourceError("the process was stopped between the grant and the request", place)
        try:
            async with (
                asyncio.timeout(time_left),
                self._connections().request(
                    method, url, headers={**self._headers, **credential}, json=body, allow_redirects=False
                ) as response,
            ):
                place = Place(self._source, "", group, response.status)
                inflater = responses.Inflater(
                    place, response.headers.get("Content-Encoding", "").lower(), LARGEST_BODY
                )
                async for piece in response.content.iter_chunked(1 << 16):
                    inflater.feed(piece)
                return response.status, response.headers, inflater.finish()
        except (aiohttp.ClientConnectorCertificateError, ssl.SSLCertVerificationError):
            raise FatalSourceError("the server's certificate cannot be verified", place) from None
        except TimeoutError:
            raise RetryableSourceError("no whole answer in time", place) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # The repr of aiohttp's errors prints the request's headers: only the name of the error goes on.
            raise RetryableSourceError(f"the connection failed ({type(error).__name__})", place) from None

    def _connections(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                middlewares=(_send_once,),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=10.0, sock_read=30.0),
            )
        return self._session

    async def _back_off(self, group: str, attempt: int, error: RetryableSourceError) -> None:
        pause = min(self._retries.first * 2.0 ** (attempt - 1), self._retries.longest)
        jitter = random.uniform(0.5, 1.0)
        if error.place.status == 429:
            asked = DEFAULT_BLOCK if error.retry_after is None else error.retry_after
            await self._budget.block(group, asked + pause * jitter)  # the next grant waits, in every process
        else:
            await self._unless_stopped(
                self._clock.sleep(max(error.retry_after or 0.0, pause * jitter)), group
            )

    async def _unless_stopped(self, waiting: Awaitable[_T], group: str) -> _T:
        """Wait, unless the run is to stop: then BudgetExhausted at once, which ends the stream at a page's edge."""
        task, stop = asyncio.ensure_future(waiting), asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise BudgetExhausted(
                    "stopped at the edge of a page; nothing is lost", Place(self._source, "", group)
                )
            return task.result()
        finally:
            for one in (task, stop):
                one.cancel()
            await asyncio.gather(task, stop, return_exceptions=True)

    def _url(self, path: str, group: str) -> URL:
        url = self._origin.join(URL(path))
        if url.origin() != self._origin.origin():
            raise FatalSourceError(
                "the source points to another host, port or scheme; nothing was sent there",
                Place(self._source, "", group),
            )
        return url


def _with_hint(error: AuthError, auth: Auth | None) -> AuthError:
    """The refusal, with what this kind of credential lets us guess about its reason."""
    hint = auth.hint if auth is not None else ""
    return AuthError(f"{error.message}; {hint}", error.place) if hint else error


async def _send_once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """When its connection breaks, aiohttp sends a GET again by itself: that would be a request without a grant."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise  # nothing was sent, and nothing is sent again
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
        raise aiohttp.ClientConnectionError from None


def _asks_too_much(error: RetryableSourceError) -> bool:
    """Whether to wait as long as asked would keep the run waiting. (After a 429 the budget says so, with a date.)"""
    return error.place.status != 429 and (error.retry_after or 0.0) > LONGEST_WAIT
