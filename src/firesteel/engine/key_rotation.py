"""Another encryption key, and other data keys, while nodes go on working.

First the data keys are sealed under the next encryption key as well, so that nodes may have either.
When every node has the next one, new data keys are made, which the key before does not open, and
everything sealed is sealed anew, in batches: until its turn has come a value opens with the data
keys before. A node alone that keeps its key in a file does all of it at once. Whatever is cut off
goes on where it was (docs/decisions/0039).
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from firesteel.engine.api_keys import purpose_of_keys
from firesteel.engine.connections import SECRET
from firesteel.engine.data_keys import Envelope, key_id, sealed_under
from firesteel.engine.key_chest import CHECK_SETTING, ENVELOPE_SETTING
from firesteel.engine.key_file import take_over_next, write_next
from firesteel.errors import CallerError, OperatorError
from firesteel.model.encryption_key import KEY_BYTES, written_key
from firesteel.store.bulletin import CatalogChanged
from firesteel.store.catalog import OfConsumer, Resealed, SealedValue

if TYPE_CHECKING:
    from pathlib import Path

    from firesteel.engine.engine import Engine
    from firesteel.engine.keyring import Ring
    from firesteel.engine.parts import Parts

BATCH = 200
_KEY_OF = "encryption_key_of "
"""A setting for each node: the id of the encryption key that it was started with."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class KeyState:
    """``key_id``: of the encryption key of the node that answers; ``in_file``: it lies in the data
    directory; ``at_once``: a change of it is over when ``begin`` is; ``made_at_us``: of the data
    keys in use, 0 where an earlier release made them; ``next_id``: of the key that is about to take
    over; ``nodes_left``: those that have another key still; ``to_reseal``: values that older data
    keys have sealed."""

    key_id: str
    in_file: bool
    at_once: bool
    made_at_us: int
    next_id: str | None
    began_at_us: int
    nodes_left: list[str]
    to_reseal: int


@dataclass(frozen=True, slots=True)
class Rotated:
    """``key``: the next key as it is written, for every node to be given; None where the change is
    over. ``former_file``: where the key before is kept."""

    key: str | None
    former_file: str | None

    def __repr__(self) -> str:
        return f"Rotated({'begun' if self.key else 'finished'})"


