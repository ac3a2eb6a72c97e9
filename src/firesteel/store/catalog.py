"""The catalog port: workspaces, integrations and their versions, keys, consumers, connections.

Changes here are rare; each method is one transaction. Secrets come in sealed (AES-GCM, with the id
of their key): the store never sees one in clear.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

ManagedBy = Literal["files", "console"]


@dataclass(frozen=True, slots=True)
class OfConsumer:
    """A consumer as the owner of keys."""

    consumer_no: int


KeyOwner = int | OfConsumer
"""Whose keys: a trigger's, by its number, or a consumer's."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key of a trigger or of a consumer. ``digest`` is the keyed hash by which a secret is found;
    ``prefix`` its first characters, for people; ``sealed`` the encrypted secret.
    ``replaced_at_us``: another one has taken its place under its label, and it is taken until it
    expires; None: it is the label's current one."""

    key_no: int
    trigger_no: int | None
    consumer_no: int | None
    label: str
    digest: bytes
    prefix: str
    sealed: bytes
    created_at_us: int
    expires_at_us: int | None
    last_used_at_us: int | None
    replaced_at_us: int | None = None

    @property
    def owner(self) -> KeyOwner:
        """Whose it is."""
        if self.trigger_no is not None:
            return self.trigger_no
        assert self.consumer_no is not None
        return OfConsumer(self.consumer_no)


@dataclass(frozen=True, slots=True)
class Consumer:
    """A party that calls. Its own keys open every trigger that it is granted, and its messages
    carry its name."""

    consumer_no: int
    workspace: str
    name: str
    created_at_us: int


@dataclass(frozen=True, slots=True)
class Grant:
    """The consumer's keys open the trigger."""

    consumer_no: int
    trigger_no: int
    granted_at_us: int


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """A key to add, or what a key is to become. ``label``: of a trigger's key, the name of the
    consumer; of a consumer's, what tells its keys apart."""

    label: str
    digest: bytes
    prefix: str
    sealed: bytes
    expires_at_us: int | None = None


@dataclass(frozen=True, slots=True)
class KeyChanges:
    """What becomes of a trigger's keys at once: labels to remove, keys to change (by their label)
    and to add. ``since``: as of ``Catalog.grant``."""

    removed: Sequence[str] = ()
    changed: Sequence[NewApiKey] = ()
    added: Sequence[NewApiKey] = ()
    since: int | None = None


@dataclass(frozen=True, slots=True)
class SealedValue:
    """Something that is kept sealed. ``owner_no``: of an API key its trigger or consumer, of a
    secret its workspace; ``name``: the label or name in it."""

    kind: Literal["api_key", "consumer_key", "secret"]
    owner_no: int
    name: str
    sealed: bytes


@dataclass(frozen=True, slots=True)
class Resealed:
    """What a value becomes. ``digest``: where it is looked up by one."""

    value: SealedValue
    sealed: bytes
    digest: bytes | None = None


@dataclass(frozen=True, slots=True)
class PublishedIntegration:
    """An integration and its published version. ``trigger_no`` names it for good; ``enabled`` is
    the switch, which is not part of the version."""

    trigger_no: int
    workspace: str
    name: str
    enabled: bool
    managed_by: ManagedBy
    version_no: int
    version: int
    published_at_us: int
    published_by: str
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Version:
    """``version`` counts 1, 2, 3 within its integration; ``version_no`` is unique in the store."""

    version_no: int
    version: int
    trigger_no: int
    workspace: str
    published_at_us: int
    published_by: str
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Draft:
    """An integration as it is being edited; not in force. ``base_version``: the published version
    that it was begun from. ``revision`` rises with every change, also where a draft of the name was
    thrown away in between."""

    workspace: str
    name: str
    document: dict[str, Any]
    base_version: int
    revision: int
    changed_at_us: int
    changed_by: str


@dataclass(frozen=True, slots=True)
class TriggerRules:
    """What the journal must know of a trigger; taken from the document at publishing."""

    concurrency: int
    max_waiting: int
    on_failure: Literal["continue", "pause"]
    history_s: float | None
    payloads_s: float | None
    lane_limit: int | None = None
    archive: bool | None = None


