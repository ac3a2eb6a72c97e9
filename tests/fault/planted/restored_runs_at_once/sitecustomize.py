"""Planted defect: a paused node runs what it has."""

from __future__ import annotations

from firesteel.engine.dispatch import Dispatcher


def _not_held(_self: Dispatcher, held: bool) -> None:
    pass


Dispatcher.hold = _not_held  # type: ignore[method-assign]
