"""Drafts: an integration as it is being edited, and its way to a published version.

API keys live beside the document and act at once, so a draft only says whether calls need one: its
list of declared keys always is the list of those that the trigger has. Publishing a draft, or going
back to an older version, changes no key.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from firesteel.engine.checking import Examined
from firesteel.engine.ownership import Owner
from firesteel.engine.publication import Publication, PublishOptions
from firesteel.errors import CallerError
from firesteel.model.document import (
    InvalidDocument,
    check_document,
    integration_json,
    without_secrets,
)
from firesteel.model.fault import unplaced_fault
from firesteel.model.held_keys import HeldConsumer, HeldKey, asks_for_keys, with_held_keys

if TYPE_CHECKING:
    from firesteel.engine.publishing import Publisher
    from firesteel.store.catalog import Catalog, Draft, PublishedIntegration, Version
    from firesteel.store.journal import Actor

_CONSOLE = Owner("console")
_AUTHENTICATION = "/trigger/authentication"
_OF_A_KEY = re.compile(rf"{_AUTHENTICATION}/[0-9]+/api_key")


@dataclass(frozen=True, slots=True)
class Expected:
    """What a change is based on: the published ``version`` where there was no draft, or the
    ``revision`` of the draft. None: it is not looked at."""

    version: int | None = None
    revision: int | None = None


@dataclass(frozen=True, slots=True)
class ExaminedDraft:
    """A draft with all that is wrong with it. ``published_version``: which one is in force now."""

    draft: Draft
    document: dict[str, Any]
    examined: Examined
    published_version: int


class Drafts:
    """Every method raises CallerError ``unknown_workspace``, ``unknown_integration``; those that
    change something ``managed_by_files`` and ``changed_meanwhile`` too."""

    def __init__(self, publisher: Publisher, catalog: Catalog) -> None:
        self._publisher = publisher
        self._catalog = catalog

    async def show(self, workspace: str, name: str) -> ExaminedDraft:
        """The draft and its faults. Raises CallerError ``unknown_draft``."""
        current = await self._publisher.find(workspace, name)
        return await self._examined(current, await self._draft(workspace, name))

    async def examine(self, current: PublishedIntegration, document: dict[str, Any]) -> Examined:
        """What would be said of a draft with this document; nothing is saved."""
        return await self._examine(current, await self._in_line(current, document))

    async def put(
        self,
        workspace: str,
        name: str,
        document: dict[str, Any],
        *,
        expected: Expected,
        actor: Actor,
    ) -> ExaminedDraft:
        """Save the document as the draft, faults and all. Secrets in it are dropped."""
        current = await self._editable(workspace, name)
        draft = await self._catalog.draft(workspace, name)
        if expected.version is not None:
            _refuse_other_base(current, expected.version, draft)
        saved = await self._catalog.put_draft(
            workspace,
            name,
            await self._in_line(current, {**document, "name": name}),
            base_version=draft.base_version if draft else current.version,
            actor=actor.name,
            expect_revision=0 if expected.version is not None else expected.revision,
        )
        return await self._examined(current, saved)

    async def put_file(
        self, workspace: str, name: str, document: dict[str, Any], *, actor: Actor
    ) -> ExaminedDraft:
        """Save what a file says as the draft of an integration that has none; whether it is
        switched on is a person's to say. Raises CallerError ``changed_meanwhile``."""
        current = await self._publisher.find(workspace, name)
        written = {key: value for key, value in document.items() if key != "enabled"}
        expected = Expected(version=current.version)
        return await self.put(workspace, name, written, expected=expected, actor=actor)

    async def discard(
        self, workspace: str, name: str, *, revision: int | None, actor: Actor
    ) -> None:
        """Throw the draft away. Raises CallerError ``unknown_draft``."""
        await self._publisher.find(workspace, name)
        await self._catalog.delete_draft(workspace, name, actor.name, revision)

    async def publish(
        self, workspace: str, name: str, *, revision: int | None, over: int | None, actor: Actor
    ) -> Publication:
        """Make the draft the published version; it ends with that. An integration that was never
        published before is switched on by it. ``over``: the published version that may be replaced
        although the draft was not begun from it. Raises InvalidDocument with every fault;
        CallerError ``unknown_draft``."""
        current = await self._editable(workspace, name)
        draft = await self._draft(workspace, name)
        if revision is not None and revision != draft.revision:
            raise CallerError("the draft was changed since", code="changed_meanwhile")
        return await self._publish(
            current,
            draft.document,
            expect_version=draft.base_version if over is None else over,
            draft_revision=draft.revision,
            actor=actor,
        )

    async def restore(
        self, workspace: str, name: str, number: int, *, version: int | None, actor: Actor
    ) -> Publication:
        """Publish an older version again, as a new one. ``version``: the one that must be
        published now. Raises CallerError ``unknown_version``; InvalidDocument where what it needs
        is no longer there."""
        current = await self._editable(workspace, name)
        old = await self.version(workspace, name, number)
        expect_version = current.version if version is None else version
        return await self._publish(
            current, old.document, expect_version=expect_version, draft_revision=None, actor=actor
        )

    async def version(self, workspace: str, name: str, number: int) -> Version:
        """The version of that number. Raises CallerError ``unknown_version``."""
        await self._publisher.find(workspace, name)
        for found in await self._catalog.versions(workspace, name):
            if found.version == number:
                return found
        raise CallerError(f"there is no version {number} of {name}", code="unknown_version")

    async def written(self, workspace: str, name: str) -> dict[str, Any]:
        """The published document as a file for another node: the keys that it declares are those
        that the trigger has, without their secrets."""
        current = await self._publisher.find(workspace, name)
        return with_held_keys(current.document, await self._held(current))

    # --- inside

    async def _publish(
        self,
        current: PublishedIntegration,
        document: dict[str, Any],
        *,
        expect_version: int,
        draft_revision: int | None,
        actor: Actor,
    ) -> Publication:
        document = await self._in_line(current, document)
        if asks_for_keys(document) and not await self._held(current):
            raise InvalidDocument((await self._examine(current, document)).faults)
        if "enabled" not in document and _never_published(current):
            document["enabled"] = True
        options = PublishOptions(
            _CONSOLE,
            expect_version=expect_version,
            draft_revision=draft_revision,
            keep_keys=True,
        )
        return await self._publisher.publish(
            current.workspace, document, options=options, actor=actor
        )

    async def _editable(self, workspace: str, name: str) -> PublishedIntegration:
        current = await self._publisher.find(workspace, name)
        _CONSOLE.refuse(current.managed_by, name)
        return current

    async def _draft(self, workspace: str, name: str) -> Draft:
        draft = await self._catalog.draft(workspace, name)
        if draft is None:
            raise CallerError(f"{name} has no draft", code="unknown_draft")
        return draft

    async def _examined(self, current: PublishedIntegration, draft: Draft) -> ExaminedDraft:
        document = await self._in_line(current, draft.document)
        examined = await self._examine(current, document)
        return ExaminedDraft(draft, document, examined, current.version)

    async def _examine(self, current: PublishedIntegration, document: dict[str, Any]) -> Examined:
        found = await self._publisher.checker.examine(current.workspace, document)
        if not asks_for_keys(document) or await self._held(current):
            return found
        # Not those of the declaration that stands for keys which are still to come.
        faults = [item for item in found.faults if not _OF_A_KEY.match(item.pointer)]
        detail = "calls need an API key, and the trigger has none yet"
        hint = "add a key, grant it to a consumer, or remove the authentication"
        faults.append(unplaced_fault(_AUTHENTICATION, "key_missing", detail, hint))
        return Examined(faults, found.warnings, found.complete)

    async def _in_line(
        self, current: PublishedIntegration, document: dict[str, Any]
    ) -> dict[str, Any]:
        """The document in its canonical form where it has one, without secrets, and with the keys
        that the trigger has."""
        checked = check_document(document)
        if checked.integration is not None:
            document = integration_json(checked.integration)
        return with_held_keys(without_secrets(document), await self._held(current))

    async def _held(self, current: PublishedIntegration) -> list[HeldKey | HeldConsumer]:
        keys = await self._publisher.keys.of(current.trigger_no)
        names = await self._publisher.consumers.granted(current.trigger_no)
        return [
            *(HeldKey.of(key.label, key.expires_at_us) for key in keys),
            *(HeldConsumer(name) for name in names),
        ]


def _refuse_other_base(current: PublishedIntegration, expected: int, draft: Draft | None) -> None:
    if draft is not None:
        detail = f"{draft.changed_by} has begun a draft"
        raise CallerError(detail, code="changed_meanwhile")
    if current.version != expected:
        detail = f"version {current.version} is published, and not {expected}"
        raise CallerError(detail, code="changed_meanwhile")


def _never_published(current: PublishedIntegration) -> bool:
    """Whether this is what ``Publisher.create`` made, and nothing else."""
    blank = {"name", "description", "enabled"}
    return current.version == 1 and not current.enabled and set(current.document) <= blank
