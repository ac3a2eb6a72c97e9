"""One transaction of the journal on PostgreSQL, in three journeys to the server and back.

Before it begins, it is known which triggers its commands need; the rows of others that may have
something to run are taken too where nobody holds them. The first journey begins the transaction,
fences it and locks; the second writes what the commands have changed and asks what may run now; the
third writes that, and commits. See docs/decisions/0022.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from firesteel.errors import FiresteelError
from firesteel.pending import Pending
from firesteel.store.journal import Claim, Ended, NewMessage
from firesteel.store.ledger.outcomes import Outcomes
from firesteel.store.postgresql.acts import SharedActs
from firesteel.store.postgresql.appends import SharedAppends
from firesteel.store.postgresql.arrays import numbers
from firesteel.store.postgresql.claims import SharedClaims
from firesteel.store.postgresql.connection import PostgresqlConnection
from firesteel.store.postgresql.mirror import SharedMirror
from firesteel.store.postgresql.pen import PostgresqlPen
from firesteel.store.postgresql.sessions import CLOCK, FENCE, Identity, Replaced, Sessions
from firesteel.store.sql.clock import Clocks
from firesteel.store.sql.dialects import POSTGRESQL
from firesteel.store.sql.statements import Statements

GRACE_S: Final = 5.0
_LOOK_EVERY_S: Final = 1.0
# Who found a trigger held by another node tries again after this long.
_AGAIN_S: Final = 0.02

# Triggers of the line that one transaction tries.
_TRIED_AT_ONCE: Final = 8
_DUE_AT_ONCE: Final = 500
_BLOCKS_KNOWN: Final = 20_000
_BLOCK: Final = 1000
"""Numbers in one block: as many as a transaction has commands, at most."""

_COLUMNS: Final = (
    "no, last_sequence, waiting, running, touched_by, concurrency, max_waiting, on_failure, "
    "paused, lane_limit"
)
_HOLD: Final = (
    f"SELECT {_COLUMNS} FROM integration WHERE no = ANY (?::BIGINT[])"  # noqa: S608
    " ORDER BY no FOR NO KEY UPDATE"
)
_HOLD_FREE: Final = f"{_HOLD} SKIP LOCKED"
# Behind the locks: numbers rise in the order of acceptance, whichever node accepts.
_BLOCK_AND_CLOCK: Final = CLOCK.replace("SELECT", "SELECT nextval('number_block'),", 1)
_WRITE_BACK: Final = """
UPDATE integration AS i SET last_sequence = new.last_sequence, waiting = new.waiting,
    running = new.running, touched_by = ?::BIGINT
FROM unnest(?::BIGINT[], ?::BIGINT[], ?::BIGINT[], ?::BIGINT[])
    AS new (no, last_sequence, waiting, running)
WHERE i.no = new.no
"""
# Who came for something to run and found nothing has nothing that must last.
_UNFLUSHED: Final = b"SET LOCAL synchronous_commit = off"
_TRIGGERS_OF: Final = "SELECT DISTINCT trigger_no FROM execution WHERE no = ANY (?::BIGINT[])"
_DUE: Final = """
SELECT DISTINCT trigger_no FROM (
    SELECT trigger_no FROM execution
    WHERE state = 'waiting' AND due_at_us IS NOT NULL AND due_at_us <= ?::BIGINT
    ORDER BY due_at_us LIMIT ?::BIGINT
) AS due
"""


_LOOK: Final = """
SELECT (SELECT count(*) FROM session WHERE ended_at_us IS NULL AND lease_until_us >= ?::BIGINT),
    (SELECT min(due_at_us) FROM execution WHERE state = 'waiting' AND due_at_us IS NOT NULL)
