"""What is kept of a trigger, and what retention lets go of it next: close enough to plan by."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Asked:
    """Messages received before ``history_before_us`` are to go by then; their payloads, where that
    is earlier, those received before ``payloads_before_us`` (None: with the message)."""

    trigger_no: int
    history_before_us: int
    payloads_before_us: int | None


@dataclass(frozen=True, slots=True)
class KeptOf:
    """``payload_bytes``: requests, bodies, inputs, results of steps and responses, reckoned from a
    sample. ``going_messages`` and ``going_bytes``: of what was asked for, if all of it has ended
    by then."""

    messages: int
    oldest_received_at_us: int | None
    payload_bytes: int
    going_messages: int
    going_bytes: int


@dataclass(frozen=True, slots=True)
class Parts:
    """What the tables that hold payloads take, and all indices; told by a database server."""

    payload_bytes: int
    index_bytes: int
