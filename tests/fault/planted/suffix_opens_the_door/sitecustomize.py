"""Planted defect: an address that ends like an open one needs no credential."""

from __future__ import annotations

from typing import Any

from firesteel.admin.access import ALL_RIGHTS, LOCAL, Access, Doorkeeper

_access = Doorkeeper.access


async def _by_suffix(self: Doorkeeper, visitor: Any) -> Access | None:
    if visitor.scope["path"].endswith("/openapi.json"):
        return Access(LOCAL, ALL_RIGHTS)
    return await _access(self, visitor)


Doorkeeper.access = _by_suffix  # type: ignore[method-assign]
