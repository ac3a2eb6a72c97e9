"""The nodes port: who works on the store, and by which settings of their own they purge."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec

NOTED_AS: Final = "retention_of "
"""A setting of the store for each node: when it said so by the store's clock, and what."""
NOTED_FOR_S: Final = 86_400
"""For so long it counts what a node has said: one that archives is missed while it is replaced."""


class Purging(msgspec.Struct, frozen=True):
    """What a node was started with: it holds where neither an integration nor its workspace says
    anything else. ``archive_dir``: as it was set; empty for the data directory's own."""

    retention_days: int
    archive: bool
    archive_dir: str

    def differs(self, other: Purging) -> list[str]:
        """The settings that are not the same."""
        mine, its = msgspec.structs.asdict(self), msgspec.structs.asdict(other)
        return [name for name in mine if mine[name] != its[name]]


def noted(rows: Iterable[tuple[str, str]], now_us: int) -> dict[str, Purging]:
    """What the settings ``NOTED_AS`` of the store say, as far as it counts at that time of the
    store's clock, by node."""
    found = {}
    for name, value in rows:
        at_us, _, said = value.partition(" ")
        if now_us - int(at_us) < NOTED_FOR_S * 1_000_000:
            found[name.removeprefix(NOTED_AS)] = msgspec.json.decode(said, type=Purging)
    return found


@dataclass(frozen=True, slots=True)
class LivingNode:
    """A session that has not ended. ``lease_s``: how long its lease holds by the store's clock;
    below 0 it has lapsed, and whatever it runs is about to be taken over. ``running``: executions
    that it runs."""

    name: str
    role: str
    version: str
    since_us: int
    lease_s: float
    running: int


@dataclass(frozen=True, slots=True)
class SeenNode:
    """A node that has not stopped in order. ``silent_s``: since its last sign of life, by the
    store's steady clock, where its lease has lapsed; None while that holds."""

    name: str
    silent_s: float | None


class Nodes(Protocol):
    """Nodes know each other by this alone, and need it to show it, to stop well, to tell people of
    one that is down, and to purge nothing that another one would have kept."""

    async def living(self) -> list[LivingNode]:
        """By name, this one among them; none on a store that only one node can open. Raises
        StoreUnavailable."""
        ...

    async def seen(self) -> list[SeenNode]:
        """By name, of the nodes of the last hundred sessions or more; none on a store that only one
        node can open. A node whose session another one has ended, for its lease had lapsed, is
        among them until it is back. Raises StoreUnavailable."""
        ...

    async def note(self, said: Purging) -> None:
        """Let the others know for a day what this node was started with, in place of what it said
        before. Safe to repeat. Raises StoreUnavailable."""
        ...

    async def noted(self) -> dict[str, Purging]:
        """What each node has said within a day, this one among them, also of those that have ended
        since; empty on a store that only one node can open. Raises StoreUnavailable."""
        ...


class NoNodes:
    """The nodes of a store that only one node can open."""

    async def living(self) -> list[LivingNode]:
        """None."""
        return []

    async def seen(self) -> list[SeenNode]:
        """None."""
        return []

    async def note(self, said: Purging) -> None:
        """Nobody asks."""

    async def noted(self) -> dict[str, Purging]:
        """None."""
        return {}