@dataclass(frozen=True, slots=True)
class StoredConnection:
    """A connection of a workspace; ``document`` as in connections.yaml, ``${NAME}`` unresolved."""

    workspace: str
    name: str
    document: dict[str, Any]
    managed_by: ManagedBy
    changed_at_us: int


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did what, when. ``subject`` names it (``shop/ItemPrice``); no secret is in ``detail``."""

    no: int
    at_us: int
    actor: str
    action: str
    subject: str
    detail: str


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """All conditions that are given hold. ``action`` is one, such as ``key.add``, or a kind of
    them, such as ``key``; ``subject`` is a part of the entry's, ``exact_subject`` all of it.
    ``until_us`` is exclusive; ``before_no``: the last number of the page before."""

    actor: str | None = None
    action: str | None = None
    subject: str | None = None
    exact_subject: str | None = None
    from_us: int | None = None
    until_us: int | None = None
    before_no: int | None = None
    limit: int = 100


EVERYTHING = AuditFilter()


@dataclass(frozen=True, slots=True)
class Kept:
    """For how many seconds messages and their payloads are kept; None: as the node says, and as
    long as the message. ``archive``: whether they are archived before they go; None: as the node
    says."""

    history_s: int | None
    payloads_s: int | None
    archive: bool | None = None


class Catalog(Protocol):
    """Raises CallerError with codes ``unknown_workspace``, ``unknown_integration``,
    ``unknown_draft``, ``unknown_key``, ``unknown_consumer``, ``unknown_connection``,
    ``unknown_secret``, ``label_taken``, ``name_taken``, ``secret_taken``, ``too_many_keys``,
    ``changed_meanwhile``; a method that raises has changed nothing. What a method
    returned or changed is seen by every read that begins afterwards."""

    async def setting(self, name: str) -> str | None:
        """The value of a setting that the store keeps; None where there is none."""
        ...

    async def put_setting(self, name: str, value: str) -> None:
        """Write or replace it."""
        ...

    async def ensure_setting(self, name: str, value: str) -> str:
        """Write it where there is none; the value that stands, whoever wrote it first."""
        ...

    async def exchange_setting(  # noqa: PLR0913  # all but three are named at the call
        self, name: str, before: str, after: str, *, actor: str, action: str, detail: str
    ) -> None:
        """Replace a value that is as it was read; ``changed_meanwhile`` where it is not. Writes an
        audit entry of that action."""
        ...

    async def sealed_values(self) -> list[SealedValue]:
        """Everything that is kept sealed, of all workspaces."""
        ...

    async def reseal(self, values: Sequence[Resealed]) -> int:
        """In one transaction, each in the place of what it was made of; how many were put. One that
        was changed meanwhile is left as it is. Safe to repeat."""
        ...

    async def workspaces(self) -> list[str]:
        """Names, sorted."""
        ...

    async def ensure_workspace(self, name: str) -> None:
        """Make it where there is none. Safe to repeat."""
        ...

    async def kept(self, workspace: str) -> Kept:
        """How long the workspace keeps what its integrations say nothing of. Raises CallerError
        ``unknown_workspace``."""
        ...

    async def set_kept(self, workspace: str, kept: Kept, actor: str) -> None:
        """Raises CallerError ``unknown_workspace``."""
        ...

    async def integrations(self, workspace: str | None = None) -> list[PublishedIntegration]:
        """Of one workspace or all, by workspace and name; removed ones are not among them."""
        ...

    async def integration(self, workspace: str, name: str) -> PublishedIntegration | None:
        """The one of that name; None where there is none."""
        ...

    async def publish(  # noqa: PLR0913  # all but two are named at the call
        self,
        workspace: str,
        document: dict[str, Any],
        *,
        rules: TriggerRules,
        managed_by: ManagedBy,
        actor: str,
        expect_version: int | None = None,
        draft_revision: int | None = None,
    ) -> tuple[PublishedIntegration, bool]:
        """Make a new version where the document differs from the published one, and take its
        ``enabled`` as the switch, which no version holds: the document that is read back has
        ``enabled`` false where the trigger is off, else none. The order of keys counts as a
        difference, since a response shows it. False: nothing at all has changed.
        ``expect_version``: the published version must be that one; 0: there must be none.
        ``draft_revision``: it is the draft of that revision that is published, and there is none
        of the integration afterwards; ``changed_meanwhile`` where it has another."""
        ...

    async def set_enabled(self, workspace: str, name: str, enabled: bool, actor: str) -> None:
        """Switch the trigger on or off. Safe to repeat."""
        ...

    async def remove(self, workspace: str, name: str, actor: str) -> None:
        """The name is free again and its calls are 404; messages stay until retention ends. Its
        draft goes with it."""
        ...

    async def drafts(self, workspace: str) -> list[Draft]:
        """By name; none where there is no such workspace."""
        ...

    async def draft(self, workspace: str, name: str) -> Draft | None:
        """The draft of that name; None where there is none."""
        ...

    async def put_draft(  # noqa: PLR0913  # all but three are named at the call
        self,
        workspace: str,
        name: str,
        document: dict[str, Any],
        *,
        base_version: int,
        actor: str,
        expect_revision: int | None = None,
    ) -> Draft:
        """Write or replace the draft. ``expect_revision``: it must have that revision now; 0:
        there must be none; ``changed_meanwhile`` otherwise."""
        ...

    async def delete_draft(
        self, workspace: str, name: str, actor: str, expect_revision: int | None = None
    ) -> None:
        """``unknown_draft`` where there is none, ``changed_meanwhile`` where it has another
        revision than the one that is expected."""
        ...

    async def versions(self, workspace: str, name: str) -> list[Version]:
        """Latest first."""
        ...

    async def version(self, version_no: int) -> Version | None:
        """Of any integration, a removed one too; never altered."""
        ...

    async def keys(self, owner: KeyOwner | None = None) -> list[ApiKey]:
        """Of one owner or all, replaced ones too, in the order in which they were added."""
        ...

    async def add_key(self, owner: KeyOwner, key: NewApiKey, actor: str) -> ApiKey:
        """A label and a secret stand once with an owner: ``label_taken``, ``secret_taken``. On one
        trigger a secret means one consumer, so it is also taken where the trigger has it for
        another name by a grant, and where another consumer of the workspace has it."""
        ...

    async def change_key(
        self, owner: KeyOwner, label: str, change: NewApiKey, actor: str
    ) -> ApiKey:
        """Replace label, secret and expiry of the key of that label, at once."""
        ...

    async def rotate_key(
        self, owner: KeyOwner, label: str, key: NewApiKey, *, old_until_us: int, actor: str
    ) -> ApiKey:
        """Put a new key in the place of the current one of that label, which like those replaced
        before is taken until it expires, and not beyond ``old_until_us``. The last few of them are
        remembered, also when they are over."""
        ...

    async def end_overlap(self, owner: KeyOwner, label: str, actor: str) -> int:
        """Take the replaced keys of that label no more; how many that were."""
        ...

    async def delete_key(self, owner: KeyOwner, label: str, actor: str) -> None:
        """The sealed secret goes with it, and the keys that it replaced."""
        ...

    async def change_keys(self, trigger_no: int, changes: KeyChanges, actor: str) -> None:
        """All of it in one transaction, or nothing. Only what is there in the end counts: a secret
        may go from one label to another, and two labels may exchange theirs."""
        ...

    async def touch_keys(self, used: dict[int, int]) -> None:
        """``key_no -> last_used_at_us``, written in batches."""
        ...

    async def consumers(self, workspace: str | None = None) -> list[Consumer]:
        """Of one workspace or all, by workspace and name."""
        ...

    async def add_consumer(self, workspace: str, name: str, actor: str) -> Consumer:
        """Without keys and grants. ``name_taken``."""
        ...

    async def rename_consumer(
        self, workspace: str, name: str, new_name: str, actor: str
    ) -> Consumer:
        """Keys and grants stay; messages keep the name that they came with. ``name_taken``,
        ``secret_taken``."""
        ...

    async def delete_consumer(self, workspace: str, name: str, actor: str) -> None:
        """With its keys and grants."""
        ...

    async def grants(self) -> list[Grant]:
        """All, in the order in which they were given."""
        ...

    async def grant(
        self,
        trigger_no: int,
        names: Sequence[str],
        actor: str,
        *,
        make: bool = False,
        since: int | None = None,
    ) -> list[str]:
        """Let the keys of these consumers of its workspace open the trigger; those that they did
        not open before. ``make``: a consumer that is not there is made, without keys. ``since``:
        a number of the audit log; ``changed_meanwhile`` where anybody else has changed one of them
        since that entry. All or nothing; ``secret_taken`` where the trigger has a secret of theirs
        for another name."""
        ...

    async def revoke(self, trigger_no: int, names: Sequence[str], actor: str) -> list[str]:
        """Take grants back, those that there are; ``unknown_consumer``."""
        ...

    async def connections(self, workspace: str) -> list[StoredConnection]:
        """By name; none where there is no such workspace."""
        ...

    async def put_connection(
        self,
        workspace: str,
        name: str,
        document: dict[str, Any],
        *,
        managed_by: ManagedBy,
        actor: str,
    ) -> bool:
        """True if it changed."""
        ...

    async def delete_connection(self, workspace: str, name: str, actor: str) -> None:
        """``unknown_connection`` where there is none."""
        ...

    async def secrets(self, workspace: str) -> dict[str, bytes]:
        """Name -> sealed value."""
        ...

    async def put_secret(self, workspace: str, name: str, sealed: bytes, actor: str) -> None:
        """Write or replace it."""
        ...

    async def delete_secret(self, workspace: str, name: str, actor: str) -> None:
        """``unknown_secret`` where there is none."""
        ...

    async def note(self, actor: str, action: str, subject: str, detail: str = "") -> None:
        """Write an audit entry of an act that changes nothing here: a key revealed, a backup."""
        ...

    async def audit(self, wanted: AuditFilter = EVERYTHING) -> Sequence[AuditEntry]:
        """Latest first. Every changing method above writes its own entry in its transaction."""
        ...
