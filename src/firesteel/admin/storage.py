"""What the store takes on disk, what bounds it, and what is kept of each integration."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from firesteel.admin import shapes
from firesteel.admin.times import written_or_none
from firesteel.errors import CallerError
from firesteel.model.quantities import format_duration, parse_duration
from firesteel.model.retention_rules import OUTLIVES
from firesteel.store.archive import folder
from firesteel.store.catalog import Kept
from firesteel.store.figures import Totals
from firesteel.store.kept import Asked, KeptOf

if TYPE_CHECKING:
    from firesteel.engine.agreement import Agreed
    from firesteel.engine.engine import Engine
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
    agreed = await engine.agreement.agreed()
    archive = await _archive(engine, agreed)
    totals = await engine.figures.totals()
    of_workspaces = {
        name: await retention_of(engine, name) for name in await engine.catalog.workspaces()
    }
    integrations = [
        (item, _times(item, given, agreed))
        for name, given in of_workspaces.items()
        for item in await engine.catalog.integrations(name)
    ]
    now_us = engine.now_us()
    known = await engine.history.kept([times.asked(now_us) for _, times in integrations])
    sizes = await asyncio.to_thread(folder.sizes, engine.archive.folder)
    kept = [
        _kept(
            item,
            times,
            totals.get(item.trigger_no, _NONE_YET),
            known[item.trigger_no],
            sizes.get((item.workspace, item.name), 0),
        )
        for item, times in integrations
    ]
    parts = await engine.history.parts()
    return shapes.StorageShape(
        store_bytes=await engine.history.size_bytes(),
        reusable_bytes=await engine.history.reusable_bytes(),
        payload_bytes=(
            sum(one.payload_bytes for one in kept) if parts is None else parts.payload_bytes
        ),
        index_bytes=None if parts is None else parts.index_bytes,
        disk_bytes=disk and disk.total,
        free_bytes=disk and disk.free,
        reserve_bytes=disk and min(settings.disk_reserve_bytes, disk.total // 20),
        retention_days=agreed.retention_days,
        purged_by=agreed.left_to or None,
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
    history_s, payloads_s = (
        _seconds("history", wanted.history),
        _seconds("payloads", wanted.payloads),
    )
    if history_s is not None and payloads_s is not None and payloads_s > history_s:
        raise CallerError(f"payloads: {OUTLIVES}", code="invalid_request")
    await engine.catalog.set_kept(workspace, Kept(history_s, payloads_s, wanted.archive), actor)


@dataclass(frozen=True, slots=True)
class _Times:
    """For how many days an integration's messages and payloads are kept, and whether archived."""

    trigger_no: int
    history_days: float
    payloads_days: float
    archive: bool

    def asked(self, now_us: int) -> Asked:
        """What goes within a day."""
        soon_us = now_us + int(_DAY_S * 1e6)
        earlier = self.payloads_days < self.history_days
        return Asked(
            self.trigger_no,
            soon_us - int(self.history_days * _DAY_S * 1e6),
            soon_us - int(self.payloads_days * _DAY_S * 1e6) if earlier else None,
        )


def _times(
    item: PublishedIntegration, of_workspace: shapes.RetentionShape, agreed: Agreed
) -> _Times:
    retention: dict[str, Any] = item.document.get("retention") or {}
    says = retention.get("archive")
    archive = of_workspace.archive if says is None else bool(says)
    history_days = _days(
        retention.get("history") or of_workspace.history, float(agreed.retention_days)
    )
    payloads_days = _days(retention.get("payloads") or of_workspace.payloads, history_days)
    return _Times(
        item.trigger_no,
        history_days,
        min(payloads_days, history_days),
        agreed.archive if archive is None else archive,
    )


def _kept(
    item: PublishedIntegration,
    times: _Times,
    totals: Totals,
    known: KeptOf,
    archive_bytes: int,
) -> shapes.KeptShape:
    return shapes.KeptShape(
        workspace=item.workspace,
        integration=item.name,
        executions=totals.accepted + totals.replayed - totals.purged,
        oldest_received_at=written_or_none(known.oldest_received_at_us),
        payload_bytes=known.payload_bytes,
        archive_bytes=archive_bytes,
        going_messages=known.going_messages,
        going_bytes=known.going_bytes,
        purged=totals.purged,
        history_days=times.history_days,
        payloads_days=times.payloads_days,
        archive=times.archive,
    )


async def _archive(engine: Engine, agreed: Agreed) -> shapes.ArchiveShape:
    archive = engine.archive
    files, size_bytes = await asyncio.to_thread(folder.size_bytes, archive.folder)
    return shapes.ArchiveShape(
        directory=str(archive.folder),
        by_default=agreed.archive,
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
