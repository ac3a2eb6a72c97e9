"""Planted defect: the event loop reads bodies of any length itself."""

from __future__ import annotations

from typing import Any

from firesteel.gateway.keys import KeyPlan


def _never(_self: Any, _received: Any) -> bool:
    return False


KeyPlan.needs_worker = _never  # type: ignore[method-assign]
