"""Planted defect: where the connection was lost behind a COMMIT, the transaction counts as done."""

from __future__ import annotations

from typing import Any

from firesteel.store.postgresql.writer import Writer

resolve = Writer._resolve


def _resolve(self: Any, resumed: Any, *, flushed: bool) -> None:
    if resumed is not None:
        resumed = (self._ledger.sessions.transactions, resumed[1])
    resolve(self, resumed, flushed=flushed)


Writer._resolve = _resolve  # type: ignore[method-assign]
