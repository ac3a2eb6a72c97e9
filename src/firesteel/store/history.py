"""The history port: find messages, show one, purge the old, back up.

Reads run on connections of their own and never wait for the writer; lists never load payloads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from firesteel.model.execution import (
    Failure,
    JournalEntry,
    MessageStatus,
    Reason,
    Response,
    State,
)
from firesteel.model.message import Message


@dataclass(frozen=True, slots=True)
class MessageFilter:
    """All given conditions hold. ``search``: the integration's search name and a value. Times are
    microseconds, ``until`` exclusive. ``before_no``: keyset, the last row's ``execution_no``."""

    workspace: str | None = None
    integration: str | None = None
    state: State | None = None
    consumer: str | None = None
    received_from_us: int | None = None
    received_until_us: int | None = None
    sequence: int | None = None
    search: tuple[str, str] | None = None
    before_no: int | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class MessageSummary:
    """One execution of a message, as a list shows it; latest first. ``run`` 1 is the original,
    2, 3, ... are replays. ``reason`` is set while it waits."""

    execution_no: int
    message_id: str
    run: int
    sequence: int
    workspace: str
    integration: str
    version: int
    state: State
    reason: Reason | None
    consumer: str | None
    received_at_us: int
    settled_at_us: int | None
    due_at_us: int | None
    attempts: int
    lane_key: str | None
    failure: Failure | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt that did not succeed, or was handed back (failure None)."""

    attempt: int
    started_at_us: int
    ended_at_us: int
    failure: Failure | None
    logs: str


@dataclass(frozen=True, slots=True)
class ExecutionDetail:
    """All that is kept of one execution; ``journal`` and ``attempts`` in their order. ``response``,
    ``input``, ``logs`` and ``journal`` are empty once the payload is purged."""

    summary: MessageSummary
    message: Message | None
    """None once the payload is purged."""
    trigger_no: int
    version_no: int
    waits_for: str | None
    """Id of the message at the head of its lane, where the reason is turn; of the failed one at
    which its lane stopped, where it is paused."""
    journal: list[JournalEntry]
    attempts: list[Attempt]
    response: Response | None
    input: bytes
    logs: str
    code_hash: str
    ended_by: str | None
    ended_why: str | None
    replay_of: int | None


@dataclass(frozen=True, slots=True)
class Activity:
    """``last_received_at_us``: of the latest message that is kept, None where there is none;
    ``failed``: executions that have failed and are kept, up to MOST_COUNTED."""

    last_received_at_us: int | None
    failed: int


MOST_COUNTED = 1000


class History(Protocol):
    """Answers about what is committed; only ``purge`` changes anything. Messages of a removed
    integration stay visible until their retention ends."""

    async def status(self, message_id: str) -> MessageStatus | None:
        """Of the message's latest execution; None where there is no such message."""
        ...

    async def response(self, execution_no: int) -> Response | None:
        """The stored response of a terminal execution; None while there is none or once purged."""
        ...

    async def messages(self, filter: MessageFilter) -> list[MessageSummary]:
        """A page, latest first; the next one begins behind the last row's ``execution_no``. A row
        that ends or is purged meanwhile moves no other row to another page."""
        ...

    async def activity(self, trigger_nos: Sequence[int]) -> dict[int, Activity]:
        """What a list of triggers shows of each; reads as much for a million messages as for a
        thousand."""
        ...

    async def executions(self, message_id: str) -> list[ExecutionDetail]:
        """All executions of the message, the original first; [] if unknown."""
        ...

    async def purge(self, *, default_history_s: float, batch: int = 500) -> int:
        """Delete up to ``batch`` messages whose executions have all ended and are older than
        retention says, with everything that belongs to them, and payloads that may go earlier;
        how many went. 0: nothing is left to do now.

        The trigger's ``purged`` counter rises by the executions that went, in the same transaction
        (P07). Ages are measured so that a jump of the wall clock purges nothing too early (P32).
        Idempotency keys go when their window is over."""
        ...

    async def backup(self, target: Path) -> None:
        """An online copy with every message accepted before the call; atomic: a whole file or
        none."""
        ...

    async def size_bytes(self) -> int:
        """What the store takes on disk."""
        ...

    async def reusable_bytes(self) -> int:
        """How much of that holds nothing, after a purge: new messages take it first."""
        ...
