"""Publishing connections and secrets of a workspace; workers get them at once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from firesteel.engine.connections import SECRET
from firesteel.engine.ownership import Owner
from firesteel.errors import CallerError
from firesteel.model.connection import (
    InvalidConnection,
    connection_json,
    connection_references,
    parse_connection,
)
from firesteel.model.fault import Fault
from firesteel.model.section import CONNECTION_NAME

if TYPE_CHECKING:
    from firesteel.engine.engine import Engine
    from firesteel.engine.parts import Parts
    from firesteel.store.catalog import Catalog, ManagedBy, StoredConnection
    from firesteel.store.journal import Actor

_SECRET_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}", re.ASCII)
_CONNECTION_NAME = re.compile(CONNECTION_NAME, re.ASCII)


class ConnectionPublisher:
    """Each act takes effect with the next step that a worker begins."""

    def __init__(self, engine: Engine, parts: Parts) -> None:
        self._engine = engine
        self._catalog = parts.catalog
        self._keyring = parts.keyring
        self._lookup = parts.connections.lookup

    async def put(
        self, workspace: str, name: str, document: Any, *, owner: Owner, actor: Actor
    ) -> bool:
        """Publish a connection; True if it changed. Raises InvalidConnection, and CallerError as
        ``check`` does."""
        stored = await self.check(workspace, name, document, owner=owner)
        changed = await self._catalog.put_connection(
            workspace, name, stored, managed_by=owner.managed_by, actor=actor.name
        )
        if changed:
            await self._engine.connections_changed(workspace)
        return changed

    async def check(
        self, workspace: str, name: str, document: Any, *, owner: Owner
    ) -> dict[str, Any]:
        """The document as it is stored: references unresolved. Raises InvalidConnection with every
        fault; CallerError ``name_invalid``, ``managed_by_files``, ``managed_by_console``,
        ``unknown_workspace``."""
        await require_workspace(self._catalog, workspace)
        if not _CONNECTION_NAME.fullmatch(name):
            raise CallerError(
                "the name of a connection has 1 to 64 of letters, digits, _ and -",
                code="name_invalid",
            )
        checked = connection_json(parse_connection(document))
        lookup = await self._lookup(workspace)
        missing = [name for name in connection_references(checked) if lookup(name) is None]
        if missing:
            raise InvalidConnection([_missing(name) for name in missing])
        current = await self._find(workspace, name)
        if current and current.document != checked:
            owner.refuse(current.managed_by, f"the connection {name}")
        return checked

    async def delete(
        self, workspace: str, name: str, *, managed_by: ManagedBy, actor: Actor
    ) -> None:
        """Raises CallerError ``unknown_connection``, ``managed_by_files``, ..."""
        await require_workspace(self._catalog, workspace)
        current = await self._find(workspace, name)
        if current:
            Owner(managed_by).refuse(current.managed_by, f"the connection {name}")
        await self._catalog.delete_connection(workspace, name, actor.name)
        await self._engine.connections_changed(workspace)

    async def all(self, workspace: str) -> list[StoredConnection]:
        """The workspace's connections by name. Raises CallerError ``unknown_workspace``."""
        await require_workspace(self._catalog, workspace)
        return await self._catalog.connections(workspace)

    async def find(self, workspace: str, name: str) -> StoredConnection:
        """Raises CallerError ``unknown_connection``, ``unknown_workspace``."""
        await require_workspace(self._catalog, workspace)
        found = await self._find(workspace, name)
        if found is None:
            raise CallerError(f"there is no connection {name}", code="unknown_connection")
        return found

    async def secret_names(self, workspace: str) -> list[str]:
        """The names of the workspace's secrets; their values are never shown."""
        await require_workspace(self._catalog, workspace)
        return sorted(await self._catalog.secrets(workspace))

    async def put_secret(self, workspace: str, name: str, value: str, *, actor: Actor) -> None:
        """Keep a secret for ``${NAME}``, sealed. Raises CallerError ``name_invalid``."""
        await require_workspace(self._catalog, workspace)
        if not _SECRET_NAME.fullmatch(name):
            raise CallerError(
                "a secret's name has letters, digits and _, and does not begin with a digit",
                code="name_invalid",
            )
        sealed = self._keyring.seal(value.encode(), SECRET)
        await self._catalog.put_secret(workspace, name, sealed, actor.name)
        await self._secrets_changed(workspace)

    async def delete_secret(self, workspace: str, name: str, *, actor: Actor) -> None:
        """Raises CallerError ``unknown_secret``."""
        await require_workspace(self._catalog, workspace)
        await self._catalog.delete_secret(workspace, name, actor.name)
        await self._secrets_changed(workspace)

    async def _secrets_changed(self, workspace: str) -> None:
        """Connections hold secrets, and so do the ways to authenticate of triggers."""
        await self._engine.connections_changed(workspace)
        await self._engine.refresh_routes()

    async def _find(self, workspace: str, name: str) -> StoredConnection | None:
        stored = {item.name: item for item in await self._catalog.connections(workspace)}
        return stored.get(name)


async def require_workspace(catalog: Catalog, workspace: str) -> None:
    """Raises CallerError ``unknown_workspace``."""
    if workspace not in await catalog.workspaces():
        raise CallerError(f"there is no workspace {workspace}", code="unknown_workspace")


def _missing(name: str) -> Fault:
    detail = f"${{{name}}} is neither a secret of the workspace nor in the node's environment"
    return Fault("", 0, 0, "", "reference_missing", detail, f"set {name}")
