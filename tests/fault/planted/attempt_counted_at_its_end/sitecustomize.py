"""Planted defect: an attempt counts when it ends, so that one whose process dies never does."""

from __future__ import annotations

from typing import Any

from firesteel.engine.dispatch import Dispatcher
from firesteel.store.journal import Postponement


def _crashed(self: Any, claim: Any, failure: Any, *_blame: Any) -> None:
    again = Postponement(claim.execution_no, claim.epoch, 0.0, counts=False, failure=failure)
    self._postpone(claim, again)


Dispatcher.crashed = _crashed  # type: ignore[method-assign]
