"""The journal's rows on PostgreSQL: one statement for all rows of a kind, whatever tables they go
to (decision 0022).

None of them is waited for. What must not go on without having changed its row divides by zero: the
transaction fails then, before its COMMIT, which is on its way behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import psycopg

from firesteel.errors import InternalError
from firesteel.model.execution import Response
from firesteel.store.ledger.pen import Row
from firesteel.store.postgresql.arrays import flags, groups, numbers, pieces, texts
from firesteel.store.postgresql.connection import PostgresqlConnection
from firesteel.store.sql.results import encode_response

_NO_CONTENT: Final = encode_response(Response(204, [], b""))

_ACCEPT: Final = """
WITH new AS (
    SELECT * FROM unnest(?::BIGINT[], ?::TEXT[], ?::BIGINT[], ?::BIGINT[], ?::BIGINT[], ?::TEXT[],
        ?::TEXT[], ?::INTEGER[], ?::INTEGER[], ?::INTEGER[], ?::INTEGER[], ?::BIGINT[], ?::TEXT[],
        ?::BOOLEAN[], ?::BIGINT[], ?::BIGINT[], ?::BIGINT[], ?::BIGINT[], ?::BIGINT[])
    AS new (no, id, trigger_no, sequence, received_at_us, consumer, lane_key, request_at,
        request_length, body_at, body_length, version_no, state, turn, session_no, begun,
        first_started_at_us, started_at_us, settled_at_us)
), messages AS (
    INSERT INTO message (no, id, trigger_no, sequence, received_at_us, consumer, lane_key)
    SELECT no, id, trigger_no, sequence, received_at_us, consumer, lane_key FROM new
), payloads AS (
    INSERT INTO payload (message_no, request, body)
    SELECT no, substr(?::BYTEA, request_at, request_length), substr(?::BYTEA, body_at, body_length)
    FROM new
), results AS (
    INSERT INTO result (execution_no, response, input, logs, code_hash)
    SELECT no, ?::BYTEA, '', '', '' FROM new WHERE settled_at_us IS NOT NULL
)
INSERT INTO execution (no, message_no, run, trigger_no, version_no, lane_key, position, state,
    turn, session_no, epoch, attempt, counted, first_started_at_us, started_at_us, settled_at_us)
SELECT no, no, 1, trigger_no, version_no, lane_key, no, state, turn, session_no, begun, begun,
    begun, first_started_at_us, started_at_us, settled_at_us
FROM new
"""

# Only what runs under the same epoch is changed (P14).
_SETTLE: Final = """
WITH new AS (
    SELECT * FROM unnest(?::BIGINT[], ?::BIGINT[], ?::TEXT[], ?::BIGINT[], ?::INTEGER[],
        ?::INTEGER[], ?::TEXT[], ?::TEXT[], ?::INTEGER[], ?::INTEGER[], ?::INTEGER[],
        ?::INTEGER[], ?::TEXT[], ?::TEXT[])
    AS new (no, epoch, state, settled_at_us, failure_at, failure_length, ended_by, ended_why,
        response_at, response_length, input_at, input_length, logs, code_hash)
), ended AS (
    UPDATE execution AS e SET state = new.state, session_no = NULL,
        settled_at_us = new.settled_at_us,
        failure = substr(?::BYTEA, new.failure_at, new.failure_length),
        ended_by = new.ended_by, ended_why = new.ended_why
    FROM new WHERE e.no = new.no AND e.epoch = new.epoch AND e.state = 'running'
    RETURNING e.no
), results AS (
    INSERT INTO result (execution_no, response, input, logs, code_hash)
    SELECT no, substr(?::BYTEA, response_at, response_length),
        substr(?::BYTEA, input_at, input_length), logs, code_hash
    FROM new
)
SELECT 1 / (count(*) = ?::BIGINT)::INTEGER FROM ended
"""

_POSTPONE: Final = """
WITH postponed AS (
    UPDATE execution AS e SET state = 'waiting', session_no = NULL, turn = new.turn,
        due_at_us = new.due_at_us, counted = new.counted, alone = new.alone,
        failure = substr(?::BYTEA, new.failure_at, new.failure_length)
    FROM unnest(?::BOOLEAN[], ?::BIGINT[], ?::BIGINT[], ?::BOOLEAN[], ?::INTEGER[], ?::INTEGER[],
        ?::BIGINT[], ?::BIGINT[])
    AS new (turn, due_at_us, counted, alone, failure_at, failure_length, no, epoch)
    WHERE e.no = new.no AND e.epoch = new.epoch AND e.state = 'running'
    RETURNING e.no
)
SELECT 1 / (count(*) = ?::BIGINT)::INTEGER FROM postponed
"""

_CLAIM: Final = """
WITH claimed AS (
    UPDATE execution AS e SET state = 'running', turn = false, session_no = new.session_no,
        epoch = new.epoch, attempt = new.attempt, counted = new.counted,
        first_started_at_us = new.first_started_at_us, started_at_us = new.started_at_us
    FROM unnest(?::BIGINT[], ?::BIGINT[], ?::BIGINT[], ?::BIGINT[], ?::BIGINT[], ?::BIGINT[],
        ?::BIGINT[])
    AS new (session_no, epoch, attempt, counted, first_started_at_us, started_at_us, no)
    WHERE e.no = new.no AND e.epoch = new.epoch - 1 AND e.state = 'waiting'
    RETURNING e.no
)
SELECT 1 / (count(*) = ?::BIGINT)::INTEGER FROM claimed
"""

_JOURNAL: Final = """
INSERT INTO entry (execution_no, step, kind, attempt, started_at_us, ended_at_us, result, input)
SELECT execution_no, step, kind, attempt, started_at_us, ended_at_us,
    substr(?::BYTEA, result_at, result_length), substr(?::BYTEA, input_at, input_length)
