"""What a check finds, and what all checks are told of the installation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from pathlib import Path

    from firesteel.settings import Settings
    from firesteel.store.glance import Glance

Level = Literal["ok", "warning", "fault"]


@dataclass(frozen=True, slots=True)
class Finding:
    """``check``: its stable name. ``remedy``: what to do; empty where all is well."""

    check: str
    level: Level
    says: str
    remedy: str = ""


def ok(check: str, says: str) -> Finding:
    """All is well."""
    return Finding(check, "ok", says)


def warning(check: str, says: str, remedy: str) -> Finding:
    """A node runs, and should not for long."""
    return Finding(check, "warning", says, remedy)


def fault(check: str, says: str, remedy: str) -> Finding:
    """A node does not start, or does not do what it should."""
    return Finding(check, "fault", says, remedy)


@dataclass(slots=True)
class Case:
    """An installation. ``runs``: an engine has this data directory or its store's file.
    ``described``: what a node wrote about itself, if it did. ``store``: set by the check of the
    store, None where it could not be read or there is none yet."""

    settings: Settings
    runs: bool
    described: dict[str, Any] | None = field(repr=False)
    store: Glance | None = None

    @property
    def store_folder(self) -> Path:
        """Where the SQLite file is; with PostgreSQL the data directory."""
        path = self.settings.store_path
        return self.settings.data_dir if path is None else path.parent
