"""The store's data keys, opened with the node's encryption key: at start, and again when changed.

A node that has another key than the store's is refused before anything is done with it (P35).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from firesteel.engine.data_keys import (
    KEY_ID_BYTES,
    NONCE_BYTES,
    DataKeys,
    Envelope,
    key_id,
    sealed_under,
    wrong_key,
)
from firesteel.engine.key_file import KEY_FILE, forget, load, load_or_create, settled

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ENVELOPE_SETTING = "data_keys"
CHECK_SETTING = "encryption_check"
"""Of releases before there were data keys: a text that the encryption key itself has sealed."""

CHECK_PURPOSE = "encryption check"


class SettingStore(Protocol):
    """The part of the catalog in which the envelope lies."""

    async def setting(self, name: str) -> str | None:
        """As ``Catalog.setting``."""
        ...

    async def ensure_setting(self, name: str, value: str) -> str:
        """As ``Catalog.ensure_setting``."""
        ...


class KeyChest:
    """``key``: the node's encryption key. ``data_dir``: where its file lies; None where the key is
    a setting."""

    def __init__(self, key: bytes, store: SettingStore, data_dir: Path | None) -> None:
        self.key = key
        self.data_dir = data_dir
        self._store = store
        self._read: tuple[str, DataKeys] | None = None

    @property
    def key_id(self) -> str:
        """Of the encryption key, in hexadecimal."""
        return key_id(self.key).hex()

    @classmethod
    async def open(
        cls,
        store: SettingStore,
        *,
        setting: bytes | None,
        data_dir: Path,
        now_us: Callable[[], int],
    ) -> KeyChest:
        """The chest, its envelope made where the store has none: by the first start, and by the
        first one of this release on a store of an earlier one. A change of the key file that was
        cut off is ended. A key file is made for a store that has no key yet, and for no other.
        Raises OperatorError as ``keys`` and ``load``."""
        text = await store.setting(ENVELOPE_SETTING)
        if text is None:
            text = await _first_envelope(store, setting, data_dir, now_us())
        key = setting or settled(data_dir, Envelope.parse(text))
        chest = cls(key, store, data_dir if setting is None else None)
        chest.take(text)
        return chest

    async def envelope(self) -> tuple[str, Envelope]:
        """As it is in the store now: as text, and read. Raises OperatorError where there is none
        any more."""
        text = await self._store.setting(ENVELOPE_SETTING)
        if text is None:
            raise wrong_key()
        return text, Envelope.parse(text)

    async def keys(self) -> DataKeys:
        """The data keys that the store has now. Raises OperatorError ``wrong_encryption_key``,
        ``sealed_value_damaged``."""
        text, _ = await self.envelope()
        return self.take(text)

    def take(self, text: str) -> DataKeys:
        """The data keys of an envelope; the same object as long as it is the same envelope."""
        if self._read is None or self._read[0] != text:
            keys = Envelope.parse(text).open(self.key)
            if self._read is not None and self._read[1] == keys:
                keys = self._read[1]
            self._read = (text, keys)
        return self._read[1]


def check(key: bytes, stored: str) -> None:
    """Hold a key against what a store has of its own: its envelope, or the check value of an
    earlier release. Raises OperatorError ``wrong_encryption_key``."""
    if stored.startswith("{"):
        Envelope.parse(stored).open(key)
    else:
        _check_former(key, stored)


async def _first_envelope(
    store: SettingStore, setting: bytes | None, data_dir: Path, now_us: int
) -> str:
    """The store's envelope, made by this node or by one that was faster. The data keys of a store
    that an earlier release has made are those that it had."""
    stored = await store.setting(CHECK_SETTING)
    if stored is not None:
        key = setting or load(data_dir)
        _check_former(key, stored)
        made = Envelope(sealed_under(key, DataKeys.derived(key)))
        return await store.ensure_setting(ENVELOPE_SETTING, made.text())
    making = setting is None and not (data_dir / KEY_FILE).exists()
    key = setting or load_or_create(data_dir)
    made = Envelope(sealed_under(key, DataKeys.made(now_us)))
    text = await store.ensure_setting(ENVELOPE_SETTING, made.text())
    if making and not Envelope.parse(text).opens_with(key):
        forget(data_dir, key)
    return text


def _check_former(key: bytes, stored: str) -> None:
    (generation,) = DataKeys.derived(key).generations
    nonce_at = 1 + KEY_ID_BYTES
    try:
        sealed = bytes.fromhex(stored)
        AESGCM(generation.seals).decrypt(
            sealed[nonce_at : nonce_at + NONCE_BYTES],
            sealed[nonce_at + NONCE_BYTES :],
            CHECK_PURPOSE.encode(),
        )
    except (InvalidTag, ValueError) as error:
        raise wrong_key() from error
