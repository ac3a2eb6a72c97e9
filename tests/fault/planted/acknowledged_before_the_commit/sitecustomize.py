"""Planted defect: calls are acknowledged when their rows are written, before the commit."""

from __future__ import annotations

import time
from typing import Any

from firesteel.store.journal import NewMessage
from firesteel.store.sqlite.writer import Writer

GAP_S = 0.5  # between answer and commit, so that a kill finds it


def _apply(self: Any, commands: list[Any]) -> bool:
    self._connection.execute("BEGIN IMMEDIATE")
    self._ledger.begin()
    answers = [self._answer(call, argument) for _, call, argument in commands]
    claims = self._ledger.finish()
    early = [pair for pair in zip(commands, answers, strict=True) if _accepts(pair[0])]
    if early:
        self._call(self._complete, [pair[0] for pair in early], [pair[1] for pair in early], ())
        time.sleep(GAP_S)
    self._connection.execute("COMMIT")
    self._call(self._complete, commands, answers, claims)
    return True


def _accepts(command: Any) -> bool:
    return isinstance(command[2], NewMessage)


Writer._apply = _apply  # type: ignore[method-assign]
