"""Bodies of the admin port are measured before anything parses them (P27).

JSON and forms are parsed in the event loop. What that takes goes by the number of values far more
than by the length: a text of 4 MiB is read in 15 ms, 4 MiB of empty lists take 300. Here values,
depth and escapes are counted by searches that take some milliseconds whatever the body is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from firesteel.model.problem import Problem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    Event = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Event]]

MAX_VALUES: Final = 25_000
"""A document has 10,000 values; each is counted twice at most, as a comma and as a bracket."""
MAX_DEPTH: Final = 128
MAX_FIELDS: Final = 1_000
MAX_ESCAPES: Final = 300_000
_BARE_BYTES: Final = 1024 * 1024
"""Numbers, blanks and brackets: all that stands outside of texts."""
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_CHANGES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})


async def measured(scope: Any, receive: Receive) -> tuple[Receive, Problem | None]:
    """Reads the body of a request that may have one; what an application receives instead, and why
    the body is refused."""
    if scope["method"] not in _CHANGES:
        return receive, None
    first: Event | None = await receive()
    problem = body_problem(_content_type(scope), first.get("body", b"")) if first else None

    async def again() -> Event:
        nonlocal first
        event, first = first, None
        return await receive() if event is None else event

    return again, problem


def body_problem(content_type: bytes, body: bytes) -> Problem | None:
    """Why a body is not parsed; None: it is."""
    detail = ""
    if b"json" in content_type:
        detail = json_fault(body)
    elif b"urlencoded" in content_type:
        detail = _form_fault(body)
    return Problem("invalid_request", detail) if detail else None


def json_fault(body: bytes, *, max_values: int = MAX_VALUES) -> str:
    """What of the outline of JSON is beyond bounds; "" for nothing. It need not be JSON.

    A reader that finds a fault in it stops there, and up to there it sees what is seen here:
    without escapes, every other part between quotes is outside of texts.
    """
    if (
        b"\0" in body
    ):  # JSON has none; UTF-16 and UTF-32 have, in which a quote may be half a letter
        return "JSON is in UTF-8, and has no NUL character"
    plain = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    if plain.count(b'"') > 4 * max_values:
        return f"a body has at most {max_values:,} values here"
    bare = b"".join(plain.split(b'"')[::2])
    if len(bare) > _BARE_BYTES:
        return "a body has at most 1 MiB outside of texts"
    if sum(map(bare.count, (b",", b"[", b"{"))) > max_values:
        return f"a body has at most {max_values:,} values here"
    depth = 0
    for bracket in bare.translate(None, _NO_BRACKETS):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            return f"a body is nested at most {MAX_DEPTH} levels deep"
    return ""


def _form_fault(body: bytes) -> str:
    if body.count(b"&") > MAX_FIELDS:
        return f"a form has at most {MAX_FIELDS:,} fields"
    if body.count(b"%") > MAX_ESCAPES:
        return f"a form has at most {MAX_ESCAPES:,} escapes here"
    return ""


def _content_type(scope: Any) -> bytes:
    return b",".join(value for name, value in scope["headers"] if name == b"content-type").lower()
