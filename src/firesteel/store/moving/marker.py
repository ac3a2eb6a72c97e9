"""How far a move has come, kept in the target itself and changed in each chunk's transaction.

So a move that was ended anywhere goes on exactly behind the last row that is there, and a database
that holds a part of a store only says so to every node that would start on it.
"""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import delete, select

from firesteel.errors import OperatorError
from firesteel.store.schema import setting
from firesteel.store.sql.database import Connection
from firesteel.store.sql.queries import execute, fetch_one

MOVING_SETTING = "moving"
"""There from a move's first transaction to its last."""
MOVED_SETTING = "moved_from"
"""There behind a move that is done, with the same value."""


class Identity(msgspec.Struct, frozen=True):
    """What tells one state of a source from any other. Every engine that works with a store begins
    a session first, so a source with the same last session is the same to the last byte.

    ``encryption_check``: the check value of the store's key, which holds a random nonce; None where
    no engine has ever opened the store.
    """

    encryption_check: str | None
    session_no: int
    session_started_at_us: int
    lease_until_us: int


class Progress(msgspec.Struct, frozen=True):
    """A move that is not done. ``shift_us``: from the source's steady clock to the target's clock.
    ``moved_at_us``: the wall clock's time of its begin. ``table``: the one that is being copied,
    empty when all are. ``after``: the key of its last row that is there, None before the first.
    ``copied``: rows by table."""

    source: Identity
    shift_us: int
    moved_at_us: int
    table: str
    after: list[Any] | None
    copied: dict[str, int]


def refuse_half_moved(connection: Connection) -> None:
    """For every node, in the transaction that begins its session, behind the session's row: a
    move's first transaction locks that table, so one of the two always sees the other.

    Raises OperatorError ``store_half_moved``.
    """
    if stored(connection, MOVING_SETTING) is not None:
        raise OperatorError(
            "the database holds a part of a store only: run `firesteel migrate-store` again, it "
            "goes on where it stopped",
            code="store_half_moved",
        )


def stored(connection: Connection, name: str) -> str | None:
    """The value of a setting."""
    row = fetch_one(connection, select(setting.c.value).where(setting.c.name == name))
    return None if row is None else str(row[0])


def store(connection: Connection, name: str, value: msgspec.Struct) -> None:
    """Set a setting, as JSON."""
    row = connection.dialect.insert(setting).values(
        name=name, value=msgspec.json.encode(value).decode()
    )
    changed = {"value": row.excluded["value"]}
    execute(connection, row.on_conflict_do_update(index_elements=["name"], set_=changed))


def forget(connection: Connection, name: str) -> None:
    """Remove a setting."""
    execute(connection, delete(setting).where(setting.c.name == name))
