"""Sessions on a database that nodes share: the fence of each transaction, the lease, take-over.

A session's row is written by every transaction of it, and by nobody else while it lives: its number
of the transaction tells after a lost connection whether that one was committed. And it stops a
twin: an engine that was copied while it ran, with its machine, and believes that the session is its
own. Who finds a lease lapsed ends the session under the row's lock, so never in the middle of a
transaction of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from firesteel.model.execution import Failure
from firesteel.store.ledger.claims import Claims
from firesteel.store.moving.marker import refuse_half_moved
from firesteel.store.postgresql.arrays import numbers
from firesteel.store.postgresql.clock import CLOCK_SETTING, Shift
from firesteel.store.postgresql.connection import PostgresqlConnection
from firesteel.store.postgresql.mirror import SharedMirror
from firesteel.store.postgresql.safety import SWITCHED_OFF, refuse_switched_off
from firesteel.store.sql.results import encode_failure

LEASE_S: Final = 15.0
_LEASE_US: Final = int(LEASE_S * 1e6)
_SESSIONS_KEPT: Final = 100
_ALONE_AFTER: Final = 3

INTERRUPTED: Final = Failure("unknown", "interrupted", "the engine ended while this attempt ran")

NOW: Final = "(extract(epoch FROM clock_timestamp()) * 1000000)::BIGINT"

_KEEP_CLOCK: Final = f"""
INSERT INTO setting (name, value) VALUES ('{CLOCK_SETTING}', ?::TEXT) ON CONFLICT DO NOTHING
"""  # noqa: S608  # constants of ours
_CHANGE_CLOCK: Final = f"""
UPDATE setting SET value = ?::TEXT WHERE name = '{CLOCK_SETTING}' AND value = ?::TEXT RETURNING name
"""  # noqa: S608
CLOCK: Final = f"""
SELECT {NOW}, (SELECT value FROM setting WHERE name = '{CLOCK_SETTING}')
"""  # noqa: S608
# Its last sign of life.
_LAST_SEEN: Final = f"""
SELECT max(coalesce(ended_at_us, lease_until_us - {_LEASE_US})),
    count(*) FILTER (WHERE ended_at_us IS NULL AND node <> ?::TEXT) FROM session
"""  # noqa: S608
_BEGIN: Final = """
INSERT INTO session (started_at_us, lease_until_us, node, role, version)
VALUES (?::BIGINT, ?::BIGINT, ?::TEXT, ?::TEXT, ?::TEXT) RETURNING no
"""
_END_FORMER: Final = """
UPDATE session SET ended_at_us = ?::BIGINT
WHERE node = ?::TEXT AND no <> ?::BIGINT AND ended_at_us IS NULL
"""
_FORGET_OLD: Final = """
DELETE FROM session AS s WHERE s.no < ?::BIGINT AND s.ended_at_us IS NOT NULL AND NOT EXISTS (
    SELECT FROM execution AS e WHERE e.state = 'running' AND e.session_no = s.no
)
"""
FENCE: Final = """
UPDATE session SET last_no = ?::BIGINT WHERE no = ?::BIGINT AND last_no = ?::BIGINT
    AND ended_at_us IS NULL RETURNING no
"""
_RENEW: Final = f"""
UPDATE session SET lease_until_us = ?::BIGINT WHERE no = ?::BIGINT AND ended_at_us IS NULL
RETURNING {SWITCHED_OFF}
"""  # noqa: S608  # a constant of ours
# In order, also where its lease had lapsed, and another node has ended it.
_END: Final = """
UPDATE session SET ended_at_us = coalesce(ended_at_us, ?::BIGINT),
    lease_until_us = greatest(lease_until_us, coalesce(ended_at_us, ?::BIGINT))
WHERE no = ?::BIGINT
"""
_RESUME: Final = """
SELECT last_no, ended_at_us IS NULL FROM session WHERE no = ?::BIGINT FOR UPDATE
"""
_LAPSED: Final = """
UPDATE session SET ended_at_us = ?::BIGINT WHERE no = ANY (ARRAY(
    SELECT no FROM session WHERE ended_at_us IS NULL AND lease_until_us < ?::BIGINT
        AND no <> ?::BIGINT
    ORDER BY no FOR UPDATE SKIP LOCKED
)) RETURNING no
"""
# Triggers that have executions of sessions that have ended, or whose leases have lapsed.
_ORPHANED: Final = """
SELECT DISTINCT trigger_no FROM execution WHERE state = 'running' AND session_no <> ALL (ARRAY(
    SELECT no FROM session WHERE ended_at_us IS NULL AND lease_until_us >= ?::BIGINT
))
"""
_TAKE_OVER: Final = f"""
WITH lost AS (
    SELECT e.no, e.attempt, e.started_at_us FROM execution AS e
    WHERE e.state = 'running' AND e.trigger_no = ANY (?::BIGINT[]) AND e.session_no <> ALL (ARRAY(
        SELECT no FROM session WHERE ended_at_us IS NULL
    ))
), interrupted AS (
    INSERT INTO attempt (execution_no, attempt, started_at_us, ended_at_us, failure, logs)
    SELECT no, attempt, started_at_us, ?::BIGINT, ?::BYTEA, '' FROM lost
)
UPDATE execution AS e SET state = 'waiting', session_no = NULL, epoch = e.epoch + 1,
    counted = e.counted - 1, interruptions = e.interruptions + 1,
    alone = e.alone OR e.interruptions + 1 >= {_ALONE_AFTER},
    turn = NOT EXISTS (
        SELECT FROM paused_lane AS p
        WHERE p.trigger_no = e.trigger_no AND p.lane_key = e.lane_key
    ),
    failure = ?::BYTEA
