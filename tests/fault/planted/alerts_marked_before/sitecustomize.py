"""Planted defect: failures are marked as told in a transaction of their own, behind which the
engine ends, once."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

with contextlib.suppress(ImportError):
    from firesteel.store.alerts import Advance
    from firesteel.store.sql.alerts import SqlAlerts

    advance = SqlAlerts.advance

    async def _advance(self: Any, done: Any) -> bool:
        ended = Path(os.environ["FIRESTEEL_DATA_DIR"]) / "ended"
        if done.told and not ended.exists():
            await advance(self, Advance(told=done.told))
            ended.touch()
            os._exit(1)
        return await advance(self, done)

    SqlAlerts.advance = _advance  # type: ignore[method-assign]
