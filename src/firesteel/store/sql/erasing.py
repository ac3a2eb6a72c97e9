"""Erasing messages: what a consumer sent goes, that it was sent stays (decision 0045).

A message keeps its id, place in the sequence, times, state and its executions' counts. It loses its
payload and all that was made of it, its consumer, lane, search values and idempotency key. What
runs inside a transaction stands here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import and_, func, insert, select, tuple_

from firesteel.store.journal import Actor
from firesteel.store.schema import (
    audit,
    idempotency,
    integration,
    message,
    paused_lane,
    payload,
    workspace,
)
from firesteel.store.sql.database import Connection
from firesteel.store.sql.queries import Row, execute, fetch_all
from firesteel.store.sql.retention import delete_payloads, executions_of, hold_triggers

# Keys looked at in one query.
PAGE_KEYS = 1000


@dataclass(frozen=True, slots=True)
class Going:
    """A message to erase, and what goes with it."""

    message_id: str
    body_bytes: int


Key = tuple[int, str, str]
"""Trigger, consumer ('' where there is none) and key of a row of ``idempotency``."""


def measure(connection: Connection, message_ids: Sequence[str]) -> list[Going]:
    """Those of the messages that are there."""
    joined = message.outerjoin(payload, payload.c.message_no == message.c.no)
    found = select(message.c.id, func.length(payload.c.body)).select_from(joined)
    rows = fetch_all(connection, found.where(message.c.id.in_(message_ids)))
    return [Going(id, body_bytes or 0) for id, body_bytes in rows]


def erase(
    connection: Connection, message_ids: Sequence[str], now_us: int, actor: Actor | None
) -> dict[str, int]:
    """Erase those of the messages that may go, in a transaction that holds their triggers, so that
    nobody replays one meanwhile; as ``History.erase`` says."""
    m = message.c
    found = select(m.no, m.id, m.trigger_no, m.erased_at_us).where(m.id.in_(message_ids))
    rows = fetch_all(connection, found)
    hold_triggers(connection, {row[2] for row in rows})
    executions = executions_of(connection, [row[0] for row in rows])
    stops = _stopped_at(connection, {row[2] for row in rows})
    erased = {row[1]: 0 for row in rows if row[3] is not None}
    going = [
        (number, id)
        for number, id, _, erased_at_us in rows
        if erased_at_us is None and _may_go(executions.get(number, []), stops)
    ]
    numbers = [number for number, _ in going]
    of_going = [row for number in numbers for row in executions[number]]
    delete_payloads(connection, numbers, of_going)
    connection.executemany("DELETE FROM search WHERE message_no = ?", [(no,) for no in numbers])
    connection.executemany(
        "UPDATE execution SET lane_key = NULL WHERE no = ?", [(row[0],) for row in of_going]
    )
    connection.executemany(
        "UPDATE message SET consumer = NULL, lane_key = NULL, erased_at_us = ? WHERE no = ?",
        [(now_us, number) for number in numbers],
    )
    for _, id in going if actor is not None else ():
        assert actor is not None
        noted = {"at_us": now_us, "actor": actor.name, "detail": actor.why}
        execute(connection, insert(audit).values(**noted, action="message.erase", subject=id))
    return erased | {id: len(executions[number]) for number, id in going}


def triggers_of(connection: Connection, name: str) -> list[int]:
    """The triggers of a workspace, removed ones too."""
    joined = integration.join(workspace, workspace.c.no == integration.c.workspace_no)
    found = select(integration.c.no).select_from(joined).where(workspace.c.name == name)
    return [number for (number,) in fetch_all(connection, found.order_by(integration.c.no))]


def keys_to_forget(
    connection: Connection, trigger_no: int, consumer: str | None, after: Key | None
) -> tuple[list[tuple[Key, str]], Key | None]:
    """A page of a trigger's idempotency keys: those that lead to an erased message, with its id,
    and where the next page begins (None: this was the last). With ``consumer`` only its keys, also
    those whose message retention has let go."""
    c = idempotency.c
    found = select(c.consumer, c.key, c.message_id).where(c.trigger_no == trigger_no)
    if consumer is not None:
        found = found.where(c.consumer == consumer)
    if after is not None:
        found = found.where(tuple_(c.consumer, c.key) > tuple_(*after[1:]))
    page = fetch_all(connection, found.order_by(c.consumer, c.key).limit(PAGE_KEYS))
    erased = _erased(connection, {row[2] for row in page})
    gone = [
        ((trigger_no, row[0], row[1]), row[2])
        for row in page
        if erased.get(row[2], consumer is not None)
    ]
    if len(page) < PAGE_KEYS:
        return gone, None
    return gone, (trigger_no, page[-1][0], page[-1][1])


def forget_keys(connection: Connection, keys: Iterable[tuple[Key, str]]) -> None:
    """Delete the keys, where they still lead to that message."""
    connection.executemany(
        "DELETE FROM idempotency WHERE trigger_no = ? AND consumer = ? AND key = ? "
        "AND message_id = ?",
        [(*key, message_id) for key, message_id in keys],
    )


def _stopped_at(connection: Connection, trigger_nos: set[int]) -> set[int]:
    """The failed executions at which lanes of the triggers are stopped: a person has to decide
    about them, and needs what they hold."""
    c = paused_lane.c
    of_triggers = and_(c.trigger_no.in_(trigger_nos), c.stopped_at_no.is_not(None))
    return {
        number for (number,) in fetch_all(connection, select(c.stopped_at_no).where(of_triggers))
    }


def _may_go(executions: Sequence[Row], stops: set[int]) -> bool:
    return bool(executions) and all(
        settled_at_us is not None and number not in stops for number, settled_at_us, _ in executions
    )


def _erased(connection: Connection, ids: set[str]) -> dict[str, bool]:
    """Of those of the messages that are there."""
    m = message.c
    found = select(m.id, m.erased_at_us).where(m.id.in_(ids))
    return {id: erased_at_us is not None for id, erased_at_us in fetch_all(connection, found)}
