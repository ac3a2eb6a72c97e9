"""The history port: find messages, show one, purge the old, back up.

Reads run on connections of their own and never wait for the writer; lists never load payloads.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from firesteel.model.execution import (
    ErrorKind,
    Failure,
    JournalEntry,
    MessageStatus,
    Reason,
    Response,
    State,
)
from firesteel.model.message import Message
from firesteel.store.copies import Copied, CopyProgress
from firesteel.store.journal import Actor, Edit
from firesteel.store.kept import Asked, KeptOf, Parts
from firesteel.store.pause import Interrupted, Unfinished


@dataclass(frozen=True, slots=True)
class MessageFilter:
    """All given conditions hold. ``search``: the integration's search name and a value. Times are
    microseconds, ``until`` exclusive. ``failure_code``: of the last attempt's failure.
    ``unrepeated``: no later execution of the message, so nobody has replayed it since.
    ``before_no`` and ``after_no``: keyset, the last row's ``execution_no``, both exclusive; with
    ``oldest_first`` the next page begins after it, else before it."""

    workspace: str | None = None
    integration: str | None = None
    state: State | None = None
    consumer: str | None = None
    received_from_us: int | None = None
    received_until_us: int | None = None
    sequence: int | None = None
    search: tuple[str, str] | None = None
    failure_code: str | None = None
    unrepeated: bool = False
    before_no: int | None = None
    after_no: int | None = None
    oldest_first: bool = False
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
class Target:
    """An execution that a bulk act is about."""

    execution_no: int
    message_id: str
    run: int
    trigger_no: int
    version_no: int
    state: State


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Failed executions of an integration that failed alike; ``example_id`` is the latest one's
    message, ``detail`` what it says. Times are those of receipt."""

    integration: str
    code: str
    kind: ErrorKind
    step: str | None
    detail: str
    count: int
    first_received_at_us: int
    last_received_at_us: int
    example_id: str


@dataclass(frozen=True, slots=True)
class FailureGroups:
    """The largest first; ``looked_at`` executions were grouped, and with ``more`` there are older
    ones that were not."""

    groups: list[FailureGroup]
    looked_at: int
    more: bool


Place = Literal["request", "body", "input", "response"]


@dataclass(frozen=True, slots=True)
class TextMatch:
    """An execution in which the text was found, and where."""

    summary: MessageSummary
    places: list[Place]


