"""Who may edit what: integrations and connections belong to files or to the console."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from firesteel.errors import CallerError
from firesteel.model.held_keys import asks_for_keys

if TYPE_CHECKING:
    from firesteel.store.catalog import ManagedBy, PublishedIntegration


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


def asks_for_none(integration: PublishedIntegration) -> bool:
    """Whether the trigger asks for no API key, and so has to from its first one on. Raises
    CallerError ``managed_by_files`` where that is for its file to say."""
    unasked = not asks_for_keys(integration.document)
    if unasked and integration.managed_by == "files":
        raise CallerError(
            f"{integration.name} asks for no API key and is managed by files: add an api_key or a "
            "consumer to its file",
            code="managed_by_files",
        )
    return unasked
