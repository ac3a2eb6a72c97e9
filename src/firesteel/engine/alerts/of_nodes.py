"""What there is to tell of nodes: one that is down, one whose disk is nearly full or whose archive
takes nothing, one that archives and for which purging waits.

A node is down when its lease has lapsed, it did not stop in order, and the node that watches has
seen it so for a while: when a database was away, all leases have lapsed for a moment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from firesteel.engine.alerts.conditions import KINDS
from firesteel.engine.alerts.facts import NOT_YET, Fact
from firesteel.model.alert import AlertItem
from firesteel.model.times import rfc3339

if TYPE_CHECKING:
    from collections.abc import Collection

    from firesteel.engine.agreement import Agreement
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
SETTLES_S: Final = 15.0
"""A node whose session is younger may not have looked at itself yet: what it wrote last is of its
former life, and neither told anew nor over."""


class NodeFacts:
    """``look`` is called every few seconds on the node that watches, and now and then on others."""

    def __init__(self, parts: Parts, conditions: Conditions, agreement: Agreement) -> None:
        self._nodes = parts.nodes
        self._clock = parts.clock
        self._conditions = conditions
        self._agreement = agreement
        self._name = parts.name
        self._looked_s = 0.0
        self._down: dict[str, tuple[float, AlertItem]] = {}
        self._living: set[str] = set()

    async def look(self, events: Collection[Event]) -> list[tuple[Event, Fact]]:
        """Of those events. Raises StoreUnavailable."""
        seen = await self._nodes.seen()
        self._living = {self._name, *(one.name for one in seen if one.silent_s is None)}
        found = self._look_for_down(seen)
        young = {one.name for one in seen if one.begun_s < SETTLES_S}
        for name in sorted({self._name, *(one.name for one in seen)}):
            for kind, condition in (await self._conditions.of(name)).items():
                degree = NOT_YET if name in young else condition.degree
                found.append((kind, Fact(name, degree, condition.item)))
        if "archive_failed" in events:
            told = {
                fact.subject
                for kind, fact in found
                if kind == "archive_failed" and fact.degree >= 0
            }
            found += await self._look_for_wait(told)
        return [(event, fact) for event, fact in found if event in events]

    def is_over(self, event: Event, item: AlertItem) -> bool:
        """Whether what is told no more has ended well. A node that was stopped, or was not seen for
        a day, is told no more either."""
        return (event != "node_down" and event not in KINDS) or (item.node or "") in self._living

    async def _look_for_wait(self, told: Collection[str]) -> list[tuple[Event, Fact]]:
        """A node that archives, where purging waits for it and it tells nothing itself."""
        wait = await self._agreement.wait()
        if wait is None or wait.node in told:
            return []
        item = AlertItem(node=wait.node, since=rfc3339(wait.since_us))
        return [("archive_failed", Fact(wait.node, 0 if wait.long else NOT_YET, item))]

    def _look_for_down(self, seen: list[SeenNode]) -> list[tuple[Event, Fact]]:
        """Those that are down; to be told when they were at each look for ``DOWN_S``. Until then
        one that another node has told is no news, and is not over either."""
        now_s, now_us = self._clock.steady_s(), self._clock.now_us()
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
