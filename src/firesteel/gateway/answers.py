"""Answers of the public port: accepted, a response, a problem; each with its headers in order."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import msgspec

from firesteel.gateway.refusal import Answer, problem_answer
from firesteel.model.problem import Problem
from firesteel.model.response_headers import header_name_fault, is_inert

if TYPE_CHECKING:
    from firesteel.model.execution import Response

_HEADER: Final = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+: [^\x00-\x08\x0a-\x1f\x7f]*")
_BODILESS: Final = frozenset({204, 205, 304})
# These have no Content-Length (RFC 9110 section 8.6, and 304's would be another answer's).
_UNMEASURED: Final = frozenset({204, 304})
# Authors' headers repeat: most are made once.
_LINES_KEPT: Final = 1024


class MessageRef(msgspec.Struct, frozen=True, gc=False):
    """The message that an answer is about. ``status_url`` as it stands in JSON and in headers;
    ``duplicate``: the message came of an earlier call."""

    message_id: bytes
    sequence: int
    status_url: bytes
    duplicate: bool

    def headers(self) -> bytes:
        """What every answer about a message carries."""
        known = (self.message_id, self.sequence)
        lines = b"firesteel-message-id: %b\r\nfiresteel-sequence: %d\r\n" % known
        return lines + b"firesteel-duplicate: true\r\n" if self.duplicate else lines


def accepted(message: MessageRef, request_id: bytes, extra: bytes = b"") -> Answer:
    """202: the message is stored. ``extra``: more header lines."""
    known = (message.message_id, message.sequence, message.status_url)
    body = b'{"id":"%b","sequence":%d,"status_url":"%b"}' % known
    headers = (
        b"content-type: application/json\r\ncontent-length: %d\r\ncache-control: no-store\r\n"
        b"location: %b\r\n%b%brequest-id: %b\r\n"
    ) % (len(body), message.status_url, message.headers(), extra, request_id)
    return Answer(202, headers, body)


def responded(response: Response, message: MessageRef, request_id: bytes) -> Answer:
    """The execution's response. Headers that cannot be sent, or are not the author's to set, are
    left out."""
    lines, cached, kind = b"", False, None
    for name, value in response.headers:
        lower = name.lower()
        if lower == "x-content-type-options":  # browsers take the first one, which is the guard's
            continue
        lines += _line(name, value)
        if lower == "cache-control":
            cached = True
        elif lower == "content-type":
            kind = value if kind is None else ""
    lines += _guard(kind or "")
    body = b"" if response.status in _BODILESS else response.body
    if response.status not in _UNMEASURED:
        lines += b"content-length: %d\r\n" % len(body)
    if not cached:
        lines += b"cache-control: no-store\r\n"
    lines += b"%brequest-id: %b\r\n" % (message.headers(), request_id)
    return Answer(response.status, lines, body)


def late(code: str, message: MessageRef, request_id: bytes) -> Answer:
    """A problem about a message that is stored, but has no response now."""
    message_id = message.message_id.decode()
    problem = Problem(code, id=message_id, status_url=message.status_url.decode())
    answer = problem_answer(problem, request_id, f"urn:firesteel:message:{message_id}")
    return of_message(answer, message)


def of_message(answer: Answer, message: MessageRef) -> Answer:
    """The answer with what tells which message it is about."""
    return answer._replace(headers=answer.headers + message.headers())


def document(body: bytes, request_id: bytes, extra: bytes = b"") -> Answer:
    """200 with a JSON document of ours."""
    headers = (
        b"content-type: application/json\r\ncontent-length: %d\r\ncache-control: no-store\r\n"
        b"%brequest-id: %b\r\n"
    ) % (len(body), extra, request_id)
    return Answer(200, headers, body)


@lru_cache(maxsize=_LINES_KEPT)
def _line(name: str, value: str) -> bytes:
    """A header of an author as a line; nothing where it cannot or may not be sent."""
    name = name.lower()
    if header_name_fault(name) is not None:
        return b""
    if not _HEADER.fullmatch(f"{name}: {value}"):
        return b""
    return f"{name}: {value}\r\n".encode()


@lru_cache(maxsize=_LINES_KEPT)
def _guard(content_type: str) -> bytes:
    """By which a browser takes a body for what it says it is, and runs nothing of it: a page of the
    public port is the console's neighbour (P46)."""
    if is_inert(content_type):
        return b"x-content-type-options: nosniff\r\n"
    return b"x-content-type-options: nosniff\r\ncontent-security-policy: sandbox\r\n"
