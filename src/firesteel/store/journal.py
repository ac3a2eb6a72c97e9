"""The journal port: append, claim, record, settle, recover.

This file is the specification; every adapter passes the suite in ``tests/contract/journal``.

**Commit.** What a method returns is known after its effect is committed and flushed to disk;
adapters put many calls into one transaction. A call that fails with ``StoreUnavailable`` had no
effect; ``OutcomeUnknown`` says that it may have had. Calls made from one event loop take effect in
the order in which they were made.

**Sequence.** ``append`` takes the next number of the trigger inside the transaction, under the
trigger's lock: 1, 2, 3, ... without gaps in the order of commit.

**Lanes.** Messages with a ``lane_key`` stand in that lane of their trigger. Only the head of a
lane may run, and the next is the head only when the head before it is terminal. A lane never has
two running executions (a unique index says so). A head that is postponed keeps its place. A lane
is paused while one of two facts holds, which know nothing of each other: a person paused it; it
stopped by itself at its failed head.

**Claims.** A *session* is one life of one engine process. Claiming an execution sets it running
for this session, raises its ``epoch``, and counts the attempt, all in the transaction in which it
became possible (an append, a settle, a due retry, a resume): the claim is given to ``on_claims``
after that commit, in the event loop's thread, once, and before anyone is told of that commit.
Claims are made while the session's running executions are fewer than ``grant`` allows and the
trigger's running executions are fewer than its ``concurrency``, and at most eight times as many as
slots would be left free: so one trigger's stuck executions never hold all slots (P12). Triggers
take turns, and within a trigger the oldest that may run goes first. A session's lease is one row,
renewed by ``renew``; when it has lapsed by the store's clock, or at once where the adapter knows
that the session is dead, the session's executions are taken over by ``recover`` and every later
write with the old epoch is rejected (returns False) and changes nothing.

**Time.** ``due_at_us`` and ``received_at_us`` are wall-clock microseconds since 1970, for people
and for retries; order never depends on them. A wall clock that was set back delays no claim:
adapters keep due times of this session on the monotonic clock. Of an idempotency key only the
window counts (``expires_at_us - received_at_us``), measured by the same clock.

Values that every message needs are msgspec structs: made in a fraction of a dataclass's time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import msgspec

from firesteel.model.execution import Failure, JournalEntry, Reason, Response, State
from firesteel.model.message import Message
from firesteel.pending import Pending
from firesteel.telemetry.meter import CommitMeter


class Idempotency(msgspec.Struct, frozen=True, gc=False):
    """``key`` is scoped by trigger and consumer; ``fingerprint`` of method, query and body."""

    key: str
    fingerprint: bytes
    expires_at_us: int


class NewMessage(msgspec.Struct, frozen=True):
    """A call to accept. ``message.sequence`` is 0: the store gives it.

    ``lane_key``: None where the trigger is not ordered, "" for the trigger's one lane, else the
    ordering key's value. ``search``: (name, value) pairs. ``record_only``: the integration has no
    workflow; the execution is settled as succeeded with 204 at once.
    """

    trigger_no: int
    version_no: int
    message: Message
    lane_key: str | None = None
    idempotency: Idempotency | None = None
    search: tuple[tuple[str, str], ...] = ()
    record_only: bool = False


class Accepted(msgspec.Struct, frozen=True, gc=False):
    """The message is committed under ``sequence``; ``execution_no`` names its first execution."""

    message_id: str
    sequence: int
    execution_no: int


class Duplicate(msgspec.Struct, frozen=True, gc=False):
    """The key is known within its window: nothing was stored. ``same`` False: another
    fingerprint. ``execution_no`` is the original message's first execution."""

    message_id: str
    sequence: int
    execution_no: int
    same: bool


class LaneFull(msgspec.Struct, frozen=True, gc=False):
    """The trigger has ``max_waiting`` messages waiting, or its lane as many as it may have: nothing
    was stored."""

    waiting: int


Appended = Accepted | Duplicate | LaneFull


LEFT_FROM_BYTES = 256 * 1024
"""A claim leaves a body over this in the store: as many as start at once would else be in memory
together."""


