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


class Nodes(Protocol):
    """Nodes know each other by this alone, and need it only to show it and to stop well."""

    async def living(self) -> list[LivingNode]:
        """By name, this one among them; none on a store that only one node can open. Raises
        StoreUnavailable."""
        ...


class NoNodes:
    """The nodes of a store that only one node can open."""

    async def living(self) -> list[LivingNode]:
        """None."""
        return []
