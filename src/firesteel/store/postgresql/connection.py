"""Connections to PostgreSQL: made with time-outs for all they do, and lent with ``?`` for values.

Sources: https://www.postgresql.org/docs/current/libpq-connect.html,
https://www.postgresql.org/docs/current/runtime-config-client.html.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

import psycopg
from psycopg import RawCursor
from psycopg.conninfo import conninfo_to_dict

from firesteel.errors import OperatorError, StoreUnavailable
from firesteel.store.postgresql.texts import teach
from firesteel.store.sql.dialects import POSTGRESQL

# Who cannot connect, or finds the other side silent, tells callers so within 5 s (P04, P36).
CONNECT_TIMEOUT_S = 3
LOCK_TIMEOUT_S = 2.5
SILENCE_S = 2.5
# A node that is stopped in the middle of a transaction must not hold others' rows for longer.
_IDLE_IN_TRANSACTION_S = 2.0
_PREPARED_AT_USE = 3
_PREPARED = 400

TELLER = "firesteel.teller"
"""The setting that names whose connection it is, so that nodes know their own news."""

Plans = Literal["auto", "force_custom_plan", "force_generic_plan"]


@dataclass(frozen=True, slots=True)
class Address:
    """Where the database is and who asks. ``url``: as libpq takes it, or SQLAlchemy with
    ``postgresql+psycopg``; ``node``: the node's id, which the server shows to its operator;
    ``teller``: names this open store among all."""

    url: str = field(repr=False)
    node: str = ""
    teller: str = field(default_factory=lambda: secrets.token_hex(8))

    def parameters(self) -> dict[str, Any]:
        """Connection parameters of libpq, those that the URL gives included. Raises OperatorError
        ``settings_invalid`` where it is no URL of PostgreSQL."""
        url = self.url.replace("postgresql+psycopg://", "postgresql://", 1)
        try:
            return dict(conninfo_to_dict(url))
        except psycopg.Error:
            # The driver's text may quote the password.
            raise OperatorError(
                "FIRESTEEL_DATABASE_URL is not a URL of PostgreSQL", code="settings_invalid"
            ) from None


@dataclass(frozen=True, slots=True)
class Session:
    """What a connection is for. ``statement_timeout_s`` None: statements may take any time;
    ``plans``: PostgreSQL's ``plan_cache_mode``; ``flushed`` False: its commits need not be; None:
    as the server is set up."""

    statement_timeout_s: float | None
    plans: Plans = "auto"
    flushed: bool | None = True

    def settings(self, address: Address) -> dict[str, str]:
        """PostgreSQL's settings of the session."""
        statement_timeout_s = self.statement_timeout_s or 0
        flushed = {
            None: {},
            True: {"synchronous_commit": "on"},
            False: {"synchronous_commit": "off"},
        }
        return {
            **flushed[self.flushed],
            "statement_timeout": f"{statement_timeout_s * 1000:.0f}",
            "lock_timeout": f"{LOCK_TIMEOUT_S * 1000:.0f}",
            "idle_in_transaction_session_timeout": f"{_IDLE_IN_TRANSACTION_S * 1000:.0f}",
            "default_transaction_isolation": "read\\ committed",
            "timezone": "UTC",
            "client_min_messages": "warning",
            "plan_cache_mode": self.plans,
            "jit": "off",  # compiling would take longer than any query here
            # Disks seek no more: without this, a page of a middling table is found by reading all.
            "random_page_cost": "1.1",
            # A server notices too that a node was cut off, and gives back the locks of its jobs.
            "tcp_keepalives_idle": "5",
            "tcp_keepalives_interval": "2",
            "tcp_keepalives_count": "3",
            TELLER: address.teller,
        }