class KeyRotation:
    """Made by ``Engine``."""

    def __init__(self, engine: Engine, parts: Parts) -> None:
        self._engine = engine
        self._parts = parts
        self._chest = parts.chest
        self._catalog = parts.catalog
        # Of this node: what two people begin at once is done one after the other.
        self._turn = asyncio.Lock()

    async def state(self) -> KeyState:
        """How it stands. Raises StoreUnavailable."""
        _, envelope = await self._chest.envelope()
        ring, chest = self._parts.keyring.ring, self._chest
        left = [] if envelope.next is None else await self._nodes_left(envelope.next)
        return KeyState(
            key_id=chest.key_id,
            in_file=chest.data_dir is not None,
            at_once=self._folder is not None,
            made_at_us=ring.keys.current.made_at_us,
            next_id=envelope.next,
            began_at_us=envelope.since_us,
            nodes_left=left,
            to_reseal=len(await self._sealed_before(ring)),
        )

    async def begin(self, actor: str) -> Rotated:
        """Let another key take over. A node alone with a key file has it at once; else the key is
        told, this once, and ``finish`` ends the change. Begun again, the key that was told before
        is forgotten. Raises CallerError ``rotation_under_way`` where a node has that one."""
        async with self._turn:
            return await self._begin(actor)

    async def _begin(self, actor: str) -> Rotated:
        text, envelope = await self._chest.envelope()
        if envelope.next is not None and await self._anybody_has(envelope.next):
            raise CallerError(
                "a node was started with the next key already: finish this change first",
                code="rotation_under_way",
            )
        key = secrets.token_bytes(KEY_BYTES)
        here = self._folder
        if here is not None:
            write_next(here, key)
        own = {self._chest.key_id: envelope.sealed[self._chest.key_id]}
        both = Envelope(
            {**own, **sealed_under(key, self._chest.take(text))},
            next=key_id(key).hex(),
            since_us=self._engine.now_us(),
        )
        await self._exchange(text, both, actor, "encryption.begin", f"next key {both.next}")
        if here is None:
            return Rotated(written_key(key), None)
        former = take_over_next(here)
        self._chest.key = key
        await self._finish(actor)
        return Rotated(None, former)

    async def finish(self, actor: str) -> None:
        """Make new data keys, which the key before does not open, and seal everything anew. Raises
        CallerError ``rotation_not_begun``; ``rotation_unfinished`` where a node has the key before,
        and would not start again."""
        async with self._turn:
            await self._finish(actor)

    async def _finish(self, actor: str) -> None:
        text, envelope = await self._chest.envelope()
        if envelope.next is None:
            raise CallerError(
                "no change of the encryption key was begun", code="rotation_not_begun"
            )
        left = await self._nodes_left(envelope.next)
        if left:
            raise CallerError(
                f"still with the key before: {', '.join(left)}; give every node the next key and "
                "start it anew",
                code="rotation_unfinished",
            )
        await self._engine.refresh_routes()  # by which the data keys are those of the store
        await self._reseal()  # the keys before the last ones are about to be let go
        if await self._catalog.setting(CHECK_SETTING) is not None:
            await self._catalog.put_setting(CHECK_SETTING, "replaced")
        keys = self._chest.take(text).renewed(self._engine.now_us())
        after = Envelope(sealed_under(self._chest.key, keys))
        await self._exchange(
            text, after, actor, "encryption.finish", f"key {self._chest.key_id} alone"
        )
        self._parts.bulletin.tell(CatalogChanged())
        await self._engine.refresh_routes()
        await self._reseal()

    async def go_on(self) -> None:
        """At start: say which key this node has, and end what was cut off."""
        if not self._alone:
            name = f"{_KEY_OF}{self._parts.name}"
            if await self._catalog.setting(name) != self._chest.key_id:
                await self._catalog.put_setting(name, self._chest.key_id)
        elif self._folder is not None:
            _, envelope = await self._chest.envelope()
            if envelope.next == self._chest.key_id:
                log.info("encryption_key_change_goes_on")
                await self.finish("node")
                return
        await self._reseal()

    # inside

    @property
    def _alone(self) -> bool:
        return not self._parts.name

    @property
    def _folder(self) -> Path | None:
        """Where a node alone exchanges the key itself; None where the key is to be told."""
        return self._chest.data_dir if self._alone else None

    async def _exchange(
        self, before: str, after: Envelope, actor: str, action: str, detail: str
    ) -> None:
        await self._catalog.exchange_setting(
            ENVELOPE_SETTING, before, after.text(), actor=actor, action=action, detail=detail
        )

    async def _nodes_left(self, next_id: str) -> list[str]:
        """The nodes that do not say that they have that key."""
        if self._alone:
            return [] if self._chest.key_id == next_id else [self._engine.name]
        return [
            node.name
            for node in await self._parts.nodes.living()
            if await self._catalog.setting(f"{_KEY_OF}{node.name}") != next_id
        ]

    async def _anybody_has(self, next_id: str) -> bool:
        if self._alone:
            return self._chest.key_id == next_id
        left = await self._nodes_left(next_id)
        return len(left) < len(await self._parts.nodes.living())

    async def _sealed_before(self, ring: Ring) -> list[SealedValue]:
        found = await self._catalog.sealed_values()
        return [value for value in found if not ring.is_current(value.sealed)]

    async def _reseal(self) -> None:
        """Seal with the data keys in use what older ones have sealed. Safe to repeat."""
        ring = self._parts.keyring.ring
        values = await self._sealed_before(ring)
        for begin in range(0, len(values), BATCH):
            anew = [_sealed_anew(ring, value) for value in values[begin : begin + BATCH]]
            await self._catalog.reseal([item for item in anew if item is not None])


def _sealed_anew(ring: Ring, value: SealedValue) -> Resealed | None:
    """None for a value that cannot be opened: it stays as it is."""
    is_key = value.kind != "secret"
    of_consumer = value.kind == "consumer_key"
    owner = OfConsumer(value.owner_no) if of_consumer else value.owner_no
    purpose = purpose_of_keys(owner) if is_key else SECRET
    try:
        secret = ring.open(value.sealed, purpose)
    except OperatorError as error:
        log.error("sealed_value_unreadable", kind=value.kind, name=value.name, code=error.code)
        return None
    return Resealed(value, ring.seal(secret, purpose), ring.digest(secret) if is_key else None)
