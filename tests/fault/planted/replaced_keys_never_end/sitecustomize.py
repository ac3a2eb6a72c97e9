"""Planted defect: a key that rotation has replaced is taken for good."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

with contextlib.suppress(ImportError):
    from firesteel.engine.publications import Publications

    opening = Publications._opening

    async def _for_good(self: Publications, keys: Any, *rest: Any) -> Any:
        lasting = [replace(key, expires_at_us=None) if key.replaced_at_us else key for key in keys]
        return await opening(self, lasting, *rest)

    Publications._opening = _for_good  # type: ignore[method-assign]
