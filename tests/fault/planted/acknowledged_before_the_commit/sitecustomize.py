"""Planted defect: calls are acknowledged when their rows are written, before the commit."""

from __future__ import annotations

import time
from typing import Any

from firesteel.store.sqlite import writer

GAP_S = 0.02  # between answer and commit, so that a kill finds it


def _apply(self: Any, commands: list[Any]) -> bool:
    self._connection.execute("BEGIN IMMEDIATE")
    self._ledger.begin()
    answers = [self._answer(call, argument) for _, call, argument in commands]
    claims = self._ledger.finish()
    self._call(self._complete, commands, answers, ())
    time.sleep(GAP_S)
    self._connection.execute("COMMIT")
    self._call(self._complete, (), (), claims)
    return True


writer.Writer._apply = _apply  # type: ignore[method-assign]
