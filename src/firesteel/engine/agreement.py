"""What nodes on one store agree on where their own settings differ: what is purged, and by whom.

Retention is one node's at a time, and does what that node was started with. So that nothing goes
that another node would have kept, or archived before, the longest retention holds, and where any
node archives only those that do have the turn (docs/decisions/0072).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from firesteel.store.purging import Purging

if TYPE_CHECKING:
    from firesteel.engine.parts import Parts

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Agreed:
    """What holds on all nodes where neither an integration nor its workspace says anything else.
    ``left_to``: a node that archives, where this one does not and so leaves it what is to be
    purged; else empty."""

    retention_days: int
    archive: bool
    left_to: str


class Agreement:
    """Used from the event loop's thread."""

    def __init__(self, parts: Parts) -> None:
        self.own = Purging.by(parts.settings)
        self._name = parts.name
        self._nodes = parts.nodes
        self._told: dict[str, list[str]] = {}

    async def note(self) -> None:
        """Tell the other nodes, and the log where one of them has other settings; to be called at
        the start and then once a minute. Raises StoreUnavailable."""
        await self._nodes.note(self.own)
        differing = await self.differing()
        for node, settings in differing.items():
            if self._told.get(node) != settings:
                log.warning("node_settings_differ", node=node, settings=settings)
        self._told = differing

    async def differing(self) -> dict[str, list[str]]:
        """By node, its settings that are not this one's. Raises StoreUnavailable."""
        others = await self._others()
        found = {name: self.own.differs(said) for name, said in others.items()}
        return {name: settings for name, settings in found.items() if settings}

    async def agreed(self) -> Agreed:
        """Raises StoreUnavailable."""
        others = await self._others()
        archiving = [name for name, said in others.items() if said.archive]
        return Agreed(
            max([self.own.retention_days, *(one.retention_days for one in others.values())]),
            self.own.archive or bool(archiving),
            archiving[0] if archiving and not self.own.archive else "",
        )

    async def _others(self) -> dict[str, Purging]:
        """In the order of their names."""
        noted = await self._nodes.noted()
        return {name: noted[name] for name in sorted(noted) if name != self._name}
