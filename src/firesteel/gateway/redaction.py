"""A call without what its trigger redacts, before it is stored; a big body's part is a worker's.

What is redacted, and how it is found, is ``model.redaction``'s. A call in which it cannot be found
is refused, since it must not be stored as it came.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from firesteel.errors import OperatorError
from firesteel.gateway.keys import loop_limit_bytes
from firesteel.gateway.refused_call import CallRefused
from firesteel.model.problem import Problem
from firesteel.model.redaction.places import Unredactable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from firesteel.gateway.engine_port import EnginePort
    from firesteel.model.message import Headers
    from firesteel.model.redaction.redaction import Redaction


def needs_worker(redaction: Redaction, content_type: str | None, body: bytes) -> bool:
    """Whether the body must be parsed, and is too big for the loop (P27)."""
    return redaction.reads_body and len(body) > loop_limit_bytes(content_type)


def redacted_body(redaction: Redaction, headers: Headers, body: bytes) -> bytes:
    """Raises CallRefused ``body_invalid``."""
    try:
        return redaction.of_body(_content_type(redaction, headers), body)
    except Unredactable as error:
        raise _refused(str(error)) from error


async def redacted_in_worker(
    redaction: Redaction, headers: Headers, body: bytes, engine: EnginePort
) -> bytes:
    """The same for a big body. Raises also ``workers_unavailable``, where none is there."""
    content_type = _content_type(redaction, headers)
    try:
        return await engine.redact(redaction.texts, content_type, body)
    except Unredactable as error:
        raise _refused(str(error)) from error
    except OperatorError as error:
        raise CallRefused(Problem("workers_unavailable")) from error


def _content_type(redaction: Redaction, headers: Sequence[tuple[bytes, bytes]]) -> str | None:
    """With two of them nobody can tell by which one the body will be read."""
    found = [value for name, value in headers if name == b"content-type"]
    if len(found) > 1 and redaction.reads_body:
        raise _refused("body of two content types")
    return found[0].decode("latin-1") if found else None


def _refused(what: str) -> CallRefused:
    detail = f"The trigger redacts the body before it is stored, which this {what} does not allow."
    return CallRefused(Problem("body_invalid", detail))
