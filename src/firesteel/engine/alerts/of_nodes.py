"""What there is to tell of nodes: one that is down, one whose disk is nearly full or whose archive
takes nothing.

A node is down when its lease has lapsed, it did not stop in order, and the node that watches has
seen it so for a while: when a database was away, all leases have lapsed for a moment.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from firesteel.engine.alerts.conditions import KINDS
from firesteel.engine.alerts.facts import NOT_YET, Fact
from firesteel.model.alert import AlertItem
from firesteel.model.times import rfc3339

if TYPE_CHECKING:
    from collections.abc import Collection

    from firesteel.engine.alerts.conditions import Conditions
    from firesteel.engine.parts import Parts
    from firesteel.model.alerts import Event
    from firesteel.store.nodes import SeenNode

DOWN_S: Final = 10.0
"""So long a node must be seen down before it is told."""
LOOKS_S: Final = 10.0
"""Two looks that are further apart than this do not belong together."""
EXPECTED_S: Final = 86_400.0
"""A node that was not seen for so long is not expected back, and not told of any more."""


class NodeFacts:
    """``look`` is called every few seconds on the node that watches, and now and then on others."""

    def __init__(self, parts: Parts, conditions: Conditions) -> None:
        self._nodes = parts.nodes
        self._clock = parts.clock
        self._conditions = conditions
        self._name = parts.name
        self._looked_s = 0.0
        self._down: dict[str, tuple[float, AlertItem]] = {}
        self._living: set[str] = set()

    async def look(self, events: Collection[Event]) -> list[tuple[Event, Fact]]:
        """Of those events. Raises StoreUnavailable."""
        seen = await self._nodes.seen()
        self._living = {self._name, *(one.name for one in seen if one.silent_s is None)}
        found = self._look_for_down(seen)
        for name in sorted({self._name, *(one.name for one in seen)}):
            for kind, condition in (await self._conditions.of(name)).items():
                item = condition.item
                found.append((kind, Fact(name, condition.degree, item)))
        return [(event, fact) for event, fact in found if event in events]

    def is_over(self, event: Event, item: AlertItem) -> bool:
        """Whether what is told no more has ended well. A node that was stopped, or was not seen for
        a day, is told no more either."""
        return (event != "node_down" and event not in KINDS) or (item.node or "") in self._living

    def _look_for_down(self, seen: list[SeenNode]) -> list[tuple[Event, Fact]]:
        """Those that are down; to be told when they were at each look for ``DOWN_S``. Until then
        one that another node has told is no news, and is not over either."""
        now_s, now_us = time.monotonic(), self._clock.now_us()
        before = self._down if now_s - self._looked_s <= LOOKS_S else {}
        self._looked_s, self._down = now_s, {}
        for one in seen:
            if one.silent_s is None or one.silent_s > EXPECTED_S:
                continue
            item = AlertItem(node=one.name, since=rfc3339(now_us - int(one.silent_s * 1e6)))
            self._down[one.name] = before.get(one.name, (now_s, item))
        return [
            ("node_down", Fact(name, 0 if now_s - since_s >= DOWN_S else NOT_YET, item))
            for name, (since_s, item) in self._down.items()
        ]
