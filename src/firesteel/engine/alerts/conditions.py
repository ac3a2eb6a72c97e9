"""What is wrong with a node itself: its disk, its archive.

Each node notes it of itself and writes it to the store, in a setting for each kind, where the node
that watches reads it of all of them. It outlives the engine: what has not been looked at again
since the engine started is as it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from firesteel.model.alert import AlertItem
from firesteel.store.nodes import CONDITION_AS

if TYPE_CHECKING:
    from firesteel.model.alerts import Event
    from firesteel.store.catalog import Catalog

KINDS: Final[tuple[Event, ...]] = ("storage_low", "archive_failed")


class Condition(msgspec.Struct, frozen=True):
    """``degree``: where it rises, it is told again."""

    degree: int
    item: AlertItem


class Conditions:
    """Of the node ``name``, empty where no other shares the store."""

    def __init__(self, catalog: Catalog, name: str) -> None:
        self._catalog = catalog
        self._name = name
        self._noted: dict[Event, Condition | None] = {}
        self._written: dict[Event, str] = {}

    def note(self, kind: Event, condition: Condition | None) -> None:
        """What is so now; None: nothing is wrong. Figures are those of when its degree changed."""
        before = self._noted.get(kind)
        if before is None or condition is None or before.degree != condition.degree:
            self._noted[kind] = condition

    async def stands(self, kind: Event) -> bool:
        """Whether something of that kind was wrong last, by this engine or the one before it.
        Raises StoreUnavailable."""
        if kind in self._noted:
            return self._noted[kind] is not None
        if kind not in self._written:
            self._written[kind] = await self._catalog.setting(_setting(kind, self._name)) or ""
        return bool(self._written[kind])

    async def write(self) -> None:
        """Write what has changed. Raises StoreUnavailable; safe to repeat."""
        for kind, condition in list(self._noted.items()):
            text = "" if condition is None else msgspec.json.encode(condition).decode()
            setting = _setting(kind, self._name)
            if kind not in self._written:
                self._written[kind] = await self._catalog.setting(setting) or ""
            if self._written[kind] != text:
                await self._catalog.put_setting(setting, text)
                self._written[kind] = text

    async def of(self, node: str) -> dict[Event, Condition]:
        """What was written of a node last. Raises StoreUnavailable."""
        found = {}
        for kind in KINDS:
            text = await self._catalog.setting(_setting(kind, node))
            if text:
                found[kind] = msgspec.json.decode(text, type=Condition)
        return found


def _setting(kind: Event, node: str) -> str:
    return f"{CONDITION_AS}{kind}_{node}"
