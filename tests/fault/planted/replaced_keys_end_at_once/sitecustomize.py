"""Planted defect: a key that rotation has replaced is taken no more, whatever the overlap."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

with contextlib.suppress(ImportError):
    from firesteel.engine.api_keys import ApiKeys, Rotation

    rotate = ApiKeys.rotate

    async def _at_once(
        self: ApiKeys, owner: Any, label: str, rotation: Rotation, *, actor: str
    ) -> Any:
        return await rotate(self, owner, label, replace(rotation, old_until_us=1), actor=actor)

    ApiKeys.rotate = _at_once  # type: ignore[method-assign]
