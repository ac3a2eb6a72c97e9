"""An edited replay: what a person changed of a message, made into what the execution runs on.

The message stays as it was received, with its sequence, lane and consumer; the edit belongs to the
new execution (docs/decisions/0019).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import msgspec

from firesteel.errors import CallerError
from firesteel.model.json_exact import JsonInvalid, loads
from firesteel.model.message import Request, decode_request, encode_request
from firesteel.store.journal import Edit

if TYPE_CHECKING:
    from firesteel.model.message import Message
    from firesteel.store.history import ExecutionDetail


@dataclass(frozen=True, slots=True)
class Changes:
    """What to change; None: it stays. ``query``: what stands behind the ``?``, percent-encoded.
    ``input``: the workflow's input as JSON; data processing is passed over."""

    query: str | None = None
    content_type: str | None = None
    body: bytes | None = None
    input: bytes | None = None

    @property
    def nothing(self) -> bool:
        """Whether all stays."""
        return self == Changes()


# What a query may hold besides letters and digits (RFC 3986, section 3.4); the rest is escaped.
_QUERY: Final = "!$&'()*+,;=:@/?-._~%"
_CONTENT_TYPE: Final = b"content-type"


def edit_of(detail: ExecutionDetail, received: Message, changes: Changes) -> Edit | None:
    """What the replay of this execution runs on; None: on what that one ran on. Parts that stay are
    as that execution had them; but a new body or query means new input, too, so an input that was
    given before does not stand in its way. Raises CallerError ``invalid_request``."""
    if changes.nothing:
        return None
    before = detail.edit or Edit()
    request = before.request
    head = _edited_head(decode_request(request or received.request), changes)
    if head is not None:
        request = encode_request(head)
    body = before.body if changes.body is None else changes.body
    return Edit(request, body, _checked(changes.input))


def _edited_head(request: Request, changes: Changes) -> Request | None:
    """None: it stays."""
    if changes.query is None and changes.content_type is None:
        return None
    query, headers = request.raw_query, request.headers
    if changes.query is not None:
        query = quote(changes.query.removeprefix("?"), safe=_QUERY).encode()
    if changes.content_type is not None:
        others = [pair for pair in headers if pair[0] != _CONTENT_TYPE]
        headers = [*others, (_CONTENT_TYPE, _header_value(changes.content_type))]
    return msgspec.structs.replace(request, raw_query=query, headers=headers)


def _header_value(text: str) -> bytes:
    if not text.isascii() or not text.isprintable():
        raise CallerError("the content type is no header's value", code="invalid_request")
    return text.strip().encode()


def _checked(given: bytes | None) -> bytes | None:
    if given is None:
        return None
    try:
        loads(given)
    except JsonInvalid as error:
        raise CallerError(f"the input is no JSON: {error}", code="invalid_request") from error
    return given
