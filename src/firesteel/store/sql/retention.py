"""Letting go of what retention no longer keeps: found beside the writer, deleted by it in pieces.

A message goes as a whole, with all its executions, when the last of them has ended and is older
than the trigger's retention; its payload, and what else was made of it, may go earlier. The writer
gets a few dozen messages at a time, so that calls do not wait for it (P34), and looks again
whether they may go. On PostgreSQL each piece holds the rows of its triggers.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import msgspec
from sqlalchemy import Select, and_, bindparam, func, literal_column, or_, select
from sqlalchemy.sql.expression import true

from firesteel.store.schema import (
    NOT_REMOVED,
    REPLAYS,
    attempt,
    execution,
    idempotency,
    integration,
    message,
    payload,
    workspace,
)
from firesteel.store.sql.database import Connection
from firesteel.store.sql.queries import Prepared, Row, fetch_all, fetch_one
from firesteel.store.sql.results import decode_failure, encode_failure

# At most so many messages, and so many bytes of bodies, in one piece of work for the writer.
PIECE_MESSAGES = 25
_PIECE_BYTES = 4 * 1024 * 1024
# Messages looked at in one query.
_WINDOW = 1000
_US = 1_000_000


@dataclass(frozen=True, slots=True)
class Rule:
    """Messages of a trigger whose executions ended before ``ended_before_us`` go; ``whole`` False:
    only their payloads. ``archive``: they are archived before."""

    trigger_no: int
    ended_before_us: int
    whole: bool
    archive: bool = False


@dataclass(frozen=True, slots=True)
class Expired:
    """A message that may go by that rule."""

    rule: Rule
    message_no: int
    body_bytes: int


@dataclass(slots=True)
class Progress:
    """How far a round has come with each trigger and kind of rule: the last sequence looked at.

    The next round begins anew with whole messages, since those that went leave no trace. With
    payloads it begins at the first message that was kept: those before it have none.
    """

    seen: dict[tuple[int, bool], int] = field(default_factory=dict)
    kept: dict[tuple[int, bool], int] = field(default_factory=dict)

    def end_round(self) -> None:
        """Everything that may go now has been found."""
        payloads = {name: seen for name, seen in self.seen.items() if not name[1]}
        self.seen = {name: self.kept.get(name, seen) for name, seen in payloads.items()}
        self.kept = {}


@dataclass(frozen=True, slots=True)
class Defaults:
    """What the node says, where neither an integration nor its workspace does."""

    history_us: int
    archive: bool = False


def rules(connection: Connection, now_us: int, defaults: Defaults) -> list[Rule]:
    """The rules of all triggers, removed ones too, at this time."""
    found: list[Rule] = []
    rows = fetch_all(connection, _kept().order_by(integration.c.no))
    for number, history_s, payloads_s, archived in rows:
        history_us = defaults.history_us if history_s is None else history_s * _US
        archive = defaults.archive if archived is None else bool(archived)
        found.append(Rule(number, now_us - history_us, whole=True, archive=archive))
        if payloads_s is not None and payloads_s * _US < history_us:
            until_us = now_us - payloads_s * _US
            found.append(Rule(number, until_us, whole=False, archive=archive))
    return found


def longest_retention_us(connection: Connection, default_history_us: int) -> int:
    """How long the trigger that keeps longest keeps its messages."""
    longest_s = max(
        (history_s or 0 for _, history_s, *_ in fetch_all(connection, _kept())), default=0
    )
    return max(default_history_us, longest_s * _US)


def archives(connection: Connection, *, by_default: bool) -> bool:
    """As ``History.archives``."""
    i, w = integration.c, workspace.c
    has_messages = select(message.c.no).where(message.c.trigger_no == i.no).exists()
    archived = func.coalesce(i.archive, w.archive, by_default)
    joined = integration.join(workspace, w.no == i.workspace_no)
    wanted = and_(archived == true(), or_(NOT_REMOVED, has_messages))
    return (
        fetch_one(connection, select(i.no).select_from(joined).where(wanted).limit(1)) is not None
    )


def _kept() -> Select[Any]:
    """How long each trigger keeps messages and payloads, and whether it archives them, where it or
    its workspace says so."""
    i, w = integration.c, workspace.c
    joined = integration.join(workspace, w.no == i.workspace_no)
    history_s = func.coalesce(i.history_s, w.history_s)
    payloads_s = func.coalesce(i.payloads_s, w.payloads_s)
    columns: tuple[Any, ...] = (i.no, history_s, payloads_s, func.coalesce(i.archive, w.archive))
    return select(*columns).select_from(joined)


def find(
    connection: Connection, rules: Sequence[Rule], progress: Progress, most: int
) -> list[Expired]:
    """Up to ``most`` messages that may go, from where the round has come to. Fewer: the round has
    found all."""
    window = Prepared.of(_window(), connection.dialect)
    found: list[Expired] = []
    for rule in rules:
        while len(found) < most and _look(connection, window, rule, progress, found):
            pass
        if len(found) >= most:
            break
    return found


def _look(
    connection: Connection,
    window: Prepared,
    rule: Rule,
    progress: Progress,
    found: list[Expired],
) -> bool:
    """Look at the next window of a trigger; False where there is nothing old behind it."""
    name = (rule.trigger_no, rule.whole)
    rows = window.run(
        connection,
        the_trigger=rule.trigger_no,
        after=progress.seen.get(name, 0),
        ended_before=rule.ended_before_us,
    ).fetchall()
    for number, sequence, received_at_us, *ended in rows:
        if received_at_us >= rule.ended_before_us:
            return False
        progress.seen[name] = sequence
        body_bytes = ended[2]
        if not _has_ended(rule, ended[0], ended[1]):
            progress.kept.setdefault(name, sequence - 1)
        elif rule.whole or body_bytes is not None:
            found.append(Expired(rule, number, body_bytes or 0))
    return len(rows) == _WINDOW


def _has_ended(rule: Rule, settled_at_us: int | None, later_replays: int) -> bool:
    return settled_at_us is not None and settled_at_us < rule.ended_before_us and later_replays == 0


def _window() -> Select[tuple[int, int, int, int | None, int, int | None]]:
    m, first = message.c, execution.alias("first").c
    replay = execution.c
    later = (
        select(func.count())
        .select_from(execution)
        .where(
            REPLAYS,
            replay.message_no == m.no,
            or_(
                replay.settled_at_us.is_(None),
                replay.settled_at_us >= bindparam("ended_before"),
            ),
        )
        .scalar_subquery()
    )
    joined = message.join(first.no.table, first.no == m.no).outerjoin(
        payload, payload.c.message_no == m.no
    )
    body_bytes = func.length(payload.c.body)
    return (
        select(m.no, m.sequence, m.received_at_us, first.settled_at_us, later, body_bytes)
        .select_from(joined)
        .where(m.trigger_no == bindparam("the_trigger"), m.sequence > bindparam("after"))
        .order_by(m.sequence)
        .limit(literal_column(str(_WINDOW)))
    )


class Sized(Protocol):
    """Something that goes with so many bytes of bodies."""

    @property
    def body_bytes(self) -> int: ...


S = TypeVar("S", bound=Sized)


def pieces(going: Sequence[S]) -> Iterator[list[S]]:
    """Cut into what the writer, or a reader, does in one go."""
    piece: list[S] = []
    size_bytes = 0
    for one in going:
        full = len(piece) == PIECE_MESSAGES or size_bytes + one.body_bytes > _PIECE_BYTES
        if piece and full:
            yield piece
            piece, size_bytes = [], 0
        piece.append(one)
        size_bytes += one.body_bytes
    if piece:
        yield piece


def delete_piece(connection: Connection, piece: Sequence[Expired]) -> int:
    """Delete what may still go; how many messages and payloads went. In a transaction that holds
    the triggers, so that nobody replays what goes meanwhile."""
    hold_triggers(connection, {one.rule.trigger_no for one in piece})
    executions = executions_of(connection, [one.message_no for one in piece])
    going = [one for one in piece if _may_go(one, executions.get(one.message_no, []))]
    whole = [one.message_no for one in going if one.rule.whole]
    _delete_messages(connection, whole, [row[0] for no in whole for row in executions[no]])
    payloads = [one.message_no for one in going if not one.rule.whole]
    delete_payloads(connection, payloads, [row for no in payloads for row in executions[no]])
    purged: dict[int, int] = {}
    for one in going:
        if one.rule.whole:
            gone = len(executions[one.message_no])
            purged[one.rule.trigger_no] = purged.get(one.rule.trigger_no, 0) + gone
    connection.executemany(
        "UPDATE integration SET purged = purged + ? WHERE no = ?",
        [(gone, trigger_no) for trigger_no, gone in sorted(purged.items())],
    )
    return len(going)


def delete_idempotency(connection: Connection, now_us: int, most: int) -> int:
    """Delete keys whose window is over by the store's steady clock; how many. A key that is being
    given anew meanwhile stays."""
    c = idempotency.c
    over = select(c.trigger_no, c.consumer, c.key).where(c.expires_at_us <= now_us).limit(most)
    keys = fetch_all(connection, over.with_for_update(skip_locked=True))
    connection.executemany(
        "DELETE FROM idempotency WHERE trigger_no = ? AND consumer = ? AND key = ?", keys
    )
    return len(keys)


def hold_triggers(connection: Connection, numbers: Collection[int]) -> None:
    """The triggers' rows until the end of the transaction; SQLite's writer holds everything."""
    c = integration.c
    rows = select(c.no).where(c.no.in_(numbers)).order_by(c.no)
    fetch_all(connection, rows.with_for_update(key_share=True))


def executions_of(connection: Connection, message_nos: Sequence[int]) -> dict[int, list[Row]]:
    """Number, time of settling and last failure of all executions of each of the messages."""
    e = execution.c
    columns = (e.message_no, e.no, e.settled_at_us, e.failure)
    # Each along an index of its own.
    first = select(*columns).where(e.no.in_(message_nos), e.no == e.message_no)
    replays = select(*columns).where(REPLAYS, e.message_no.in_(message_nos))
    found: dict[int, list[Row]] = {}
    for asked in (first, replays):
        for message_no, *row in fetch_all(connection, asked):
            found.setdefault(message_no, []).append(tuple(row))
    return found


def _may_go(one: Expired, executions: Sequence[Row]) -> bool:
    return bool(executions) and all(_has_ended(one.rule, row[1], 0) for row in executions)


def _delete_messages(
    connection: Connection, message_nos: Sequence[int], execution_nos: Sequence[int]
) -> None:
    for text in (
        "DELETE FROM entry WHERE execution_no = ?",
        "DELETE FROM attempt WHERE execution_no = ?",
        "DELETE FROM result WHERE execution_no = ?",
        "DELETE FROM replay_edit WHERE execution_no = ?",
        "DELETE FROM execution WHERE no = ?",
    ):
        connection.executemany(text, [(number,) for number in execution_nos])
    for text in (
        "DELETE FROM search WHERE message_no = ?",
        "DELETE FROM payload WHERE message_no = ?",
        "DELETE FROM message WHERE no = ?",
    ):
        connection.executemany(text, [(number,) for number in message_nos])


def delete_payloads(
    connection: Connection, message_nos: Sequence[int], executions: Sequence[Row]
) -> None:
    """Payloads, and everything that quotes them: results of steps, response, logs, and what
    failures tell beyond their codes. ``executions``: as ``executions_of`` gives them."""
    numbers = [(row[0],) for row in executions]
    messages = [(number,) for number in message_nos]
    connection.executemany("DELETE FROM payload WHERE message_no = ?", messages)
    for text in (
        "DELETE FROM entry WHERE execution_no = ?",
        "DELETE FROM result WHERE execution_no = ?",
        "DELETE FROM replay_edit WHERE execution_no = ?",
    ):
        connection.executemany(text, numbers)
    connection.executemany(
        "UPDATE execution SET failure = ? WHERE no = ?",
        [(_without_texts(failure), number) for number, _, failure in executions],
    )
    c = attempt.c
    told = select(c.failure, c.execution_no, c.attempt)
    attempts = fetch_all(connection, told.where(c.execution_no.in_([row[0] for row in executions])))
    connection.executemany(
        "UPDATE attempt SET logs = '', failure = ? WHERE execution_no = ? AND attempt = ?",
        [(_without_texts(failure), number, which) for failure, number, which in attempts],
    )


def _without_texts(failure: bytes | None) -> bytes | None:
    known = decode_failure(failure)
    if known is None:
        return None
    return encode_failure(msgspec.structs.replace(known, detail="", faults=[], trace=""))
