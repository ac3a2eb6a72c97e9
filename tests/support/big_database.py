"""Stores on PostgreSQL as they are after years: one message, copied in SQL by the million."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import psycopg

from firesteel.model.execution import Response
from firesteel.model.message import Request
from firesteel.store.sql.results import encode_response

_DAY_US = 86_400 * 1_000_000
_AT_ONCE = 100_000

# %(at)s: the first number of the piece; %(lanes)s: 0 for no lane. Of every thousand copies one has
# the search value of the message that is copied.
_COPIES = """
CREATE TEMP TABLE copy ON COMMIT DROP AS
SELECT i, %(at)s::bigint + i AS no, %(sequence)s::bigint + i AS sequence,
    CASE WHEN %(lanes)s::bigint > 0 THEN 'k' || (i %% greatest(%(lanes)s::bigint, 1)) END AS lane
FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS i
"""
_MADE = (
    """
INSERT INTO message (no, id, trigger_no, sequence, received_at_us, consumer, lane_key)
SELECT c.no, m.id || '-' || c.no, m.trigger_no, c.sequence, m.received_at_us, m.consumer, c.lane
FROM copy c, message m WHERE m.no = %(template)s
""",
    """
INSERT INTO payload (message_no, request, body)
SELECT c.no, p.request, p.body FROM copy c, payload p WHERE p.message_no = %(template)s
""",
    """
INSERT INTO result (execution_no, response, input, logs, code_hash)
SELECT c.no, r.response, r.input, r.logs, r.code_hash
FROM copy c, result r WHERE r.execution_no = %(template)s
""",
    """
INSERT INTO execution (no, message_no, run, trigger_no, version_no, lane_key, position, state, turn,
    epoch, attempt, counted, interruptions, alone, first_started_at_us, started_at_us,
    settled_at_us, failure)
SELECT c.no, c.no, 1, e.trigger_no, e.version_no, c.lane, c.no, e.state,
    e.state = 'waiting' AND (c.lane IS NULL OR c.i <= %(lanes)s), e.epoch, e.attempt, e.counted, 0,
    FALSE, e.first_started_at_us, e.started_at_us, e.settled_at_us, e.failure
FROM copy c, execution e WHERE e.no = %(template)s
""",
    """
INSERT INTO search (trigger_no, name, value, message_no)
SELECT s.trigger_no, s.name,
    CASE WHEN c.i %% 1000 > 0 THEN s.value || '-' || c.i ELSE s.value END, c.no
FROM copy c, search s WHERE s.message_no = %(template)s
""",
    """
UPDATE integration SET last_sequence = last_sequence + %(last)s - %(first)s + 1,
    waiting = waiting + CASE WHEN (SELECT state FROM execution WHERE no = %(template)s) = 'waiting'
        THEN %(last)s::bigint - %(first)s + 1 ELSE 0 END,
    touched_by = NULL
WHERE no = %(trigger)s
""",
)
_OLDER = "- %(older_us)s WHERE trigger_no = %(trigger)s"
_AGEING = (
    f"UPDATE message SET received_at_us = received_at_us {_OLDER}",
    f"UPDATE execution SET settled_at_us = settled_at_us {_OLDER}",
)


_NOW_US = 1_790_000_000 * 1_000_000
_REQUEST = msgspec.msgpack.encode(Request("POST", "/shop/orders", b"", []))
_WORKSPACE = (
    "INSERT INTO workspace (no, name, created_at_us) VALUES (1, 'shop', 0) ON CONFLICT DO NOTHING"
)
_TRIGGER = """
INSERT INTO integration (workspace_no, name, managed_by, created_at_us, concurrency, max_waiting,
    on_failure, last_sequence)
VALUES (1, %(name)s, 'console', 0, 10, 10000000, 'continue', 1) RETURNING no
"""
_VERSION = """
WITH made AS (INSERT INTO version (trigger_no, number, document, published_at_us, published_by)
    VALUES (%(no)s, 1, '{}', 0, 'anna') RETURNING no, trigger_no)
UPDATE integration SET published_version_no = made.no FROM made WHERE integration.no = trigger_no
"""
_FIRST = (
    """