FROM unnest(?::BIGINT[], ?::TEXT[], ?::TEXT[], ?::BIGINT[], ?::BIGINT[], ?::BIGINT[],
    ?::INTEGER[], ?::INTEGER[], ?::INTEGER[], ?::INTEGER[]) WITH ORDINALITY
AS new (execution_no, step, kind, attempt, started_at_us, ended_at_us, result_at, result_length,
    input_at, input_length, place)
ORDER BY place
ON CONFLICT DO NOTHING
"""

_ATTEMPTED: Final = """
INSERT INTO attempt (execution_no, attempt, started_at_us, ended_at_us, failure, logs)
SELECT execution_no, attempt, started_at_us, ended_at_us,
    substr(?::BYTEA, failure_at, failure_length), logs
FROM unnest(?::BIGINT[], ?::BIGINT[], ?::BIGINT[], ?::BIGINT[], ?::INTEGER[], ?::INTEGER[],
    ?::TEXT[])
AS new (execution_no, attempt, started_at_us, ended_at_us, failure_at, failure_length, logs)
"""

_STOP: Final = """
INSERT INTO paused_lane (trigger_no, lane_key, stopped_at_no, stopped_at_us)
SELECT * FROM unnest(?::BIGINT[], ?::TEXT[], ?::BIGINT[], ?::BIGINT[])
ON CONFLICT (trigger_no, lane_key) DO UPDATE
SET stopped_at_no = excluded.stopped_at_no, stopped_at_us = excluded.stopped_at_us
"""

_SEARCH: Final = """
INSERT INTO search (trigger_no, name, value, message_no)
SELECT * FROM unnest(?::BIGINT[], ?::TEXT[], ?::TEXT[], ?::BIGINT[])
ON CONFLICT DO NOTHING
"""

_KEYS: Final = """
INSERT INTO idempotency (trigger_no, consumer, key, message_id, sequence, execution_no,
    fingerprint, expires_at_us)
SELECT trigger_no, consumer, key, message_id, sequence, execution_no,
    substr(?::BYTEA, fingerprint_at, fingerprint_length), expires_at_us
FROM unnest(?::BIGINT[], ?::TEXT[], ?::TEXT[], ?::TEXT[], ?::BIGINT[], ?::BIGINT[], ?::INTEGER[],
    ?::INTEGER[], ?::BIGINT[])
AS new (trigger_no, consumer, key, message_id, sequence, execution_no, fingerprint_at,
    fingerprint_length, expires_at_us)
ON CONFLICT (trigger_no, consumer, key) DO UPDATE
SET message_id = excluded.message_id, sequence = excluded.sequence,
    execution_no = excluded.execution_no, fingerprint = excluded.fingerprint,
    expires_at_us = excluded.expires_at_us