@dataclass(frozen=True, slots=True)
class TextScan:
    """One piece of a search through payloads, latest first. ``next_no``: ``before_no`` of the next
    piece; None: everything was looked at. ``progress`` (0 to 1) is how far the search has come, by
    the numbers of executions; ``reached_us`` when the last one looked at was received."""

    matches: list[TextMatch]
    looked_at: int
    next_no: int | None
    progress: float
    reached_us: int | None


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
    ``input``, ``logs``, ``journal`` and ``edit`` are empty once the payload is purged."""

    summary: MessageSummary
    message: Message | None
    """As it was received; None once the payload is purged."""
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
    erased_at_us: int | None
    """When the message was erased, with all its executions."""
    edit: Edit | None
    """What a person changed of the message for this execution; None: nothing."""


@dataclass(frozen=True, slots=True)
class Going:
    """A message that is about to be purged: its executions, the original first, and its search
    values."""

    executions: Sequence[ExecutionDetail]
    search: dict[str, str]


@dataclass(frozen=True, slots=True)
class Activity:
    """``last_received_at_us``: of the latest message that is kept, None where there is none;
    ``failed``: executions that have failed and are kept, up to MOST_COUNTED."""

    last_received_at_us: int | None
    failed: int


MOST_COUNTED = 1000


class Archive(Protocol):
    """Where messages are written before retention lets them go. ``by_default``: also those of
    integrations of which neither they nor their workspace say so.

    What was added is kept when ``finish`` has returned, flushed; a message that is added again is
    there twice. Both raise OperatorError ``archive_failed``; then nothing that was added since the
    last ``finish`` counts as kept."""

    @property
    def by_default(self) -> bool:
        """As above."""
        ...

    @property
    def folder(self) -> Path:
        """Where it is."""
        ...

    @property
    def fault(self) -> str:
        """Why the last attempt to write failed; empty where it did not, or where ``try_again`` has
        found that it would not now."""
        ...

    async def try_again(self) -> None:
        """See whether what failed last would fail now; nothing is kept of it. ``fault`` tells."""
        ...

    def forget_fault(self) -> None:
        """Nothing is to be archived any more."""
        ...

    async def add(self, going: Sequence[Going]) -> None:
        """A few messages more."""
        ...

    async def finish(self) -> None:
        """Write and flush what was added."""
        ...

    def drop(self) -> None:
        """Forget what was added and is not written."""
        ...


class History(Protocol):
    """Answers about what is committed; only ``purge``, ``erase`` and ``forget`` change anything.
    Messages of a removed integration stay visible until their retention ends."""

    async def status(self, message_id: str) -> MessageStatus | None:
        """Of the message's latest execution; None where there is no such message."""
        ...

    async def response(self, execution_no: int) -> Response | None:
        """The stored response of a terminal execution; None while there is none or once purged."""
        ...

    async def responses(self, execution_nos: Collection[int]) -> dict[int, Response]:
        """The stored responses of those of the executions that have ended, by number: for callers
        that wait here while another node works."""
        ...

    async def messages(self, filter: MessageFilter) -> list[MessageSummary]:
        """A page, latest first; the next one begins behind the last row's ``execution_no``. A row
        that ends or is purged meanwhile moves no other row to another page."""
        ...

    async def activity(self, trigger_nos: Sequence[int]) -> dict[int, Activity]:
        """What a list of triggers shows of each; reads as much for a million messages as for a
        thousand."""
        ...

    async def changed(
        self, filter: MessageFilter, numbers: Collection[int]
    ) -> list[tuple[MessageSummary, bool]]:
        """Of these executions, those in the filter's workspace as they stand now, latest first, and
        whether the filter finds them; for lists that are live. Keyset and limit do not count."""
        ...

    async def count(self, filter: MessageFilter, most: int) -> tuple[int, int]:
        """How many executions the filter finds, ``most`` + 1 at most, and the highest number among
        them (0: none). Costs what listing them costs."""
        ...

    async def targets(self, filter: MessageFilter) -> list[Target]:
        """As ``messages``, for a bulk act."""
        ...

    async def failures(self, filter: MessageFilter, most: int) -> FailureGroups:
        """The latest ``most`` failed executions that the filter finds, grouped by integration, code
        and step."""
        ...

    async def scan(
        self, filter: MessageFilter, text: str, *, rows: int, seconds: float
    ) -> TextScan:
        """Look for a text in what the filter's messages hold, latest first, from ``before_no`` on:
        in at most so many executions and about so long. It runs beside the writer and beside other
        reads, one at a time; a second one waits. Upper and lower case matter; of very large bodies
        only the beginning is looked at. Raises CallerError ``search_busy`` where two are under way
        already."""
        ...

    async def executions(self, message_id: str) -> list[ExecutionDetail]:
        """All executions of the message, the original first; [] if unknown."""
        ...

    async def unfinished(self, *, removed_of: str | None = None) -> list[Unfinished]:
        """What waits and what runs, by workspace and integration; removed integrations too, or
        those of one workspace alone, and none that have nothing."""
        ...

    async def interrupted(self) -> tuple[int, list[Interrupted]]:
        """How many executions run, and the first of them. To be asked before ``Journal.recover``:
        then they are those that were running when the store was left."""
        ...

    async def archives(self, *, by_default: bool) -> bool:
        """Whether there is an integration whose messages are to be archived before they go, or one
        that was removed and still has such. ``by_default``: as of ``Archive``."""
        ...

    async def purge(
        self, *, default_history_s: float, batch: int = 500, archive: Archive | None = None
    ) -> int:
        """Delete up to ``batch`` messages whose executions have all ended and are older than
        retention says, with everything that belongs to them, and payloads that may go earlier;
        how many went. 0: nothing is left to do now.

        The trigger's ``purged`` counter rises by the executions that went, in the same transaction
        (P07). Ages are measured so that a jump of the wall clock purges nothing too early (P32).
        Idempotency keys go when their window is over.

        With ``archive`` what is to be archived goes only after it was (decision 0060). Raises
        OperatorError ``archive_failed`` where it could not be; all else has gone then."""
        ...

    async def erase(self, message_ids: Sequence[str], actor: Actor | None = None) -> dict[str, int]:
        """Erase those of the messages whose executions have all ended, in small pieces, each a
        transaction; which of them are erased, with how many executions went now (0: it was erased
        before). Safe to repeat.

        What was received goes, and all that was made of it: payload, input, entries, responses,
        logs, edits, texts of failures, search values, consumer and lane. The message itself stays,
        with its id, sequence, times, state and counts (P07, P08). Left out is also a failed message
        at which its lane is stopped: somebody has to decide about it first. With ``actor`` each
        message is noted in the audit log, without anything of what it held."""
        ...

    async def forget(self, workspace: str, consumer: str | None) -> bool:
        """What goes after messages were erased: idempotency keys that lead to one, and with
        ``consumer`` those of it whose message retention has let go; then what the store's own log
        still has of all that. False: it could not be emptied now, since somebody reads from it; it
        is overwritten or emptied later. Safe to repeat."""
        ...

    async def backup(
        self, target: Path, progress: CopyProgress | None = None, reserve_bytes: int = 0
    ) -> Copied:
        """An online copy with every message accepted before the call; atomic: a whole file, read
        through and flushed, or none. ``reserve_bytes`` of the disk stay free. Raises CallerError
        ``target_exists``, ``no_room``, OperatorError ``backup_failed``, ``backup_unsupported``."""
        ...

    async def size_bytes(self) -> int:
        """What the store takes on disk."""
        ...

    async def kept(self, asked: Sequence[Asked]) -> dict[int, KeptOf]:
        """What is kept of triggers, and what of it is to go, by number."""
        ...

    async def parts(self) -> Parts | None:
        """What payloads and indices take; None where the database does not tell."""
        ...

    async def reusable_bytes(self) -> int:
        """How much of that holds nothing, after a purge: new messages take it first."""
        ...