INSERT INTO message (no, id, trigger_no, sequence, received_at_us, consumer, lane_key)
VALUES (%(no)s, 'm' || %(no)s, %(trigger)s, 1, %(now)s, 'web shop', %(lane)s)
""",
    "INSERT INTO payload VALUES (%(no)s, %(request)s, %(body)s)",
    "INSERT INTO search VALUES (%(trigger)s, 'order_no', 'A-100', %(no)s)",
    """
INSERT INTO execution (no, message_no, run, trigger_no, version_no, lane_key, position, state, turn,
    settled_at_us, failure)
SELECT %(no)s, %(no)s, 1, no, published_version_no, %(lane)s, %(no)s, %(state)s::text,
    %(state)s = 'waiting', CASE WHEN %(state)s <> 'waiting' THEN %(now)s::bigint END,
    %(failure)s::bytea
FROM integration WHERE no = %(trigger)s
""",
    """
INSERT INTO result (execution_no, response, input, logs, code_hash)
SELECT %(no)s, %(response)s, ''::bytea, '', '' WHERE %(state)s <> 'waiting'
""",
)


@dataclass(frozen=True, slots=True)
class BigDatabase:
    """A store's database while no node has it."""

    url: str

    def begin(
        self, integration: str, state: str, *, lane: str | None = None, failure: bytes | None = None
    ) -> int:
        """A trigger of workspace 1, which is made too, with one message and its execution."""
        number: dict[str, object] = {
            "name": integration,
            "state": state,
            "lane": lane,
            "failure": failure,
        }
        number |= {"request": _REQUEST, "body": b'{"order_no": "A-100"}', "now": _NOW_US}
        number["response"] = encode_response(Response(200, [], b"done"))
        with psycopg.connect(self.url.replace("+psycopg", "")) as connection:
            connection.execute(_WORKSPACE, number)
            (trigger_no,) = connection.execute(_TRIGGER, number).fetchall()[0]
            connection.execute(_VERSION, {"no": trigger_no})
            (block,) = connection.execute("SELECT nextval('number_block')").fetchall()[0]
            number |= {"no": block * 1000, "trigger": trigger_no}
            for statement in _FIRST:
                connection.execute(statement, number)
        return int(trigger_no)

    def multiply(self, trigger_no: int, count: int, *, lanes: int = 0, older_days: int = 0) -> None:
        """Copy the trigger's last message and its execution so often, in as many lanes. All of the
        trigger's messages become so much older."""
        plain = self.url.replace("+psycopg", "")
        with psycopg.connect(plain, options="-c synchronous_commit=off") as connection:
            given = {"trigger": trigger_no, "lanes": lanes, "older_us": older_days * _DAY_US}
            template, sequence = connection.execute(
                "SELECT m.no, i.last_sequence FROM message m, integration i"
                " WHERE i.no = %(trigger)s AND m.trigger_no = i.no ORDER BY m.no DESC LIMIT 1",
                given,
            ).fetchall()[0]
            given |= {"template": template, "sequence": sequence}
            for statement in _AGEING if older_days else ():
                connection.execute(statement, given)
            given["at"] = self._above(connection, count)
            for first in range(1, count + 1, _AT_ONCE):
                piece = {**given, "first": first, "last": min(first + _AT_ONCE - 1, count)}
                for statement in (_COPIES, *_MADE):
                    connection.execute(statement, piece)
                connection.commit()
        self.look_after()

    def trigger_no(self, integration: str) -> int:
        """The number of the trigger of that name."""
        with psycopg.connect(self.url.replace("+psycopg", "")) as connection:
            named = "SELECT no FROM integration WHERE name = %s"
            return int(connection.execute(named, (integration,)).fetchall()[0][0])

    def look_after(self) -> None:
        """What autovacuum does sooner or later."""
        with psycopg.connect(self.url.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute("VACUUM (ANALYZE)")

    @staticmethod
    def _above(connection: psycopg.Connection[tuple[int, ...]], count: int) -> int:
        """The number behind which so many are free, and are given to nobody else."""
        blocks = count // 1000 + 2
        (block,) = connection.execute("SELECT nextval('number_block')").fetchall()[0]
        connection.execute("SELECT setval('number_block', %s)", (block + blocks,))
        return block * 1000
