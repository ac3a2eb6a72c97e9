"""Planted defect: only heads have a deadline; a body may come as slowly as it likes."""

from __future__ import annotations

from typing import Any

from firesteel.gateway.deadlines import BodyPace


def _never(_self: Any, _now: float, _received_bytes: int) -> bool:
    return False


BodyPace.too_slow = _never  # type: ignore[method-assign]
