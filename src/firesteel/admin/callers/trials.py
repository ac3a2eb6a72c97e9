"""Try it: a real call of a trigger, through the node's own public port and nowhere else.

The call goes over the network stack to the public listener of this node, so it meets what a
consumer's call meets: the key, the limits, the lanes. Time, size and number are bounded.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from httptools import HttpParserError, HttpResponseParser

from firesteel.errors import CallerError

if TYPE_CHECKING:
    from firesteel.admin.callers.call import Call
    from firesteel.engine.public_address import PublicAddress

AT_ONCE = 8
ANSWER_LIMIT_BYTES = 1024 * 1024
_CHUNK = 65_536
_AGENT = "Firesteel Try it"


@dataclass(slots=True)
class Tried:
    """What came of a call. ``status`` None: no answer, ``failure`` says why. ``truncated``: the
    body is longer than what is kept of it. Header names are in lower case."""

    status: int | None = None
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    truncated: bool = False
    failure: str = ""
    duration_s: float = 0.0

    def header(self, name: str) -> str | None:
        """The first header of that lower-case name."""
        return next((value for key, value in self.headers if key == name), None)


class Trials:
    """Makes calls, a few at once; used from the event loop's thread."""

    def __init__(self, public: PublicAddress) -> None:
        self._public = public
        self._running = 0

    async def make(self, call: Call, *, key: str | None, timeout_s: float) -> Tried:
        """The answer to the call. Raises CallerError ``trials_busy`` where as many are under way
        as are made at once."""
        if not self._public.port:
            return Tried(failure="this node has no public port; try it at one that takes calls")
        if self._running >= AT_ONCE:
            raise CallerError(code="trials_busy")
        self._running += 1
        begun = time.monotonic()
        answer = _Answer()
        try:
            async with asyncio.timeout(timeout_s):
                await self._exchange(self._request(call, key), answer)
        except TimeoutError:
            answer.tried.status = None
            answer.tried.failure = (
                f"there was no answer within {timeout_s:g} s; the message may have been accepted"
            )
        except (OSError, HttpParserError) as error:
            answer.tried.status = None
            answer.tried.failure = f"the public port broke off: {type(error).__name__}"
        finally:
            self._running -= 1
        answer.tried.duration_s = time.monotonic() - begun
        return answer.tried

    async def _exchange(self, request: bytes, answer: _Answer) -> None:
        reader, writer = await asyncio.open_connection(
            self._public.host, self._public.port, ssl=_trust(self._public)
        )
        try:
            writer.write(request)
            parser = HttpResponseParser(answer)
            answer.parser = parser
            while not answer.complete and (data := await reader.read(_CHUNK)):
                parser.feed_data(data)
            if not answer.complete:
                raise ConnectionResetError
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def _request(self, call: Call, key: str | None) -> bytes:
        headers = {"host": urlsplit(self._public.url).netloc, "user-agent": _AGENT, **call.headers}
        if key is not None:
            headers["x-api-key"] = key
        if call.body is not None or call.method not in ("GET", "DELETE"):
            headers["content-length"] = str(len(call.body or b""))
        headers["connection"] = "close"
        lines = [f"{call.method} {call.path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode("ascii") + (call.body or b"")


class _Answer:
    """What the parser tells of the answer."""

    parser: HttpResponseParser

    def __init__(self) -> None:
        self.tried = Tried()
        self.complete = False

    def on_header(self, name: bytes, value: bytes) -> None:
        pair = (name.decode("latin-1").lower(), value.decode("latin-1"))
        self.tried.headers.append(pair)

    def on_headers_complete(self) -> None:
        self.tried.status = self.parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        room = ANSWER_LIMIT_BYTES - len(self.tried.body)
        self.tried.body += body[:room]
        if len(body) > room:
            self.tried.truncated = True
            self.complete = True

    def on_message_complete(self) -> None:
        self.complete = True


def _trust(public: PublicAddress) -> ssl.SSLContext | None:
    """The node's own certificate and no other, by whatever name it is reached."""
    if public.certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cafile=str(public.certificate))
    return context
