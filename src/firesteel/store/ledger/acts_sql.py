"""The statements of acts: finding and ending executions, replays, lanes, the audit log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, false, func, literal_column, null, select, update

from firesteel.store.schema import (
    REPLAYS,
    WAITING,
    audit,
    execution,
    integration,
    message,
    paused_lane,
    payload,
    replay_edit,
    result,
    workspace,
)
from firesteel.store.sql.statements import ONE, Statements


@dataclass(frozen=True, slots=True)
class ActsSql:
    """SQL text by what it does."""

    find: str
    end_waiting: str
    skip_failed: str
    new_response: str
    end_result: str
    due_now: str
    has_payload: str
    last_replay: str
    replay: str
    count_replay: str
    edit: str
    same_edit: str
    paused_lane: str
    pause_lane: str
    hold_head: str
    lift_pause: str
    lift_stop: str
    free_lane: str
    pause_trigger: str
    subject: str
    audit: str


def acts_sql(make: Statements) -> ActsSql:
    """All of them, compiled."""
    return ActsSql(
        **_of_executions(make), **_of_replays(make), **_of_lanes(make), **_of_notes(make)
    )


def _of_executions(make: Statements) -> dict[str, str]:
    e = execution.c
    one = update(execution).where(e.no == bindparam("the_no"))
    names = ("run", "trigger_no", "lane_key", "position", "state", "turn", "due_at_us", "epoch")
    ended: Any = (
        (e.settled_at_us, bindparam("now")),
        (e.ended_by, bindparam("by")),
        (e.ended_why, bindparam("why")),
    )
    return {
        "find": make.compiled(
            select(e.no, e.message_no, message.c.id, *(e[name] for name in names))
            .join(message, message.c.no == e.message_no)
            .where(e.no == bindparam("the_no")),
            "the_no",
        ),
        "end_waiting": make.compiled(
            one.ordered_values(
                (e.state, bindparam("the_state")),
                (e.turn, false()),
                (e.due_at_us, null()),
                *ended,
            ),
            *("the_state", "now", "by", "why", "the_no"),
        ),
        "skip_failed": make.compiled(
            one.ordered_values((e.state, literal_column("'skipped'")), *ended),
            *("now", "by", "why", "the_no"),
        ),
        "new_response": make.compiled(
            update(result)
            .where(result.c.execution_no == bindparam("the_no"))
            .values(response=bindparam("the_response")),
            *("the_response", "the_no"),
        ),
        "end_result": make.insert_into(
            result, "execution_no", "response", "input", "logs", "code_hash"
        ),
        "due_now": make.compiled(one.values(due_at_us=null()), "the_no"),
    }


def _of_replays(make: Statements) -> dict[str, str]:
    e = execution.c
    return {
        "has_payload": make.compiled(
            select(payload.c.message_no).where(payload.c.message_no == bindparam("message_no")),
            "message_no",
        ),
        "last_replay": make.compiled(
            select(func.max(e.run)).where(e.message_no == bindparam("message_no"), REPLAYS),
            "message_no",
        ),
        "replay": make.insert_into(
            execution,
            *("no", "message_no", "run", "trigger_no", "version_no", "lane_key", "position"),
            *("turn", "replay_of"),
            state=WAITING.right,
        ),
        "edit": make.insert_into(replay_edit, "execution_no", "request", "body", "input"),
        "same_edit": make.compiled(
            select(replay_edit.c.request, replay_edit.c.body, replay_edit.c.input).where(
                replay_edit.c.execution_no == bindparam("the_no")
            ),
            "the_no",
        ),
        "count_replay": make.compiled(
            update(integration)
            .where(integration.c.no == bindparam("the_no"))
            .values(replayed=integration.c.replayed + ONE),
            "the_no",
        ),
    }


def _of_lanes(make: Statements) -> dict[str, str]:
    e = execution.c
    the_lane = (e.trigger_no == bindparam("trigger_no"), e.lane_key == bindparam("lane_key"))
    head = (
        select(func.min(e.position))
        .where(WAITING, e.lane_key.is_not(None), *the_lane)
        .scalar_subquery()
    )
    return {
        **_of_paused_lanes(make),
        "hold_head": make.compiled(
            update(execution)
            .where(WAITING, e.lane_key.is_not(None), *the_lane, e.position == head)
            .values(turn=false()),
            *("trigger_no", "lane_key"),
            *("trigger_no", "lane_key"),
        ),
        "pause_trigger": make.compiled(
            update(integration)
            .where(integration.c.no == bindparam("the_no"))
            .ordered_values(
                (integration.c.paused, bindparam("the_flag")),
                (integration.c.paused_because, bindparam("because")),
            ),
            *("the_flag", "because", "the_no"),
        ),
    }


def _of_paused_lanes(make: Statements) -> dict[str, str]:
    p = paused_lane.c
    name = ("trigger_no", "lane_key")
    the_lane = [p[column] == bindparam(f"the_{column}") for column in name]
    lift = update(paused_lane).where(*the_lane)
    bound = tuple(f"the_{column}" for column in name)
    return {
        "paused_lane": make.compiled(
            select(p.paused_because, p.stopped_at_no).where(*the_lane), *bound
        ),
        "pause_lane": make.insert_or_set(
            paused_lane,
            *(*name, "paused_because", "paused_at_us"),
            changed=("paused_because", "paused_at_us"),
        ),
        "lift_pause": make.compiled(
            lift.values(paused_because=null(), paused_at_us=null()), *bound
        ),
        "lift_stop": make.compiled(lift.values(stopped_at_no=null(), stopped_at_us=null()), *bound),
        "free_lane": make.delete_from(paused_lane, *name),
    }


def _of_notes(make: Statements) -> dict[str, str]:
    return {
        "subject": make.compiled(
            select(workspace.c.name, integration.c.name)
            .join(workspace, workspace.c.no == integration.c.workspace_no)
            .where(integration.c.no == bindparam("the_no")),
            "the_no",
        ),
        "audit": make.insert_into(audit, "at_us", "actor", "action", "subject", "detail"),
    }
