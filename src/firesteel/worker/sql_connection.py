"""A database of connections.yaml: a bounded pool, statements in threads, effects exactly once.

Any database of SQLAlchemy with a synchronous driver. A statement alone runs in the driver's
autocommit mode, which saves two round trips; several run in one transaction. Whoever is cancelled
while a statement runs has the driver interrupt it, and waits until it has ended.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import mysql
from sqlalchemy.exc import DisconnectionError, IntegrityError, SQLAlchemyError

from firesteel.errors import AuthorError
from firesteel.model.step_result import decode_result, encode_result
from firesteel.worker.connections import ConnectionInvalid
from firesteel.worker.sql_values import bound, received
from firesteel.worker.threads import Threads

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from firesteel.model.connection import SqlConnection
    from firesteel.model.steps import ResultKind

R = TypeVar("R")

ROWS_LIMIT = 100_000
CONNECT_TIMEOUT_S = 10
BUSY_TIMEOUT_S = 5.0
IDLE_CHECK_S = 5.0
RECYCLE_S = 1800
PLACE_LENGTH = 255

_BEGIN = "firesteel_begin"

_markers = sa.MetaData()
steps_table = sa.Table(
    "firesteel_steps",
    _markers,
    sa.Column("execution", sa.String(64), primary_key=True),
    sa.Column("step", sa.String(PLACE_LENGTH), primary_key=True),
    sa.Column("done_at", sa.DateTime(), nullable=False, server_default=sa.func.current_timestamp()),
    sa.Column("result", sa.LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb")),
)


class ResultTooLarge(AuthorError):
    """A statement yields more rows than a step may have."""

    code = "result_too_large"


@dataclass(frozen=True, slots=True)
class BoundStatement:
    """A statement with its values, ready to run."""

    text: sa.TextClause
    values: Mapping[str, Any]
    result: ResultKind


@dataclass(slots=True)
class _Running:
    """What runs in a thread, so that it can be interrupted from outside."""

    driver: Any = None
    interrupted: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def attach(self, connection: sa.Connection) -> None:
        with self.lock:
            if self.interrupted:
                raise TimeoutError("the statement was given up before it began")
            self.driver = connection.connection.driver_connection

    def detach(self) -> None:
        with self.lock:
            self.driver = None

    def interrupt(self) -> None:
        """Asking the database to stop may itself take a connection: never in the loop's thread."""
        threading.Thread(target=self._interrupt, daemon=True, name="sql-interrupt").start()

    def _interrupt(self) -> None:
        with self.lock:
            self.interrupted = True
            for name in ("interrupt", "cancel_safe", "cancel"):
                stop = getattr(self.driver, name, None)
                if stop is not None:
                    with contextlib.suppress(Exception):
                        stop()
                    return


