"""The last acts of one kind that the audit log tells of, upon one subject."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from firesteel.store.catalog import AuditFilter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from firesteel.store.catalog import AuditEntry, Catalog

_READ: Final = 10_000


async def last_acts(catalog: Catalog, kind: str, subject: str) -> tuple[Sequence[AuditEntry], bool]:
    """Latest first, and whether there may be more, by which somebody may have done anything.
    ``kind``: as ``AuditFilter.action``; ``subject``: all of the entry's."""
    wanted = AuditFilter(action=kind, exact_subject=subject, limit=_READ)
    entries = await catalog.audit(wanted)
    return entries, len(entries) >= _READ
