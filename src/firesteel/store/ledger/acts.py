"""What people do with executions and lanes: cancel, skip, retry, replay, pause, resume.

Acts are rare: each reads the tables, which hold everything that came before it in its transaction,
and refuses before it changes anything. Each is noted in the audit log with who and why.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from firesteel.errors import CallerError
from firesteel.model.execution import Response, State
from firesteel.store.journal import Actor, Edit, Ended
from firesteel.store.ledger.acts_sql import acts_sql
from firesteel.store.ledger.claims import Claims
from firesteel.store.ledger.mirror import BUSY, PAUSED, LaneName, Mirror, TriggerMirror
from firesteel.store.ledger.outcomes import Outcomes, Recorded
from firesteel.store.sql.database import Connection
from firesteel.store.sql.results import encode_response
from firesteel.store.sql.statements import Statements


class _Found(NamedTuple):
    """An execution as an act finds it."""

    no: int
    message_no: int
    message_id: str
    run: int
    trigger_no: int
    lane_key: str | None
    position: int
    state: State
    turn: bool
    due_at_us: int | None
    epoch: int


class Acts:
    """The acts of a transaction. Everything buffered must be written before each."""

    def __init__(
        self, mirror: Mirror, claims: Claims, outcomes: Outcomes, make: Statements
    ) -> None:
        self._mirror = mirror
        self._claims = claims
        self._outcomes = outcomes
        self._sql = acts_sql(make)

    def connect(self, connection: Connection) -> None:
        """Ask and write there from now on."""
        self._connection = connection

    def cancel(self, execution_no: int, actor: Actor, response: Response) -> Ended:
        """As ``Journal.cancel``."""
        found = self._find(execution_no)
        if found.state is State.RUNNING:
            if execution_no not in self._mirror.running:
                if self._runs_elsewhere(execution_no):
                    return Ended(execution_no, State.RUNNING, False, elsewhere=True)
                # Of a dead session, not yet recovered: it waits for that.
                raise CallerError("the execution is being recovered", code="not_recovered")
            return Ended(execution_no, State.RUNNING, False, found.epoch)
        if found.state is not State.WAITING:
            return Ended(execution_no, found.state, False)
        self._end_waiting(found, _ended_by(actor, State.CANCELLED, response))
        self._note("cancel", found, actor)
        return Ended(execution_no, State.CANCELLED, True)

    def end_running(self, execution_no: int, epoch: int, actor: Actor, response: Response) -> Ended:
        """As ``Journal.end_running``."""
        found = self._find(execution_no)
        if not self._outcomes.end(execution_no, epoch, _ended_by(actor, State.CANCELLED, response)):
            running_epoch = found.epoch if found.state is State.RUNNING else None
            return Ended(execution_no, found.state, False, running_epoch)
        self._outcomes.flush()
        self._note("cancel", found, actor)
        return Ended(execution_no, State.CANCELLED, True)

    def skip(self, execution_no: int, actor: Actor, response: Response) -> Ended:
        """As ``Journal.skip``."""
        found = self._find(execution_no)
        end = _ended_by(actor, State.SKIPPED, response)
        if found.state is State.WAITING:
            self._end_waiting(found, end)
        elif found.state is State.FAILED and self._stops_lane(found):
            self._skip_failed(found, end)
        else:
            return Ended(execution_no, found.state, False)
        self._note("skip", found, actor)
        return Ended(execution_no, State.SKIPPED, True)

    def retry_now(self, execution_no: int, actor: Actor) -> Ended:
        """As ``Journal.retry_now``."""
        found = self._find(execution_no)
        if found.state is not State.WAITING or found.due_at_us is None:
            return Ended(execution_no, found.state, False)
        self._do(self._sql.due_now, execution_no)
        self._mirror.see_next_due()
        if found.turn:
            self._claims.ready(self._mirror.trigger(found.trigger_no))
        self._note("retry", found, actor)
        return Ended(execution_no, State.WAITING, True)

    def replay(
        self,
        execution_no: int,
        version_no: int,
        actor: Actor,
        edit: Edit | None = None,
        *,
        latest: bool = False,
    ) -> tuple[int, str]:
        """As ``Journal.replay``. Raises CallerError ``payload_purged`` too."""
        found = self._find(execution_no)
        if not found.state.terminal:
            raise CallerError("the execution has not ended yet", code="not_terminal")
        if self._one(self._sql.has_payload, found.message_no) is None:
            raise CallerError("the message's payload is purged", code="payload_purged")
        (last,) = self._one(self._sql.last_replay, found.message_no) or (None,)
        if latest and found.run != (last or 1):
            raise CallerError("somebody has replayed it in this moment", code="not_terminal")
        run = (last or 1) + 1
        mirror = self._mirror
        mirror.last_no = no = mirror.last_no + 1
        position, turn = self._place_of_replay(found, no)
        row = (no, found.message_no, run, found.trigger_no, version_no, found.lane_key, position)
        self._do(self._sql.replay, *row, turn, execution_no)
        self._do(self._sql.count_replay, found.trigger_no)
        self._keep_edit(no, edit or self._edit_of(execution_no))
        trigger = mirror.trigger(found.trigger_no)
        trigger.waiting += 1
        if turn:
            self._claims.ready(trigger)
        self._note("replay", found, actor if edit is None else _editing(actor, edit))
        return no, f"{found.message_id}-{run}"

    def pause(self, trigger_no: int, lane_key: str | None, actor: Actor) -> None:
        """As ``Journal.pause``."""
        trigger = self._mirror.trigger(trigger_no)
        because = f"paused by {actor.name}" + (f": {actor.why}" if actor.why else "")
        if lane_key is None:
            trigger.paused = True
            self._mirror.turns.pop(trigger_no, None)
            self._do(self._sql.pause_trigger, True, because, trigger_no)
        else:
            self._mirror.lanes[trigger_no, lane_key] = PAUSED
            row = (trigger_no, lane_key, because, self._mirror.wall_us)
            self._do(self._sql.pause_lane, *row)
            self._do(self._sql.hold_head, *(trigger_no, lane_key), *(trigger_no, lane_key))
        self._note_lane("pause", trigger_no, lane_key, actor)

    def resume(self, trigger_no: int, lane_key: str | None, actor: Actor) -> None:
        """As ``Journal.resume``."""
        trigger = self._mirror.trigger(trigger_no)
        if lane_key is None:
            trigger.paused = False
            self._do(self._sql.pause_trigger, False, "", trigger_no)
            self._mirror.offer(trigger)
        else:
            self._resume_lane(trigger, lane_key)
        self._note_lane("resume", trigger_no, lane_key, actor)

    # --- inside ---------------------------------------------------------------------------------

    def _runs_elsewhere(self, execution_no: int) -> bool:
        """A running execution that is not of this session is of another one that lives."""
        return False

    def _find(self, execution_no: int) -> _Found:
        row = self._one(self._sql.find, execution_no)
        if row is None:
            raise CallerError("there is no such execution", code="unknown_execution")
        found = _Found(*row)
        return found._replace(state=State(found.state), turn=bool(found.turn))

    def _end_waiting(self, found: _Found, end: Recorded) -> None:
        now_us = self._mirror.wall_us
        self._do(
            self._sql.end_waiting, end.state.value, now_us, end.ended_by, end.ended_why, found.no
        )
        self._do(self._sql.end_result, found.no, encode_response(end.response), b"", "", "")
        trigger = self._mirror.trigger(found.trigger_no)
        trigger.waiting -= 1
        if found.due_at_us is not None:
            self._mirror.see_next_due()
        if found.lane_key is not None:
            self._leave_lane(found, found.lane_key)

    def _leave_lane(self, found: _Found, lane_key: str) -> None:
        """One that waited has gone; if it was the head, the next one gets its turn."""
        lanes, name = self._mirror.lanes, (found.trigger_no, lane_key)
        known = lanes.get(name, BUSY)
        if known > 0:
            lanes[name] = known - 1
        if found.turn:
            self._claims.advance(self._mirror.trigger(found.trigger_no), lane_key)

    def _stops_lane(self, found: _Found) -> bool:
        if found.lane_key is None:
            return False
        _, stopped_at_no = self._paused((found.trigger_no, found.lane_key))
        return stopped_at_no == found.no

    def _skip_failed(self, found: _Found, end: Recorded) -> None:
        self._do(self._sql.skip_failed, self._mirror.wall_us, end.ended_by, end.ended_why, found.no)
        self._do(self._sql.new_response, encode_response(end.response), found.no)
        if found.lane_key is not None and self._lift_stop((found.trigger_no, found.lane_key)):
            self._claims.advance(self._mirror.trigger(found.trigger_no), found.lane_key)

    def _resume_lane(self, trigger: TriggerMirror, lane_key: str) -> None:
        """A person's pause is taken back first: what failed meanwhile is not passed unseen."""
        name = (trigger.no, lane_key)
        paused_because, stopped_at_no = self._paused(name)
        if paused_because is not None and stopped_at_no is not None:
            self._do(self._sql.lift_pause, *name)
        elif paused_because is not None or stopped_at_no is not None:
            self._free(name)
            self._claims.advance(trigger, lane_key)

    def _lift_stop(self, name: LaneName) -> bool:
        """A lane no longer stands at its failed head. False: a person's pause holds it still."""
        paused_because, _ = self._paused(name)
        if paused_because is not None:
            self._do(self._sql.lift_stop, *name)
            return False
        self._free(name)
        return True

    def _paused(self, name: LaneName) -> tuple[str | None, int | None]:
        """Why a person paused the lane, and the failed execution at which it stopped."""
        paused_because, stopped_at_no = self._one(self._sql.paused_lane, *name) or (None, None)
        return paused_because, stopped_at_no

    def _free(self, name: LaneName) -> None:
        self._do(self._sql.free_lane, *name)
        self._mirror.lanes[name] = BUSY

    def _edit_of(self, execution_no: int) -> Edit | None:
        row = self._one(self._sql.same_edit, execution_no)
        return None if row is None else Edit(*row)

    def _keep_edit(self, execution_no: int, edit: Edit | None) -> None:
        if edit is not None:
            self._do(self._sql.edit, execution_no, edit.request, edit.body, edit.input)

    def _place_of_replay(self, found: _Found, no: int) -> tuple[int, bool]:
        """Position in its lane, and whether it has its turn."""
        if found.lane_key is None:
            return no, True
        name = (found.trigger_no, found.lane_key)
        if self._stops_lane(found):
            return found.position, self._lift_stop(name)
        known = self._mirror.lane(name)
        if known >= 0:
            self._mirror.lanes[name] = known + 1
        return no, known == 0

    def _one(self, sql: str, *values: Any) -> Any:
        return self._connection.execute(sql, values).fetchone()

    def _do(self, sql: str, *values: Any) -> int:
        return self._connection.execute(sql, values).rowcount

    def _note(self, action: str, found: _Found, actor: Actor) -> None:
        subject = f"{found.message_id}-{found.run}"
        self._do(
            self._sql.audit,
            *(self._mirror.wall_us, actor.name, f"execution.{action}", subject, actor.why),
        )

    def _note_lane(self, action: str, trigger_no: int, lane_key: str | None, actor: Actor) -> None:
        """The key is a caller's data: the log names the lane's trigger only."""
        what = "trigger" if lane_key is None else "lane"
        subject = "/".join(self._one(self._sql.subject, trigger_no))
        self._do(
            self._sql.audit,
            *(self._mirror.wall_us, actor.name, f"{what}.{action}", subject, actor.why),
        )


def _ended_by(actor: Actor, state: State, response: Response) -> Recorded:
    return Recorded(state, response, ended_by=actor.name, ended_why=actor.why)


def _editing(actor: Actor, edit: Edit) -> Actor:
    """The audit log tells which parts were edited, and never how."""
    edited = f"edited {', '.join(edit.parts)}"
    return Actor(actor.name, f"{edited}: {actor.why}" if actor.why else edited)
