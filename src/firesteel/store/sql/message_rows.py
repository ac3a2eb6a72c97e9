"""What a list and a message's page show of executions, read from their rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Select, and_, literal_column, select

from firesteel.model.execution import JournalEntry, Reason, State
from firesteel.model.message import Message
from firesteel.store.history import Attempt, ExecutionDetail, MessageSummary, Target
from firesteel.store.journal import Edit
from firesteel.store.pause import PAUSE_SETTING, Pause
from firesteel.store.schema import (
    IN_LANE,
    REPLAYS,
    RUNNING,
    WAITING,
    attempt,
    entry,
    execution,
    integration,
    message,
    paused_lane,
    payload,
    replay_edit,
    result,
    setting,
    version,
    workspace,
)
from firesteel.store.sql.database import Connection
from firesteel.store.sql.queries import Row, fetch_all, fetch_one
from firesteel.store.sql.results import decode_failure, decode_response

_e, _m = execution.c, message.c


def summaries(connection: Connection, numbers: Sequence[int]) -> list[MessageSummary]:
    """The executions of these numbers, latest first."""
    if not numbers:
        return []
    found = _summaries().where(_e.no.in_(numbers)).order_by(_e.no.desc())
    paused = everything_is_paused(connection)
    return [_summary(row, paused=paused) for row in fetch_all(connection, found)]


def targets(connection: Connection, numbers: Sequence[int]) -> list[Target]:
    """The executions of these numbers, in the same order."""
    columns = (_e.no, _m.id, _e.run, _e.trigger_no, _e.version_no, _e.state)
    found = select(*columns).join_from(execution, message, _m.no == _e.message_no)
    rows = fetch_all(connection, found.where(_e.no.in_(numbers)))
    by_number = {
        no: Target(no, message_id, run, trigger_no, version_no, State(state))
        for no, message_id, run, trigger_no, version_no, state in rows
    }
    return [by_number[number] for number in numbers]


def details(connection: Connection, message_id: str) -> list[ExecutionDetail]:
    """All executions of a message with all that is kept of them; [] if unknown."""
    found = select(_m.no, _m.id, _m.sequence, _m.received_at_us, _m.consumer, _m.erased_at_us)
    found_row = fetch_one(connection, found.where(_m.id == message_id))
    if found_row is None:
        return []
    row, erased_at_us = found_row[:-1], found_row[-1]
    replays = select(_e.no).where(REPLAYS, _e.message_no == row[0])
    numbers = [row[0], *(number for (number,) in fetch_all(connection, replays))]
    received = _message(connection, row)
    latest_first = summaries(connection, numbers)
    details = [_detail(connection, summary, received) for summary in reversed(latest_first)]
    return [replace(detail, erased_at_us=erased_at_us) for detail in details]


def everything_is_paused(connection: Connection) -> bool:
    """Whether nothing at all is run now."""
    row = fetch_one(connection, select(setting.c.value).where(setting.c.name == PAUSE_SETTING))
    pause = None if row is None else Pause.parse(row[0])
    return pause is not None and not pause.over


def _summaries() -> Select[Any]:
    lane = paused_lane.c
    its_lane = and_(lane.trigger_no == _e.trigger_no, lane.lane_key == _e.lane_key)
    joined = (
        execution.join(message, _m.no == _e.message_no)
        .join(integration, integration.c.no == _e.trigger_no)
        .join(workspace, workspace.c.no == integration.c.workspace_no)
        .join(version, version.c.no == _e.version_no)
        .outerjoin(paused_lane, its_lane)
    )
    names = (workspace.c.name, integration.c.name, version.c.number)
    why = (integration.c.paused, lane.lane_key.is_not(None), _e.turn, _e.due_at_us)
    times = (_m.received_at_us, _e.settled_at_us)
    return select(
        *(_e.no, _m.id, _e.run, _m.sequence),
        *names,
        *(_e.state, _m.consumer, *times, _e.attempt, _e.lane_key, _e.failure),
        *why,
    ).select_from(joined)


def _summary(row: Row, *, paused: bool) -> MessageSummary:
    state = State(row[7])
    trigger_paused, lane_paused, turn, due_at_us = row[14:18]
    reason = None
    if state is State.WAITING:
        reason = _reason(bool(paused or trigger_paused or lane_paused), bool(turn), due_at_us)
    return MessageSummary(
        execution_no=row[0],
        message_id=row[1],
        run=row[2],
        sequence=row[3],
        workspace=row[4],
        integration=row[5],
        version=row[6],
        state=state,
        reason=reason,
        consumer=row[8],
        received_at_us=row[9],
        settled_at_us=row[10],
        due_at_us=due_at_us,
        attempts=row[11],
        lane_key=row[12],
        failure=decode_failure(row[13]),
    )


def _reason(paused: bool, turn: bool, due_at_us: int | None) -> Reason:
    """What holds up everything of its lane comes first, then what holds up only this one."""
    if paused:
        return Reason.PAUSED
    if not turn:
        return Reason.TURN
    return Reason.SLOT if due_at_us is None else Reason.RETRY_AT


def _message(connection: Connection, row: Row) -> Message | None:
    number, *named = row
    kept = select(payload.c.request, payload.c.body).where(payload.c.message_no == number)
    content = fetch_one(connection, kept)
    return None if content is None else Message(*named, *content)


def _detail(
    connection: Connection, summary: MessageSummary, received: Message | None
) -> ExecutionDetail:
    number = summary.execution_no
    own = select(_e.trigger_no, _e.version_no, _e.ended_by, _e.ended_why, _e.replay_of)
    ((trigger_no, version_no, ended_by, ended_why, replay_of),) = fetch_all(
        connection, own.where(_e.no == number)
    )
    left = select(result.c.response, result.c.input, result.c.logs, result.c.code_hash)
    row = fetch_one(connection, left.where(result.c.execution_no == number))
    response, input, logs, code_hash = row or (None, b"", "", "")
    return ExecutionDetail(
        summary=summary,
        message=received,
        trigger_no=trigger_no,
        version_no=version_no,
        waits_for=_waits_for(connection, trigger_no, summary),
        journal=_journal(connection, number),
        attempts=_attempts(connection, number),
        response=None if response is None else decode_response(response),
        input=input,
        logs=logs,
        code_hash=code_hash,
        ended_by=ended_by,
        ended_why=ended_why,
        replay_of=replay_of,
        erased_at_us=None,
        edit=None if replay_of is None else _edit(connection, number),
    )


def _edit(connection: Connection, number: int) -> Edit | None:
    c = replay_edit.c
    found = select(c.request, c.body, c.input).where(c.execution_no == number)
    row = fetch_one(connection, found)
    return None if row is None else Edit(*row)


def _waits_for(connection: Connection, trigger_no: int, summary: MessageSummary) -> str | None:
    """The message that must go on before this one, as ``ExecutionDetail.waits_for``."""
    if summary.lane_key is None:
        return None
    if summary.reason is Reason.TURN:
        return _head(connection, trigger_no, summary.lane_key)
    if summary.reason is Reason.PAUSED:
        return _stopped_at(connection, trigger_no, summary.lane_key)
    return None


def _stopped_at(connection: Connection, trigger_no: int, lane_key: str) -> str | None:
    """The message that failed at the lane's head, if the lane stopped there."""
    lane = paused_lane.c
    its_head = execution.join(paused_lane, lane.stopped_at_no == _e.no).join(
        message, _m.no == _e.message_no
    )
    found = select(_m.id).select_from(its_head)
    row = fetch_one(
        connection, found.where(lane.trigger_no == trigger_no, lane.lane_key == lane_key)
    )
    return None if row is None else str(row[0])


