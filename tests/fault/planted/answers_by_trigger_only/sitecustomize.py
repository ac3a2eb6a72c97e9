"""Planted defect: a response goes to whoever has waited longest, whichever call it answers."""

from __future__ import annotations

from typing import Any

from firesteel.engine.waiters import Waiters

answer = Waiters.answer


def _answer(self: Any, execution_no: int, response: Any) -> None:
    answer(self, next(iter(self._waiting), execution_no), response)


Waiters.answer = _answer  # type: ignore[method-assign]
