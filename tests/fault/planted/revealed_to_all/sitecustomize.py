"""Planted defect: whoever is signed in has the right to see API keys in clear."""

from __future__ import annotations

import contextlib

with contextlib.suppress(ImportError):
    from firesteel.admin.access import Access
    from firesteel.model.rights import Right

    require = Access.require

    def _require(self: Access, right: Right) -> None:
        if right != "reveal":
            require(self, right)

    Access.require = _require  # type: ignore[method-assign]
