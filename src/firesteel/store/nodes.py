"""The nodes port: who works on the store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


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
    """Nodes know each other by this alone, and need it only to show it, to stop well, and to tell
    people of one that is down."""

    async def living(self) -> list[LivingNode]:
        """By name, this one among them; none on a store that only one node can open. Raises
        StoreUnavailable."""
        ...

    async def seen(self) -> list[SeenNode]:
        """By name, of the nodes of the last hundred sessions or more; none on a store that only one
        node can open. A node whose session another one has ended, for its lease had lapsed, is
        among them until it is back. Raises StoreUnavailable."""
        ...


class NoNodes:
    """The nodes of a store that only one node can open."""

    async def living(self) -> list[LivingNode]:
        """None."""
        return []

    async def seen(self) -> list[SeenNode]:
        """None."""
        return []
