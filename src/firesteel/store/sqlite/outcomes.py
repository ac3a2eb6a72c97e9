"""What becomes of attempts: settled, postponed, or one more step journaled."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, null, update

from firesteel.errors import InternalError
from firesteel.model.execution import Failure, JournalEntry, Response, State
from firesteel.store.journal import Postponement, Settlement
from firesteel.store.schema import (
    RUNNING,
    WAITING,
    attempt,
    entry,
    execution,
    paused_lane,
)
from firesteel.store.sql.results import encode_failure, encode_response
from firesteel.store.sqlite.claims import Claims
from firesteel.store.sqlite.mirror import BUSY, PAUSED, Mirror, Running, TriggerMirror
from firesteel.store.sqlite.row_group import RowGroup
from firesteel.store.sqlite.statements import (
    compiled,
    insert_into,
    insert_or_set,
    insert_rows,
    insert_unless_there,
    update_rows,
)

_Row = tuple[Any, ...]

# A workflow may ask for any wait; a year is as good as for ever, and within every clock's range.
_LONGEST_DELAY_S = 366 * 86400.0


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a settlement, or an act that ends an execution, writes of an execution's end."""

    state: State
    response: Response
    failure: Failure | None = None
    input: bytes = b""
    logs: str = ""
    code_hash: str = ""
    ended_by: str | None = None
    ended_why: str | None = None


# An execution's end, as it is written. Only what runs under the same epoch is changed (P14).
_COLUMNS = (
    *("no", "epoch", "state", "settled_at_us", "failure", "ended_by", "ended_why"),
    *("response", "input", "logs", "code_hash"),
)
_BECOMES = """
UPDATE execution SET state = new.state, session_no = NULL, settled_at_us = new.settled_at_us,
    failure = new.failure, ended_by = new.ended_by, ended_why = new.ended_why
WHERE no = new.no AND epoch = new.epoch AND state = 'running';
SELECT RAISE(ABORT, 'a running execution is not in the tables') WHERE changes() = 0;
INSERT INTO result (execution_no, response, input, logs, code_hash)
VALUES (new.no, new.response, new.input, new.logs, new.code_hash);
"""
_settling = RowGroup("settling", _COLUMNS, _BECOMES, long=("response", "input"))


@dataclass(frozen=True, slots=True)
class _Sql:
    postpone: str
    entry: str
    attempt: str
    stop_lane: str


