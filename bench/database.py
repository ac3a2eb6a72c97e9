"""The PostgreSQL of the benchmarks: a local server, and what is asked of it beside the nodes."""

from __future__ import annotations

import base64
import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg

from bench.servers import Node, processor_s_of
from tests.support.postgres import Postgres

# What a small server of an operator has; all that makes commits safe is on.
SETTINGS = ("shared_buffers=512MB", "max_wal_size=4GB", "checkpoint_timeout=15min")
ENCRYPTION_KEY = base64.urlsafe_b64encode(os.urandom(32)).decode()

# Numbers come from the sequence of blocks, a thousand each, so that no node gives them again. The
# trigger's row is locked as a node's transaction locks it, and says that somebody else was here.
_LOCK = "SELECT no, last_sequence FROM integration WHERE name = %(trigger)s FOR NO KEY UPDATE"
_TEMPLATE = "SELECT max(no) FROM message WHERE trigger_no = %(no)s"
_FIRST_NO = "SELECT setval('number_block', nextval('number_block') + %(count)s / 1000 + 1)"
_MESSAGES = """
INSERT INTO message (no, id, trigger_no, sequence, received_at_us, consumer, lane_key)
SELECT %(first)s + i, m.id || '-' || i, m.trigger_no, %(sequence)s + i, m.received_at_us,
    m.consumer, 'k' || i %% %(lanes)s
FROM generate_series(1, %(count)s) i, message m WHERE m.no = %(template)s
"""
_PAYLOADS = """
INSERT INTO payload (message_no, request, body)
SELECT %(first)s + i, p.request, p.body
FROM generate_series(1, %(count)s) i, payload p WHERE p.message_no = %(template)s
"""
_EXECUTIONS = """
INSERT INTO execution (no, message_no, run, trigger_no, version_no, lane_key, position, state, turn)
SELECT %(first)s + i, %(first)s + i, 1, e.trigger_no, e.version_no, 'k' || i %% %(lanes)s,
    %(first)s + i, 'waiting', i <= %(lanes)s
FROM generate_series(1, %(count)s) i, execution e WHERE e.no = %(template)s
"""
_COUNTED = """
UPDATE integration SET last_sequence = last_sequence + %(count)s, waiting = waiting + %(count)s,
    touched_by = NULL
WHERE no = %(no)s
"""


@dataclass(frozen=True)
class Shared:
    """A database of the server that nodes share."""

    server: Postgres
    url: str

    @property
    def settings(self) -> dict[str, str]:
        """What nodes on it need."""
        return {"FIRESTEEL_DATABASE_URL": self.url, "FIRESTEEL_ENCRYPTION_KEY": ENCRYPTION_KEY}

    def last_settled(self, _node: Node) -> float:
        """When the last execution ended, in seconds of the wall clock."""
        with self._connected() as connection:
            row = connection.execute("SELECT max(settled_at_us) FROM execution").fetchone()
        assert row is not None
        return float(row[0] / 1e6)

    def fill(self, trigger: str, count: int, lanes: int) -> None:
        """Copy the trigger's last message so often, into as many empty lanes; nodes may run."""
        with self._connected() as connection:
            given = {"trigger": trigger, "count": count, "lanes": lanes}
            given["no"], given["sequence"] = self._row(connection, _LOCK, given)
            (given["template"],) = self._row(connection, _TEMPLATE, given)
            (block,) = self._row(connection, _FIRST_NO, given)
            given["first"] = (block - count // 1000) * 1000
            for statement in (_MESSAGES, _PAYLOADS, _EXECUTIONS, _COUNTED):
                connection.execute(statement.encode(), given)
        with self._connected() as connection:
            connection.autocommit = True
            connection.execute("VACUUM ANALYZE")
            connection.execute("CHECKPOINT")

    def processor_s(self, *nodes: Node) -> float:
        """Of the server and these nodes so far."""
        return processor_s_of(self.server.pid) + sum(node.processor_s() for node in nodes)

    def _connected(self) -> psycopg.Connection[tuple[int, ...]]:
        return psycopg.connect(self.url.replace("+psycopg", ""))

    @staticmethod
    def _row(
        connection: psycopg.Connection[tuple[int, ...]], query: str, given: dict[str, object]
    ) -> tuple[int, ...]:
        row = connection.execute(query.encode(), given).fetchone()
        assert row is not None
        return row


@contextlib.contextmanager
def server() -> Iterator[Postgres]:
    """For the length of the block."""
    with Postgres.started(settings=SETTINGS) as started:
        yield started


@contextlib.contextmanager
def shared(server: Postgres) -> Iterator[Shared]:
    """A new, empty database."""
    with server.database() as url:
        yield Shared(server, url)
