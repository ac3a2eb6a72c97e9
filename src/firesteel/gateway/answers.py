"""Answers of the public port: accepted, a response, a problem; each with its headers in order."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from firesteel.model.execution import Response
    from firesteel.model.problem import Problem

HeaderPairs = list[tuple[bytes, bytes]]

NO_STORE: Final = (b"cache-control", b"no-store")
JSON: Final = (b"content-type", b"application/json")
DUPLICATE: Final = (b"firesteel-duplicate", b"true")

# Of the connection and not of the response (RFC 9110 section 7.6.1), ours to set, or, like cookies,
# shared by all ports of a host and so with the console (P46).
_NOT_PASSED_ON: Final = frozenset(
    {
        "connection",
        "content-length",
        "date",
        "keep-alive",
        "proxy-connection",
        "request-id",
        "server",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_OURS: Final = "firesteel-"
_HEADER: Final = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+: [^\x00-\x08\x0a-\x1f\x7f]*")
_BODILESS: Final = frozenset({204, 205, 304})


class Answer(NamedTuple):
    """What leaves; ``headers`` lack only Request-Id."""

    status: int
    headers: HeaderPairs
    body: bytes


class MessageRef(NamedTuple):
    """The message that an answer is about. ``status_url`` as it stands in JSON and in headers;
    ``duplicate``: the message came of an earlier call."""

    message_id: bytes
    sequence: int
    status_url: bytes
    duplicate: bool

    def headers(self) -> HeaderPairs:
        """What every answer about a message carries."""
        pairs = [
            (b"firesteel-message-id", self.message_id),
            (b"firesteel-sequence", b"%d" % self.sequence),
        ]
        if self.duplicate:
            pairs.append(DUPLICATE)
        return pairs


def accepted(message: MessageRef, extra: Iterable[tuple[bytes, bytes]] = ()) -> Answer:
    """202: the message is stored."""
    body = b'{"id":"%b","sequence":%d,"status_url":"%b"}' % message[:3]
    headers = [
        JSON,
        (b"content-length", b"%d" % len(body)),
        NO_STORE,
        (b"location", message.status_url),
        *message.headers(),
        *extra,
    ]
    return Answer(202, headers, body)


def responded(response: Response, message: MessageRef) -> Answer:
    """The execution's response. Headers that cannot be sent, or are not the author's to set, are
    left out."""
    headers, cached = [], False
    for name, value in response.headers:
        name = name.lower()
        if name in _NOT_PASSED_ON or name.startswith(_OURS):
            continue
        if not _HEADER.fullmatch(f"{name}: {value}"):
            continue
        cached = cached or name == "cache-control"
        headers.append((name.encode(), value.encode()))
    body = b"" if response.status in _BODILESS else response.body
    if response.status != 304:
        headers.append((b"content-length", b"%d" % len(body)))
    if not cached:
        headers.append(NO_STORE)
    headers += message.headers()
    return Answer(response.status, headers, body)


def refused(problem: Problem, instance: str, message: MessageRef | None = None) -> Answer:
    """A problem; ``instance`` is a URI reference that names this call."""
    body = problem.body(instance)
    headers = [(name.encode(), value.encode()) for name, value in problem.all_headers()]
    headers += [(b"content-length", b"%d" % len(body)), NO_STORE]
    if message is not None:
        headers += message.headers()
    return Answer(problem.status, headers, body)


def document(status: int, body: bytes, extra: Iterable[tuple[bytes, bytes]] = ()) -> Answer:
    """A JSON document of ours."""
    headers = [JSON, (b"content-length", b"%d" % len(body)), NO_STORE, *extra]
    return Answer(status, headers, body)
