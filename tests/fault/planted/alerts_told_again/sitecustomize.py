"""Planted defect: failures that were told are not marked."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import Any

with contextlib.suppress(ImportError):
    from firesteel.store.sql import alerts

    advance = alerts._advance

    def _advance(connection: Any, done: Any, now_us: int) -> None:
        advance(connection, dataclasses.replace(done, told=()), now_us)

    alerts._advance = _advance
