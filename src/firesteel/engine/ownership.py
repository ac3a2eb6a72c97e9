"""Who may edit what: integrations and connections belong to files or to the console."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from firesteel.errors import CallerError

if TYPE_CHECKING:
    from firesteel.store.catalog import ManagedBy


@dataclass(frozen=True, slots=True)
class Owner:
    """Who edits: files or the console. ``take_over``: also what belongs to the other one, and it
    belongs to this one afterwards."""

    managed_by: ManagedBy
    take_over: bool = False

    def refuse(self, current: ManagedBy, what: str) -> None:
        """Raises CallerError ``managed_by_files`` or ``managed_by_console`` where ``current`` is
        the other one and is not to be taken over."""
        if current == self.managed_by or self.take_over:
            return
        name = "files" if current == "files" else "the console"
        raise CallerError(f"{what} is managed by {name}", code=f"managed_by_{current}")