"""
_OF_OTHERS: Final = """
SELECT i.no, i.waiting, i.running,
    i.waiting > 0 AND NOT i.paused AND i.running < i.concurrency AND EXISTS (
    SELECT FROM execution AS e WHERE e.state = 'waiting' AND e.turn = true
        AND e.due_at_us IS NULL AND e.trigger_no = i.no
)
FROM integration AS i WHERE i.touched_by IS DISTINCT FROM ?::BIGINT
"""


class Kind(enum.Enum):
    """What a command is about."""

    APPEND = enum.auto()
    SETTLE = enum.auto()
    POSTPONE = enum.auto()
    RECORD = enum.auto()
    ACT = enum.auto()
    GRANT = enum.auto()


class Act(msgspec.Struct, frozen=True):
    """An act of a person or of the session: the executions and triggers that it is about."""

    call: Callable[[], Any]
    executions: tuple[int, ...] = ()
    triggers: tuple[int, ...] = ()
    recovers: bool = False


class Command(msgspec.Struct):
    """``argument``: a NewMessage, Settlement, Postponement, (execution_no, epoch, entry), Act, or
    the slots. ``late_s``: when whoever waits is told that it took too long; 0: never."""

    pending: Pending[Any] | None
    kind: Kind
    argument: Any
    late_s: float = 0.0


class Refused:
    """The answer to a command that ends with an error."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error = error


@dataclass(slots=True)
class Done:
    """What a transaction has done. ``settled``: executions that ended and did not begin in this
    session's own calls; ``ready``: triggers with something to run that is left to others."""

    answers: list[Any]
    claims: Sequence[Claim] = ()
    settled: list[int] = field(default_factory=list)
    ready: list[int] = field(default_factory=list)


@dataclass(slots=True)
class _Plan:
    required: set[int]
    free: list[int]
    news: list[NewMessage]


