"""What the shared SQL is written against: a connection, and a database that lends them out.

SQLite and PostgreSQL each bring their own. Statements bind by ``?`` on both; rows are tuples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

from firesteel.store.sql.dialects import Dialect

T = TypeVar("T")

# How long whoever asks waits, for a free connection and for the answer (P04). Lists, counts and
# retention have longer: they may look at all rows, and no call waits for them.
READ_TIMEOUT_S = 4.0
LONG_READ_TIMEOUT_S = 60.0


class Cursor(Protocol):
    """The rows of a statement, and how many it changed."""

    @property
    def rowcount(self) -> int: ...

    def fetchone(self) -> Any:
        """The next row, or None."""
        ...

    def fetchall(self) -> list[Any]:
        """All rows that are left."""
        ...

    def __iter__(self) -> Iterator[Any]: ...


class Connection(Protocol):
    """A connection inside a transaction that its owner begins and ends."""

    @property
    def dialect(self) -> Dialect:
        """How this database wants its SQL."""
        ...

    def execute(self, text: str, values: Sequence[Any] = ..., /) -> Cursor:
        """Run one statement; its n-th ``?`` takes the n-th value."""
        ...

    def beginning_of_body(self, message_no: int, size_bytes: int) -> bytes:
        """So much of a message's body, without reading all of it."""
        ...

    def ask_each(self, text: str, rows: Sequence[Sequence[Any]], /) -> list[Any]:
        """The first row that a query finds for each of these, or None, on one journey."""
        ...

    def executemany(self, text: str, rows: Sequence[Sequence[Any]], /) -> Any:
        """Run it for each of the rows."""
        ...


class Reading(Protocol):
    """A database to read from."""

    async def read(
        self, work: Callable[[Connection], T], *, timeout_s: float = READ_TIMEOUT_S
    ) -> T:
        """``work(connection)`` in one read transaction, all of whose queries see the same moment,
        beside the event loop. Raises what it raises, and StoreUnavailable where the answer is not
        there within ``timeout_s`` or the database cannot be read."""
        ...


class Database(Reading, Protocol):
    """A database to read from and to change."""

    async def write(self, work: Callable[[Connection], T]) -> T:
        """``work(connection)`` in one transaction, beside the event loop; what it returns is
        committed and flushed. If it raises, what it wrote is undone. It must not begin, commit or
        roll back itself. Raises what it raises, StoreUnavailable, and OutcomeUnknown."""
        ...