class SqlPool:
    """Raises ConnectionInvalid for a URL that names no usable driver."""

    def __init__(self, connection: SqlConnection, share: int, folder: Path | None) -> None:
        self._engine = _engine(connection, share, folder)
        self._dialect = self._engine.dialect.name
        single = {_BEGIN: None} if self._dialect == "sqlite" else {"isolation_level": "AUTOCOMMIT"}
        begin = "BEGIN" if connection.read_only else "BEGIN IMMEDIATE"
        together = {_BEGIN: begin} if self._dialect == "sqlite" else {}
        self._single = self._engine.execution_options(**single)
        self._together = self._engine.execution_options(**together)
        self._threads = Threads(share, name="sql")
        self._markers_ready = False

    async def statement(self, statement: BoundStatement) -> Any:
        """The result of one statement, committed."""

        def work(running: _Running) -> Any:
            with self._single.connect() as connection:
                return self._result(connection, statement, running)

        return await self._run(work)

    async def transaction(self, statements: list[BoundStatement]) -> list[Any]:
        """The results of all, committed together or not at all."""

        def work(running: _Running) -> list[Any]:
            with self._together.begin() as connection:
                return [self._result(connection, item, running) for item in statements]

        return await self._run(work)

    async def rolled_back(self, statements: list[BoundStatement]) -> list[Any]:
        """The results of all, after which the database is as before: for a try. Where a database
        commits by itself, as some do after they changed a table's form, that stays."""

        def work(running: _Running) -> list[Any]:
            with self._together.connect() as connection:
                try:
                    return [self._result(connection, item, running) for item in statements]
                finally:
                    connection.rollback()

        return await self._run(work)

    async def once(
        self, statements: list[BoundStatement], *, execution: str, place: str
    ) -> list[Any]:
        """The same exactly once for ``(execution, place)``: the first time's results afterwards.

        The marker row is inserted first, so that whoever comes second waits for the first one's
        commit and then finds its result (P23).
        """
        return await self._run(partial(self._once, statements, execution, _key(place)))

    async def probe(self) -> None:
        """Open a connection and ask something harmless."""

        def work(running: _Running) -> None:
            with self._single.connect() as connection:
                running.attach(connection)
                connection.execute(sa.select(sa.literal(1)))

        await self._run(work)

    def close(self) -> None:
        """Close idle connections; those in use are closed when they are given back."""
        self._engine.dispose()
        self._threads.close()

    # inside

    async def _run(self, work: Callable[[_Running], R]) -> R:
        running = _Running()
        return await self._threads.run(partial(work, running), interrupt=running.interrupt)

    def _result(
        self, connection: sa.Connection, statement: BoundStatement, running: _Running
    ) -> Any:
        running.attach(connection)
        try:
            values = {
                name: bound(value, dialect=self._dialect)
                for name, value in statement.values.items()
            }
            result = connection.execute(statement.text, values)
            if statement.result == "count":
                return max(result.rowcount, 0)
            rows = _rows(result)
        finally:
            running.detach()
        if statement.result == "one":
            return rows[0] if rows else None
        return rows

    def _once(
        self, statements: list[BoundStatement], execution: str, place: str, running: _Running
    ) -> list[Any]:
        self._make_markers()
        this = sa.and_(steps_table.c.execution == execution, steps_table.c.step == place)
        try:
            with self._together.begin() as connection:
                running.attach(connection)
                _mark(connection, execution, place)
                results = [self._result(connection, item, running) for item in statements]
                stored = steps_table.update().where(this).values(result=encode_result(results))
                connection.execute(stored)
                return results
        except _AlreadyDone:
            with self._together.begin() as connection:
                result = connection.execute(sa.select(steps_table.c.result).where(this)).scalar()
            if result is None:
                raise TimeoutError("the step's marker is being written by somebody else") from None
            done: list[Any] = decode_result(bytes(result))
            return done

    def _make_markers(self) -> None:
        if self._markers_ready:
            return
        if not sa.inspect(self._single).has_table(steps_table.name):
            try:
                steps_table.create(self._engine)
            except SQLAlchemyError:
                # Another worker was faster, or we may not.
                if not sa.inspect(self._single).has_table(steps_table.name):
                    raise
        self._markers_ready = True


class _AlreadyDone(Exception):
    """The marker row is there."""


def _mark(connection: sa.Connection, execution: str, place: str) -> None:
    try:
        connection.execute(steps_table.insert().values(execution=execution, step=place))
    except IntegrityError as error:
        raise _AlreadyDone from error


def _rows(result: sa.CursorResult[Any]) -> list[dict[str, Any]]:
    if not result.returns_rows:
        return []
    names = list(result.keys())
    rows = result.fetchmany(ROWS_LIMIT + 1)
    if len(rows) > ROWS_LIMIT:
        raise ResultTooLarge(f"the statement yields more than {ROWS_LIMIT} rows")
    return [{name: received(value) for name, value in zip(names, row, strict=True)} for row in rows]