class SharedLedger:
    """All methods run in the writer's thread."""

    def __init__(self, clocks: Clocks, identity: Identity, *, own_clock: bool = False) -> None:
        make = Statements(POSTGRESQL)
        self._pen = PostgresqlPen()
        self.mirror = SharedMirror(clocks, own_clock=own_clock)
        self.claims = SharedClaims(self.mirror, self._pen)
        self.appends = SharedAppends(self.mirror, self.claims, self._pen)
        self.outcomes = Outcomes(self.mirror, self.claims, self._pen)
        self.acts = SharedActs(self.mirror, self.claims, self.outcomes, make)
        self.sessions = Sessions(self.mirror, self.claims, identity)
        self._calls: dict[Kind, Callable[[Any], Any]] = {
            Kind.APPEND: self.appends.append,
            Kind.SETTLE: self.outcomes.settle,
            Kind.POSTPONE: self.outcomes.postpone,
            Kind.RECORD: self.outcomes.record,
            Kind.ACT: self._act,
            Kind.GRANT: self._grant,
        }
        self._also_needed: set[int] = set()
        self._blocks: dict[int, None] = {}
        self._ended: list[int] = []
        self._missed: set[int] = set()
        self._shifted = False
        self._again_s = 0.0
        self._look_s = 0.0
        self._connected_s = 0.0
        self.renewed = False
        self.others = True

    def connect(self, connection: PostgresqlConnection) -> None:
        """Ask and write there from now on."""
        self._connection = connection
        self._look_s = self._connected_s = time.monotonic()
        parts = (self._pen, self.mirror, self.claims, self.appends, self.acts, self.sessions)
        for part in parts:
            part.connect(connection)

    def reload(self) -> None:
        """Forget what is buffered or remembered: a transaction was rolled back, or maybe not."""
        for part in (self.claims, self.appends, self.outcomes):
            part.forget()
        self.mirror.load()

    def wake_in_s(self) -> float:
        """Seconds until something is due without a command: 0 where it is now."""
        now_s, mirror = time.monotonic(), self.mirror
        wait_s = self._look_s - now_s
        if mirror.next_due_us is not None:
            due_s = (mirror.next_due_us - mirror.steady.now_us()) / 1e6
            wait_s = min(wait_s, max(due_s, self._again_s - now_s))
        if mirror.free_slots() > 0 and False in mirror.line.values():
            wait_s = min(wait_s, self._again_s - now_s)
        return wait_s

    def look_around(self) -> None:
        """Every second: what other nodes have left to do, whether they live, and what is due."""
        if time.monotonic() < self._look_s:
            return
        mirror = self.mirror
        row = self._connection.execute(_LOOK, (mirror.steady.now_us(),)).fetchone()
        live, next_due_us = row or (1, None)
        self._look_s = time.monotonic() + _LOOK_EVERY_S
        mirror.next_due_us = next_due_us
        had_others, self.others = self.others, live > 1
        mirror.in_company = self.others
        if self.others or had_others:
            rows = self._connection.execute(_OF_OTHERS, (mirror.session_no,)).fetchall()
            for no, waiting, running, has_ready in rows:
                mirror.see_counts(no, waiting, running)
                if has_ready and mirror.free_slots() > 0:
                    mirror.put_in_line([no])

    def need(self, trigger_no: int) -> None:
        """The next transaction is the last one again, with this trigger too."""
        self._also_needed.add(trigger_no)

    # --- one transaction ------------------------------------------------------------------------

    def plan(self, commands: Sequence[Command]) -> _Plan:
        """Which triggers these need, asked outside of a transaction where that is not known."""
        mirror, required = self.mirror, set(self._also_needed)
        executions: list[int] = []
        news, ending, slots, recovers = [], 0, mirror.slots, False
        for command in commands:
            kind, argument = command.kind, command.argument
            if kind is Kind.APPEND:
                required.add(argument.trigger_no)
                news.append(argument)
            elif kind is Kind.SETTLE or kind is Kind.POSTPONE:
                running = mirror.running.get(argument.execution_no)
                if running is not None:
                    required.add(running.trigger.no)
                    ending += 1
            elif kind is Kind.ACT:
                required.update(argument.triggers)
                executions += argument.executions
                recovers = recovers or argument.recovers
            elif kind is Kind.GRANT:
                slots = argument
        if executions:
            required.update(self._numbers(_TRIGGERS_OF, numbers(executions)))
        if recovers:
            required.update(self.sessions.orphaned())
        free = self._due()
        free_slots = slots - len(mirror.running) + ending
        free += mirror.next_in_line(min(free_slots, _TRIED_AT_ONCE))
        required.update(self._missed.intersection(free))
        return _Plan(required, [no for no in dict.fromkeys(free) if no not in required], news)

    def _due(self) -> list[int]:
        """Triggers of which something is due by now."""
        mirror = self.mirror
        now_us = mirror.steady.now_us()
        if mirror.next_due_us is None or mirror.next_due_us > now_us:
            return []
        due = self._numbers(_DUE, now_us, _DUE_AT_ONCE)
        if not due:
            mirror.see_next_due()  # another node was first
        return due

    def begin(self, plan: _Plan) -> None:
        """Begin, fence, lock, and read the clock, in one journey; then what the commands will ask.
        Raises Replaced."""
        mirror, sessions, execute = self.mirror, self.sessions, self._connection.execute
        sessions.transactions += 1
        asked_us = mirror.steady.mark()
        self._connection.raw.execute(b"BEGIN", prepare=False)
        fence = execute(FENCE, (sessions.transactions, mirror.session_no, sessions.committed))
        held = execute(_HOLD, (numbers(plan.required),)) if plan.required else None
        more = execute(_HOLD_FREE, (numbers(plan.free),)) if plan.free else None
        last = execute(_BLOCK_AND_CLOCK)
        block, *clock = last.fetchone() or (0, 0, "")
        if fence.fetchone() is None:
            raise Replaced(f"session {mirror.session_no} has ended, or a twin has written")
        self._shifted = sessions.see_clock(clock, asked_us)
        mirror.tick()
        mirror.last_no = block * _BLOCK - 1
        self._note_block(block)
        rows = [*(held.fetchall() if held else ()), *(more.fetchall() if more else ())]
        mirror.hold([*plan.required, *plan.free], rows)
        mirror.mark_changed(plan.required)
        self._ended = []
        # Somebody else works on these: tried again soon, and then waited for.
        self._missed = {no for no in plan.free if no not in mirror.triggers}
        mirror.put_in_line(self._missed)
        self._again_s = time.monotonic() + _AGAIN_S if self._missed else 0.0
        self.renewed = False
        self.claims.ripen()
        self._learn(plan.news)

    def joins(self, command: Command) -> bool:
        """Whether the transaction may take it along: it needs no trigger but those that are
        held."""
        kind, argument, triggers = command.kind, command.argument, self.mirror.triggers
        if kind is Kind.APPEND:
            return argument.trigger_no in triggers
        if kind is Kind.SETTLE or kind is Kind.POSTPONE:
            running = self.mirror.running.get(argument.execution_no)
            return running is None or running.trigger.no in triggers
        return kind is Kind.RECORD

    def join(self, commands: Sequence[Command]) -> None:
        """These are of the transaction too."""
        mirror = self.mirror
        for command in commands:
            if command.kind is Kind.SETTLE or command.kind is Kind.POSTPONE:
                running = mirror.running.get(command.argument.execution_no)
                if running is not None:
                    mirror.mark_changed([running.trigger.no])
        news = [command.argument for command in commands if command.kind is Kind.APPEND]
        mirror.mark_changed({new.trigger_no for new in news})
        self._learn(news)

    def _learn(self, news: Sequence[NewMessage]) -> None:
        """Ask at once what these messages will ask one by one."""
        if news:
            self.appends.learn_keys(news)
            self.mirror.learn_lanes(
                (new.trigger_no, new.lane_key) for new in news if new.lane_key is not None
            )

    def answer(self, command: Command) -> Any:
        """What the command's call returns, or Refused."""
        try:
            return self._calls[command.kind](command.argument)
        except FiresteelError as refused:
            return Refused(refused)

    def finish(self, answers: list[Any]) -> Done:
        """Write what is buffered, claim what may start, write the triggers' rows; the last of it
        is not waited for."""
        mirror = self.mirror
        self._flush()
        became_ready = self.claims.became_ready
        claims = self.claims.finish()
        mirror.mark_changed(became_ready)
        rows = mirror.changed_rows()
        if rows:
            columns = [numbers(column) for column in zip(*rows, strict=True)]
            self._connection.execute(_WRITE_BACK, (mirror.session_no, *columns))
        elif not (answers or claims or self._shifted):
            self._connection.raw.execute(_UNFLUSHED, prepare=False)
        settled = [no for no in self._ended if no // _BLOCK not in self._blocks]
        return Done(answers, claims, settled, [no for no in became_ready if no in mirror.turns])

    def committed(self) -> None:
        """The transaction is."""
        self.sessions.committed = self.sessions.transactions
        self.mirror.let_go()
        self.claims.became_ready = set()
        self._also_needed = set()

    # --- the session ----------------------------------------------------------------------------

    def renew(self) -> bool:
        """As ``Journal.renew``."""
        self.renewed = self.sessions.renew()
        return self.renewed

    def recover(self) -> int:
        """As ``Journal.recover``. After an outage all leases have lapsed: those that live renew
        theirs first."""
        since_s = time.monotonic() - self._connected_s
        return self.sessions.recover(lapsed=since_s >= GRACE_S)

    def heard(self, triggers: Iterable[int]) -> None:
        """Another node says that these have something to run."""
        if self.mirror.free_slots() > 0:
            self.mirror.put_in_line(triggers)

    def keep_grants(self, commands: Iterable[Command]) -> None:
        """These are refused; but of how many slots there are the database knows nothing."""
        for command in commands:
            if command.kind is Kind.GRANT:
                self._grant(command.argument)

    def look_soon(self) -> None:
        """News may have been missed."""
        self._look_s = 0.0

    # --- commands -------------------------------------------------------------------------------

    def _act(self, act: Act) -> Any:
        self._flush()
        answer = act.call()
        if isinstance(answer, Ended) and answer.changed:
            self._ended.append(answer.execution_no)
        return answer

    def _grant(self, slots: int) -> None:
        self.mirror.slots = slots

    def _flush(self) -> None:
        # Outcomes first: what they set free in a lane, an append may have taken.
        self._ended += self.outcomes.settled_numbers()
        self.outcomes.flush()
        self.appends.flush()

    def _numbers(self, text: str, *values: Any) -> list[int]:
        return [number for (number,) in self._connection.execute(text, values)]

    def _note_block(self, block: int) -> None:
        self._blocks[block] = None
        if len(self._blocks) > _BLOCKS_KNOWN:
            for old in list(self._blocks)[: _BLOCKS_KNOWN // 2]:
                del self._blocks[old]