def _head(connection: Connection, trigger_no: int, lane_key: str) -> str | None:
    """The message that the lane runs, or else is to run next."""
    lane = (IN_LANE, _e.trigger_no == trigger_no, _e.lane_key == lane_key)
    of_lane = select(_m.id).join_from(execution, message, _m.no == _e.message_no).where(*lane)
    one = of_lane.limit(literal_column("1"))
    running = fetch_one(connection, one.where(RUNNING))
    row = running or fetch_one(connection, one.where(WAITING).order_by(_e.position))
    return None if row is None else str(row[0])


def _journal(connection: Connection, number: int) -> list[JournalEntry]:
    c = entry.c
    times = (c.started_at_us, c.ended_at_us)
    found = select(c.step, c.kind, c.attempt, *times, c.result, c.input)
    ordered = found.where(c.execution_no == number).order_by(c.no)
    return [JournalEntry(*row) for row in fetch_all(connection, ordered)]


def _attempts(connection: Connection, number: int) -> list[Attempt]:
    c = attempt.c
    found = select(c.attempt, c.started_at_us, c.ended_at_us, c.failure, c.logs)
    ordered = found.where(c.execution_no == number).order_by(c.attempt)
    return [
        Attempt(attempt, started_at_us, ended_at_us, decode_failure(failure), logs)
        for attempt, started_at_us, ended_at_us, failure, logs in fetch_all(connection, ordered)
    ]
