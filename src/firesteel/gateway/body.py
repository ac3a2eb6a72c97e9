"""Reading a call's body, as far as the trigger's limit allows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from firesteel.gateway.refused_call import CallerGone, CallRefused
from firesteel.model.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping


def check_length(headers: Mapping[bytes, bytes], limit_bytes: int) -> None:
    """Refuse a body whose Content-Length is over the limit, before any of it is read (413)."""
    length = headers.get(b"content-length")
    if length is not None and int(length) > limit_bytes:
        raise _too_large(limit_bytes)


async def read_body(receive: Callable[[], Awaitable[Any]], limit_bytes: int) -> bytes:
    """The bytes as received. Raises CallRefused ``body_too_large`` as soon as a chunked body is
    over the limit, and CallerGone where the connection ends within it."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise CallerGone
    body: bytes = message["body"]
    if not message["more_body"] and len(body) <= limit_bytes:
        return body
    parts, size_bytes = [body], len(body)
    while size_bytes <= limit_bytes:
        if not message["more_body"]:
            return b"".join(parts)
        message = await receive()
        if message["type"] == "http.disconnect":
            raise CallerGone
        parts.append(message["body"])
        size_bytes += len(message["body"])
    raise _too_large(limit_bytes)


def _too_large(limit_bytes: int) -> CallRefused:
    detail = f"The body is over the trigger's max_body of {limit_bytes} bytes."
    return CallRefused(Problem("body_too_large", detail))
