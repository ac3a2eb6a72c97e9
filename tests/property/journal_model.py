"""What a plain list says that a journal must do: the text of its port, without any store.

The list holds every execution; each method takes what was asked and what the store answered, says
whether that is right, and changes the list. Which executions *may* start is worked out anew at
every claim, from the list alone. It knows nothing of any adapter, so that every one can be held
against it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from firesteel.model.execution import Failure, JournalEntry, Reason, State
from firesteel.model.message import Message
from firesteel.model.retry import Again, Tries, decide
from firesteel.store.history import ExecutionDetail
from firesteel.store.journal import (
    Accepted,
    Appended,
    Claim,
    Duplicate,
    Ended,
    LaneFull,
    LaneStatus,
    NewMessage,
    TriggerCounts,
)
from tests.property.journal_rules import ALONE_AFTER, GIVE_UP_AFTER_S, RETRY, SHARE, Clock, Rules

LaneName = tuple[int, str]
End = Literal[State.SUCCEEDED, State.FAILED]


@dataclass(slots=True)
class Trigger:
    """A trigger and its counters. ``version_nos``: all that were published, the current one last.
    ``purged``: executions that retention removed."""

    no: int
    rules: Rules
    version_nos: list[int]
    paused: bool = False
    accepted: int = 0
    replayed: int = 0
    purged: int = 0


@dataclass(slots=True)
class Row:
    """An execution. ``session``: the one that runs it. ``ended_s``: by true time, which no clock
    shows. ``entries``: its journal. ``tried``: attempts that did not succeed."""

    no: int
    message: Message
    trigger: Trigger
    version_no: int
    lane: str | None
    position: int
    run: int = 1
    replay_of: int | None = None
    state: State = State.WAITING
    due_us: int | None = None
    epoch: int = 0
    attempt: int = 0
    counted: int = 0
    interruptions: int = 0
    alone: bool = False
    session: int = 0
    first_started_at_us: int | None = None
    ended_s: float | None = None
    ended_by: str | None = None
    entries: dict[str, JournalEntry] = field(default_factory=dict)
    tried: list[int] = field(default_factory=list)

    @property
    def lane_name(self) -> LaneName | None:
        """Trigger and key; None where it stands in no lane."""
        return None if self.lane is None else (self.trigger.no, self.lane)


@dataclass(frozen=True, slots=True)
class Key:
    """An idempotency key that was used, and whose message has it until when."""

    first: Accepted
    fingerprint: bytes
    expires_at_us: int


class JournalModel:
    """``slots``: what the session was granted. Times that things are due at are those of
    ``clock.steady_us``, which no jump of the wall clock moves. ``lost_hold_room``: what dead
    sessions ran counts for the concurrency until it is taken over."""

    def __init__(self, clock: Clock, *, lost_hold_room: bool = False) -> None:
        self.clock = clock
        self.lost_hold_room = lost_hold_room
        self.slots = 0
        self.session = 0
        self.triggers: dict[int, Trigger] = {}
        self.rows: dict[int, Row] = {}
        self.keys: dict[tuple[int, str, str], Key] = {}
        self.paused: set[LaneName] = set()
        self.stopped: dict[LaneName, int] = {}

    # --- what stands where ----------------------------------------------------------------------

    def of(self, trigger: Trigger, *states: State) -> list[Row]:
        """The trigger's executions in these states, oldest first; all where none is named."""
        rows = [row for row in self.rows.values() if row.trigger is trigger]
        return [row for row in rows if not states or row.state in states]

    def running(self) -> list[Row]:
        """What this session runs."""
        rows = self.rows.values()
        return [row for row in rows if row.state is State.RUNNING and row.session == self.session]

    def lost(self) -> list[Row]:
        """What dead sessions ran and nobody has taken over."""
        rows = self.rows.values()
        return [row for row in rows if row.state is State.RUNNING and row.session != self.session]

    def in_lane(self, name: LaneName | None) -> list[Row]:
        """What of the lane has not ended, its head first."""
        rows = [r for r in self.rows.values() if r.lane_name == name and not r.state.terminal]
        return sorted(rows, key=lambda row: (row.state is not State.RUNNING, row.position))

    def is_paused(self, row: Row) -> bool:
        """By a person, or at its failed head, or with its whole trigger."""
        name = row.lane_name
        return row.trigger.paused or name in self.paused or name in self.stopped

    def may_start(self, row: Row) -> bool:
        """It waits, is due, in no pause, and the head of its lane with nothing running there."""
        if row.state is not State.WAITING or row.due_us is not None or self.is_paused(row):
            return False
        return row.lane is None or self.in_lane(row.lane_name)[0] is row

    def has_room(self, trigger: Trigger) -> bool:
        """The trigger's concurrency and its share of the free slots allow one more."""
        running = self.running()
        own = sum(row.trigger is trigger for row in running)
        free = self.slots - len(running)
        lost = self.lost() if self.lost_hold_room else []
        others = sum(row.trigger is trigger for row in lost)
        return own + others < trigger.rules.concurrency and own <= SHARE * (free - 1)

    def claimable(self) -> Iterator[Row]:
        """What could start now: after a transaction there must be nothing."""
        return (
            row for row in self.rows.values() if self.may_start(row) and self.has_room(row.trigger)
        )

    # --- time and sessions ----------------------------------------------------------------------

    def tick(self) -> None:
        """What is due by now is due later no more."""
        now_us = self.clock.steady_us
        for row in self.rows.values():
            if row.due_us is not None and row.due_us <= now_us:
                row.due_us = None

    def session_begun(self) -> None:
        """A new session; where its clock stands before the last one's, what is due moves along."""
        moved_us = self.clock.begin_session()
        for row in self.rows.values():
            if row.due_us is not None:
                row.due_us -= moved_us
        self.session += 1

    def recovered(self, taken_over: int) -> None:
        """Nothing of it counts; the third time the next attempt is a suspect's."""
        lost = self.lost()
        assert taken_over == len(lost)
        for row in lost:
            row.tried.append(row.attempt)
            row.epoch += 1
            row.counted -= 1
            row.interruptions += 1
            row.alone = row.alone or row.interruptions >= ALONE_AFTER
            self._wait(row, None)

    # --- the engine -----------------------------------------------------------------------------

    def appended(self, new: NewMessage, answer: Appended, *, maybe_started: int = 0) -> None:
        """``maybe_started``: how many executions that wait by the list may run already, since they
        were accepted in the same transaction."""
        trigger = self.triggers[new.trigger_no]
        known = self._known(new)
        if known is not None:
            first, same = known.first, known.fingerprint == _key_of(new)[1]
            numbers = (first.message_id, first.sequence, first.execution_no)
            assert answer == Duplicate(*numbers, same), "another execution under one key"
            return
        assert not isinstance(answer, Duplicate), "the key is new"
        waiting, most = len(self.of(trigger, State.WAITING)), trigger.rules.max_waiting
        if isinstance(answer, LaneFull):
            assert waiting >= most
            assert waiting - maybe_started <= answer.waiting <= waiting
            return
        assert waiting - maybe_started < most, "over max_waiting"
        self._accept(new, answer, trigger)

    def _accept(self, new: NewMessage, answer: Accepted, trigger: Trigger) -> None:
        trigger.accepted += 1
        assert answer.message_id == new.message.id
        assert answer.sequence == trigger.accepted, "a gap in the sequence"
        assert answer.execution_no > max(self.rows, default=0), "a number given twice"
        no = answer.execution_no
        message = msgspec.structs.replace(new.message, sequence=answer.sequence)
        row = Row(no, message, trigger, new.version_no, new.lane_key, no)
        self.rows[no] = row
        if new.record_only:
            self._end(row, State.SUCCEEDED)
        if new.idempotency is not None:
            name, fingerprint, window_us = _key_of(new)
            self.keys[name] = Key(answer, fingerprint, self.clock.steady_us + window_us)

    def claimed(self, claim: Claim) -> Row:
        """The claim is one that may be made, and says what is so."""
        row = self.rows[claim.execution_no]
        assert self.may_start(row), "claimed out of turn"
        assert self.has_room(row.trigger), "claimed over the concurrency or the share of slots"
        row.state, row.session = State.RUNNING, self.session
        row.epoch, row.attempt, row.counted = row.epoch + 1, row.attempt + 1, row.counted + 1
        if row.first_started_at_us is None:
            row.first_started_at_us = claim.first_started_at_us
        assert claim == Claim(
            row.no,
            row.epoch,
            f"{row.message.id}-{row.run}",
            row.trigger.no,
            row.version_no,
            row.attempt,
            row.counted,
            row.first_started_at_us,
            row.message,
            list(row.entries.values()) if row.attempt > 1 else [],
            row.alone,
        )
        return row

    def recorded(self, row: Row, entry: JournalEntry) -> None:
        """The first entry of a step stands."""
        row.entries.setdefault(entry.step, entry)

    def settled(self, row: Row, state: End) -> None:
        """The lane goes on, or stops at what failed."""
        self._end(row, state)
        if state is State.FAILED:
            row.tried.append(row.attempt)
            if row.lane_name is not None and row.trigger.rules.on_failure == "pause":
                self.stopped[row.lane_name] = row.no

    def after(self, row: Row, failure: Failure) -> Again | None:
        """What the engine makes of a failure; see decisions/0004."""
        tries = Tries(row.attempt, row.counted, 0.0)
        chance = lambda: 0.5  # noqa: E731
        return decide(failure, tries, retry=RETRY, give_up_after_s=GIVE_UP_AFTER_S, chance=chance)

    def postponed(self, row: Row, delay_s: float, *, counts: bool, alone: bool) -> None:
        """It keeps its place."""
        row.tried.append(row.attempt)
        row.counted -= not counts
        row.alone = alone
        self._wait(row, self.clock.steady_us + int(delay_s * 1e6) if delay_s > 0 else None)

    # --- people ---------------------------------------------------------------------------------

    def cancelled(self, row: Row, ended: Ended) -> None:
        """Waiting becomes cancelled; a running one is left for ``end_running``."""
        if row.state is State.RUNNING:
            assert ended == Ended(row.no, State.RUNNING, False, row.epoch)
        else:
            self._ended_by_person(row, State.CANCELLED, ended, row.state is State.WAITING)

    def end_of_running(self, row: Row, ended: Ended) -> None:
        """The second half of a cancellation, under the epoch that runs."""
        self._ended_by_person(row, State.CANCELLED, ended, True)

    def skipped(self, row: Row, ended: Ended) -> None:
        """Waiting, or the failed head at which its lane stopped."""
        stands = row.state is State.FAILED and self._stands(row)
        self._ended_by_person(row, State.SKIPPED, ended, stands or row.state is State.WAITING)
        if stands:
            self._no_longer_stopped(row)

    def retried(self, row: Row, ended: Ended) -> None:
        """What is due later is due now."""
        later = row.state is State.WAITING and row.due_us is not None
        assert ended == Ended(row.no, row.state, later)
        if later:
            row.due_us = None

    def replayed(self, row: Row, version_no: int, made: tuple[int, str]) -> None:
        """At the tail, or in the place at which its lane stopped."""
        no, name = made
        run = 1 + max(r.run for r in self.rows.values() if r.message.id == row.message.id)
        assert name == f"{row.message.id}-{run}"
        assert no > max(self.rows), "a number given twice"
        position = no
        if self._stands(row):
            position = row.position
            self._no_longer_stopped(row)
        row.trigger.replayed += 1
        replay = Row(no, row.message, row.trigger, version_no, row.lane, position, run, row.no)
        self.rows[no] = replay

    def pause(self, trigger: Trigger, lane: str | None) -> None:
        """The whole trigger where ``lane`` is None."""
        if lane is None:
            trigger.paused = True
        else:
            self.paused.add((trigger.no, lane))

    def resume(self, trigger: Trigger, lane: str | None) -> None:
        """A person's pause goes first; only where there is none, what the lane stopped at."""
        if lane is None:
            trigger.paused = False
        elif (trigger.no, lane) in self.paused:
            self.paused.remove((trigger.no, lane))
        else:
            self.stopped.pop((trigger.no, lane), None)

    def purged(self, message_id: str, oldest_allowed_s: float) -> None:
        """All executions of the message had ended before that, by true time."""
        gone = [row for row in self.rows.values() if row.message.id == message_id]
        for row in gone:
            assert row.ended_s is not None, "purged before it ended"
            assert row.ended_s <= oldest_allowed_s, "purged before its time"
            row.trigger.purged += 1
            del self.rows[row.no]

    def forgot_keys(self) -> None:
        """A purge forgets the keys whose window is over: they stay so, even where the clock of a
        later session begins before that."""
        now_us = self.clock.steady_us
        self.keys = {name: key for name, key in self.keys.items() if key.expires_at_us > now_us}

    # --- what must be seen of it ----------------------------------------------------------------

    def counts(self, trigger: Trigger) -> TriggerCounts:
        """As ``Journal.counts`` (P07)."""
        rows = self.of(trigger)
        waiting, running = (len(self.of(trigger, s)) for s in (State.WAITING, State.RUNNING))
        ended = len(rows) - waiting - running
        numbers = (trigger.accepted, trigger.replayed, waiting, running, ended, trigger.purged)
        return TriggerCounts(*numbers)

    def backlog(self, trigger: Trigger) -> tuple[int, int]:
        """As ``Journal.backlog``: what a dead session ran is nobody's."""
        running = sum(row.trigger is trigger for row in self.running())
        return len(self.of(trigger, State.WAITING)), running

    def lanes(self, trigger: Trigger) -> dict[str | None, LaneStatus]:
        """As ``Journal.lanes``, by key; without the words for people and the times."""
        standing = {name for name in (*self.paused, *self.stopped) if name[0] == trigger.no}
        live = {r.lane_name for r in self.of(trigger, State.WAITING, State.RUNNING) if r.lane_name}
        found: dict[str | None, LaneStatus] = {
            name[1]: self._lane(trigger, name) for name in {*standing, *live}
        }
        if trigger.paused:
            found[None] = LaneStatus(trigger.no, None, 0, 0, True, "", None, None, None)
        return found

    def _lane(self, trigger: Trigger, name: LaneName) -> LaneStatus:
        rows = self.in_lane(name)
        running = sum(row.state is State.RUNNING for row in rows)
        paused = name in self.paused or name in self.stopped
        head, reason = (rows[0].message.id, self.reason(rows[0])) if rows else (None, None)
        stopped = self.rows.get(self.stopped.get(name, 0))
        if stopped is not None:
            head, reason = stopped.message.id, Reason.PAUSED
        waiting = len(rows) - running
        return LaneStatus(trigger.no, name[1], waiting, running, paused, "", head, reason, None)

    def reason(self, row: Row) -> Reason | None:
        """Why it waits; None where it does not."""
        if row.state is not State.WAITING:
            return None
        if self.is_paused(row):
            return Reason.PAUSED
        if row.lane is not None and self.in_lane(row.lane_name)[0] is not row:
            return Reason.TURN
        return Reason.SLOT if row.due_us is None else Reason.RETRY_AT

    def is_shown(self, row: Row, detail: ExecutionDetail) -> None:
        """History tells of the execution what the list does (P13, P17, P18)."""
        summary, ended = detail.summary, row.state.terminal
        assert (summary.execution_no, summary.run) == (row.no, row.run)
        assert (summary.state, summary.reason) == (row.state, self.reason(row))
        assert (summary.sequence, summary.lane_key) == (row.message.sequence, row.lane)
        assert (summary.attempts, detail.version_no) == (row.attempt, row.version_no)
        assert [attempt.attempt for attempt in detail.attempts] == row.tried
        assert detail.journal == list(row.entries.values())
        assert (detail.ended_by, detail.replay_of) == (row.ended_by, row.replay_of)
        assert (detail.response is not None, summary.settled_at_us is not None) == (ended, ended)
        assert detail.message == row.message, "altered"

    # --- inside ---------------------------------------------------------------------------------

    def _known(self, new: NewMessage) -> Key | None:
        if new.idempotency is None:
            return None
        known = self.keys.get(_key_of(new)[0])
        return known if known and known.expires_at_us > self.clock.steady_us else None

    def _wait(self, row: Row, due_us: int | None) -> None:
        row.state, row.session, row.due_us = State.WAITING, 0, due_us

    def _end(self, row: Row, state: State) -> None:
        row.state, row.session, row.due_us = state, 0, None
        row.ended_s = self.clock.true_s

    def _ended_by_person(self, row: Row, state: State, ended: Ended, changes: bool) -> None:
        assert ended.changed == changes
        if changes:
            self._end(row, state)
            row.ended_by = "ada"
        assert (ended.execution_no, ended.state) == (row.no, row.state)

    def _stands(self, row: Row) -> bool:
        return row.lane_name is not None and self.stopped.get(row.lane_name) == row.no

    def _no_longer_stopped(self, row: Row) -> None:
        assert row.lane_name is not None
        del self.stopped[row.lane_name]


def _key_of(new: NewMessage) -> tuple[tuple[int, str, str], bytes, int]:
    """Name, fingerprint and window of the message's idempotency key."""
    key = new.idempotency
    assert key is not None
    name = (new.trigger_no, new.message.consumer or "", key.key)
    return name, key.fingerprint, key.expires_at_us - new.message.received_at_us
