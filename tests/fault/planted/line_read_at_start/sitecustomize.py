"""Planted defect: the engine reads all that waits into its memory when it starts."""

from __future__ import annotations

from typing import Any

from firesteel.store.ledger.mirror import Mirror

_load = Mirror.load


def _read_all(self: Any) -> None:
    _load(self)
    waiting = "SELECT * FROM execution JOIN message ON message.no = message_no"
    self.line = self._connection.execute(f"{waiting} WHERE state = 'waiting'").fetchall()


Mirror.load = _read_all  # type: ignore[method-assign]
