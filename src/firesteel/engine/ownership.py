"""Who may edit what: integrations and connections belong to files or to the console."""

from __future__ import annotations

from typing import TYPE_CHECKING

from firesteel.errors import CallerError

if TYPE_CHECKING:
    from firesteel.store.catalog import ManagedBy


def owned_by(owner: ManagedBy, what: str) -> CallerError:
    """The refusal to change what the other one owns."""
    name = "files" if owner == "files" else "the console"
    return CallerError(f"{what} is managed by {name}", code=f"managed_by_{owner}")
