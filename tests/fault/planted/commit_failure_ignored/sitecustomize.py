"""Planted defect: a commit that fails is taken for one that did not."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import Any

from firesteel.store.sqlite.writer import Writer


def _apply(self: Any, commands: list[Any]) -> bool:
    self._connection.execute("BEGIN IMMEDIATE")
    self._ledger.begin()
    answers = [self._answer(call, argument) for _, call, argument in commands]
    claims: Any = ()
    with contextlib.suppress(sqlite3.Error):
        claims = self._ledger.finish()
        self._connection.execute("COMMIT")
    if self._connection.in_transaction:
        self._connection.execute("ROLLBACK")
    self._call(self._complete, commands, answers, claims)
    return True


Writer._apply = _apply  # type: ignore[method-assign]
