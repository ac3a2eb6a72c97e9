"""Publishing integrations: from files, from the REST API, from the console.

A document is checked whole before anything is written: its shape, its expressions and Python
functions (by a worker), its ``${NAME}`` references and API keys. What is published is seen by the
next call.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from firesteel.engine.alerts.publishing import AlertPublisher
from firesteel.engine.api_keys import ApiKeys
from firesteel.engine.beside import Beside
from firesteel.engine.checking import Checked, Checker
from firesteel.engine.connection_publishing import ConnectionPublisher, require_workspace
from firesteel.engine.consumers import Consumers
from firesteel.engine.drafts import Drafts
from firesteel.engine.granting import Granting
from firesteel.engine.ownership import Owner
from firesteel.engine.publication import Publication, PublishOptions
from firesteel.errors import CallerError
from firesteel.model.document import InvalidDocument, check_document, parse_document
from firesteel.store.catalog import TriggerRules

if TYPE_CHECKING:
    from pathlib import Path

    from firesteel.engine.engine import Engine
    from firesteel.engine.parts import Parts
    from firesteel.model.held_keys import HeldConsumer, HeldKey
    from firesteel.model.integration import Integration
    from firesteel.store.catalog import ManagedBy, PublishedIntegration
    from firesteel.store.journal import Actor

LOOKS = 5
"""Of a start at what others have done to keys and grants, where they go on doing so meanwhile."""


class Publisher:
    """Made by ``node``; used by the REST API and at start. Each act takes effect at once."""

    def __init__(self, engine: Engine, parts: Parts) -> None:
        self._engine = engine
        self._catalog = parts.catalog
        self._clock = parts.clock
        self.checker = Checker(engine, parts.catalog, parts.connections.lookup)
        self.keys = ApiKeys(parts.catalog, parts.keyring)
        self.consumers = Consumers(parts.catalog)
        self.granting = Granting(self, engine, parts)
        self._beside = Beside(self.keys, self.consumers)
        self.connections = ConnectionPublisher(engine, parts)
        self.alerts = AlertPublisher(parts)
        self.drafts = Drafts(self, parts.catalog)

    # --- integrations

    async def create(
        self, workspace: str, name: str, description: str | None, *, actor: Actor
    ) -> PublishedIntegration:
        """A new integration: version 1, which is switched off and only records, so that there is
        a trigger to hang API keys on. Raises CallerError ``name_taken``, ``unknown_workspace``;
        InvalidDocument where the name is none."""
        await require_workspace(self._catalog, workspace)
        document = {"name": name, "description": description or None, "enabled": False}
        document = {key: value for key, value in document.items() if value is not None}
        rules = rules_of(_valid(document))
        try:
            created, _ = await self._catalog.publish(
                workspace,
                document,
                rules=rules,
                managed_by="console",
                actor=actor.name,
                expect_version=0,
            )
        except CallerError as error:
            if error.code != "changed_meanwhile":
                raise
            raise CallerError(f"there is an integration {name}", code="name_taken") from error
        await self._engine.refresh_routes()
        return created

    async def take_over(self, workspace: str, name: str, *, actor: Actor) -> PublishedIntegration:
        """Let an integration that files manage belong to the console: the document stays as it is,
        and the files of a project no longer publish it. Safe to repeat."""
        current = await self.find(workspace, name)
        taken, _ = await self._catalog.publish(
            workspace,
            {**current.document, "enabled": current.enabled},
            rules=rules_of(parse_document(current.document)),
            managed_by="console",
            actor=actor.name,
            expect_version=current.version,
        )
        return taken

    async def publish(
        self, workspace: str, document: Any, *, options: PublishOptions, actor: Actor
    ) -> Publication:
        """Publish a document and bring its API keys in line.

        Raises InvalidDocument; CallerError ``managed_by_files`` or ``managed_by_console`` where the
        other owns it, ``changed_meanwhile``, ``unknown_workspace``.
        """
        for left in reversed(range(LOOKS if options.leave_others else 1)):
            try:
                return await self._publish_once(workspace, document, options=options, actor=actor)
            except CallerError as error:
                # Somebody was quicker than it was to be left as it is: looked at again.
                if error.code != "changed_meanwhile" or not left:
                    raise
        raise AssertionError  # the last one returns or raises

    async def _publish_once(
        self, workspace: str, document: Any, *, options: PublishOptions, actor: Actor
    ) -> Publication:
        await require_workspace(self._catalog, workspace)
        checked = await self.checker.check(workspace, document)
        current = await self._catalog.integration(workspace, checked.integration.name)
        held = await self._beside.held(workspace, checked, current)
        _refuse_other_version(current, options.expect_version)
        if current is not None:
            options.owner.refuse(current.managed_by, current.name)
            if options.leave_others:
                checked = await self._beside.as_others_left_it(checked, current, held, actor.name)
        checked = _as_switched(checked, current)
        self._beside.refuse_taken_secrets(checked, held, prune=options.prune)
        warnings = [*checked.warnings, *self._beside.warnings(checked, held)]
        checked = replace(checked, warnings=warnings)
        if not options.dry_run:
            since = held.since if options.leave_others else None
            return await self._publish(
                workspace, checked, current, options=options, actor=actor, since=since
            )
        keys, grants = await self._beside.plan(
            workspace, checked, current, held, prune=options.prune
        )
        return replace(_foreseen(checked, current, options), keys=keys, consumers=grants)

    async def apply_project(self, folder: Path, workspace: str) -> None:
        """Publish a project folder at start; faults are logged, see ``project_publishing``."""
        from firesteel.engine.project_publishing import apply_project

        await apply_project(self, folder, workspace)

    async def set_enabled(self, workspace: str, name: str, enabled: bool, *, actor: Actor) -> None:
        """Switch a trigger on or off. Raises CallerError ``unknown_integration``."""
        await self._catalog.set_enabled(workspace, name, enabled, actor.name)
        await self._engine.refresh_routes()

    async def remove(
        self, workspace: str, name: str, *, managed_by: ManagedBy, actor: Actor
    ) -> None:
        """Remove an integration; its messages stay until retention ends. Raises CallerError
        ``unknown_integration``, ``managed_by_files``, ``managed_by_console``."""
        current = await self.find(workspace, name)
        Owner(managed_by).refuse(current.managed_by, name)
        await self._catalog.remove(workspace, name, actor.name)
        await self._engine.refresh_routes()

    async def find(self, workspace: str, name: str) -> PublishedIntegration:
        """Raises CallerError ``unknown_workspace``, ``unknown_integration``."""
        found = await self._catalog.integration(workspace, name)
        if found is None:
            await require_workspace(self._catalog, workspace)
            raise CallerError(
                f"the workspace {workspace} has no integration {name}", code="unknown_integration"
            )
        return found

    async def close(
        self, integration: PublishedIntegration, held: HeldKey | HeldConsumer, actor: Actor
    ) -> None:
        """Publish a version of a trigger that asked for no key, with what lets callers in."""
        trigger = integration.document.get("trigger") or {}
        declared = [*(trigger.get("authentication") or []), held.declaration()]
        trigger = {**trigger, "authentication": declared}
        document = {**integration.document, "trigger": trigger, "enabled": integration.enabled}
        await self._catalog.publish(
            integration.workspace,
            document,
            rules=rules_of(_valid(document)),
            managed_by=integration.managed_by,
            actor=actor.name,
            expect_version=integration.version,
        )

    # --- inside

    async def _publish(  # noqa: PLR0913  # all but three are named at the call
        self,
        workspace: str,
        checked: Checked,
        current: PublishedIntegration | None,
        *,
        options: PublishOptions,
        actor: Actor,
        since: int | None,
    ) -> Publication:
        published, changed = current, False
        if current is None or options.draft_revision or _differs(checked, current, options):
            published, changed = await self._catalog.publish(
                workspace,
                checked.document,
                rules=rules_of(checked.integration),
                managed_by=options.owner.managed_by,
                actor=actor.name,
                expect_version=options.expect_version,
                draft_revision=options.draft_revision,
            )
        assert published is not None
        foreseen = _foreseen(checked, current, options)
        if not options.keep_keys:
            keys, grants = await self._beside.bring_in_line(
                published, checked, prune=options.prune, actor=actor.name, since=since
            )
            foreseen = replace(foreseen, keys=keys, consumers=grants)
        await self._engine.refresh_routes()
        return replace(foreseen, version=published.version, changed=changed)


def rules_of(integration: Integration) -> TriggerRules:
    """What the journal must know of a trigger."""
    trigger, retention = integration.trigger, integration.retention
    return TriggerRules(
        concurrency=trigger.concurrency,
        max_waiting=trigger.max_waiting,
        lane_limit=trigger.ordered_delivery.max_length if trigger.ordered_delivery else None,
        on_failure=trigger.ordered_delivery.on_failure if trigger.ordered_delivery else "continue",
        history_s=retention.history_s if retention else None,
        payloads_s=retention.payloads_s if retention else None,
        archive=retention.archive if retention else None,
    )


def _valid(document: dict[str, Any]) -> Integration:
    result = check_document(document)
    if result.integration is None:
        raise InvalidDocument(result.faults)
    return result.integration


def _foreseen(
    checked: Checked, current: PublishedIntegration | None, options: PublishOptions
) -> Publication:
    """Without what becomes of keys and grants."""
    return Publication(
        name=checked.integration.name,
        created=current is None,
        changed=_differs(checked, current, options),
        version=current.version if current else 0,
        document=checked.document,
        previous=current.document if current else None,
        warnings=checked.warnings,
        keys=[],
        consumers=[],
    )


def _refuse_other_version(current: PublishedIntegration | None, expected: int | None) -> None:
    """The catalog checks again inside its transaction; this one holds for dry runs too, and where
    the document turns out to be the same."""
    version = current.version if current else 0
    if expected is not None and expected != version:
        raise CallerError(
            f"version {version} is published, and not {expected}", code="changed_meanwhile"
        )


def _as_switched(checked: Checked, current: PublishedIntegration | None) -> Checked:
    """A document that does not say ``enabled`` leaves the switch as a person has turned it: a node
    that starts anew must not switch on what somebody switched off."""
    if current is None or current.enabled or "enabled" in checked.document:
        return checked
    return replace(checked, document={**checked.document, "enabled": False})


def _differs(
    checked: Checked, current: PublishedIntegration | None, options: PublishOptions
) -> bool:
    if current is None:
        return True
    return current.document != checked.document or current.managed_by != options.owner.managed_by
