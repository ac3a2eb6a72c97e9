"""Who works on a store on PostgreSQL: the sessions, and what nodes have said of themselves, by the
nodes' steady clock."""

from __future__ import annotations

import msgspec

from firesteel.store.nodes import CONDITION_AS, CONDITION_KEPT_S, LivingNode, SeenNode
from firesteel.store.postgresql.clock import steady_us
from firesteel.store.postgresql.sessions import CLOCK, LEASE_S
from firesteel.store.purging import NOTED_AS, NOTED_FOR_S, TURN, Purging, noted
from firesteel.store.sql.database import Connection, Database

_LIVING = """
SELECT node, role, version, started_at_us, lease_until_us,
       (SELECT count(*) FROM execution
        WHERE execution.state = 'running' AND execution.session_no = session.no)
FROM session WHERE ended_at_us IS NULL ORDER BY node, no
"""
# The last session of each. One that ended after its lease did was ended by another node.
_SEEN = """
SELECT node, lease_until_us, ended_at_us IS NULL, started_at_us FROM (
    SELECT DISTINCT ON (node) node, lease_until_us, ended_at_us, started_at_us
    FROM session WHERE node <> '' ORDER BY node, no DESC
) AS last WHERE ended_at_us IS NULL OR ended_at_us > lease_until_us ORDER BY node
"""
# As if the session had been ended by itself, where another node has done that.
_STOPPED = """
UPDATE session SET lease_until_us = greatest(lease_until_us, ended_at_us)
WHERE ended_at_us IS NOT NULL AND no = (SELECT max(no) FROM session WHERE node = ?::TEXT)
"""
_NOTE = """
INSERT INTO setting (name, value) VALUES (?::TEXT, ?::TEXT)
ON CONFLICT (name) DO UPDATE SET value = excluded.value
"""
_NOTED = f"SELECT name, value FROM setting WHERE starts_with(name, '{NOTED_AS}')"  # noqa: S608
_FORGET = f"""
DELETE FROM setting WHERE starts_with(name, '{NOTED_AS}')
    AND split_part(value, ' ', 1)::BIGINT < ?::BIGINT
"""  # noqa: S608  # a constant of ours
# Of nodes without a sign of life since.
_FORGET_CONDITIONS = f"""
DELETE FROM setting WHERE starts_with(name, '{CONDITION_AS}') AND NOT EXISTS (
    SELECT FROM session WHERE coalesce(ended_at_us, lease_until_us) >= ?::BIGINT
        AND right(name, length(node) + 1) = '_' || node
)
"""  # noqa: S608
_TURN = f"""
INSERT INTO setting (name, value) VALUES ('{TURN}', ?::TEXT)
ON CONFLICT (name) DO UPDATE SET value = excluded.value
"""  # noqa: S608
_FIRST_TURN = f"""
INSERT INTO setting (name, value) VALUES ('{TURN}', ?::TEXT) ON CONFLICT (name) DO NOTHING
"""  # noqa: S608
_LAST_TURN = f"SELECT value FROM setting WHERE name = '{TURN}'"  # noqa: S608


class PostgresqlNodes:
    """Implements ``store.nodes.Nodes``. ``node``: the name of this one."""

    def __init__(self, database: Database, node: str) -> None:
        self._database = database
        self._node = node

    async def living(self) -> list[LivingNode]:
        return await self._database.read(_living)

    async def seen(self) -> list[SeenNode]:
        return await self._database.read(_seen)

    async def stopped(self) -> None:
        """This node stops in order, though its session was ended by another one: it is not to be
        taken for down. Raises StoreUnavailable and OutcomeUnknown."""

        def work(connection: Connection) -> None:
            connection.execute(_STOPPED, (self._node,))

        await self._database.write(work)

    async def note(self, said: Purging) -> None:
        text = msgspec.json.encode(said).decode()

        def work(connection: Connection) -> None:
            now_us = _now_us(connection)
            connection.execute(_FORGET, (now_us - NOTED_FOR_S * 1_000_000,))
            connection.execute(_FORGET_CONDITIONS, (now_us - CONDITION_KEPT_S * 1_000_000,))
            connection.execute(_NOTE, (f"{NOTED_AS}{self._node}", f"{now_us} {text}"))
            connection.execute(_FIRST_TURN, (str(now_us),))

        await self._database.write(work)

    async def had_turn(self) -> None:
        def work(connection: Connection) -> None:
            connection.execute(_TURN, (str(_now_us(connection)),))

        await self._database.write(work)

    async def turn_ago_s(self) -> float:
        return await self._database.read(_turn_ago_s)

    async def noted(self) -> dict[str, Purging]:
        return await self._database.read(_noted)


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
            (now_us - started_us) / 1e6,
        )
        for name, until_us, lives, started_us in connection.execute(_SEEN)
    ]


def _turn_ago_s(connection: Connection) -> float:
    row = connection.execute(_LAST_TURN).fetchone()
    return 0.0 if row is None else max(_now_us(connection) - int(row[0]), 0) / 1e6


def _noted(connection: Connection) -> dict[str, Purging]:
    return noted(connection.execute(_NOTED).fetchall(), _now_us(connection))


def _now_us(connection: Connection) -> int:
    """By the clock that leases are told by, which does not jump as the database's may."""
    database_us, told = connection.execute(CLOCK).fetchone()
    return steady_us(int(database_us), told)
