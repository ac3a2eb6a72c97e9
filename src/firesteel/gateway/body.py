"""Reading a call's body, as far as the trigger's limit allows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from firesteel.gateway.refused_call import CallerGone, CallRefused
from firesteel.model.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from firesteel.gateway.held_bodies import HeldBodies


def check_length(headers: Mapping[bytes, bytes], limit_bytes: int) -> None:
    """Refuse a body whose Content-Length is over the limit, before any of it is read (413)."""
    length = headers.get(b"content-length")
    if length is not None and int(length) > limit_bytes:
        raise _too_large(limit_bytes)


async def read_body(
    receive: Callable[[], Awaitable[Any]], limit_bytes: int, bodies: HeldBodies
) -> bytes:
    """The bytes as received, which ``bodies`` holds from here on. Raises CallRefused, ``bodies``
    holding nothing of it: ``body_too_large`` as soon as a chunked body is over the limit,
    ``overloaded``; and CallerGone where the connection ends within it."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise CallerGone
    body: bytes = message["body"]
    if message["more_body"]:
        return await _read_rest(receive, body, limit_bytes, bodies)
    if len(body) > limit_bytes:
        raise _too_large(limit_bytes)
    bodies.take(len(body))
    return body


async def _read_rest(
    receive: Callable[[], Awaitable[Any]], first: bytes, limit_bytes: int, bodies: HeldBodies
) -> bytes:
    parts: list[bytes] = []
    held_bytes, part, more = 0, first, True
    try:
        while True:
            if held_bytes + len(part) > limit_bytes:
                raise _too_large(limit_bytes)
            bodies.take(len(part), held_bytes)
            held_bytes += len(part)
            parts.append(part)
            if not more:
                return b"".join(parts)
            message = await receive()
            if message["type"] == "http.disconnect":
                raise CallerGone
            part, more = message["body"], message["more_body"]
    except BaseException:
        bodies.give_back(held_bytes)
        raise


def _too_large(limit_bytes: int) -> CallRefused:
    detail = f"The body is over the trigger's max_body of {limit_bytes} bytes."
    return CallRefused(Problem("body_too_large", detail))
