"""The nodes port: who works on the store, and by which settings of their own they purge."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from firesteel.store.purging import Purging

CONDITION_AS: Final = "condition_"
"""A setting of the store for each kind and node: what is wrong with it, by its own word."""
CONDITION_KEPT_S: Final = 86_400
"""For so long it is kept of a node that is gone."""


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
    store's steady clock, where its lease has lapsed; None while that holds. ``begun_s``: since its
    session began."""

    name: str
    silent_s: float | None
    begun_s: float = math.inf


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
        before. What is known of nodes that have been gone for longer is forgotten. Safe to repeat.
        Raises StoreUnavailable."""
        ...

    async def had_turn(self) -> None:
        """A node that may purge does so now. Raises StoreUnavailable."""
        ...

    async def turn_ago_s(self) -> float:
        """Since ``had_turn`` was last called on any node, or since the first ``note``; 0 on a store
        that only one node can open. Raises StoreUnavailable."""
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

    async def had_turn(self) -> None:
        """Nobody waits for it."""

    async def turn_ago_s(self) -> float:
        """It is always this node's."""
        return 0.0

    async def noted(self) -> dict[str, Purging]:
        """None."""
        return {}