FROM lost WHERE e.no = lost.no
RETURNING e.trigger_no, e.lane_key
"""  # noqa: S608  # a constant of ours


class Replaced(Exception):
    """Another session has taken over from this one, which may write nothing more."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a session is: of which node, in what role, of which release."""

    node: str = ""
    role: str = ""
    version: str = ""


class Sessions:
    """Begin, renew, end, and recover. ``transactions`` counts those of this session, ``committed``
    is the number of the last one that is: whatever else the row says, somebody else has written."""

    def __init__(self, mirror: SharedMirror, claims: Claims, identity: Identity) -> None:
        self._mirror = mirror
        self._claims = claims
        self._identity = identity
        self.transactions = self.committed = 0

    def connect(self, connection: PostgresqlConnection) -> None:
        """Ask and write there from now on."""
        self._connection = connection

    def begin(self) -> None:
        """A new session, in a transaction of its own. A session of the same node that did not end
        is dead: this one holds the lock on the node's data directory."""
        mirror, ask, identity = self._mirror, self._connection.execute, self._identity
        ask(_KEEP_CLOCK, (_encoded(Shift()),))
        asked_us = mirror.steady.mark()
        self.see_clock(ask(CLOCK).fetchone(), asked_us)
        last_seen_us, others = self._ask_one(_LAST_SEEN, identity.node)
        shift = mirror.steady.begin(last_seen_us or 0, alone=not others)
        if shift is not None:
            self._change_clock(shift)
        now_us = mirror.steady.now_us()
        names = (identity.node, identity.role, identity.version)
        (mirror.session_no,) = self._ask_one(_BEGIN, now_us, now_us + _LEASE_US, *names)
        refuse_half_moved(self._connection)
        ask(_END_FORMER, (now_us, identity.node, mirror.session_no))
        ask(_FORGET_OLD, (mirror.session_no - _SESSIONS_KEPT,))

    def see_clock(self, row: Any, asked_us: int) -> bool:
        """The row of ``CLOCK``, asked for at that moment of ``NodesClock.mark``. Inside a
        transaction: where the clock has jumped, all nodes' is shifted, and this is True."""
        database_us, told = row
        shift = self._mirror.steady.see(self._mirror.database_us(database_us), told, asked_us)
        if shift is not None:
            self._change_clock(shift, told)
        return shift is not None

    def _change_clock(self, shift: Shift, told: str | None = None) -> None:
        ask, new = self._connection.execute, _encoded(shift)
        if told is None:
            told = self._ask_one(CLOCK)[1]
        if ask(_CHANGE_CLOCK, (new, told)).fetchone() is not None:
            self._mirror.steady.agreed(new)

    def renew(self) -> bool:
        """As ``Journal.renew``. Raises Unsafe where the server has been set up since so that it
        would lose what it commits."""
        until_us = self._mirror.steady.now_us() + _LEASE_US
        row = self._ask_one(_RENEW, until_us, self._mirror.session_no)
        if row is not None:
            refuse_switched_off(row[0])
        return row is not None

    def end(self) -> None:
        """The session is over, in a transaction of its own."""
        mirror = self._mirror
        now_us = mirror.steady.now_us()
        self._connection.execute(_END, (now_us, now_us, mirror.session_no))

    def resume(self) -> tuple[int, bool] | None:
        """On a new connection, in a transaction of its own: the session's last transaction that was
        committed, and whether it still lives; None where the row is gone or a twin has written
        it. Waits for a transaction of the session that the server has not ended yet. Raises Unsafe
        as ``renew``."""
        row = self._ask_one(_RESUME, self._mirror.session_no)
        if row is None or row[0] not in (self.committed, self.transactions):
            return None
        self.committed = row[0]
        if row[1]:
            self.renew()
        return row[0], row[1]

    def orphaned(self) -> list[int]:
        """Triggers whose executions ``recover`` might take over; asked before a transaction."""
        rows = self._connection.execute(_ORPHANED, (self._mirror.steady.now_us(),))
        return [trigger_no for (trigger_no,) in rows]

    def recover(self, *, lapsed: bool) -> int:
        """As ``Journal.recover``, of the triggers that are held. ``lapsed`` False: only of sessions
        that have ended."""
        mirror, ask = self._mirror, self._connection.execute
        now_us = mirror.steady.now_us()
        if lapsed:
            ask(_LAPSED, (now_us, now_us, mirror.session_no)).fetchall()
        if not mirror.triggers:
            return 0
        failure = encode_failure(INTERRUPTED)
        values = (numbers(mirror.triggers), mirror.wall_us, failure, failure)
        lost = ask(_TAKE_OVER, values).fetchall()
        for trigger_no, lane_key in lost:
            trigger = mirror.shared(trigger_no)
            trigger.waiting += 1
            trigger.elsewhere -= 1
            trigger.concurrency += 1
            self._claims.ready(trigger)
            if lane_key is not None:
                mirror.lanes.pop((trigger_no, lane_key), None)
        return len(lost)

    def _ask_one(self, text: str, *values: Any) -> Any:
        return self._connection.execute(text, values).fetchone()


def _encoded(shift: Shift) -> str:
    return msgspec.json.encode(shift).decode()