class Claim(msgspec.Struct, frozen=True):
    """One attempt that this session must make. ``attempt`` counts all attempts of the execution
    (1, 2, ...); ``counted`` those that count against ``retry.attempts``, this one included.
    ``execution`` is the public id ``<message id>-<run>``. ``journal`` is filled where attempt > 1.
    ``alone``: a suspect of a crash; no other attempt may be in its worker. ``given_input``: the
    workflow's input as JSON, where a person gave one for this replay. ``message`` is as that
    person edited it. ``first_started_at_us``: when the first attempt was claimed, on the clock of
    ``Journal.steady_us``. ``left_bytes``: the length of the body where that was left in the store
    (``Journal.body``) and is empty here."""

    execution_no: int
    epoch: int
    execution: str
    trigger_no: int
    version_no: int
    attempt: int
    counted: int
    first_started_at_us: int
    message: Message
    journal: list[JournalEntry] = []
    alone: bool = False
    given_input: bytes = b""
    left_bytes: int = 0


class Settlement(msgspec.Struct, frozen=True):
    """The final outcome of a running execution. ``response`` is what the caller gets, also for
    failures (a problem document). ``input`` and ``logs`` as in the Outcome frame."""

    execution_no: int
    epoch: int
    state: Literal[State.SUCCEEDED, State.FAILED, State.CANCELLED]
    response: Response
    failure: Failure | None = None
    entries: Sequence[JournalEntry] = ()
    input: bytes = b""
    logs: str = ""
    code_hash: str = ""


class Postponement(msgspec.Struct, frozen=True):
    """An attempt ended without a final outcome: back to waiting, at the head of its lane, not to
    be claimed for ``delay_s``. ``counts`` False takes this attempt out of ``counted``. ``failure``
    None: handed back at a graceful stop. Entries are journaled."""

    execution_no: int
    epoch: int
    delay_s: float
    counts: bool
    alone: bool = False
    failure: Failure | None = None
    entries: Sequence[JournalEntry] = ()
    logs: str = ""


class Edit(msgspec.Struct, frozen=True, gc=False):
    """What a person changed for a replay; None: that part is as it was received. ``request``: an
    encoded Request; ``input``: the workflow's input as JSON, and no data processing."""

    request: bytes | None = None
    body: bytes | None = None
    input: bytes | None = None

    @property
    def parts(self) -> list[str]:
        """The names of what is changed."""
        return [name for name in ("request", "body", "input") if getattr(self, name) is not None]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, for records and audit: a user's, token's or key's name, and why."""

    name: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    """What a person's act found: ``state`` after it; ``changed`` False when nothing was changed.
    ``running_epoch`` is set when a cancellation found the execution running: its attempt must end
    before ``end_running``. ``elsewhere``: it runs in another live session, which must end it."""

    execution_no: int
    state: State
    changed: bool
    running_epoch: int | None = None
    elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class LaneStatus:
    """One lane that has waiting or running executions, or is paused. ``key`` None: the whole
    trigger's row (paused as a whole). The head runs or is to run next; of a lane that stopped by
    itself it is the failed one."""

    trigger_no: int
    key: str | None
    waiting: int
    running: int
    paused: bool
    paused_because: str
    head_message_id: str | None
    head_reason: Reason | None
    oldest_received_at_us: int | None


@dataclass(frozen=True, slots=True)
class TriggerCounts:
    """P07: accepted + replayed = waiting + running + terminal + purged, per trigger."""

    accepted: int
    replayed: int
    waiting: int
    running: int
    terminal: int
    purged: int


