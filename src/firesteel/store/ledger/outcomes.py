"""What becomes of attempts: settled, postponed, or one more step journaled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from firesteel.model.execution import Failure, JournalEntry, Response, State
from firesteel.store.journal import Postponement, Settlement
from firesteel.store.ledger.claims import Claims
from firesteel.store.ledger.mirror import BUSY, PAUSED, Mirror, Running, TriggerMirror
from firesteel.store.ledger.pen import Pen, Row
from firesteel.store.sql.results import encode_failure, encode_response

# A workflow may ask for any wait; a year is as good as for ever, and within every clock's range.
_LONGEST_DELAY_S = 366 * 86400.0
# Looked up once: in Python 3.11 that takes 0.24 us each time.
_FAILED = State.FAILED


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


class Outcomes:
    """The outcomes of a transaction; the mirror changes at once, the tables at ``flush``. Only
    what the mirror has as running under the same epoch is changed (P14)."""

    def __init__(self, mirror: Mirror, claims: Claims, pen: Pen) -> None:
        self._mirror = mirror
        self._claims = claims
        self._pen = pen
        self.forget()

    def forget(self) -> None:
        """Drop what is buffered: it is written, or the transaction was rolled back."""
        self._settled: list[Row] = []
        self._postponed: list[Row] = []
        self._entries: list[Row] = []
        self._attempts: list[Row] = []
        self._stopped: list[Row] = []

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
        failed = settlement.state is _FAILED
        failure = encode_failure(settlement.failure)
        self._settled.append(
            (
                no,
                settlement.epoch,
                settlement.state._value_,  # half a microsecond less than ``value`` in Python 3.11
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

    def settled_numbers(self) -> list[int]:
        """The executions whose ends are buffered."""
        return [row[0] for row in self._settled]

    def flush(self) -> None:
        """Write everything that is buffered."""
        pen = self._pen
        for write, rows in (
            (pen.settle, self._settled),
            (pen.postpone, self._postponed),
            (pen.journal, self._entries),
            (pen.attempted, self._attempts),
            (pen.stop_lanes, self._stopped),
        ):
            if rows:
                write(rows)
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
