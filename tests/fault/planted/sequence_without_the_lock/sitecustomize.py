"""Planted defect: a trigger's row is read without its lock, so that two nodes take one sequence; no
constraint says otherwise."""

from __future__ import annotations

from typing import Any

from firesteel.store.postgresql import ledger
from firesteel.store.postgresql.ledger import SharedLedger

LOCK = " FOR NO KEY UPDATE"
UNIQUE = "ALTER TABLE message DROP CONSTRAINT IF EXISTS uq_message_trigger_no_sequence"

assert LOCK in ledger._HOLD
ledger._HOLD = ledger._HOLD.replace(LOCK, "")  # type: ignore[misc]
connect = SharedLedger.connect


def _connect(self: Any, connection: Any) -> None:
    connection.command(UNIQUE)
    connect(self, connection)


SharedLedger.connect = _connect  # type: ignore[method-assign]
