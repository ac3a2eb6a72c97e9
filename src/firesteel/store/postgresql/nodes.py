"""Who works on a store on PostgreSQL: the sessions, by the nodes' steady clock."""

from __future__ import annotations

import msgspec

from firesteel.store.nodes import LivingNode, SeenNode
from firesteel.store.postgresql.clock import Shift
from firesteel.store.postgresql.sessions import CLOCK, LEASE_S
from firesteel.store.sql.database import Connection, Reading

_LIVING = """
SELECT node, role, version, started_at_us, lease_until_us,
       (SELECT count(*) FROM execution
        WHERE execution.state = 'running' AND execution.session_no = session.no)
FROM session WHERE ended_at_us IS NULL ORDER BY node, no
"""
# The last session of each. One that ended after its lease did was ended by another node.
_SEEN = """
SELECT node, lease_until_us, ended_at_us IS NULL FROM (
    SELECT DISTINCT ON (node) node, lease_until_us, ended_at_us
    FROM session WHERE node <> '' ORDER BY node, no DESC
) AS last WHERE ended_at_us IS NULL OR ended_at_us > lease_until_us ORDER BY node
"""


class PostgresqlNodes:
    """Implements ``store.nodes.Nodes``."""

    def __init__(self, database: Reading) -> None:
        self._database = database

    async def living(self) -> list[LivingNode]:
        return await self._database.read(_living)

    async def seen(self) -> list[SeenNode]:
        return await self._database.read(_seen)


def _living(connection: Connection) -> list[LivingNode]:
    now_us = _now_us(connection)
    return [
        LivingNode(name, role, version, since_us, (until_us - now_us) / 1e6, running)
        for name, role, version, since_us, until_us, running in connection.execute(_LIVING)
    ]


def _seen(connection: Connection) -> list[SeenNode]:
    now_us = _now_us(connection)
    return [
        SeenNode(
            name,
            None if lives and until_us >= now_us else (now_us - until_us) / 1e6 + LEASE_S,
        )
        for name, until_us, lives in connection.execute(_SEEN)
    ]


def _now_us(connection: Connection) -> int:
    """By the clock that leases are told by, which does not jump as the database's may."""
    database_us, told = connection.execute(CLOCK).fetchone()
    return int(database_us) + (msgspec.json.decode(told, type=Shift).shift_us if told else 0)