"""


class PostgresqlPen:
    """Implements ``ledger.pen.Pen``, on a connection in pipeline mode: what fails is told by
    whatever is waited for next, as ``meaning`` translates it."""

    def connect(self, connection: PostgresqlConnection) -> None:
        """Write there from now on."""
        self._connection = connection

    def accept(self, rows: Sequence[Row]) -> None:
        for group in groups(rows, lambda row: len(row[7]) + len(row[8])):
            no, name, trigger, sequence, received, consumer, lane, request, body, *rest = zip(
                *group, strict=True
            )
            version, state, turn, *begun = rest
            requests, request_at, request_length = pieces(request)
            bodies, body_at, body_length = pieces(body)
            self._connection.execute(
                _ACCEPT,
                (
                    *(numbers(no), texts(name), numbers(trigger), numbers(sequence)),
                    *(numbers(received), texts(consumer), texts(lane)),
                    *(request_at, request_length, body_at, body_length),
                    *(numbers(version), texts(state), flags(turn), *map(numbers, begun)),
                    *(requests, bodies, _NO_CONTENT),
                ),
            )

    def count(self, rows: Sequence[Row]) -> None:
        """The sequence goes back with the trigger's row, when all of the transaction is known."""

    def search_for(self, rows: Sequence[Row]) -> None:
        trigger, name, value, message = zip(*rows, strict=True)
        self._connection.execute(
            _SEARCH, (numbers(trigger), texts(name), texts(value), numbers(message))
        )

    def keep_keys(self, rows: Sequence[Row]) -> None:
        trigger, consumer, key, message, sequence, no, fingerprint, expires = zip(
            *rows, strict=True
        )
        whole, at, length = pieces(fingerprint)
        self._connection.execute(
            _KEYS,
            (
                *(whole, numbers(trigger), texts(consumer), texts(key), texts(message)),
                *(numbers(sequence), numbers(no), at, length, numbers(expires)),
            ),
        )

    def claim(self, rows: Sequence[Row]) -> None:
        columns = [numbers(column) for column in zip(*rows, strict=True)]
        self._connection.execute(_CLAIM, (*columns, len(rows)))

    def settle(self, rows: Sequence[Row]) -> None:
        for group in groups(rows, lambda row: len(row[7]) + len(row[8])):
            no, epoch, state, settled, failure, by, why, response, given, logs, code = zip(
                *group, strict=True
            )
            failures, failure_at, failure_length = pieces(failure)
            responses, response_at, response_length = pieces(response)
            inputs, input_at, input_length = pieces(given)
            self._connection.execute(
                _SETTLE,
                (
                    *(numbers(no), numbers(epoch), texts(state), numbers(settled)),
                    *(failure_at, failure_length, texts(by), texts(why)),
                    *(response_at, response_length, input_at, input_length),
                    *(texts(logs), texts(code), failures, responses, inputs, len(group)),
                ),
            )

    def postpone(self, rows: Sequence[Row]) -> None:
        turn, due, counted, alone, failure, no, epoch = zip(*rows, strict=True)
        failures, at, length = pieces(failure)
        self._connection.execute(
            _POSTPONE,
            (
                *(failures, flags(turn), numbers(due), numbers(counted), flags(alone)),
                *(at, length, numbers(no), numbers(epoch), len(rows)),
            ),
        )

    def journal(self, rows: Sequence[Row]) -> None:
        for group in groups(rows, lambda row: len(row[6]) + len(row[7])):
            no, step, kind, attempt, started, ended, result, given = zip(*group, strict=True)
            results, result_at, result_length = pieces(result)
            inputs, input_at, input_length = pieces(given)
            self._connection.execute(
                _JOURNAL,
                (
                    *(results, inputs, numbers(no), texts(step), texts(kind), numbers(attempt)),
                    *(numbers(started), numbers(ended)),
                    *(result_at, result_length, input_at, input_length),
                ),
            )

    def attempted(self, rows: Sequence[Row]) -> None:
        no, attempt, started, ended, failure, logs = zip(*rows, strict=True)
        failures, at, length = pieces(failure)
        self._connection.execute(
            _ATTEMPTED,
            (
                *(failures, numbers(no), numbers(attempt), numbers(started), numbers(ended)),
                *(at, length, texts(logs)),
            ),
        )

    def stop_lanes(self, rows: Sequence[Row]) -> None:
        # One statement sets no row twice: the last word on a lane is the transaction's.
        last = {row[:2]: row for row in rows}
        trigger, lane, no, at = zip(*last.values(), strict=True)
        self._connection.execute(_STOP, (numbers(trigger), texts(lane), numbers(no), numbers(at)))


def meaning(error: psycopg.Error) -> Exception:
    """The error, or what it says where it is the pen's own."""
    if isinstance(error, psycopg.errors.DivisionByZero):
        told = InternalError("an execution is not in the tables as the journal remembers it")
        told.__cause__ = error
        return told
    return error
