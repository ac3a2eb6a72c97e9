"""What the store takes on disk, what bounds it, and what is kept of each integration."""

from __future__ import annotations

import asyncio
import shutil
from typing import TYPE_CHECKING, Any

from firesteel.admin import shapes
from firesteel.model.quantities import parse_duration
from firesteel.store.figures import Totals

if TYPE_CHECKING:
    from firesteel.engine.engine import Engine
    from firesteel.store.catalog import PublishedIntegration

_DAY_S = 86_400.0
_NONE_YET = Totals(0, 0, 0)


async def storage_of(engine: Engine) -> shapes.StorageShape:
    """Of the whole node. Raises StoreUnavailable."""
    settings = engine.settings
    disk = None
    if settings.store_path is not None:
        disk = await asyncio.to_thread(shutil.disk_usage, settings.data_dir)
    totals = await engine.figures.totals()
    kept = [
        _kept(item, totals.get(item.trigger_no, _NONE_YET), settings.retention_days)
        for workspace in await engine.catalog.workspaces()
        for item in await engine.catalog.integrations(workspace)
    ]
    return shapes.StorageShape(
        store_bytes=await engine.history.size_bytes(),
        reusable_bytes=await engine.history.reusable_bytes(),
        disk_bytes=disk and disk.total,
        free_bytes=disk and disk.free,
        reserve_bytes=disk and min(settings.disk_reserve_bytes, disk.total // 20),
        retention_days=settings.retention_days,
        integrations=kept,
    )


def _kept(item: PublishedIntegration, totals: Totals, default_days: float) -> shapes.KeptShape:
    retention: dict[str, Any] = item.document.get("retention") or {}
    history_days = _days(retention.get("history"), default_days)
    payloads_days = _days(retention.get("payloads"), history_days)
    return shapes.KeptShape(
        workspace=item.workspace,
        integration=item.name,
        executions=totals.accepted + totals.replayed - totals.purged,
        purged=totals.purged,
        history_days=history_days,
        payloads_days=min(payloads_days, history_days),
    )


def _days(text: Any, otherwise: float) -> float:
    return otherwise if text is None else parse_duration(str(text)) / _DAY_S
