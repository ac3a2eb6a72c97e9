"""Looks in the store for what is to be told, a round every few seconds, on one node of all.

Nothing of it is on the way of a message: failures are read from an index of those that nobody was
told of, so that what failed while no node watched is told by the next one that does. What a round
makes of them is one transaction: a node that ends in the middle has told nothing, and of two that
look at the same one writes nothing (docs/decisions/0057).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog

from firesteel.engine.alerts.facts import Fact, Failed
from firesteel.engine.alerts.gathering import (
    Told,
    compare_facts,
    gather_failures,
    read_state,
    write_state,
)
from firesteel.engine.alerts.wording import Writer
from firesteel.model.alert import AlertItem, encode_alert
from firesteel.model.alerts import OF_NODES, InvalidAlerts, parse_alerts
from firesteel.model.api_key import expiry_day
from firesteel.store.alerts import Advance, NewDelivery, RuleState

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from firesteel.engine.alerts.gathering import State
    from firesteel.engine.alerts.of_nodes import NodeFacts
    from firesteel.engine.engine import Engine
    from firesteel.engine.parts import Parts
    from firesteel.model.alerts import AlertRule, AlertSettings, Event
    from firesteel.store.alerts import StoredAlerts

AT_ONCE: Final = 500
ROUNDS_MOST: Final = 40
"""Batches of failures in one round; what is left is told by the next."""
KEYS_S: Final = 60.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Rule:
    """A rule of a workspace that is in force, and the names of its channels."""

    workspace: str
    name: str
    rule: AlertRule
    channels: list[str]


class Watcher:
    """``active``: some workspace has channels, by the last round."""

    def __init__(self, engine: Engine, parts: Parts, of_nodes: NodeFacts) -> None:
        self.active = False
        self._engine = engine
        self._of_nodes = of_nodes
        self._alerts = parts.alerts
        self._catalog = parts.catalog
        self._journal = parts.journal
        self._jobs = parts.jobs
        self._clock = parts.clock
        self._writer = Writer(parts.console, parts.clock)
        self._keys: list[tuple[str, str, Fact, int]] = []
        self._keys_at_us = 0

    async def round(self) -> None:
        """Look once. Raises StoreUnavailable; safe to repeat. A restored store tells nobody of what
        it holds before somebody lets it go on (decision 0059)."""
        pause = self._engine.pausing.now
        restored = pause is not None and bool(pause.restored_from)
        stored = [] if restored else await self._alerts.all()
        self.active = any(item.document.get("channels") for item in stored)
        if not self.active:
            return
        async with self._jobs.only_here("alerts") as mine:
            if mine:
                await self._look([rule for item in stored for rule in _rules(item)])

    async def _look(self, rules: list[_Rule]) -> None:
        facts = await self._facts(rules)
        for number in range(ROUNDS_MOST):
            failures = await self._alerts.untold(AT_ONCE)
            by_workspace = defaultdict[str, list[Failed]](list)
            for found in failures:
                by_workspace[found.workspace].append(
                    Failed(
                        found.integration,
                        found.message_id,
                        found.settled_at_us,
                        found.code,
                        found.step,
                    )
                )
            told = [found.execution_no for found in failures]
            changed = await self._fold(rules, by_workspace, facts if number == 0 else None)
            advance = Advance(told, *changed)
            if any((advance.told, advance.states, advance.deliveries)) and (
                not await self._alerts.advance(advance)
            ):
                return
            if len(failures) < AT_ONCE:
                return

    async def _fold(
        self,
        rules: Iterable[_Rule],
        failures: dict[str, list[Failed]],
        facts: dict[tuple[str, Event], dict[str, Fact]] | None,
    ) -> tuple[list[RuleState], list[NewDelivery]]:
        """States that change, and what is to be sent. ``facts`` None: they were looked at."""
        states = {(item.workspace, item.rule): item for item in await self._alerts.states()}
        now_us = self._clock.now_us()
        quiet = {
            (item.workspace, item.rule)
            for item in await self._alerts.silences()
            if item.until_us > now_us
        }
        changed: list[RuleState] = []
        deliveries: list[NewDelivery] = []
        for own in rules:
            event = own.rule.event
            if facts is None and event != "execution_failed":
                continue
            before = states.get((own.workspace, own.name))
            text, revision = ("", 0) if before is None else (before.state, before.revision)
            state = read_state(text, event)
            silenced = not quiet.isdisjoint({(own.workspace, ""), (own.workspace, own.name)})
            if event == "execution_failed":
                mine = [item for item in failures[own.workspace] if _is_for(own, item.integration)]
                told = gather_failures(state, own.rule, mine, now_us, silenced=silenced)
            else:
                found = (facts or {}).get((own.workspace, event), {})
                told = self._compare(own, state, found, now_us, silenced=silenced)
            after = write_state(state)
            if after != (text or write_state(read_state("", event))):
                changed.append(RuleState(own.workspace, own.name, after, revision))
            deliveries += self._deliveries(own, told)
        return changed, deliveries

    def _compare(
        self, own: _Rule, state: State, found: dict[str, Fact], now_us: int, *, silenced: bool
    ) -> Told:
        rule = own.rule
        mine = {
            subject: fact
            for subject, fact in found.items()
            if _is_for(own, fact.item.integration)
            and (rule.event != "oldest_waiting" or fact.item.waiting_s >= rule.age_s)
            and (rule.event != "key_expires" or self._is_near(subject, rule, now_us))
        }
        told = compare_facts(state, rule, mine, now_us, silenced=silenced)
        over = [item for item in told.resolved if self._of_nodes.is_over(rule.event, item)]
        return Told(told.firing, over)

    def _is_near(self, subject: str, rule: AlertRule, now_us: int) -> bool:
        return any(
            known == subject and expires_at_us - now_us <= rule.before_s * 1e6
            for _, known, _, expires_at_us in self._keys
        )

    def _deliveries(self, own: _Rule, told: Told) -> list[NewDelivery]:
        place = (own.workspace, own.name, own.rule.event)
        alerts = [
            self._writer.alert(place, items, resolved=resolved)
            for items, resolved in ((told.firing, False), (told.resolved, True))
            if items
        ]
        return [
            NewDelivery(own.workspace, channel, own.name, encode_alert(alert))
            for alert in alerts
            for channel in own.channels
        ]

    # what is so now

    async def _facts(self, rules: Sequence[_Rule]) -> dict[tuple[str, Event], dict[str, Fact]]:
        """By workspace and event; nothing is looked for that no rule asks for."""
        asked = {(own.workspace, own.rule.event) for own in rules}
        events = {event for _, event in asked}
        facts: dict[tuple[str, Event], dict[str, Fact]] = {place: {} for place in asked}
        found: list[tuple[str, Event, Fact]] = []
        if "lane_paused" in events:
            found += await self._paused()
        if "oldest_waiting" in events:
            found += await self._waiting({ws for ws, event in asked if event == "oldest_waiting"})
        if "key_expires" in events:
            await self._look_at_keys()
            found += [(workspace, "key_expires", fact) for workspace, _, fact, _ in self._keys]
        if not OF_NODES.isdisjoint(events):
            of_nodes = await self._of_nodes.look(events)
            workspaces = {workspace for workspace, _ in asked}
            found += [(name, event, fact) for name in workspaces for event, fact in of_nodes]
        for workspace, event, fact in found:
            if (workspace, event) in facts:
                facts[workspace, event][fact.subject] = fact
        return facts

    async def _paused(self) -> list[tuple[str, Event, Fact]]:
        found: list[tuple[str, Event, Fact]] = []
        for item in await self._alerts.paused():
            told = AlertItem(
                integration=item.integration,
                paused=item.whole,
                lanes=item.lanes,
                stopped=item.stopped,
            )
            fact = Fact(item.integration, item.lanes + item.whole, told)
            found.append((item.workspace, "lane_paused", fact))
        return found

    async def _waiting(self, workspaces: set[str]) -> list[tuple[str, Event, Fact]]:
        """Of triggers in which something waits; their oldest messages are one look at an index."""
        now_us = self._clock.now_us()
        found: list[tuple[str, Event, Fact]] = []
        for route in self._engine.routes:
            if route.workspace not in workspaces or not self._journal.backlog(route.trigger_no)[0]:
                continue
            received_at_us = await self._journal.oldest_waiting_us(route.trigger_no)
            if received_at_us is None:
                continue
            name = route.integration.name
            waiting_s = max(now_us - received_at_us, 0) // 1_000_000
            item = AlertItem(integration=name, waiting_s=waiting_s)
            found.append((route.workspace, "oldest_waiting", Fact(name, 0, item)))
        return found

    async def _look_at_keys(self) -> None:
        """Once a minute: they change rarely, and there may be many."""
        now_us = self._clock.now_us()
        if 0 <= now_us - self._keys_at_us < KEYS_S * 1e6:
            return
        triggers = {item.trigger_no: item for item in await self._catalog.integrations()}
        consumers = {item.consumer_no: item for item in await self._catalog.consumers()}
        found = []
        for key in await self._catalog.keys():
            trigger, consumer = (
                triggers.get(key.trigger_no or 0),
                consumers.get(key.consumer_no or 0),
            )
            owner = trigger or consumer
            if owner is None or key.expires_at_us is None or key.replaced_at_us is not None:
                continue
            expired = key.expires_at_us <= now_us
            item = AlertItem(
                integration=None if trigger is None else trigger.name,
                consumer=None if trigger is not None else owner.name,
                key=key.label,
                expires=expiry_day(key.expires_at_us),
                expired=expired,
            )
            subject = f"{key.trigger_no or ''}/{key.consumer_no or ''}/{key.key_no}"
            found.append(
                (owner.workspace, subject, Fact(subject, int(expired), item), key.expires_at_us)
            )
        self._keys, self._keys_at_us = found, now_us


def _rules(stored: StoredAlerts) -> list[_Rule]:
    """Those that are in force and have a channel."""
    try:
        settings = parse_alerts(stored.document)
    except InvalidAlerts as error:  # such as one of a newer release
        log.error("alerts_not_read", workspace=stored.workspace, faults=len(error.faults))
        return []
    return [
        _Rule(stored.workspace, name, rule, channels)
        for name, rule in settings.in_force.items()
        if rule.enabled and (channels := _channels(settings, rule))
    ]


def _channels(settings: AlertSettings, rule: AlertRule) -> list[str]:
    return list(settings.channels if rule.channels is None else dict.fromkeys(rule.channels))


def _is_for(own: _Rule, integration: str | None) -> bool:
    """A rule of all integrations is also for the keys of consumers."""
    wanted = own.rule.integrations
    return wanted is None or integration in wanted
