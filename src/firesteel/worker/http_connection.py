"""An HTTP system of connections.yaml, or any address: bounded calls, answers read with a limit.

Proxies of the environment are not used, cookies are not kept, and a redirect is followed on the
same host only: headers of a connection are credentials of that host.
"""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx2

from firesteel.errors import AuthorError
from firesteel.model.execution import Failure
from firesteel.worker.failures import StepError
from firesteel.worker.http_call import HttpAnswer, HttpCall, climbs
from firesteel.worker.outgoing import GuardedTransport

if TYPE_CHECKING:
    from pathlib import Path

    from firesteel.model.connection import HttpConnection
    from firesteel.worker.addresses import AddressRules

LIMIT_BYTES = 10 * 1024 * 1024
REDIRECTS_LIMIT = 5
RETRY_AFTER_LIMIT_S = 24 * 3600.0
DEFAULT_TIMEOUT_S = 30.0

_RETRY_AFTER_STATUSES = frozenset({429, 503})


class CallInvalid(AuthorError):
    """A call cannot be made as the step writes it."""

    code = "http_call_invalid"


class AnswerTooLarge(AuthorError):
    """The answer's body is larger than a step may have."""

    code = "http_answer_too_large"


class HttpClient:
    """``connection`` None: for steps with a ``url`` of their own. ``whole_urls``: targets are whole
    URLs although there is a connection, whose certificates are taken. Raises AuthorError
    ``http_call_invalid`` where the certificates cannot be read."""

    def __init__(
        self,
        connection: HttpConnection | None,
        rules: AddressRules,
        *,
        share: int,
        folder: Path | None,
        whole_urls: bool = False,
    ) -> None:
        self._base = connection.http.rstrip("/") if connection and not whole_urls else ""
        self._headers = connection.headers if connection else {}
        self._timeout_s = connection.timeout_s if connection else DEFAULT_TIMEOUT_S
        transport = GuardedTransport(rules, verify=_tls(connection, folder), connections=share)
        self._client = httpx2.AsyncClient(
            transport=transport,
            trust_env=False,
            follow_redirects=False,
            timeout=httpx2.Timeout(self._timeout_s),
            cookies=None,
        )

    async def call(self, call: HttpCall) -> HttpAnswer:
        """Send it and read the whole answer. Raises StepError ``http_timeout`` and
        ``http_unreachable`` (transient), AddressRefused, CallInvalid, AnswerTooLarge."""
        request = self._request(call)
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await self._followed(request)
        except (TimeoutError, httpx2.TimeoutException) as error:
            text = f"the other system did not answer within {self._timeout_s:g} s"
            raise StepError(Failure("transient", "http_timeout", text)) from error
        except httpx2.TransportError as error:
            text = f"the other system cannot be reached: {type(error).__name__}"
            raise StepError(Failure("transient", "http_unreachable", text)) from error
        finally:
            self._client.cookies.clear()
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return HttpAnswer(answer.status_code, headers, answer.content, _retry_after_s(answer))

    async def probe(self) -> None:
        """Any answer shows that the system is there."""
        await self.call(HttpCall("HEAD", "", [], None))

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def _followed(self, request: httpx2.Request) -> httpx2.Response:
        for _ in range(REDIRECTS_LIMIT):
            answer = await self._send(request)
            following = answer.next_request
            if following is None or not _same_host(request.url, following.url):
                return answer
            request = following
        return await self._send(request)

    def _request(self, call: HttpCall) -> httpx2.Request:
        own = {name.lower() for name, _ in call.headers}
        inherited = [pair for pair in self._headers.items() if pair[0].lower() not in own]
        try:
            url = httpx2.URL(self._url(call.target))
            return self._client.build_request(
                call.method, url, headers=inherited + call.headers, content=call.body
            )
        except (httpx2.InvalidURL, ValueError, TypeError) as error:
            raise CallInvalid(f"the call cannot be made: {type(error).__name__}") from error

    def _url(self, target: str) -> str:
        """A target of a connection is below its address whatever it begins with: ``//host`` and
        ``http://host`` lead to no other host, and ``..`` does not lead above."""
        if not self._base:
            scheme = urlsplit(target).scheme
            if scheme not in ("http", "https"):
                raise CallInvalid("a url begins with http:// or https://")
            return target
        if not target:
            return self._base
        if climbs(target):
            raise CallInvalid("a path has no . and .. as segments")
        return self._base + target if target[0] == "?" else f"{self._base}/{target.lstrip('/')}"

    async def _send(self, request: httpx2.Request) -> httpx2.Response:
        try:
            answer = await self._client.send(request, stream=True)
        except (httpx2.LocalProtocolError, httpx2.UnsupportedProtocol) as error:
            raise CallInvalid("a header or the address cannot be sent") from error
        try:
            return await _read(answer)
        finally:
            await answer.aclose()


async def _read(answer: httpx2.Response) -> httpx2.Response:
    """The answer with its body; decoding a compressed one counts against the limit."""
    parts: list[bytes] = []
    size = 0
    async for part in answer.aiter_bytes():
        size += len(part)
        if size > LIMIT_BYTES:
            raise AnswerTooLarge("the answer is larger than 10 MiB")
        parts.append(part)
    whole = httpx2.Response(
        answer.status_code,
        headers=[
            (name, value)
            for name, value in answer.headers.multi_items()
            if name.lower() not in ("content-encoding", "transfer-encoding", "content-length")
        ],
        content=b"".join(parts),
        request=answer.request,
    )
    whole.next_request = answer.next_request
    return whole


def _same_host(one: httpx2.URL, other: httpx2.URL) -> bool:
    """The same origin, or its https on the standard ports (RFC 6454)."""
    if one.host != other.host:
        return False
    if (one.scheme, one.port) == (other.scheme, other.port):
        return True
    return (one.scheme, other.scheme) == ("http", "https") and one.port is other.port is None


def _retry_after_s(answer: httpx2.Response) -> float | None:
    """Seconds of Retry-After (RFC 9110, section 10.2.3), a day at most."""
    text = answer.headers.get("retry-after")
    if answer.status_code not in _RETRY_AFTER_STATUSES or text is None:
        return None
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), RETRY_AFTER_LIMIT_S)
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return min(max((when - datetime.now(UTC)).total_seconds(), 0.0), RETRY_AFTER_LIMIT_S)


def _tls(connection: HttpConnection | None, folder: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if connection is None:
        return context
    try:
        if connection.tls_ca is not None:
            context = ssl.create_default_context(cafile=_file(connection.tls_ca, folder))
        if connection.client_cert is not None:
            context.load_cert_chain(_file(connection.client_cert, folder))
    except (OSError, ssl.SSLError) as error:
        raise CallInvalid("the connection's certificates cannot be read") from error
    return context


def _file(name: str, folder: Path | None) -> str:
    return str(folder / name) if folder is not None else name
