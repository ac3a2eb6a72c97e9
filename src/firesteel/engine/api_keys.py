"""API keys of triggers and of consumers: added, changed, rotated, deleted, revealed, and brought in
line with a document.

Keys live beside the document, matched by label within their owner. The secret is kept twice: as a
keyed hash by which calls are recognised, and sealed, for those who may reveal it.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, get_args

import structlog

from firesteel.engine.last_acts import last_acts
from firesteel.errors import CallerError, OperatorError
from firesteel.model.api_key import check_pasted, display_prefix, expiry_us, generated_key
from firesteel.model.generated_secret import ENTROPY_BYTES
from firesteel.store.catalog import AuditFilter, KeyChanges, NewApiKey, OfConsumer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from firesteel.engine.keyring import Keyring, Ring
    from firesteel.model.authentication import ApiKeyAuth
    from firesteel.store.catalog import ApiKey, Catalog, KeyOwner

FAR_US = 1 << 62
CHANGES = ("key.add", "key.change", "key.delete", "key.rotate")
ROTATIONS = ("key.rotate", "key.end_overlap")

log = structlog.get_logger(__name__)

Act = Literal["added", "changed", "kept", "removed", "undeclared"]


@dataclass(frozen=True, slots=True)
class WantedKey:
    """A declared key with ``${...}`` resolved. ``secret`` None: any; generated where there is
    none of that label. ``index``: its place in ``authentication``."""

    label: str
    secret: str | None
    expires_at_us: int | None
    index: int = 0

    @classmethod
    def of(cls, declared: ApiKeyAuth, secret: str | None, index: int) -> WantedKey:
        """A declaration with its secret."""
        expires_at_us = expiry_us(declared.expires) if declared.expires else None
        return cls(declared.label, secret, expires_at_us, index)


@dataclass(frozen=True, slots=True)
class Rotation:
    """``secret`` None: one is generated. ``old_until_us``: how long the secrets before it are
    taken."""

    secret: str | None
    expires_at_us: int | None
    old_until_us: int


@dataclass(frozen=True, slots=True)
class KeyChange:
    """What becomes of one key. ``secret`` is set for a generated one only: it is shown this once.
    ``undeclared``: not in the document, and kept."""

    label: str
    act: Act
    secret: str | None = None


@dataclass(frozen=True, slots=True)
class AddedKey:
    """``secret`` in clear; ``warning`` where a pasted one is weak."""

    key: ApiKey
    secret: str
    warning: str | None


class ApiKeys:
    """The keys of all triggers and consumers. Whoever changes one refreshes the engine's routes
    after it."""

    def __init__(self, catalog: Catalog, keyring: Keyring) -> None:
        self._catalog = catalog
        self._keyring = keyring

    async def of(self, owner: KeyOwner) -> list[ApiKey]:
        """The owner's keys by label, without those that rotation has replaced."""
        return [key for key in await self.every(owner) if key.replaced_at_us is None]

    async def every(self, owner: KeyOwner) -> list[ApiKey]:
        """The owner's keys by label, those behind the current one that it has replaced."""
        found = await self._catalog.keys(owner)
        return sorted(found, key=lambda key: (key.label, -(key.replaced_at_us or FAR_US)))

    async def find(self, owner: KeyOwner, label: str) -> ApiKey:
        """Raises CallerError ``unknown_key``."""
        for key in await self.of(owner):
            if key.label == label:
                return key
        whose = "consumer" if isinstance(owner, OfConsumer) else "trigger"
        raise CallerError(f"the {whose} has no API key labelled {label}", code="unknown_key")

    async def add(self, owner: KeyOwner, wanted: WantedKey, actor: str) -> AddedKey:
        """A new key, pasted or generated. Raises CallerError ``label_taken``, ``secret_taken``,
        ``key_invalid``."""
        warning = check_pasted(wanted.secret) if wanted.secret is not None else None
        row, secret = self._new_row(owner, wanted)
        return AddedKey(await self._catalog.add_key(owner, row, actor), secret, warning)

    async def change(self, owner: KeyOwner, label: str, *, wanted: WantedKey, actor: str) -> ApiKey:
        """Give the key of that label another label, secret (None: as it is) or expiry."""
        row = self._changed_row(await self.find(owner, label), wanted)
        return await self._catalog.change_key(owner, label, row, actor)

    async def rotate(
        self, owner: KeyOwner, label: str, rotation: Rotation, *, actor: str
    ) -> AddedKey:
        """A new secret under the same label, pasted or generated; the one before is taken for a
        while. Raises CallerError ``unknown_key``, ``secret_taken``, ``key_invalid``."""
        warning = check_pasted(rotation.secret) if rotation.secret is not None else None
        wanted = WantedKey(label, rotation.secret, rotation.expires_at_us)
        row, secret = self._new_row(owner, wanted)
        key = await self._catalog.rotate_key(
            owner, label, row, old_until_us=rotation.old_until_us, actor=actor
        )
        return AddedKey(key, secret, warning)

    async def end_overlap(self, owner: KeyOwner, label: str, actor: str) -> int:
        """Take the secrets that rotation has replaced no more. Raises CallerError
        ``unknown_key``."""
        return await self._catalog.end_overlap(owner, label, actor)

    async def delete(self, owner: KeyOwner, label: str, actor: str) -> None:
        """Raises CallerError ``unknown_key``."""
        await self._catalog.delete_key(owner, label, actor)

    async def last_entry(self) -> int:
        """The number of the last entry of the audit log; 0 where it is empty."""
        entries = await self._catalog.audit(AuditFilter(limit=1))
        return entries[0].no if entries else 0

    async def last_actors(
        self, subject: str, labels: Sequence[str], acts: Sequence[str] = CHANGES
    ) -> dict[str, str]:
        """By label, who did the last of these acts that the audit log tells of its key; labels of
        which it tells none are left out, but it may tell too much to be read whole: then somebody
        did. ``subject``: how it names the owner."""
        last: dict[str, str] = {}
        entries, more = await last_acts(self._catalog, "key", subject)
        for entry in entries:
            if entry.action in acts:
                for label in labels:
                    if _names(entry.detail, label):
                        last.setdefault(label, entry.actor)
        somebody = dict.fromkeys(labels, "somebody") if more else {}
        return {**somebody, **last}

    async def reveal(self, owner: KeyOwner, label: str, *, subject: str, actor: str) -> str:
        """The secret in clear; the audit log says who saw it, before it is seen."""
        await self.find(owner, label)
        await self._catalog.note(actor, "key.reveal", f"{subject} {label}")
        return await self.open(owner, label)

    async def open(self, owner: KeyOwner, label: str) -> str:
        """The secret in clear, for the node's own use: nobody may be shown it."""
        key = await self.find(owner, label)
        return (await self._keyring.open_stored(key.sealed, purpose_of_keys(owner))).decode()

    async def lend(
        self, trigger_no: int, label: str | None, *, subject: str, actor: str
    ) -> str | None:
        """The secret of a label, for a call that the node itself makes and that shows it to nobody;
        None for a call without one. The audit log says who called, before it is called. Raises
        CallerError ``unknown_key``."""
        key = None if label is None else await self.find(trigger_no, label)
        with_key = "" if key is None else f"with the key {key.label}"
        await self._catalog.note(actor, "trigger.try", subject, with_key)
        if key is None:
            return None
        return (await self._keyring.open_stored(key.sealed, purpose_of_keys(trigger_no))).decode()

    def plan(
        self, existing: Sequence[ApiKey], wanted: Sequence[WantedKey], *, prune: bool
    ) -> list[KeyChange]:
        """What ``bring_in_line`` would do; secrets that it would generate are not made."""
        by_label = {key.label: key for key in existing if key.replaced_at_us is None}
        former = self.replaced_secrets(existing, wanted)
        changes = [
            KeyChange(key.label, self._act(by_label.get(key.label), key, key.label in former))
            for key in wanted
        ]
        labels = {key.label for key in wanted}
        rest: Act = "removed" if prune else "undeclared"
        changes += [KeyChange(label, rest) for label in by_label if label not in labels]
        return changes

    async def bring_in_line(
        self,
        trigger_no: int,
        wanted: Sequence[WantedKey],
        *,
        prune: bool,
        actor: str,
        since: int | None = None,
    ) -> list[KeyChange]:
        """Make the trigger's keys those of its document, all at once; undeclared ones are kept
        unless ``prune``. Raises CallerError ``changed_meanwhile`` where something is to be changed
        and anybody else has changed keys since that entry of the audit log."""
        existing = await self.every(trigger_no)
        plan = self.plan(existing, wanted, prune=prune)
        held = {key.label: key for key in existing if key.replaced_at_us is None}
        asked = {key.label: key for key in wanted}
        labels = {act: [item.label for item in plan if item.act == act] for act in get_args(Act)}
        former = self.replaced_secrets(existing, wanted)
        secret_kept = {label: replace(asked[label], secret=None) for label in former}
        changed = [
            self._changed_row(held[label], {**asked, **secret_kept}[label])
            for label in labels["changed"]
        ]
        new = {label: self._new_row(trigger_no, asked[label]) for label in labels["added"]}
        added = [row for row, _ in new.values()]
        changes = KeyChanges(labels["removed"], changed, added, since)
        if changes.removed or changes.changed or changes.added:
            await self._catalog.change_keys(trigger_no, changes, actor)
        generated = {label: secret for label, (_, secret) in new.items() if not asked[label].secret}
        return [replace(item, secret=generated.get(item.label)) for item in plan]

    def replaced_secrets(self, existing: Sequence[ApiKey], wanted: Sequence[WantedKey]) -> set[str]:
        """Labels of declared keys whose declared secret has been replaced by rotation: it is not
        brought back."""
        replaced = {(key.label, key.digest) for key in existing if key.replaced_at_us is not None}
        return {
            key.label
            for key in wanted
            if key.secret is not None and (key.label, self.digest(key.secret)) in replaced
        }

    def digest(self, secret: str) -> bytes:
        """The keyed hash of a secret."""
        return self._keyring.digest(secret)

    def _act(self, key: ApiKey | None, wanted: WantedKey, secret_replaced: bool) -> Act:
        if key is None:
            return "added"
        any_secret = wanted.secret is None or secret_replaced
        same_secret = any_secret or self.digest(wanted.secret or "") == key.digest
        return "kept" if same_secret and key.expires_at_us == wanted.expires_at_us else "changed"

    def _new_row(self, owner: KeyOwner, wanted: WantedKey) -> tuple[NewApiKey, str]:
        secret = wanted.secret or generated_key(secrets.token_bytes(ENTROPY_BYTES))
        return self._row(owner, wanted.label, secret, wanted.expires_at_us), secret

    def _changed_row(self, key: ApiKey, wanted: WantedKey) -> NewApiKey:
        if wanted.secret is None:
            return NewApiKey(wanted.label, key.digest, key.prefix, key.sealed, wanted.expires_at_us)
        check_pasted(wanted.secret)
        return self._row(key.owner, wanted.label, wanted.secret, wanted.expires_at_us)

    def _row(
        self, owner: KeyOwner, label: str, secret: str, expires_at_us: int | None
    ) -> NewApiKey:
        return NewApiKey(
            label=label,
            digest=self._keyring.digest(secret),
            prefix=display_prefix(secret),
            sealed=self._keyring.seal(secret.encode(), purpose_of_keys(owner)),
            expires_at_us=expires_at_us,
        )


def _names(detail: str, label: str) -> bool:
    """Whether an entry of the audit log is about the key of that label, by its old or new one."""
    told = f"{detail}, "
    return told.startswith(f"label {label}, ") or f", now {label}, " in told


def current_digest(key: ApiKey, ring: Ring) -> bytes:
    """The digest of a key under the data keys in use: as it is stored, or, where other ones have
    sealed it and it was not sealed anew yet, of its secret."""
    if ring.is_current(key.sealed):
        return key.digest
    try:
        return ring.digest(ring.open(key.sealed, purpose_of_keys(key.owner)))
    except OperatorError as error:
        log.error("api_key_unreadable", label=key.label, code=error.code)
        return key.digest


def purpose_of_keys(owner: KeyOwner) -> str:
    """What the secrets of an owner's keys are sealed for."""
    if isinstance(owner, OfConsumer):
        return f"api key of consumer {owner.consumer_no}"
    return f"api key of trigger {owner}"
