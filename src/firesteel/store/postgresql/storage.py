"""What only the server can tell of the store's place on disk."""

from __future__ import annotations

from pathlib import Path

from firesteel.errors import OperatorError
from firesteel.store.copies import Copied, CopyProgress
from firesteel.store.kept import Parts
from firesteel.store.sql.database import LONG_READ_TIMEOUT_S, Connection, Reading

# Rows that have gone and are still in the way; the server does not tell what vacuum has freed.
_DEAD = (
    "SELECT coalesce(sum(pg_table_size(relid) * n_dead_tup / (n_live_tup + n_dead_tup)), 0)::BIGINT"
    " FROM pg_stat_user_tables WHERE n_dead_tup > 0"
)


_PARTS = (
    "SELECT coalesce(sum(pg_table_size(c.oid)) FILTER (WHERE c.relname IN "
    "('payload', 'result', 'entry', 'replay_edit')), 0)::BIGINT, "
    "coalesce(sum(pg_indexes_size(c.oid)), 0)::BIGINT "
    "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE c.relkind = 'r' AND n.nspname = current_schema()"
)


class PostgresqlStorage:
    """Implements ``sql.history.Storage``."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    async def backup(
        self, target: Path, progress: CopyProgress | None = None, reserve_bytes: int = 0
    ) -> Copied:
        """Raises OperatorError ``backup_unsupported``: PostgreSQL's own tools do it."""
        raise OperatorError(
            "a store on PostgreSQL is backed up with PostgreSQL's own tools: pg_dump, or "
            "pg_basebackup with an archive of its log",
            code="backup_unsupported",
        )

    async def size_bytes(self) -> int:
        return await self._reading.read(
            lambda connection: _number(connection, "SELECT pg_database_size(current_database())"),
            timeout_s=LONG_READ_TIMEOUT_S,
        )

    async def parts(self) -> Parts | None:
        return await self._reading.read(_parts, timeout_s=LONG_READ_TIMEOUT_S)

    async def reusable_bytes(self) -> int:
        return await self._reading.read(lambda connection: _number(connection, _DEAD))

    async def empty_log(self) -> bool:
        """The server's log is its own: True."""
        return True


def _parts(connection: Connection) -> Parts:
    payload_bytes, index_bytes = connection.execute(_PARTS).fetchone()
    return Parts(int(payload_bytes), int(index_bytes))


def _number(connection: Connection, text: str) -> int:
    return int(connection.execute(text).fetchone()[0])
