"""Who may call: consumers, their keys and grants, and the rotation of any key.

Each act takes effect at once, on every node.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from firesteel.engine.api_keys import Rotation, WantedKey
from firesteel.engine.connection_publishing import require_workspace
from firesteel.engine.ownership import asks_for_none
from firesteel.errors import CallerError
from firesteel.model.api_key import check_label
from firesteel.model.held_keys import HeldConsumer

if TYPE_CHECKING:
    from firesteel.engine.api_keys import AddedKey
    from firesteel.engine.engine import Engine
    from firesteel.engine.parts import Parts
    from firesteel.engine.publishing import Publisher
    from firesteel.store.catalog import ApiKey, Consumer, KeyOwner
    from firesteel.store.journal import Actor

OVERLAP_S = 7 * 86_400
OVERLAP_LIMIT_S = 366 * 86_400


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

    # --- keys of consumers

    async def add_key(
        self, workspace: str, name: str, wanted: WantedKey, *, actor: Actor
    ) -> AddedKey:
        """A new key; without a label it is numbered. Raises CallerError ``label_taken``,
        ``secret_taken``, ``key_invalid``, ``name_invalid``, ``expiry_invalid``."""
        owner = await self._publisher.consumers.owner(workspace, name)
        if not wanted.label:
            taken = {key.label for key in await self._publisher.keys.of(owner)}
            wanted = WantedKey(_first_number(taken), wanted.secret, wanted.expires_at_us)
        check_label(wanted.label)
        self.refuse_past(wanted.expires_at_us)
        added = await self._publisher.keys.add(owner, wanted, actor.name)
        await self._engine.refresh_routes()
        return added

    async def change_key(
        self, owner: KeyOwner, label: str, wanted: WantedKey, *, actor: Actor
    ) -> ApiKey:
        """Another label, secret (None: as it is) or expiry."""
        check_label(wanted.label)
        key = await self._publisher.keys.change(owner, label, wanted=wanted, actor=actor.name)
        await self._engine.refresh_routes()
        return key

    async def delete_key(self, owner: KeyOwner, label: str, *, actor: Actor) -> None:
        """The key is refused from the next call on."""
        await self._publisher.keys.delete(owner, label, actor.name)
        await self._engine.refresh_routes()

    # --- rotation

    async def rotate(
        self,
        owner: KeyOwner,
        label: str,
        *,
        wanted: WantedKey,
        overlap_s: float,
        actor: Actor,
    ) -> AddedKey:
        """A new secret under the same label (P47): ``wanted``'s, or a generated one; those before
        it are taken for ``overlap_s`` more at most. Raises CallerError ``unknown_key``,
        ``secret_taken``, ``key_invalid``, ``expiry_invalid``."""
        self.refuse_past(wanted.expires_at_us)
        old_until_us = self._clock.now_us() + int(overlap_s * 1e6)
        rotation = Rotation(wanted.secret, wanted.expires_at_us, old_until_us)
        added = await self._publisher.keys.rotate(owner, label, rotation, actor=actor.name)
        await self._engine.refresh_routes()
        return added

    async def end_overlap(self, owner: KeyOwner, label: str, *, actor: Actor) -> int:
        """Take the secrets that rotation has replaced no more; how many that were. Raises
        CallerError ``unknown_key``."""
        ended = await self._publisher.keys.end_overlap(owner, label, actor.name)
        await self._engine.refresh_routes()
        return ended

    def refuse_past(self, expires_at_us: int | None) -> None:
        """Raises CallerError ``expiry_invalid`` where a key would be dead from the start."""
        if expires_at_us is not None and expires_at_us <= self._clock.now_us():
            raise CallerError("the day on which the key expires is past", code="expiry_invalid")


def _first_number(taken: set[str]) -> str:
    number = 1
    while str(number) in taken:
        number += 1
    return str(number)
