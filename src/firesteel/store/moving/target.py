"""The database that a store is moved to: empty, or with what an earlier run has brought there."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec
import psycopg
from sqlalchemy import delete, func, literal, select, update

from firesteel.errors import OperatorError, StoreUnavailable
from firesteel.store.migrations.postgresql import migrate
from firesteel.store.moving import marker
from firesteel.store.moving.marker import MOVED_SETTING, MOVING_SETTING, Progress
from firesteel.store.moving.tables import ATTEMPTS, OWN_SETTINGS, MovedTable
from firesteel.store.postgresql.connection import Address, PostgresqlConnection, Session, connect
from firesteel.store.postgresql.failures import translated
from firesteel.store.postgresql.locks import number_of
from firesteel.store.postgresql.safety import check_server
from firesteel.store.schema import integration, metadata, session, setting
from firesteel.store.sql.queries import Row, execute, fetch_one

# What a migration leaves in a database in which no node has ever worked.
_MADE_SETTINGS = ("compatible_from",)

_MOVE = number_of("move")
_NUMBERS = "number_block"
_IN_A_BLOCK = 1000


class Target:
    """The database, held against other moves through one connection."""

    def __init__(self, connection: PostgresqlConnection) -> None:
        self.connection = connection

    @classmethod
    @contextlib.contextmanager
    def held(cls, url: str) -> Iterator[Target]:
        """The database of the URL, made or migrated to this release's form.

        Raises what ``check_server`` and ``migrate`` raise, StoreUnavailable, and OperatorError
        ``move_in_progress`` where another move holds it.
        """
        address = Address(url, node="migrate-store")
        check_server(address)
        migrate(address)
        connection = connect(address, Session(None))
        try:
            _hold(connection)
            yield cls(connection)
        except psycopg.Error as error:
            raise translated(error) from error
        finally:
            connection.close()

    def clock_us(self) -> int:
        """The database's clock, by which all nodes tell what is due: microseconds since 1970."""
        now = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
        (clock_us,) = self.connection.execute(now).fetchall()[0]
        return int(clock_us)

    def progress(self) -> Progress | None:
        """How far a move has come, also one that is done."""
        for name in (MOVING_SETTING, MOVED_SETTING):
            value = marker.stored(self.connection, name)
            if value is not None:
                return msgspec.json.decode(value, type=Progress)
        return None

    def shut_out_nodes(self) -> None:
        """None begins a session before this transaction ends. Raises OperatorError ``move_done``
        where one has ever begun."""
        # Whoever begins a session writes to this table first, and looks for the mark then.
        self.connection.command("LOCK TABLE session IN EXCLUSIVE MODE")
        any_session = select(session.c.no).limit(1)
        if fetch_one(self.connection, any_session) is not None:
            raise OperatorError(
                "the store was moved into this database before, and nodes work with it since",
                code="move_done",
            )

    def begin(self, progress: Progress) -> None:
        """Mark the database, which nodes do not start on from now on.

        Raises OperatorError ``store_not_empty``.
        """
        with self.transaction():
            self.connection.command("LOCK TABLE session IN EXCLUSIVE MODE")
            if not self._is_empty():
                raise OperatorError(
                    "the database holds another store's data: give the move an empty one",
                    code="store_not_empty",
                )
            marker.store(self.connection, MOVING_SETTING, progress)

    def note(self, progress: Progress) -> None:
        """Say how far the move has come, in the transaction that brought it there."""
        marker.store(self.connection, MOVING_SETTING, progress)

    def clear_settings(self) -> None:
        """Remove what a node has left that was refused in the middle of its start."""
        execute(self.connection, delete(setting).where(setting.c.name.not_in(OWN_SETTINGS)))

    def copy(self, moved: MovedTable, rows: Iterable[Row]) -> None:
        """Insert rows as ``MovedTable.rows`` gives them. One at a time goes through memory."""
        names = ", ".join(f'"{column.name}"' for column in moved.columns)
        statement = f'COPY "{moved.name}" ({names}) FROM STDIN (FORMAT BINARY)'
        with self.connection.raw.cursor().copy(statement.encode()) as copy:
            copy.set_types(moved.types())
            for row in rows:
                copy.write_row(row)

    def add_attempts(self, rows: Sequence[Row]) -> None:
        """Insert rows of ``attempt``."""
        if rows:
            self.copy(ATTEMPTS, rows)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Committed and flushed at its end, undone where it raises."""
        self.connection.begin()
        try:
            yield
        except BaseException:
            self.connection.rollback()
            raise
        if not self.connection.commit():
            raise StoreUnavailable("a standby did not confirm the commit")

    def analyse(self, tables: Iterable[MovedTable]) -> None:
        """Let the planner know what is there before the first node asks."""
        names = ", ".join(f'"{moved.name}"' for moved in tables)
        self.connection.command(f"ANALYZE {names}")

    def set_waiting(self, waiting: Mapping[int, int]) -> None:
        """Let each trigger know how much waits, by its number."""
        for trigger_no, count in waiting.items():
            own = update(integration).where(integration.c.no == trigger_no)
            execute(self.connection, own.values(waiting=count, running=0))

    def number_behind(self, last_no: int) -> None:
        """Let every count of numbers go on behind what is there, and those of messages and
        executions behind ``last_no``."""
        for table in metadata.sorted_tables:
            column = table.autoincrement_column
            if column is None or table is session:
                continue
            highest = fetch_one(self.connection, select(func.max(column)))
            if highest is not None and highest[0] is not None:
                counter = func.pg_get_serial_sequence(f'"{table.name}"', column.name)
                execute(self.connection, select(func.setval(counter, literal(highest[0]))))
        self.connection.execute(
            f"SELECT setval('{_NUMBERS}', ?, false)", (last_no // _IN_A_BLOCK + 1,)
        )

    def end(self, progress: Progress) -> None:
        """The move is done; in the last transaction."""
        marker.forget(self.connection, MOVING_SETTING)
        marker.store(self.connection, MOVED_SETTING, progress)

    def _is_empty(self) -> bool:
        for table in metadata.sorted_tables:
            any_row = select(literal(1)).select_from(table).limit(1)
            if table is setting:
                any_row = any_row.where(setting.c.name.not_in(_MADE_SETTINGS))
            if fetch_one(self.connection, any_row) is not None:
                return False
        return True


def _hold(connection: PostgresqlConnection) -> None:
    """One move at a time; the server gives a lock back when its connection ends."""
    try:
        connection.execute("SELECT pg_advisory_lock(?)", (_MOVE,))
    except psycopg.errors.LockNotAvailable as error:
        raise OperatorError(
            "another migrate-store is moving a store into this database", code="move_in_progress"
        ) from error
