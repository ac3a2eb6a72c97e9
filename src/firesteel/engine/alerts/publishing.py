"""Channels, rules and silences of a workspace, as people change them: whole from a file, or one by
one. What is changed holds from the next round of the watcher on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from firesteel.engine.alerts.delivering import Deliverer
from firesteel.engine.alerts.wording import Writer
from firesteel.engine.connection_publishing import require_workspace
from firesteel.engine.ownership import Owner
from firesteel.errors import CallerError, FiresteelError
from firesteel.model.alert import encode_alert
from firesteel.model.alerts import (
    AlertSettings,
    InvalidAlerts,
    check_alerts_document,
    parse_alerts,
    section_json,
)
from firesteel.model.execution import Failure
from firesteel.store.alerts import NewDelivery, Silence, StoredAlerts

if TYPE_CHECKING:
    from collections.abc import Callable

    from firesteel.engine.parts import Parts
    from firesteel.model.fault import Fault
    from firesteel.store.alerts import Delivery
    from firesteel.store.catalog import ManagedBy
    from firesteel.store.journal import Actor

LONGEST_SILENCE_S = 366 * 86_400.0
CONSOLE = Owner("console")
_WHAT = "alerts of the workspace"

Document = dict[str, Any]


class AlertPublisher:
    """Used by the REST API, the console and at start."""

    def __init__(self, parts: Parts) -> None:
        self._alerts = parts.alerts
        self._catalog = parts.catalog
        self._clock = parts.clock
        self._lookup = parts.connections.lookup
        self._deliverer = Deliverer(parts)
        self._writer = Writer(parts.console, parts.clock)

    async def show(self, workspace: str) -> StoredAlerts:
        """What is stored; an empty document of the console where there is nothing. Raises
        CallerError ``unknown_workspace``."""
        await require_workspace(self._catalog, workspace)
        found = await self._alerts.find(workspace)
        return found or StoredAlerts(workspace, {"channels": {}}, "console", 0)

    async def check(
        self, workspace: str, document: Any, *, owner: Owner
    ) -> tuple[AlertSettings, StoredAlerts, list[Fault]]:
        """The document as it would be stored, what is stored, and warnings. Raises InvalidAlerts
        with every fault; CallerError ``managed_by_files``, ..., ``unknown_workspace``."""
        current = await self.show(workspace)
        names = [item.name for item in await self._catalog.integrations(workspace)]
        lookup = await self._lookup(workspace)
        result = check_alerts_document(document, lookup=lookup, integrations=names)
        if result.settings is None:
            raise InvalidAlerts(result.faults)
        if current.changed_at_us and current.document != result.settings.document():
            owner.refuse(current.managed_by, _WHAT)
        return result.settings, current, result.warnings

    async def put(
        self, workspace: str, document: Any, *, owner: Owner, actor: Actor
    ) -> tuple[bool, list[Fault]]:
        """Replace all of it; whether it changed, and warnings. Raises what ``check`` raises, and
        CallerError ``changed_meanwhile``."""
        settings, current, warnings = await self.check(workspace, document, owner=owner)
        changed = await self._alerts.put(
            workspace,
            settings.document(),
            rules=list(settings.in_force),
            managed_by=owner.managed_by,
            actor=actor.name,
            expect_changed_at_us=current.changed_at_us,
        )
        return changed, warnings

    async def delete(self, workspace: str, *, managed_by: ManagedBy, actor: Actor) -> None:
        """Raises CallerError ``managed_by_files``, ..., where there is something."""
        current = await self.show(workspace)
        if current.changed_at_us:
            Owner(managed_by).refuse(current.managed_by, _WHAT)
            await self._alerts.delete(workspace, actor.name)

    async def put_channel(
        self, workspace: str, name: str, channel: Document, *, actor: Actor
    ) -> bool:
        """Add or replace a channel; the first one sets the default rules going."""

        def change(document: Document) -> None:
            document["channels"][name] = channel

        return await self._change(workspace, change, actor)

    async def delete_channel(self, workspace: str, name: str, *, actor: Actor) -> None:
        """What waits for it has failed. Rules that named it alone tell nobody from now on, so it
        is refused: ``channel_needed``. Raises CallerError ``unknown_channel``."""

        def change(document: Document) -> None:
            if document["channels"].pop(name, None) is None:
                raise CallerError(f"there is no channel {name}", code="unknown_channel")
            if "rules" not in document:
                return
            for rule_name, rule in _rules_of(document).items():
                left = [channel for channel in rule.get("channels", []) if channel != name]
                if "channels" in rule and not left:
                    text = f"the rule {rule_name} has no other channel"
                    raise CallerError(text, code="channel_needed")
                if "channels" in rule:
                    rule["channels"] = left

        await self._change(workspace, change, actor)

    async def put_rule(self, workspace: str, name: str, rule: Document, *, actor: Actor) -> bool:
        """Add or replace a rule; the default ones are written out with the first change."""

        def change(document: Document) -> None:
            _rules_of(document)[name] = rule

        return await self._change(workspace, change, actor)

    async def delete_rule(self, workspace: str, name: str, *, actor: Actor) -> None:
        """Raises CallerError ``unknown_rule``."""

        def change(document: Document) -> None:
            if _rules_of(document).pop(name, None) is None:
                raise CallerError(f"there is no rule {name}", code="unknown_rule")

        await self._change(workspace, change, actor)

    async def test(self, workspace: str, name: str) -> Failure | None:
        """Send a test alert now; None where it was taken. Kept among what was sent. Raises
        CallerError ``unknown_channel``."""
        settings = parse_alerts((await self.show(workspace)).document)
        channel = settings.channels.get(name)
        if channel is None:
            raise CallerError(f"there is no channel {name}", code="unknown_channel")
        content = encode_alert(self._writer.test(workspace, name))
        try:
            failure = await self._deliverer.send(workspace, channel, content)
        except FiresteelError as error:
            if error.code == "workers_unavailable":
                raise
            failure = Failure("permanent", error.code, error.detail)
        told = "" if failure is None else f"{failure.code}: {failure.detail}"
        await self._alerts.record(NewDelivery(workspace, name, "", content), error=told)
        return failure

    async def silences(self, workspace: str) -> list[Silence]:
        """Those that are not over, by rule."""
        await require_workspace(self._catalog, workspace)
        now_us = self._clock.now_us()
        found = await self._alerts.silences()
        return [item for item in found if item.workspace == workspace and item.until_us > now_us]

    async def silence(self, workspace: str, rule: str, until_us: int, *, actor: Actor) -> Silence:
        """``rule`` '': all of the workspace. Raises CallerError ``unknown_rule``,
        ``invalid_request``."""
        if rule and rule not in parse_alerts((await self.show(workspace)).document).in_force:
            raise CallerError(f"there is no rule {rule}", code="unknown_rule")
        now_us = self._clock.now_us()
        if not now_us < until_us <= now_us + LONGEST_SILENCE_S * 1e6:
            text = "a silence ends later than now, and within a year"
            raise CallerError(text, code="invalid_request")
        silence = Silence(workspace, rule, until_us, actor.name, actor.why, now_us)
        await self._alerts.silence(silence, actor.name)
        return silence

    async def end_silence(self, workspace: str, rule: str, *, actor: Actor) -> None:
        """Safe to repeat."""
        await self._alerts.end_silence(workspace, rule, actor.name)

    async def deliveries(self, workspace: str, limit: int) -> list[Delivery]:
        """What was sent, latest first."""
        await require_workspace(self._catalog, workspace)
        return await self._alerts.deliveries(workspace, limit)

    async def _change(
        self, workspace: str, change: Callable[[Document], None], actor: Actor
    ) -> bool:
        current = await self.show(workspace)
        if current.changed_at_us:
            CONSOLE.refuse(current.managed_by, _WHAT)
        document = {**current.document, "channels": dict(current.document.get("channels", {}))}
        change(document)
        changed, _ = await self.put(workspace, document, owner=CONSOLE, actor=actor)
        return changed


def _rules_of(document: Document) -> Document:
    """The document's own rules, to be changed: those of before are left as they are."""
    written = document.get("rules")
    if written is None:
        in_force = parse_alerts({}).in_force
        written = {name: section_json(rule) for name, rule in in_force.items()}
    document["rules"] = {name: dict(rule) for name, rule in written.items()}
    rules: Document = document["rules"]
    return rules