class Outcomes:
    """The outcomes of a transaction; the mirror changes at once, the tables at ``flush``. Only
    what the mirror has as running under the same epoch is changed (P14)."""

    def __init__(self, mirror: Mirror, claims: Claims) -> None:
        self._mirror = mirror
        self._claims = claims
        self._sql = _sql()
        self.forget()

    def connect(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        _settling.create(connection)

    def forget(self) -> None:
        """Drop what is buffered: it is written, or the transaction was rolled back."""
        self._settled: list[_Row] = []
        self._postponed: list[_Row] = []
        self._entries: list[_Row] = []
        self._attempts: list[_Row] = []
        self._stopped: list[_Row] = []

    def record(self, record: tuple[int, int, JournalEntry]) -> bool:
        """As ``Journal.record``, of (execution_no, epoch, entry)."""
        execution_no, epoch, entry = record
        running = self._mirror.running.get(execution_no)
        if running is None or running.epoch != epoch:
            return False
        self._journal(execution_no, (entry,))
        return True

    def settle(self, settlement: Settlement) -> bool:
        """As ``Journal.settle``."""
        no = settlement.execution_no
        running = self._leave(no, settlement.epoch)
        if running is None:
            return False
        failed = settlement.state is State.FAILED
        failure = encode_failure(settlement.failure)
        self._settled.append(
            (
                no,
                settlement.epoch,
                settlement.state.value,
                self._mirror.wall_us,
                failure,
                None,
                None,
                encode_response(settlement.response),
                settlement.input,
                settlement.logs,
                settlement.code_hash,
            )
        )
        if settlement.entries:
            self._journal(no, settlement.entries)
        if failed:
            self._attempted(no, running, failure, "")
        if running.lane_key is not None:
            if failed and running.trigger.stops:
                self._stop(running.trigger, running.lane_key, no)
            else:
                self._leave_lane(running.trigger, running.lane_key)
        return True

    def postpone(self, postponement: Postponement) -> bool:
        """As ``Journal.postpone``."""
        no, mirror = postponement.execution_no, self._mirror
        running = self._leave(no, postponement.epoch)
        if running is None:
            return False
        trigger, lane_key = running.trigger, running.lane_key
        trigger.waiting += 1
        turn = lane_key is None or mirror.lane((trigger.no, lane_key)) != PAUSED
        failure = encode_failure(postponement.failure)
        due_at_us = self._due_at_us(postponement.delay_s)
        self._postponed.append(
            (
                turn,
                due_at_us,
                running.counted - (not postponement.counts),
                postponement.alone,
                failure,
                no,
                postponement.epoch,
            )
        )
        self._attempted(no, running, failure, postponement.logs)
        if postponement.entries:
            self._journal(no, postponement.entries)
        if turn and due_at_us is None:
            self._claims.ready(trigger)
        return True

    def end(self, execution_no: int, epoch: int, end: Recorded) -> bool:
        """A running execution ends by a person's act. False if the epoch is over."""
        running = self._leave(execution_no, epoch)
        if running is None:
            return False
        self._settled.append(
            (
                execution_no,
                epoch,
                end.state.value,
                self._mirror.wall_us,
                None,
                end.ended_by,
                end.ended_why,
                encode_response(end.response),
                b"",
                "",
                "",
            )
        )
        if running.lane_key is not None:
            self._leave_lane(running.trigger, running.lane_key)
        return True

    def flush(self) -> None:
        """Write everything that is buffered."""
        sql, connection = self._sql, self._connection
        _settling.insert(connection, self._settled)
        postponed = self._postponed
        if postponed and update_rows(connection, sql.postpone, postponed) != len(postponed):
            raise InternalError("a running execution is not in the tables")
        for text, rows in (
            (sql.entry, self._entries),
            (sql.attempt, self._attempts),
            (sql.stop_lane, self._stopped),
        ):
            if rows:
                insert_rows(connection, text, rows)
        self.forget()

    # --- inside ---------------------------------------------------------------------------------

    def _leave(self, execution_no: int, epoch: int) -> Running | None:
        """The execution no longer runs; None where it does not run under this epoch."""
        running = self._mirror.running.get(execution_no)
        if running is None or running.epoch != epoch:
            return None
        del self._mirror.running[execution_no]
        trigger = running.trigger
        trigger.running -= 1
        if trigger.ready:
            self._mirror.offer(trigger)
        return running

    def _leave_lane(self, trigger: TriggerMirror, lane_key: str) -> None:
        lanes, name = self._mirror.lanes, (trigger.no, lane_key)
        known = lanes.get(name, BUSY)
        if known == PAUSED:
            return
        if known > 0:
            lanes[name] = known = known - 1
        if known != 0:
            self._claims.advance(trigger, lane_key)

    def _stop(self, trigger: TriggerMirror, lane_key: str, execution_no: int) -> None:
        self._mirror.lanes[trigger.no, lane_key] = PAUSED
        self._stopped.append((trigger.no, lane_key, execution_no, self._mirror.wall_us))

    def _due_at_us(self, delay_s: float) -> int | None:
        if not delay_s > 0:  # not a number is no delay either
            return None
        mirror = self._mirror
        due_at_us = mirror.steady_us + int(min(delay_s, _LONGEST_DELAY_S) * 1e6)
        if mirror.next_due_us is None or due_at_us < mirror.next_due_us:
            mirror.next_due_us = due_at_us
        return due_at_us

    def _attempted(self, no: int, running: Running, failure: bytes | None, logs: str) -> None:
        self._attempts.append(
            (no, running.attempt, running.started_at_us, self._mirror.wall_us, failure, logs)
        )

    def _journal(self, execution_no: int, entries: Sequence[JournalEntry]) -> None:
        self._entries += [
            (
                execution_no,
                entry.step,
                entry.kind,
                entry.attempt,
                entry.started_at_us,
                entry.ended_at_us,
                entry.result,
                entry.input,
            )
            for entry in entries
        ]


def _sql() -> _Sql:
    e = execution.c
    running = (
        update(execution)
        .where(e.no == bindparam("the_no"))
        .where(e.epoch == bindparam("the_epoch"), RUNNING)
    )
    postpone = running.ordered_values(
        (e.state, WAITING.right),
        (e.session_no, null()),
        (e.turn, bindparam("the_turn")),
        (e.due_at_us, bindparam("due")),
        (e.counted, bindparam("the_counted")),
        (e.alone, bindparam("the_alone")),
        (e.failure, bindparam("the_failure")),
    )
    the_execution = ("the_no", "the_epoch")
    return _Sql(
        postpone=compiled(
            postpone,
            *("the_turn", "due", "the_counted", "the_alone", "the_failure"),
            *the_execution,
        ),
        entry=insert_unless_there(
            entry,
            *("execution_no", "step", "kind", "attempt"),
            *("started_at_us", "ended_at_us", "result", "input"),
        ),
        attempt=insert_into(
            attempt,
            *("execution_no", "attempt", "started_at_us", "ended_at_us", "failure", "logs"),
        ),
        stop_lane=insert_or_set(
            paused_lane,
            *("trigger_no", "lane_key", "stopped_at_no", "stopped_at_us"),
            changed=("stopped_at_no", "stopped_at_us"),
        ),
    )
