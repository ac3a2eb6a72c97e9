"""Planted defect: the audit log does not say who saw an API key."""

from __future__ import annotations

import contextlib
from typing import Any

with contextlib.suppress(ImportError):
    from firesteel.engine.api_keys import ApiKeys

    async def _reveal(self: ApiKeys, owner: Any, label: str, **_who: str) -> str:
        return await self.open(owner, label)

    ApiKeys.reveal = _reveal  # type: ignore[method-assign]
