"""Sessions: one life of one engine process, and what is taken over from the dead ones."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import cast

import msgspec
from sqlalchemy import (
    bindparam,
    case,
    delete,
    exists,
    false,
    func,
    literal_column,
    null,
    select,
    true,
    update,
)

from firesteel.model.execution import Failure
from firesteel.store.ledger.claims import Claims
from firesteel.store.ledger.mirror import Mirror
from firesteel.store.schema import (
    DUE_LATER,
    RUNNING,
    WAITING,
    attempt,
    execution,
    paused_lane,
    session,
    setting,
)
from firesteel.store.sql.clock import SteadyState
from firesteel.store.sql.results import encode_failure
from firesteel.store.sql.statements import ONE, ZERO
from firesteel.store.sqlite.statements import compiled, insert_into, insert_or_set

LEASE_S = 15.0
_LEASE_US = int(LEASE_S * 1e6)
_SESSIONS_KEPT = 100
_CLOCK_SETTING = "steady_clock"
ALONE_AFTER = 3

INTERRUPTED = Failure("unknown", "interrupted", "the engine ended while this attempt ran")


@dataclass(frozen=True, slots=True)
class _Sql:
    last_seen: str
    begin: str
    last: str
    forget_old: str
    move_due: str
    renew: str
    end: str
    last_no: str
    lost: str
    attempt: str
    take_over: str
    clock: str
    keep_clock: str


class Replaced(Exception):
    """Another session has taken over from this one, which may write nothing more."""


class Sessions:
    """Begin, renew, end, and recover. The lock on the file proves that no other session lives, so
    the others' executions are taken over at once."""

    def __init__(self, mirror: Mirror, claims: Claims) -> None:
        self._mirror = mirror
        self._claims = claims
        self._sql = _sql()

    def connect(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def begin(self) -> None:
        """A new session. Its clock goes on with the last one's. Where that cannot be (the machine
        was started anew) and the wall clock stands before the last session's end, it was set back
        meanwhile: what is due moves with it."""
        mirror, ask = self._mirror, self._connection.execute
        self._go_on_with_the_clock()
        now_us = mirror.steady.now_us()
        ended_us, lease_us = ask(self._sql.last_seen).fetchone() or (None, 0)
        last_seen_us = lease_us - _LEASE_US if ended_us is None else ended_us
        if last_seen_us > now_us:
            ask(self._sql.move_due, (last_seen_us - now_us,))
        given = ask(self._sql.begin, (now_us, now_us + _LEASE_US))
        mirror.session_no = cast("int", given.lastrowid)  # that of an INSERT
        ask(self._sql.forget_old, (mirror.session_no - _SESSIONS_KEPT,))

    def _go_on_with_the_clock(self) -> None:
        steady, ask = self._mirror.steady, self._connection.execute
        row = ask(self._sql.clock).fetchone()
        if row is not None:
            steady.go_on_from(msgspec.json.decode(row[0], type=SteadyState))
        ask(self._sql.keep_clock, (_CLOCK_SETTING, msgspec.json.encode(steady.state()).decode()))

    def fence(self) -> None:
        """Raises Replaced where a later session has begun."""
        (last,) = self._connection.execute(self._sql.last).fetchone()
        if last != self._mirror.session_no:
            raise Replaced(f"session {last} has replaced session {self._mirror.session_no}")

    def renew(self) -> bool:
        """As ``Journal.renew``."""
        until_us = self._mirror.steady_us + _LEASE_US
        done = self._connection.execute(self._sql.renew, (until_us, self._mirror.session_no))
        return done.rowcount == 1

    def note_last_no(self, last_no: int) -> None:
        """Numbers up to ``last_no`` are given and will not be given again."""
        self._connection.execute(self._sql.last_no, (last_no, self._mirror.session_no))

    def end(self) -> None:
        """The session is over."""
        now_us = self._mirror.steady.now_us()
        self._connection.execute(self._sql.end, (now_us, self._mirror.session_no))

    def recover(self) -> int:
        """As ``Journal.recover``."""
        mirror, write = self._mirror, self._connection.executemany
        lost = self._connection.execute(self._sql.lost, (mirror.session_no,)).fetchall()
        failure = encode_failure(INTERRUPTED)
        write(
            self._sql.attempt,
            [(no, tries, since, mirror.wall_us, failure, "") for no, _, _, tries, since in lost],
        )
        write(self._sql.take_over, [(failure, no) for no, *_ in lost])
        for _, trigger_no, lane_key, _, _ in lost:
            trigger = mirror.trigger(trigger_no)
            trigger.waiting += 1
            self._claims.ready(trigger)
            if lane_key is not None:
                mirror.lanes.pop((trigger_no, lane_key), None)
        return len(lost)


def _sql() -> _Sql:
    e, s = execution.c, session.c
    this = update(session).where(s.no == bindparam("the_no"), s.ended_at_us.is_(None))
    lane_paused = exists().where(
        paused_lane.c.trigger_no == e.trigger_no, paused_lane.c.lane_key == e.lane_key
    )
    take_over = (
        update(execution)
        .where(e.no == bindparam("the_no"))
        .ordered_values(
            (e.state, WAITING.right),
            (e.session_no, null()),
            (e.epoch, e.epoch + ONE),
            (e.counted, e.counted - ONE),
            (e.interruptions, e.interruptions + ONE),
            (
                e.alone,
                case(
                    (e.interruptions + ONE >= literal_column(str(ALONE_AFTER)), true()),
                    else_=e.alone,
                ),
            ),
            (e.turn, case((lane_paused, false()), else_=true())),
            (e.failure, bindparam("the_failure")),
        )
    )
    return _Sql(
        last_seen=compiled(
            select(s.ended_at_us, s.lease_until_us).order_by(s.no.desc()).limit(ONE).offset(ZERO)
        ),
        begin=insert_into(session, "started_at_us", "lease_until_us"),
        last=compiled(select(func.max(s.no))),
        forget_old=compiled(delete(session).where(s.no < bindparam("before")), "before"),
        move_due=compiled(
            update(execution).where(DUE_LATER).values(due_at_us=e.due_at_us - bindparam("by_us")),
            "by_us",
        ),
        renew=compiled(this.values(lease_until_us=bindparam("until")), "until", "the_no"),
        end=compiled(this.values(ended_at_us=bindparam("now")), "now", "the_no"),
        last_no=compiled(this.values(last_no=bindparam("last")), "last", "the_no"),
        lost=compiled(
            select(e.no, e.trigger_no, e.lane_key, e.attempt, e.started_at_us).where(
                RUNNING, e.session_no != bindparam("session_no")
            ),
            "session_no",
        ),
        attempt=insert_into(
            attempt,
            *("execution_no", "attempt", "started_at_us", "ended_at_us", "failure", "logs"),
        ),
        take_over=compiled(take_over, "the_failure", "the_no"),
        clock=compiled(
            select(setting.c.value).where(setting.c.name == literal_column(f"'{_CLOCK_SETTING}'"))
        ),
        keep_clock=insert_or_set(setting, "name", "value", changed=("value",)),
    )
