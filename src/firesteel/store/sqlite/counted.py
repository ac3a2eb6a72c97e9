"""Whether a copy of a store is whole, and what is in it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from firesteel.errors import OperatorError
from firesteel.store.copies import Counted


def check_whole(path: Path) -> Counted:
    """Read every page of a copy that nobody writes to (https://sqlite.org/pragma.html:
    ``integrity_check`` holds rows and indices against each other). Raises OperatorError
    ``backup_damaged``."""
    uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
    connection = sqlite3.connect(uri, uri=True)
    try:
        (said, *_) = connection.execute("PRAGMA integrity_check(1)").fetchone()
        if said != "ok":
            raise _damaged()
        (messages,) = connection.execute("SELECT count(*) FROM message").fetchone()
        states = connection.execute("SELECT state, count(*) FROM execution GROUP BY state")
        return Counted(int(messages), {str(state): int(count) for state, count in states})
    except sqlite3.DatabaseError as error:
        raise _damaged() from error
    finally:
        connection.close()


def _damaged() -> OperatorError:
    return OperatorError(
        "the file is damaged: SQLite's check of its pages found faults; take another back-up",
        code="backup_damaged",
    )
