"""The trace that a message belongs to: W3C Trace Context, read from its call, passed on by steps.

Ids of spans are made from what they stand for, so that nothing has to be remembered between
attempts, processes and nodes: what a step calls names it as its parent whether it is exported or
not. https://www.w3.org/TR/trace-context/
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from firesteel.model.message import Request

_TRACEPARENT = re.compile(
    rb"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?"
)
_SAMPLED = 1
_STATE_LIMIT = 512


class TraceContext(NamedTuple):
    """``trace_id`` and ``parent_id`` in hexadecimal; ``parent_id`` empty: the caller sent none.
    ``state``: the caller's tracestate, as it came."""

    trace_id: str
    parent_id: str
    sampled: bool
    state: str


def trace_of(request: Request, message_id: str) -> TraceContext:
    """The caller's, where it sent a valid one; else the message's own."""
    received = request.header(b"traceparent")
    match = None if received is None else _TRACEPARENT.fullmatch(received)
    if match is None or (match[1] == b"00" and match[5] is not None):
        return TraceContext(hashlib.sha256(message_id.encode()).hexdigest()[:32], "", True, "")
    state = (request.header(b"tracestate") or b"").decode("latin-1")
    return TraceContext(
        match[2].decode(),
        match[3].decode(),
        bool(int(match[4], 16) & _SAMPLED),
        state if len(state) <= _STATE_LIMIT and state.isascii() and state.isprintable() else "",
    )


def receive_span_id(message_id: str) -> str:
    """Of the time from the message's acceptance to its first attempt."""
    return _id("receive", message_id)


def attempt_span_id(execution: str, attempt: int) -> str:
    """Of an attempt."""
    return _id("attempt", execution, str(attempt))


def step_span_id(execution: str, attempt: int, place: str) -> str:
    """Of a step in an attempt, at that place in the journal."""
    return _id("step", execution, str(attempt), place)


def _id(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