class Journal(Protocol):
    """See the module's text. All methods are called from the event loop's thread."""

    def listen(
        self,
        on_claims: Callable[[Sequence[Claim]], None],
        on_lost: Callable[[BaseException], None],
    ) -> None:
        """Give claims to ``on_claims``; tell ``on_lost`` once when the store can no longer be
        trusted (a failed flush): everything pending has failed, the engine must exit."""
        ...

    def steady_us(self) -> int:
        """The clock by which what is due is told, in microseconds: no jump of the wall clock moves
        it, also where that jumped before an engine was started anew (P32)."""
        ...

    def grant(self, slots: int) -> None:
        """At most ``slots`` executions of this session may run at once; 0 stops claiming."""
        ...

    def append(self, message: NewMessage) -> Pending[Appended]:
        """Store the message and its first execution. Duplicate keys and full triggers are found
        inside the transaction, also among messages of the same transaction. Raises CallerError
        ``unknown_integration``; StoreUnavailable ``overloaded`` at once where too many calls wait.
        """
        ...

    async def body(self, execution_no: int) -> bytes | None:
        """The body that an execution runs on, its message's or the one that a person gave; None
        where there is none any more. Raises StoreUnavailable."""
        ...

    def record(self, execution_no: int, epoch: int, entry: JournalEntry) -> Pending[bool]:
        """Journal a step's result; False if the epoch is over. Safe to repeat: the first entry of
        a step stands."""
        ...

    def settle(self, settlement: Settlement) -> Pending[bool]:
        """Write the final outcome, advance the lane (``on_failure`` pause stops it at a failed
        head) and claim what may start now. False if the epoch is over: nothing changed."""
        ...

    def postpone(self, postponement: Postponement) -> Pending[bool]:
        """Back to waiting in its place. False if the epoch is over: nothing changed."""
        ...

    def cancel(self, execution_no: int, actor: Actor, response: Response) -> Pending[Ended]:
        """Waiting becomes cancelled, and the lane goes past it in the same transaction. A running
        one is left as it is, with its ``running_epoch``: end its attempt, then ``end_running``; or
        with ``elsewhere``, and no epoch. A terminal one is left as it is. Raises CallerError
        ``unknown_execution``, and ``not_recovered`` where it ran in a dead session."""
        ...

    def end_running(
        self, execution_no: int, epoch: int, actor: Actor, response: Response
    ) -> Pending[Ended]:
        """The second half of a cancellation, to be called when the attempt has ended in its
        worker: running under exactly this epoch becomes cancelled, and the lane goes on in the
        same transaction (P09). Where the epoch is over nothing is changed. Safe to repeat. Raises
        CallerError ``unknown_execution``."""
        ...

    def skip(self, execution_no: int, actor: Actor, response: Response) -> Pending[Ended]:
        """Waiting becomes skipped. A failed head at which its lane stopped becomes skipped and the
        lane goes on, unless a person paused it. Anything else is left as it is (running: cancel
        it)."""
        ...

    def retry_now(self, execution_no: int, actor: Actor) -> Pending[Ended]:
        """A waiting execution that is due later becomes due now."""
        ...

    def replay(
        self,
        execution_no: int,
        version_no: int,
        actor: Actor,
        edit: Edit | None = None,
        *,
        latest: bool = False,
    ) -> Pending[tuple[int, str]]:
        """A new execution of a terminal execution's message under ``version_no``, linked to it, at
        the lane's tail; at its old place where the lane stopped at it, and the lane goes on, unless
        a person paused it. It runs on what that execution ran on, or on ``edit``, which is kept
        with it; the message stays as it was received. ``latest``: only where no other execution of
        the message has come since, so that two people at once make one.
        Returns its number and public id. Raises CallerError ``unknown_execution``,
        ``not_terminal``, ``payload_purged``."""
        ...

    def pause(self, trigger_no: int, lane_key: str | None, actor: Actor) -> Pending[None]:
        """Claim nothing more of this lane (None: of the whole trigger); running ones end."""
        ...

    def resume(self, trigger_no: int, lane_key: str | None, actor: Actor) -> Pending[None]:
        """Take back a person's pause: the lane goes on, unless it stopped at a failed head. A lane
        that only stopped at its failed head goes on behind it."""
        ...

    def renew(self) -> Pending[bool]:
        """Renew this session's lease (15 s). False: it was lost, the engine must exit."""
        ...

    def holds_until_s(self) -> float:
        """Until when this session surely has its lease, by ``time.monotonic``: past it nothing may
        be started (P14). Infinite where no other session can take over from a living one."""
        ...

    def unsafe(self) -> str:
        """Why nothing is written now on a store that answers: it would not keep what it commits;
        empty where that is not so."""
        ...

    def recover(self) -> Pending[int]:
        """Take over the executions of dead sessions: back to waiting in their place, epoch raised,
        the attempt not counted, ``alone`` after the third time. Returns how many."""
        ...

    async def lanes(self, trigger_no: int | None = None, limit: int = 100) -> list[LaneStatus]:
        """Longest first."""
        ...

    async def counts(self, trigger_no: int) -> TriggerCounts:
        """Exact at a quiet moment."""
        ...

    async def totals(self, trigger_no: int) -> tuple[int, int]:
        """Messages accepted and executions replayed so far; reads one row."""
        ...

    async def oldest_waiting_us(self, trigger_no: int) -> int | None:
        """When the message was received that has waited longest; None where none waits. Looks at
        the first of what may run and of each lane that runs or is paused, however much waits."""
        ...

    @property
    def meter(self) -> CommitMeter:
        """What the writing thread has counted of its transactions."""
        ...

    def unwritten(self) -> int:
        """Calls of these methods whose effect is not known yet."""
        ...

    def backlog(self, trigger_no: int) -> tuple[int, int]:
        """Waiting and running of a trigger, from memory, for metrics and admission."""
        ...
