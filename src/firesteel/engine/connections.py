"""Connections as workers get them: documents of the catalog with ``${NAME}`` resolved.

A name is looked for among the workspace's secrets, then in the node's environment. A connection
with a missing name is left out and logged: its steps fail and say that it is unknown.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import structlog

from firesteel.errors import FiresteelError
from firesteel.model import frames
from firesteel.model.connection import resolved

if TYPE_CHECKING:
    from collections.abc import Callable

    from firesteel.engine.keyring import Keyring
    from firesteel.settings import Settings
    from firesteel.store.catalog import Catalog

SECRET = "secret"  # noqa: S105  # a purpose of the keyring, not a password

log = structlog.get_logger(__name__)


class Connections:
    """Frames by workspace, kept in memory; ``reload`` after every change."""

    def __init__(self, catalog: Catalog, keyring: Keyring, settings: Settings) -> None:
        self._catalog = catalog
        self._keyring = keyring
        self._settings = settings
        self._frames: dict[str, frames.Connections] = {}

    def ready(self, workspace: str) -> bool:
        """Whether the workspace was loaded."""
        return workspace in self._frames

    @property
    def loaded(self) -> list[str]:
        """The workspaces that were loaded."""
        return list(self._frames)

    def frame(self, workspace: str) -> frames.Connections:
        """The frame of a workspace that was loaded."""
        return self._frames[workspace]

    async def load(self, workspace: str) -> frames.Connections:
        """The frame, read from the catalog if need be."""
        if workspace not in self._frames:
            await self.reload(workspace)
        return self._frames[workspace]

    async def reload(self, workspace: str) -> bool:
        """Read the workspace's connections and secrets anew; False where nothing has changed."""
        lookup = await self.lookup(workspace)
        documents: dict[str, Any] = {}
        for stored in await self._catalog.connections(workspace):
            try:
                documents[stored.name] = resolved(stored.document, lookup)
            except FiresteelError as error:
                log.error("connection_unresolved", connection=stored.name, code=error.code)
        before = self._frames.get(workspace)
        now = frames.Connections(
            workspace,
            json.dumps(documents).encode(),
            self._settings.workers,
            list(self._settings.outgoing_allow),
        )
        self._frames[workspace] = now
        return now != before

    async def lookup(self, workspace: str) -> Callable[[str], str | None]:
        """How ``${NAME}`` is resolved in this workspace: its secrets, then the environment."""
        sealed = await self._catalog.secrets(workspace)
        secrets = {
            name: (await self._keyring.open_stored(value, SECRET)).decode()
            for name, value in sealed.items()
        }
        return lambda name: secrets.get(name, os.environ.get(name))