def _key(place: str) -> str:
    """The place as a marker's key: itself, or its hash where it is too long for one."""
    if len(place) <= PLACE_LENGTH:
        return place
    return "sha256:" + hashlib.sha256(place.encode()).hexdigest()


def _engine(connection: SqlConnection, share: int, folder: Path | None) -> sa.Engine:
    try:
        url = _in_folder(sa.make_url(connection.sql), folder)
        engine = sa.create_engine(
            url,
            poolclass=sa.QueuePool,
            pool_size=share,
            max_overflow=0,
            pool_recycle=RECYCLE_S,
            hide_parameters=True,
            connect_args=_connect_args(url, read_only=connection.read_only),
        )
    except (SQLAlchemyError, ImportError) as error:
        detail = f"the database URL cannot be used: {type(error).__name__}"
        if isinstance(error, ImportError):
            detail = f"the driver {error.name} is not installed"
        raise ConnectionInvalid(detail) from error
    if engine.dialect.is_async:
        raise ConnectionInvalid(f"{url.drivername} is an async driver; take one that is not")
    _listen(engine, read_only=connection.read_only)
    return engine


def _in_folder(url: sa.URL, folder: Path | None) -> sa.URL:
    """SQLite files are looked for from the project's folder, whatever folder the node runs in."""
    name = url.database
    if url.get_backend_name() != "sqlite" or not name or name == ":memory:" or "file:" in name:
        return url
    return url if folder is None else url.set(database=str(folder / name))


def _connect_args(url: sa.URL, *, read_only: bool) -> dict[str, Any]:
    backend = url.get_backend_name()
    if backend == "sqlite":
        return {"timeout": BUSY_TIMEOUT_S, "check_same_thread": False}
    if url.drivername == "postgresql+psycopg":
        options = " -c default_transaction_read_only=on" if read_only else ""
        written = url.query.get("options", "")
        return {"connect_timeout": CONNECT_TIMEOUT_S, "options": f"{written}{options}".strip()}
    if backend in ("mysql", "mariadb"):
        return {"connect_timeout": CONNECT_TIMEOUT_S}
    return {}


_READ_ONLY = {
    "sqlite": "PRAGMA query_only = ON",
    "postgresql": "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
    "mysql": "SET SESSION TRANSACTION READ ONLY",
    "mariadb": "SET SESSION TRANSACTION READ ONLY",
}


def _listen(engine: sa.Engine, *, read_only: bool) -> None:
    if read_only and engine.dialect.name not in _READ_ONLY:
        raise ConnectionInvalid(f"read_only is not known for {engine.dialect.name}")
    event.listen(engine, "connect", partial(_connected, engine.dialect, read_only))
    event.listen(engine, "checkin", _given_back)
    event.listen(engine, "checkout", partial(_taken, engine.dialect))
    if engine.dialect.name == "sqlite":
        event.listen(engine, "begin", _began)


def _connected(dialect: sa.Dialect, read_only: bool, driver: Any, _record: Any) -> None:
    if dialect.name == "sqlite":
        driver.isolation_level = None  # we say BEGIN ourselves, see _began
    if read_only and dialect.driver != "psycopg":
        cursor = driver.cursor()
        cursor.execute(_READ_ONLY[dialect.name])
        cursor.close()


def _given_back(_driver: Any, record: Any) -> None:
    record.info["idle_from"] = time.monotonic()


def _taken(dialect: sa.Dialect, driver: Any, record: Any, _proxy: Any) -> None:
    """Look whether a connection that lay idle still lives; the pool opens another if not."""
    idle_from = record.info.get("idle_from")
    if idle_from is None or time.monotonic() - idle_from < IDLE_CHECK_S:
        return
    try:
        dialect.do_ping(driver)
    except Exception as error:
        raise DisconnectionError from error


def _began(connection: sa.Connection) -> None:
    begin = connection.get_execution_options().get(_BEGIN, "BEGIN IMMEDIATE")
    if begin is not None:
        connection.exec_driver_sql(begin)
