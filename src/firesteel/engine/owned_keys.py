"""The API keys of one owner, a trigger or a consumer, and what people do with them.

Keys of either are listed, added, changed, rotated, revealed and deleted alike (decision 0049); what
differs is what a label may be, and that the first key of an open trigger closes it. Each act takes
effect at once, on every node.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from firesteel.engine.api_keys import Rotation
from firesteel.engine.ownership import asks_for_none
from firesteel.errors import CallerError
from firesteel.model.api_key import check_label
from firesteel.model.held_keys import HeldKey, labels_of_others
from firesteel.store.catalog import OfConsumer

if TYPE_CHECKING:
    from firesteel.engine.api_keys import AddedKey, ApiKeys, WantedKey
    from firesteel.engine.clock import Clock
    from firesteel.engine.engine import Engine
    from firesteel.engine.publishing import Publisher
    from firesteel.store.catalog import ApiKey, Consumer, KeyOwner, PublishedIntegration
    from firesteel.store.journal import Actor

OVERLAP_S = 7 * 86_400
OVERLAP_LIMIT_S = 366 * 86_400
# A key without a label gives way so often to others that are added at the same moment.
NUMBERS_TRIED_MOST = 100


@dataclass(frozen=True, slots=True)
class KeysOf:
    """Whose API keys, by name: those of an integration's trigger, or a consumer's own."""

    kind: Literal["trigger", "consumer"]
    workspace: str
    name: str


@dataclass(frozen=True, slots=True)
class Means:
    """What the acts are done with."""

    keys: ApiKeys
    engine: Engine
    clock: Clock


class OwnedKeys(ABC):
    """``owner``: as whose they are kept; ``subject``: how the audit log names it."""

    def __init__(self, means: Means, owner: KeyOwner, subject: str) -> None:
        self.owner = owner
        self._subject = subject
        self._keys = means.keys
        self._engine = means.engine
        self._clock = means.clock

    async def every(self) -> list[ApiKey]:
        """By label, those behind the current one that it has replaced."""
        return await self._keys.every(self.owner)

    async def find(self, label: str) -> ApiKey:
        """Raises CallerError ``unknown_key``."""
        return await self._keys.find(self.owner, label)

    async def add(self, wanted: WantedKey, *, actor: Actor, close: bool = True) -> AddedKey:
        """A new key. ``close``: the first one of a trigger that asks for none changes that, by a
        version that declares it; without, it lets nobody in until such a version is published.
        Raises CallerError ``name_invalid``, ``label_taken``, ``secret_taken``, ``key_invalid``;
        ``expiry_invalid`` where the key would be dead from the start; ``managed_by_files``."""
        check_label(wanted.label)
        self._refuse_past(wanted.expires_at_us)
        self._refuse_taken(wanted.label)
        added = await self._add(wanted, actor, close)
        await self._engine.refresh_routes()
        return added

    async def change(self, label: str, wanted: WantedKey, *, actor: Actor) -> ApiKey:
        """Another label, secret (None: as it is) or expiry. Raises CallerError as ``add``, and
        ``unknown_key``."""
        check_label(wanted.label)
        if wanted.label != label:
            self._refuse_taken(wanted.label)
        key = await self._keys.change(self.owner, label, wanted=wanted, actor=actor.name)
        await self._engine.refresh_routes()
        return key

    async def rotate(
        self, label: str, wanted: WantedKey, *, overlap_s: float, actor: Actor
    ) -> AddedKey:
        """A new secret under the same label (P47): ``wanted``'s, or a generated one; those before
        it are taken for ``overlap_s`` more at most. Raises CallerError ``unknown_key``,
        ``secret_taken``, ``key_invalid``, ``expiry_invalid``."""
        self._refuse_past(wanted.expires_at_us)
        old_until_us = self._clock.now_us() + int(overlap_s * 1e6)
        rotation = Rotation(wanted.secret, wanted.expires_at_us, old_until_us)
        added = await self._keys.rotate(self.owner, label, rotation, actor=actor.name)
        await self._engine.refresh_routes()
        return added

    async def end_overlap(self, label: str, *, actor: Actor) -> int:
        """Take the secrets that rotation has replaced no more; how many that were. Raises
        CallerError ``unknown_key``."""
        ended = await self._keys.end_overlap(self.owner, label, actor.name)
        await self._engine.refresh_routes()
        return ended

    async def delete(self, label: str, *, actor: Actor) -> None:
        """The key is refused from the next call on. Raises CallerError ``unknown_key``."""
        await self._keys.delete(self.owner, label, actor.name)
        await self._engine.refresh_routes()

    async def reveal(self, label: str, *, actor: Actor) -> str:
        """The secret in clear; the audit log says who saw it. Raises CallerError
        ``unknown_key``."""
        return await self._keys.reveal(self.owner, label, subject=self._subject, actor=actor.name)

    async def open(self, label: str) -> str:
        """The secret in clear, to be used again and shown to nobody. Raises CallerError
        ``unknown_key``."""
        return await self._keys.open(self.owner, label)

    @abstractmethod
    def _refuse_taken(self, label: str) -> None:
        """Raises CallerError ``label_taken`` where something else of the owner has the label."""

    async def _add(self, wanted: WantedKey, actor: Actor, close: bool) -> AddedKey:
        return await self._keys.add(self.owner, wanted, actor.name)

    def _refuse_past(self, expires_at_us: int | None) -> None:
        if expires_at_us is not None and expires_at_us <= self._clock.now_us():
            raise CallerError("the day on which the key expires is past", code="expiry_invalid")


class KeysOfTrigger(OwnedKeys):
    """``publisher`` closes an open trigger."""

    def __init__(
        self, means: Means, integration: PublishedIntegration, publisher: Publisher
    ) -> None:
        subject = f"{integration.workspace}/{integration.name}"
        super().__init__(means, integration.trigger_no, subject)
        self._integration = integration
        self._publisher = publisher

    def _refuse_taken(self, label: str) -> None:
        if label in labels_of_others(self._integration.document):
            whose = self._integration.name
            detail = f"another way to authenticate of {whose} has the label {label}"
            raise CallerError(detail, code="label_taken")

    async def _add(self, wanted: WantedKey, actor: Actor, close: bool) -> AddedKey:
        unasked = close and asks_for_none(self._integration)
        added = await super()._add(wanted, actor, close)
        if unasked:
            await self._publisher.close(self._integration, HeldKey(wanted.label, None), actor)
        return added


class KeysOfConsumer(OwnedKeys):
    """A key without a label is numbered."""

    def __init__(self, means: Means, consumer: Consumer) -> None:
        subject = f"{consumer.workspace}/consumers/{consumer.name}"
        super().__init__(means, OfConsumer(consumer.consumer_no), subject)

    async def add(self, wanted: WantedKey, *, actor: Actor, close: bool = True) -> AddedKey:
        """As of any owner; without a label it gets the first number that is free, and the next one
        where another addition has taken that meanwhile."""
        if wanted.label:
            return await super().add(wanted, actor=actor, close=close)
        tried: set[str] = set()
        while True:
            number = _first_number(tried.union(key.label for key in await self.every()))
            try:
                return await super().add(replace(wanted, label=number), actor=actor, close=close)
            except CallerError as error:
                if error.code != "label_taken" or len(tried) == NUMBERS_TRIED_MOST:
                    raise
                tried.add(number)

    def _refuse_taken(self, label: str) -> None:
        """Its labels are its keys' alone, of which the store knows."""


def _first_number(taken: set[str]) -> str:
    number = 1
    while str(number) in taken:
        number += 1
    return str(number)
