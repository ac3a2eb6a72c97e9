"""Bodies that a claim has left in the store: read one by one, when a worker can take them."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import ColumnElement, LargeBinary, bindparam, case, func, literal_column, select

from firesteel.store.journal import LEFT_FROM_BYTES
from firesteel.store.schema import execution, payload, replay_edit
from firesteel.store.sql.database import Connection
from firesteel.store.sql.dialects import Dialect
from firesteel.store.sql.statements import Statements


def unless_long(column: ColumnElement[bytes]) -> ColumnElement[bytes | None]:
    """The body, or NULL where it is over ``LEFT_FROM_BYTES``: neither database reads it then."""
    short = func.length(column) <= literal_column(str(LEFT_FROM_BYTES))
    return case((short, column), else_=literal_column("NULL", LargeBinary()))


class BodyReader:
    """Of any read-only connection."""

    def __init__(self, dialect: Dialect) -> None:
        e, p, edited = execution.c, payload.c, replay_edit.c
        self._body = Statements(dialect).compiled(
            select(func.coalesce(edited.body, p.body))
            .select_from(execution)
            .join(payload, p.message_no == e.message_no)
            .outerjoin(replay_edit, edited.execution_no == e.no)
            .where(e.no == bindparam("the_no")),
            "the_no",
        )

    def body(self, execution_no: int) -> Callable[[Connection], bytes | None]:
        """As ``Journal.body``."""

        def read(connection: Connection) -> bytes | None:
            row = connection.execute(self._body, (execution_no,)).fetchone()
            return None if row is None else bytes(row[0])

        return read
