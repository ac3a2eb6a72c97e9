"""What triggers' rows count, held against the executions that there are."""

from __future__ import annotations

from typing import Any

import psycopg

_MISCOUNTED = """
SELECT i.no, i.waiting, i.running, coalesce(e.waiting, 0), coalesce(e.running, 0)
FROM integration AS i LEFT JOIN (
    SELECT trigger_no, count(*) FILTER (WHERE state = 'waiting') AS waiting,
        count(*) FILTER (WHERE state = 'running') AS running
    FROM execution GROUP BY trigger_no
) AS e ON e.trigger_no = i.no
WHERE (i.waiting, i.running) <> (coalesce(e.waiting, 0), coalesce(e.running, 0))
"""


def miscounted(connection: psycopg.Connection[Any]) -> list[Any]:
    """Trigger, waiting and running as its row says, and as they are, where that differs. On
    PostgreSQL only: SQLite keeps no counts in the row."""
    return connection.execute(_MISCOUNTED).fetchall()
