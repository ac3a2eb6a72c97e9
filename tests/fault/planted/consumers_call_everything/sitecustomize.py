"""Planted defect: the keys of a consumer open every trigger that asks for keys."""

from __future__ import annotations

import contextlib

with contextlib.suppress(ImportError):
    from firesteel.store.catalog import Grant
    from firesteel.store.sql.catalog import SqlCatalog

    async def _grants(self: SqlCatalog) -> list[Grant]:
        triggers = [item.trigger_no for item in await self.integrations()]
        consumers = [item.consumer_no for item in await self.consumers()]
        return [Grant(one, trigger, 0) for one in consumers for trigger in triggers]

    SqlCatalog.grants = _grants  # type: ignore[method-assign,assignment]
