"""Secrets are sealed and hashed under one key, and a wrong key is recognised (P35, P47)."""

from __future__ import annotations

import asyncio
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firesteel.engine.keyring import KEY_FILE, Keyring, load_or_create, verify
from firesteel.errors import OperatorError
from firesteel.model.encryption_key import parse_key, written_key

KEYRING = Keyring(b"k" * 32)
OTHER = Keyring(b"o" * 32)


class Settings:
    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    async def setting(self, name: str) -> str | None:
        return self.values.get(name)

    async def ensure_setting(self, name: str, value: str) -> str:
        return self.values.setdefault(name, value)


@given(st.binary(max_size=600), st.text(max_size=30))
def test_what_is_sealed_opens_again_and_shows_nothing(secret: bytes, purpose: str) -> None:
    sealed = KEYRING.seal(secret, purpose)
    assert KEYRING.open(sealed, purpose) == secret
    assert len(secret) < 4 or secret not in sealed
    assert KEYRING.seal(secret, purpose) != sealed


def test_a_sealed_value_opens_only_under_its_key_and_purpose() -> None:
    sealed = KEYRING.seal(b"secret", "api_key 1")
    with pytest.raises(OperatorError) as wrong_key:
        OTHER.open(sealed, "api_key 1")
    assert wrong_key.value.code == "wrong_encryption_key"
    with pytest.raises(OperatorError) as moved:
        KEYRING.open(sealed, "api_key 2")
    assert moved.value.code == "sealed_value_damaged"


@given(st.data())
def test_an_altered_sealed_value_is_never_opened(data: st.DataObject) -> None:
    sealed = bytearray(KEYRING.seal(b"secret", "x"))
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(OperatorError):
        KEYRING.open(bytes(sealed), "x")


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x01" * 16, b"\x01" * 17, b"nonsense" * 4])
def test_what_was_never_sealed_is_an_error_of_its_own(sealed: bytes) -> None:
    with pytest.raises(OperatorError):
        KEYRING.open(sealed, "x")


@given(st.text() | st.binary())
def test_a_digest_is_stable_and_keyed(secret: str | bytes) -> None:
    assert KEYRING.digest(secret) == KEYRING.digest(secret)
    assert KEYRING.digest(secret) != OTHER.digest(secret)
    assert len(KEYRING.digest(secret)) == 32


def test_text_and_its_bytes_have_one_digest() -> None:
    assert KEYRING.digest("demo-key") == KEYRING.digest(b"demo-key")


def test_a_key_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Keyring(b"short")


def test_the_key_file_is_made_once_with_mode_0600(tmp_path: Path) -> None:
    key = load_or_create(tmp_path)
    assert load_or_create(tmp_path) == key
    assert stat.S_IMODE((tmp_path / KEY_FILE).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]


def test_nodes_that_start_at_once_agree_on_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(load_or_create, [tmp_path] * 16))
    assert len(set(keys)) == 1


def test_a_key_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    load_or_create(tmp_path)
    (tmp_path / KEY_FILE).chmod(0o644)
    with pytest.raises(OperatorError) as caught:
        load_or_create(tmp_path)
    assert caught.value.code == "encryption_key_exposed"


def test_a_key_file_with_something_else_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / KEY_FILE).write_text("not a key")
    (tmp_path / KEY_FILE).chmod(0o600)
    with pytest.raises(OperatorError) as caught:
        load_or_create(tmp_path)
    assert caught.value.code == "encryption_key_invalid"
    assert "not a key" not in caught.value.detail


@given(st.binary(min_size=32, max_size=32))
def test_a_key_is_read_as_it_was_written(key: bytes) -> None:
    assert parse_key(written_key(key)) == key


def test_a_wrong_key_is_recognised_before_anything_is_done_with_it() -> None:
    store = Settings()
    asyncio.run(verify(KEYRING, store))
    asyncio.run(verify(KEYRING, store))
    with pytest.raises(OperatorError) as caught:
        asyncio.run(verify(OTHER, store))
    assert caught.value.code == "wrong_encryption_key"


def test_of_nodes_that_start_at_once_one_key_is_the_stores() -> None:
    store = Settings()

    async def read_before_it_was_written(_name: str) -> None:
        return None

    asyncio.run(verify(KEYRING, store))
    store.setting = read_before_it_was_written  # type: ignore[method-assign,assignment]
    asyncio.run(verify(KEYRING, store))
    with pytest.raises(OperatorError) as caught:
        asyncio.run(verify(OTHER, store))
    assert caught.value.code == "wrong_encryption_key"
