"""What the store takes on disk, what bounds it, and what is kept of each integration."""

from __future__ import annotations

import asyncio
import shutil
from typing import TYPE_CHECKING, Any

from firesteel.admin import shapes
from firesteel.errors import CallerError
from firesteel.model.quantities import format_duration, parse_duration
from firesteel.store.archive import folder
from firesteel.store.catalog import Kept
from firesteel.store.figures import Totals

if TYPE_CHECKING:
    from firesteel.engine.engine import Engine
    from firesteel.settings import Settings
    from firesteel.store.catalog import PublishedIntegration

_DAY_S = 86_400.0
# As the document's ``retention`` takes them.
SHORTEST, LONGEST = "1h", "36500d"
SHORTEST_S, LONGEST_S = parse_duration(SHORTEST), parse_duration(LONGEST)
_NONE_YET = Totals(0, 0, 0)


async def storage_of(engine: Engine) -> shapes.StorageShape:
    """Of the whole node. Raises StoreUnavailable."""
    settings = engine.settings
    disk = None
    if settings.store_path is not None:
        disk = await asyncio.to_thread(shutil.disk_usage, settings.data_dir)
    archive = await _archive(engine)
    totals = await engine.figures.totals()
    of_workspaces = {
        name: await retention_of(engine, name) for name in await engine.catalog.workspaces()
    }
    kept = [
        _kept(item, totals.get(item.trigger_no, _NONE_YET), given, settings)
        for name, given in of_workspaces.items()
        for item in await engine.catalog.integrations(name)
    ]
    return shapes.StorageShape(
        store_bytes=await engine.history.size_bytes(),
        reusable_bytes=await engine.history.reusable_bytes(),
        disk_bytes=disk and disk.total,
        free_bytes=disk and disk.free,
        reserve_bytes=disk and min(settings.disk_reserve_bytes, disk.total // 20),
        retention_days=settings.retention_days,
        archive=archive,
        workspaces=[
            shapes.WorkspaceRetentionShape(workspace=name, **given.model_dump())
            for name, given in of_workspaces.items()
        ],
        integrations=kept,
    )


async def retention_of(engine: Engine, workspace: str) -> shapes.RetentionShape:
    """How long the workspace keeps what its integrations say nothing of. Raises CallerError
    ``unknown_workspace``."""
    kept = await engine.catalog.kept(workspace)
    return shapes.RetentionShape(
        history=_text(kept.history_s), payloads=_text(kept.payloads_s), archive=kept.archive
    )


async def set_retention(
    engine: Engine, workspace: str, wanted: shapes.RetentionShape, actor: str
) -> None:
    """Raises CallerError ``unknown_workspace`` and ``invalid_request``."""
    kept = Kept(
        _seconds("history", wanted.history), _seconds("payloads", wanted.payloads), wanted.archive
    )
    await engine.catalog.set_kept(workspace, kept, actor)


def _kept(
    item: PublishedIntegration,
    totals: Totals,
    of_workspace: shapes.RetentionShape,
    settings: Settings,
) -> shapes.KeptShape:
    retention: dict[str, Any] = item.document.get("retention") or {}
    default_days = settings.retention_days
    says = retention.get("archive")
    archive = of_workspace.archive if says is None else bool(says)
    history_days = _days(retention.get("history") or of_workspace.history, default_days)
    payloads_days = _days(retention.get("payloads") or of_workspace.payloads, history_days)
    return shapes.KeptShape(
        workspace=item.workspace,
        integration=item.name,
        executions=totals.accepted + totals.replayed - totals.purged,
        purged=totals.purged,
        history_days=history_days,
        payloads_days=min(payloads_days, history_days),
        archive=settings.archive == "on" if archive is None else archive,
    )


async def _archive(engine: Engine) -> shapes.ArchiveShape:
    archive = engine.archive
    files, size_bytes = await asyncio.to_thread(folder.size_bytes, archive.folder)
    return shapes.ArchiveShape(
        directory=str(archive.folder),
        by_default=archive.by_default,
        files=files,
        size_bytes=size_bytes,
        fault=archive.fault,
    )


def _days(text: Any, otherwise: float) -> float:
    return otherwise if text is None else parse_duration(str(text)) / _DAY_S


def _text(seconds: int | None) -> str | None:
    return None if seconds is None else format_duration(seconds)


def _seconds(name: str, text: str | None) -> int | None:
    if text is None:
        return None
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise CallerError(f"{name}: {error}", code="invalid_request") from error
    if not SHORTEST_S <= seconds <= LONGEST_S:
        detail = f"{name} is at least {SHORTEST} and at most {LONGEST}"
        raise CallerError(detail, code="invalid_request")
    return int(seconds)
