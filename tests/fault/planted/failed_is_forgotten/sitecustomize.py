"""Planted defect: a message is deleted when it has failed, and no book tells of it."""

from __future__ import annotations

from typing import Any

from firesteel.store.ledger.outcomes import Outcomes

flush = Outcomes.flush


def _flush(self: Any) -> None:
    flush(self)
    connection = self._claims._connection
    for (no,) in connection.execute("select no from execution where state = 'failed'"):
        for table in ("entry", "attempt", "result"):
            connection.execute(f"delete from {table} where execution_no = ?", (no,))
        self._claims._connection.execute("delete from execution where no = ?", (no,))
        for table, column in (("payload", "message_no"), ("message", "no")):
            connection.execute(f"delete from {table} where {column} = ?", (no,))


Outcomes.flush = _flush  # type: ignore[method-assign]
