"""Stores as they are after years, made in seconds: one message of a real node, copied in SQL."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import dataclass
from pathlib import Path

_DAY_US = 86_400 * 1_000_000

# ``:at``: numbers from 1 on, behind the highest there is; ``:lanes``: 0 for no lane.
_COPIES = """
CREATE TEMP TABLE copy AS
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)
SELECT i, :highest + i AS no, CASE WHEN :lanes THEN 'k' || (i % :lanes) END AS lane FROM n;
"""
# Retention looks no further than the first message that is young.
_AGEING = (
    "UPDATE message SET received_at_us = received_at_us - :older_us WHERE trigger_no = :trigger",
    "UPDATE execution SET settled_at_us = settled_at_us - :older_us WHERE trigger_no = :trigger",
)
_MESSAGES = """
INSERT INTO message (no, id, trigger_no, sequence, received_at_us, consumer, lane_key)
SELECT c.no, printf('%s-%d', m.id, c.no), m.trigger_no, :sequence + c.i,
    m.received_at_us, m.consumer, c.lane
FROM copy c, message m WHERE m.no = :template
"""
_PAYLOADS = """
INSERT INTO payload (message_no, request, body)
SELECT c.no, p.request, p.body FROM copy c, payload p WHERE p.message_no = :template
"""
_RESULTS = """
INSERT INTO result (execution_no, response, input, logs, code_hash)
SELECT c.no, r.response, r.input, r.logs, r.code_hash
FROM copy c, result r WHERE r.execution_no = :template
"""
_EXECUTIONS = """
INSERT INTO execution (no, message_no, run, trigger_no, version_no, lane_key, position, state, turn,
    epoch, attempt, counted, interruptions, alone, first_started_at_us, started_at_us,
    settled_at_us, failure)
SELECT c.no, c.no, 1, e.trigger_no, e.version_no, c.lane, c.no, e.state,
    e.state = 'waiting' AND (c.lane IS NULL OR c.i <= :lanes), e.epoch, e.attempt, e.counted, 0, 0,
    e.first_started_at_us, e.started_at_us, e.settled_at_us, e.failure
FROM copy c, execution e WHERE e.no = :template
"""
# Every thousandth has the value of the message that is copied.
_SEARCHES = """
INSERT INTO search (trigger_no, name, value, message_no)
SELECT s.trigger_no, s.name, CASE WHEN c.i % 1000 THEN s.value || '-' || c.i ELSE s.value END, c.no
FROM copy c, search s WHERE s.message_no = :template
"""


@dataclass(frozen=True, slots=True)
class BigStore:
    """The store's file while no node has it."""

    file: Path

    def multiply(self, trigger: str, count: int, *, lanes: int = 0, older_days: int = 0) -> None:
        """Copy the trigger's last message and its execution so often, in as many lanes. All of the
        trigger's messages become so much older."""
        connection = sqlite3.connect(self.file, isolation_level=None)
        with contextlib.closing(connection):
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute("PRAGMA cache_size = -500000")
            given = self._of(connection, trigger)
            given |= {"count": count, "lanes": lanes, "older_us": older_days * _DAY_US}
            connection.execute("BEGIN")
            made = (_COPIES, _MESSAGES, _PAYLOADS, _RESULTS, _EXECUTIONS, _SEARCHES)
            for statement in (*_AGEING, *made):
                connection.execute(statement, given)
            connection.execute(
                "UPDATE integration SET last_sequence = last_sequence + :count WHERE no = :trigger",
                given,
            )
            connection.execute(
                "UPDATE session SET last_no = max(last_no, :highest + :count)", given
            )
            connection.execute("COMMIT")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @staticmethod
    def _of(connection: sqlite3.Connection, trigger: str) -> dict[str, int]:
        (no, sequence) = connection.execute(
            "SELECT no, last_sequence FROM integration WHERE name = ?", (trigger,)
        ).fetchone()
        (template,) = connection.execute(
            "SELECT max(no) FROM message WHERE trigger_no = ?", (no,)
        ).fetchone()
        (highest,) = connection.execute(
            "SELECT max((SELECT max(no) FROM execution), (SELECT max(last_no) FROM session))"
        ).fetchone()
        return {"trigger": no, "sequence": sequence, "template": template, "highest": highest}
