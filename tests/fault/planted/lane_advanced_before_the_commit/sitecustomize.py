"""Planted defect: what may start is started before the transaction that lets it is committed."""

from __future__ import annotations

import time
from typing import Any

from firesteel.store.sqlite.writer import Writer

GAP_S = 1.0  # between start and commit, so that a kill finds it


def _apply(self: Any, commands: list[Any]) -> bool:
    self._connection.execute("BEGIN IMMEDIATE")
    self._ledger.begin()
    answers = [self._answer(call, argument) for _, call, argument in commands]
    claims = self._ledger.finish()
    if claims:
        self._call(self._on_claims, claims)
        time.sleep(GAP_S)
    self._connection.execute("COMMIT")
    self._call(self._complete, commands, answers, ())
    return True


Writer._apply = _apply  # type: ignore[method-assign]
