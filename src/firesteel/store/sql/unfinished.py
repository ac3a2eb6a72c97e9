"""What has not ended, counted by integration along the indices of what waits and what runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select

from firesteel.store.pause import INTERRUPTED_LISTED, Interrupted, Unfinished
from firesteel.store.schema import (
    DUE_LATER,
    IN_LANE,
    READY,
    RUNNING,
    WAITING,
    execution,
    integration,
    message,
    workspace,
)
from firesteel.store.sql.database import Connection
from firesteel.store.sql.queries import fetch_all, fetch_one

_e, _m, _i, _w = execution.c, message.c, integration.c, workspace.c
_ALONE = _e.lane_key.is_(None)
# Every waiting execution in exactly one of them, each along an index of its own.
_WAITS: tuple[tuple[ColumnElement[bool], ...], ...] = (
    (READY, _ALONE),
    (DUE_LATER, _ALONE),
    (WAITING, IN_LANE),
)


def unfinished(connection: Connection, *, removed_of: str | None = None) -> list[Unfinished]:
    """By workspace and integration, removed ones too; those with nothing are left out.
    ``removed_of``: a workspace, whose removed ones alone are counted."""
    named = select(_i.no, _w.name, _i.name).join_from(
        integration, workspace, _w.no == _i.workspace_no
    )
    if removed_of is not None:
        named = named.where(_w.name == removed_of, _i.removed_at_us.is_not(None))
    found = []
    for number, workspace_name, name in fetch_all(connection, named.order_by(_w.name, _i.name)):
        waits = [_counted(connection, number, conditions) for conditions in _WAITS]
        runs = _counted(connection, number, (RUNNING,))
        counts = [count for count, _ in waits]
        firsts = [first for _, first in (*waits, runs) if first is not None]
        if firsts:
            oldest_us = _received_at_us(connection, min(firsts))
            found.append(Unfinished(workspace_name, name, sum(counts), runs[0], oldest_us))
    return found


def interrupted(connection: Connection) -> tuple[int, list[Interrupted]]:
    """How many executions run, and the oldest of them. Of a store that no node works with: were
    running when it was left."""
    counted = fetch_one(connection, select(func.count()).select_from(execution).where(RUNNING))
    joined = (
        execution.join(message, _m.no == _e.message_no)
        .join(integration, _i.no == _e.trigger_no)
        .join(workspace, _w.no == _i.workspace_no)
    )
    columns = (_w.name, _i.name, _e.lane_key, _m.id, _m.received_at_us)
    listed: Select[Any] = select(*columns).select_from(joined).where(RUNNING).order_by(_e.no)
    rows = fetch_all(connection, listed.limit(INTERRUPTED_LISTED))
    return (
        0 if counted is None else int(counted[0]),
        [
            Interrupted(workspace_name, name, lane, id_, datetime.fromtimestamp(at_us / 1e6, UTC))
            for workspace_name, name, lane, id_, at_us in rows
        ],
    )


def _counted(
    connection: Connection, trigger_no: int, conditions: Sequence[ColumnElement[bool]]
) -> tuple[int, int | None]:
    """How many, and the number of the first message."""
    columns: tuple[Any, ...] = (func.count(), func.min(_e.message_no))
    counted = select(*columns).select_from(execution)
    row = fetch_one(connection, counted.where(_e.trigger_no == trigger_no, *conditions))
    return (0, None) if row is None else (int(row[0]), row[1])


def _received_at_us(connection: Connection, message_no: int) -> int:
    row = fetch_one(connection, select(_m.received_at_us).where(_m.no == message_no))
    return 0 if row is None else int(row[0])
