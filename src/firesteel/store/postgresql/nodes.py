"""Who works on a store on PostgreSQL: the sessions that have not ended, by the database's clock."""

from __future__ import annotations

from firesteel.store.nodes import LivingNode
from firesteel.store.sql.database import Connection, Reading

_LIVING = """
SELECT node, role, version, started_at_us,
       (lease_until_us - extract(epoch FROM clock_timestamp()) * 1000000)::BIGINT,
       (SELECT count(*) FROM execution
        WHERE execution.state = 'running' AND execution.session_no = session.no)
FROM session WHERE ended_at_us IS NULL ORDER BY node, no
"""


class PostgresqlNodes:
    """Implements ``store.nodes.Nodes``."""

    def __init__(self, database: Reading) -> None:
        self._database = database

    async def living(self) -> list[LivingNode]:
        return await self._database.read(_living)


def _living(connection: Connection) -> list[LivingNode]:
    return [
        LivingNode(name, role, version, since_us, lease_us / 1e6, running)
        for name, role, version, since_us, lease_us, running in connection.execute(_LIVING)
    ]
