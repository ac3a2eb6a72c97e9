"""Publishing integrations: from files, from the REST API, from the console.

A document is checked whole before anything is written: its shape, its expressions and Python
functions (by a worker), its ``${NAME}`` references and API keys. What is published is seen by the
next call.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from firesteel.engine.api_keys import ApiKeys, WantedKey
from firesteel.engine.connection_publishing import ConnectionPublisher, require_workspace
from firesteel.engine.ownership import Owner
from firesteel.errors import AuthorError, CallerError
from firesteel.model.api_key import check_pasted
from firesteel.model.document import (
    InvalidDocument,
    check_document,
    integration_json,
    key_declarations,
    without_key_values,
)
from firesteel.model.fault import Fault, Pointer, child
from firesteel.model.project_rules import check_together
from firesteel.model.references import resolve
from firesteel.model.yaml_source import Loaded
from firesteel.store.catalog import TriggerRules

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from firesteel.engine.api_keys import KeyChange
    from firesteel.engine.engine import Engine
    from firesteel.engine.parts import Parts
    from firesteel.model.integration import Integration
    from firesteel.store.catalog import ApiKey, ManagedBy, PublishedIntegration
    from firesteel.store.journal import Actor


@dataclass(frozen=True, slots=True)
class PublishOptions:
    """How a document is published.

    ``dry_run``: check and tell, change nothing. ``prune``: delete API keys that the document does
    not declare. ``expect_version``: refuse unless this is the published version; 0: unless it is
    new.
    """

    owner: Owner
    dry_run: bool = False
    prune: bool = False
    expect_version: int | None = None


@dataclass(frozen=True, slots=True)
class Publication:
    """What a publication did, or with ``dry_run`` would do. ``version`` is the published one
    afterwards (0: none yet)."""

    name: str
    created: bool
    changed: bool
    version: int
    document: dict[str, Any]
    previous: dict[str, Any] | None
    warnings: list[Fault]
    keys: list[KeyChange]


@dataclass(frozen=True, slots=True)
class Checked:
    """A document without faults. ``document`` is what a version stores: no secrets."""

    integration: Integration
    document: dict[str, Any]
    warnings: list[Fault]
    keys: list[WantedKey]


class Publisher:
    """Made by ``node``; used by the REST API and at start. Each act takes effect at once."""

    def __init__(self, engine: Engine, parts: Parts) -> None:
        self._engine = engine
        self._catalog = parts.catalog
        self._clock = parts.clock
        self._lookup = parts.connections.lookup
        self.keys = ApiKeys(parts.catalog, parts.keyring)
        self.connections = ConnectionPublisher(engine, parts)

    # --- integrations

    async def check(self, workspace: str, document: Any) -> Checked:
        """The document with its warnings. Raises InvalidDocument with every fault."""
        result = check_document(document)
        if result.integration is None:
            raise InvalidDocument(result.faults)
        written = integration_json(result.integration)
        found = await self._engine.check_document(workspace, without_key_values(written))
        faults = [_fault(item.pointer, item.code, item.detail) for item in found]
        keys, key_faults, weak = _read_keys(result.integration, await self._lookup(workspace))
        if faults or key_faults:
            raise InvalidDocument([*faults, *key_faults])
        faults = await self._circles(workspace, written)
        if faults:
            raise InvalidDocument(faults)
        warnings = [*result.warnings, *weak, *await self._unknown(workspace, written)]
        return Checked(result.integration, without_key_values(written), warnings, keys)

    async def publish(
        self, workspace: str, document: Any, *, options: PublishOptions, actor: Actor
    ) -> Publication:
        """Publish a document and bring its API keys in line.

        Raises InvalidDocument; CallerError ``managed_by_files`` or ``managed_by_console`` where the
        other owns it, ``changed_meanwhile``, ``unknown_workspace``.
        """
        await require_workspace(self._catalog, workspace)
        checked = await self.check(workspace, document)
        current = await self._catalog.integration(workspace, checked.integration.name)
        existing = await self.keys.of(current.trigger_no) if current else []
        checked = _as_switched(checked, current)
        _refuse_other_version(current, options.expect_version)
        if current is not None:
            options.owner.refuse(current.managed_by, current.name)
        self._refuse_taken_secrets(checked.keys, existing, prune=options.prune)
        if options.dry_run:
            return self._foreseen(checked, current, existing, options=options)
        return await self._publish(workspace, checked, current, options=options, actor=actor)

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

    # --- API keys

    async def add_key(
        self, workspace: str, name: str, *, wanted: WantedKey, actor: Actor
    ) -> tuple[ApiKey, str, str | None]:
        """A new key of the trigger: key, secret in clear, warning. An open trigger is closed by
        its first key: a version that declares the key is published with it. Raises CallerError
        ``expiry_invalid`` where the key would be dead from the start."""
        if wanted.expires_at_us is not None and wanted.expires_at_us <= self._clock.now_us():
            raise CallerError("the day on which the key expires is past", code="expiry_invalid")
        integration = await self.find(workspace, name)
        trigger = integration.document.get("trigger") or {}
        is_open = not trigger.get("authentication")
        if is_open and integration.managed_by == "files":
            raise CallerError(
                f"{name} is open to anybody and managed by files: add authentication to its file",
                code="managed_by_files",
            )
        added = await self.keys.add(integration.trigger_no, wanted, actor.name)
        if is_open:
            await self._close(integration, wanted.label, actor)
        await self._engine.refresh_routes()
        return added.key, added.secret, added.warning

    async def change_key(
        self, workspace: str, name: str, label: str, *, wanted: WantedKey, actor: Actor
    ) -> ApiKey:
        """Give a key another label, secret (None: as it is) or expiry."""
        trigger_no = (await self.find(workspace, name)).trigger_no
        key = await self.keys.change(trigger_no, label, wanted=wanted, actor=actor.name)
        await self._engine.refresh_routes()
        return key

    async def delete_key(self, workspace: str, name: str, label: str, *, actor: Actor) -> None:
        """The key is refused from the next call on."""
        trigger_no = (await self.find(workspace, name)).trigger_no
        await self.keys.delete(trigger_no, label, actor.name)
        await self._engine.refresh_routes()

    # --- inside

    async def _circles(self, workspace: str, document: dict[str, Any]) -> list[Fault]:
        """Faults of calls that would lead back to this document."""
        published = await self._catalog.integrations(workspace)
        others = [item.document for item in published if item.name != document["name"]]
        beside = [_loaded(item, str(item["name"])) for item in others]
        found = check_together([_loaded(document), *beside])
        return [fault for fault in found if fault.code == "call_cycle" and not fault.file]

    async def _unknown(self, workspace: str, document: dict[str, Any]) -> list[Fault]:
        """Warnings of what is not there: it may come later, and its steps fail until then."""
        connections = {item.name for item in await self._catalog.connections(workspace)}
        found = check_document(document, connections=connections).faults
        known = [item.name for item in await self._catalog.integrations(workspace)]
        found += check_together([_loaded(document)], known)
        return [
            fault for fault in found if fault.code in ("connection_unknown", "integration_unknown")
        ]

    def _foreseen(
        self,
        checked: Checked,
        current: PublishedIntegration | None,
        existing: Sequence[ApiKey],
        *,
        options: PublishOptions,
    ) -> Publication:
        plan = self.keys.plan(existing, checked.keys, prune=options.prune)
        return Publication(
            name=checked.integration.name,
            created=current is None,
            changed=_differs(checked, current, options),
            version=current.version if current else 0,
            document=checked.document,
            previous=current.document if current else None,
            warnings=checked.warnings,
            keys=plan,
        )

    async def _publish(
        self,
        workspace: str,
        checked: Checked,
        current: PublishedIntegration | None,
        *,
        options: PublishOptions,
        actor: Actor,
    ) -> Publication:
        published, changed = current, False
        if current is None or _differs(checked, current, options):
            published, changed = await self._catalog.publish(
                workspace,
                checked.document,
                rules=rules_of(checked.integration),
                managed_by=options.owner.managed_by,
                actor=actor.name,
                expect_version=options.expect_version,
            )
        assert published is not None
        keys = await self.keys.bring_in_line(
            published.trigger_no, checked.keys, prune=options.prune, actor=actor.name
        )
        await self._engine.refresh_routes()
        foreseen = self._foreseen(checked, current, (), options=options)
        return replace(foreseen, version=published.version, changed=changed, keys=keys)

    async def _close(self, integration: PublishedIntegration, label: str, actor: Actor) -> None:
        trigger = {
            **(integration.document.get("trigger") or {}),
            "authentication": [{"api_key": {"label": label}}],
        }
        document = {**integration.document, "trigger": trigger, "enabled": integration.enabled}
        await self._catalog.publish(
            integration.workspace,
            document,
            rules=rules_of(_valid(document)),
            managed_by=integration.managed_by,
            actor=actor.name,
            expect_version=integration.version,
        )

    def _refuse_taken_secrets(
        self, wanted: Sequence[WantedKey], existing: Sequence[ApiKey], *, prune: bool
    ) -> None:
        """The same secret twice on one trigger would make two consumers one."""
        labels = {key.label for key in wanted}
        holders = {} if prune else {k.digest: k.label for k in existing if k.label not in labels}
        faults = []
        for index, key in enumerate(wanted):
            if key.secret is None:
                continue
            holder = holders.setdefault(self.keys.digest(key.secret), key.label)
            if holder != key.label:
                detail = f"the API keys {holder} and {key.label} have the same secret"
                faults.append(_fault(_key_pointer(index), "not_unique", detail))
        if faults:
            raise InvalidDocument(faults)


def rules_of(integration: Integration) -> TriggerRules:
    """What the journal must know of a trigger."""
    trigger, retention = integration.trigger, integration.retention
    return TriggerRules(
        concurrency=trigger.concurrency,
        max_waiting=trigger.max_waiting,
        on_failure=trigger.ordered_delivery.on_failure if trigger.ordered_delivery else "continue",
        history_s=retention.history_s if retention else None,
        payloads_s=retention.payloads_s if retention else None,
    )


def _valid(document: dict[str, Any]) -> Integration:
    result = check_document(document)
    if result.integration is None:
        raise InvalidDocument(result.faults)
    return result.integration


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


def _fault(pointer: Pointer, code: str, detail: str, hint: str = "") -> Fault:
    return Fault("", 0, 0, pointer, code, detail, hint)


def _loaded(document: dict[str, Any], file: str = "") -> Loaded:
    return Loaded(file, document, {"": (0, 0)}, {}, {}, [])


def _key_pointer(index: int) -> Pointer:
    return child("/trigger/authentication", index, "api_key", "value")


def _read_keys(
    integration: Integration, lookup: Callable[[str], str | None]
) -> tuple[list[WantedKey], list[Fault], list[Fault]]:
    """The declared keys with their secrets, faults, and warnings of weak secrets."""
    keys: list[WantedKey] = []
    faults: list[Fault] = []
    weak: list[Fault] = []
    for index, declared in enumerate(key_declarations(integration)):
        pointer = _key_pointer(index)
        try:
            secret = None if declared.value is None else resolve(declared.value, lookup)
            warning = None if secret is None else check_pasted(secret)
        except (AuthorError, CallerError) as error:
            code = "key_value_invalid" if error.code == "key_invalid" else error.code
            faults.append(_fault(pointer, code, error.detail))
            continue
        if warning:
            weak.append(_fault(pointer, "key_value_weak", warning))
        keys.append(WantedKey.of(declared, secret))
    return keys, faults, weak