class PostgresqlConnection:
    """Implements ``sql.database.Connection``; transactions are begun and ended by ``begin``,
    ``commit`` and ``rollback``. ``raw`` is psycopg's own connection, for pipelines and COPY. Used
    by one thread at a time, but for ``abort``. Raises psycopg's errors."""

    dialect = POSTGRESQL

    def __init__(self, raw: psycopg.Connection[Any]) -> None:
        self.raw = raw
        self._warned = False
        self._rollbacks = 0
        # Of its own, so that it never names another connection's socket once libpq has closed.
        self._handle = socket.socket(fileno=os.dup(raw.fileno()))
        raw.add_notice_handler(self._hear)

    @property
    def broken(self) -> bool:
        """Whether the connection is lost."""
        return self.raw.closed

    def execute(self, text: str, values: Sequence[Any] = (), /) -> psycopg.Cursor[Any]:
        """As ``Connection.execute``."""
        cursor = self.raw.cursor(binary=True)
        return cursor.execute(numbered(text), values)

    def executemany(self, text: str, rows: Iterable[Sequence[Any]], /) -> psycopg.Cursor[Any]:
        """As ``Connection.executemany``; its ``rowcount`` is that of all rows."""
        cursor = self.raw.cursor(binary=True)
        cursor.executemany(numbered(text), rows)
        return cursor

    def ask_each(self, text: str, rows: Sequence[Sequence[Any]], /) -> list[Any]:
        """As ``Connection.ask_each``."""
        with self.raw.pipeline():
            asked = [self.execute(text, row) for row in rows]
            return [cursor.fetchone() for cursor in asked]

    def beginning_of_body(self, message_no: int, size_bytes: int) -> bytes:
        """As ``Connection.beginning_of_body``."""
        row = self.execute(
            "SELECT substr(body, 1, ?::INTEGER) FROM payload WHERE message_no = ?",
            (size_bytes, message_no),
        ).fetchone()
        return b"" if row is None else bytes(row[0])

    def command(self, text: str) -> None:
        """Run statements that bind nothing, several in one round trip."""
        self.raw.execute(text.encode(), prepare=False)

    def begin(self) -> None:
        """Begin a transaction that writes."""
        self.command("BEGIN")

    def begin_reading(self, timeout_s: float) -> None:
        """Begin a transaction that reads one moment, each of its statements within that time."""
        self.command(
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"
            f"SET LOCAL statement_timeout = {max(timeout_s, 0.001) * 1000:.0f}"
        )

    def commit(self) -> bool:
        """End the transaction; what it wrote is flushed, on synchronous standbys too. False: it
        may not be on those. Raises OperationalError with the connection lost: nobody knows."""
        return self.committed(self.committing())

    def committing(self) -> psycopg.Cursor[Any]:
        """``commit`` in pipeline mode: not waited for. For ``committed``, after the pipeline."""
        self._warned = False
        return self.raw.execute(b"COMMIT", prepare=False)

    def committed(self, commit: psycopg.Cursor[Any]) -> bool:
        """As ``commit``."""
        if commit.statusmessage is None:
            raise psycopg.OperationalError("the server did not answer the COMMIT")
        if commit.statusmessage != "COMMIT":
            raise psycopg.errors.InFailedSqlTransaction("a statement of the transaction had failed")
        return not self._warned

    def rollback(self) -> None:
        """End the transaction, as if it had not been; nothing where there is none to end.

        What was to be prepared in a journey that failed is not prepared, but psycopg has noted it.
        It forgets all such notes at a ROLLBACK, though only where the text of that is new to it.
        """
        if not self.broken:
            self._rollbacks += 1
            with contextlib.suppress(psycopg.Error):
                self.command(f"ROLLBACK -- {self._rollbacks}")

    def end_reading(self) -> None:
        """End a transaction that has only read; what is prepared stays so."""
        if not self.broken:
            with contextlib.suppress(psycopg.Error):
                self.command("COMMIT")

    def abort(self) -> None:
        """Cut the connection, from any thread: whoever waits for its answer gets an error."""
        with contextlib.suppress(OSError):
            self._handle.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Safe to repeat."""
        with contextlib.suppress(psycopg.Error):
            self.raw.close()
        self._handle.close()

    def _hear(self, told: psycopg.errors.Diagnostic) -> None:
        # A commit whose wait for a standby was cut short is told as done, with a warning.
        self._warned = self._warned or told.severity_nonlocalized == "WARNING"


def connect(address: Address, session: Session) -> PostgresqlConnection:
    """A new connection. Raises StoreUnavailable, and OperatorError ``settings_invalid``."""
    parameters = address.parameters()
    options = [f"-c {name}={value}" for name, value in session.settings(address).items()]
    if parameters.get("options"):
        options.insert(0, str(parameters["options"]))
    defaults = {
        "connect_timeout": CONNECT_TIMEOUT_S,
        "keepalives_idle": 1,
        "keepalives_interval": 1,
        "keepalives_count": 2,
        "tcp_user_timeout": round(SILENCE_S * 1000),
    }
    ours = {
        "options": " ".join(options),
        "application_name": f"firesteel/{address.node}"[:63],
        "client_encoding": "UTF8",
    }
    try:
        raw = psycopg.connect(
            **{**defaults, **parameters, **ours}, autocommit=True, cursor_factory=RawCursor
        )
    except psycopg.OperationalError as error:
        raise StoreUnavailable(f"cannot connect to PostgreSQL: {_first_line(error)}") from error
    except psycopg.Error as error:
        raise OperatorError(
            "FIRESTEEL_DATABASE_URL is not a URL of PostgreSQL", code="settings_invalid"
        ) from error
    except OSError as error:
        raise _no_file(error) from error
    raw.prepare_threshold = _PREPARED_AT_USE
    raw.prepared_max = _PREPARED
    teach(raw)
    try:
        return PostgresqlConnection(raw)
    except OSError as error:
        raw.close()
        raise _no_file(error) from error


@lru_cache(maxsize=4096)
def numbered(text: str) -> bytes:
    """The statement with ``$1``, ``$2``, ... for its ``?``; no literal of ours holds one."""
    first, *others = text.split("?")
    return "".join([first, *(f"${n}{part}" for n, part in enumerate(others, 1))]).encode()


def _no_file(error: OSError) -> StoreUnavailable:
    """The process has as many files open as it may; it is tried again."""
    return StoreUnavailable(f"cannot connect to PostgreSQL: {error.strerror}")


def _first_line(error: psycopg.Error) -> str:
    """Of libpq's text, which names server and user but no password."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else "no answer"
