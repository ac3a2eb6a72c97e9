"""Planted defect: bodies of any length are held in memory while they come in."""

from __future__ import annotations

from typing import Any

from firesteel.gateway.held_bodies import HeldBodies

_init = HeldBodies.__init__


def _without_disk(self: Any, limit_bytes: int, _spool: Any = None) -> None:
    _init(self, limit_bytes)


HeldBodies.__init__ = _without_disk  # type: ignore[method-assign, assignment]
