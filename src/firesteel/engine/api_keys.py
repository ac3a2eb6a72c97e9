"""API keys of triggers: added, changed, deleted, revealed, and brought in line with a document.

Keys live beside the document, matched by label within a trigger. The secret is kept twice: as a
keyed hash by which calls are recognised, and sealed, for those who may reveal it.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, get_args

import structlog

from firesteel.errors import CallerError, OperatorError
from firesteel.model.api_key import check_pasted, display_prefix, expiry_us, generated_key
from firesteel.model.generated_secret import ENTROPY_BYTES
from firesteel.store.catalog import KeyChanges, NewApiKey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from firesteel.engine.keyring import Keyring, Ring
    from firesteel.model.authentication import ApiKeyAuth
    from firesteel.store.catalog import ApiKey, Catalog

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
    """The keys of all triggers. Whoever changes one refreshes the engine's routes after it."""

    def __init__(self, catalog: Catalog, keyring: Keyring) -> None:
        self._catalog = catalog
        self._keyring = keyring

    async def of(self, trigger_no: int) -> list[ApiKey]:
        """The trigger's keys by label."""
        return sorted(await self._catalog.keys(trigger_no), key=lambda key: key.label)

    async def find(self, trigger_no: int, label: str) -> ApiKey:
        """Raises CallerError ``unknown_key``."""
        for key in await self._catalog.keys(trigger_no):
            if key.label == label:
                return key
        raise CallerError(f"the trigger has no API key labelled {label}", code="unknown_key")

    async def add(self, trigger_no: int, wanted: WantedKey, actor: str) -> AddedKey:
        """A new key, pasted or generated. Raises CallerError ``label_taken``, ``secret_taken``,
        ``key_invalid``."""
        warning = check_pasted(wanted.secret) if wanted.secret is not None else None
        row, secret = self._new_row(trigger_no, wanted)
        return AddedKey(await self._catalog.add_key(trigger_no, row, actor), secret, warning)

    async def change(self, trigger_no: int, label: str, *, wanted: WantedKey, actor: str) -> ApiKey:
        """Give the key of that label another label, secret (None: as it is) or expiry."""
        row = self._changed_row(await self.find(trigger_no, label), wanted)
        return await self._catalog.change_key(trigger_no, label, row, actor)

    async def delete(self, trigger_no: int, label: str, actor: str) -> None:
        """Raises CallerError ``unknown_key``."""
        await self._catalog.delete_key(trigger_no, label, actor)

    async def reveal(self, trigger_no: int, label: str, *, subject: str, actor: str) -> str:
        """The secret in clear; the audit log says who saw it, before it is seen."""
        await self.find(trigger_no, label)
        await self._catalog.note(actor, "key.reveal", f"{subject} {label}")
        return await self.open(trigger_no, label)

    async def open(self, trigger_no: int, label: str) -> str:
        """The secret in clear, for the node's own use: nobody may be shown it."""
        key = await self.find(trigger_no, label)
        return (await self._keyring.open_stored(key.sealed, purpose_of_keys(trigger_no))).decode()

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
        by_label = {key.label: key for key in existing}
        changes = [KeyChange(key.label, self._act(by_label.get(key.label), key)) for key in wanted]
        labels = {key.label for key in wanted}
        rest: Act = "removed" if prune else "undeclared"
        changes += [KeyChange(label, rest) for label in by_label if label not in labels]
        return changes

    async def bring_in_line(
        self, trigger_no: int, wanted: Sequence[WantedKey], *, prune: bool, actor: str
    ) -> list[KeyChange]:
        """Make the trigger's keys those of its document, all at once; undeclared ones are kept
        unless ``prune``."""
        existing = await self.of(trigger_no)
        plan = self.plan(existing, wanted, prune=prune)
        held, asked = ({key.label: key for key in existing}, {key.label: key for key in wanted})
        labels = {act: [item.label for item in plan if item.act == act] for act in get_args(Act)}
        changed = [self._changed_row(held[label], asked[label]) for label in labels["changed"]]
        new = {label: self._new_row(trigger_no, asked[label]) for label in labels["added"]}
        changes = KeyChanges(labels["removed"], changed, [row for row, _ in new.values()])
        if changes.removed or changes.changed or changes.added:
            await self._catalog.change_keys(trigger_no, changes, actor)
        generated = {label: secret for label, (_, secret) in new.items() if not asked[label].secret}
        return [replace(item, secret=generated.get(item.label)) for item in plan]

    def digest(self, secret: str) -> bytes:
        """The keyed hash of a secret."""
        return self._keyring.digest(secret)

    def _act(self, key: ApiKey | None, wanted: WantedKey) -> Act:
        if key is None:
            return "added"
        same_secret = wanted.secret is None or self.digest(wanted.secret) == key.digest
        return "kept" if same_secret and key.expires_at_us == wanted.expires_at_us else "changed"

    def _new_row(self, trigger_no: int, wanted: WantedKey) -> tuple[NewApiKey, str]:
        secret = wanted.secret or generated_key(secrets.token_bytes(ENTROPY_BYTES))
        return self._row(trigger_no, wanted.label, secret, wanted.expires_at_us), secret

    def _changed_row(self, key: ApiKey, wanted: WantedKey) -> NewApiKey:
        if wanted.secret is None:
            return NewApiKey(wanted.label, key.digest, key.prefix, key.sealed, wanted.expires_at_us)
        check_pasted(wanted.secret)
        return self._row(key.trigger_no, wanted.label, wanted.secret, wanted.expires_at_us)

    def _row(
        self, trigger_no: int, label: str, secret: str, expires_at_us: int | None
    ) -> NewApiKey:
        return NewApiKey(
            label=label,
            digest=self._keyring.digest(secret),
            prefix=display_prefix(secret),
            sealed=self._keyring.seal(secret.encode(), purpose_of_keys(trigger_no)),
            expires_at_us=expires_at_us,
        )


def current_digest(key: ApiKey, ring: Ring) -> bytes:
    """The digest of a key under the data keys in use: as it is stored, or, where other ones have
    sealed it and it was not sealed anew yet, of its secret."""
    if ring.is_current(key.sealed):
        return key.digest
    try:
        return ring.digest(ring.open(key.sealed, purpose_of_keys(key.trigger_no)))
    except OperatorError as error:
        log.error("api_key_unreadable", label=key.label, code=error.code)
        return key.digest


def purpose_of_keys(trigger_no: int) -> str:
    """What the secrets of a trigger's keys are sealed for."""
    return f"api key of trigger {trigger_no}"
