"""Who may call: consumers and their grants, and the keys of whoever has any.

Each act takes effect at once, on every node.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from firesteel.engine.connection_publishing import require_workspace
from firesteel.engine.owned_keys import KeysOfConsumer, KeysOfTrigger, Means
from firesteel.engine.ownership import asks_for_none
from firesteel.model.held_keys import HeldConsumer

if TYPE_CHECKING:
    from firesteel.engine.engine import Engine
    from firesteel.engine.owned_keys import KeysOf, OwnedKeys
    from firesteel.engine.parts import Parts
    from firesteel.engine.publishing import Publisher
    from firesteel.store.catalog import Consumer
    from firesteel.store.journal import Actor


class Granting:
    """Made by the Publisher."""

    def __init__(self, publisher: Publisher, engine: Engine, parts: Parts) -> None:
        self._publisher = publisher
        self._engine = engine
        self._catalog = parts.catalog
        self._clock = parts.clock

    # --- consumers

    async def add(self, workspace: str, name: str, *, actor: Actor) -> Consumer:
        """A consumer without keys and grants. Raises CallerError ``name_taken``,
        ``name_invalid``, ``unknown_workspace``."""
        await require_workspace(self._catalog, workspace)
        added = await self._publisher.consumers.add(workspace, name, actor.name)
        await self._engine.refresh_routes()
        return added

    async def rename(self, workspace: str, name: str, new_name: str, *, actor: Actor) -> Consumer:
        """Messages keep the name that they came with. Raises CallerError ``unknown_consumer``,
        ``name_taken``, ``name_invalid``, ``secret_taken``."""
        renamed = await self._publisher.consumers.rename(workspace, name, new_name, actor.name)
        await self._engine.refresh_routes()
        return renamed

    async def delete(self, workspace: str, name: str, *, actor: Actor) -> None:
        """Its keys are refused from the next call on. Raises CallerError ``unknown_consumer``."""
        await self._catalog.delete_consumer(workspace, name, actor.name)
        await self._engine.refresh_routes()

    async def grant(self, workspace: str, name: str, integration: str, *, actor: Actor) -> bool:
        """Let the consumer's keys open a trigger; whether they did not before. A trigger that
        asks for no key does from then on, by a version that declares the consumer; one that files
        manage is refused: ``managed_by_files``. Raises CallerError ``unknown_consumer``,
        ``unknown_integration``, ``secret_taken``."""
        found = await self._publisher.find(workspace, integration)
        await self._publisher.consumers.find(workspace, name)
        unasked = asks_for_none(found)
        granted = await self._catalog.grant(found.trigger_no, [name], actor.name)
        if unasked:
            await self._publisher.close(found, HeldConsumer(name), actor)
        await self._engine.refresh_routes()
        return bool(granted)

    async def revoke(self, workspace: str, name: str, integration: str, *, actor: Actor) -> bool:
        """Take a grant back; whether there was one. The trigger stays closed."""
        found = await self._publisher.find(workspace, integration)
        revoked = await self._catalog.revoke(found.trigger_no, [name], actor.name)
        await self._engine.refresh_routes()
        return bool(revoked)

    # --- keys

    async def keys_of(self, owner: KeysOf) -> OwnedKeys:
        """The API keys of a trigger or of a consumer. Raises CallerError ``unknown_workspace``,
        ``unknown_integration``, ``unknown_consumer``."""
        publisher = self._publisher
        means = Means(publisher.keys, self._engine, self._clock)
        if owner.kind == "trigger":
            integration = await publisher.find(owner.workspace, owner.name)
            return KeysOfTrigger(means, integration, publisher)
        return KeysOfConsumer(means, await publisher.consumers.find(owner.workspace, owner.name))
