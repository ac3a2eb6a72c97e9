"""Secrets are sealed and hashed under one key, and a wrong key is recognised (P35, P47)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firesteel.engine.data_keys import DataKeys
from firesteel.engine.keyring import Keyring
from firesteel.errors import OperatorError

KEYRING = Keyring(DataKeys.made(0))
OTHER = Keyring(DataKeys.made(0))


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
        DataKeys.derived(b"short")


def test_renewed_keys_open_what_the_ones_before_have_sealed_but_hash_otherwise() -> None:
    before = DataKeys.made(0)
    after = before.renewed(1)
    old, new = Keyring(before), Keyring(after)
    assert new.open(old.seal(b"secret", "x"), "x") == b"secret"
    assert new.digest("secret") != old.digest("secret")
    assert new.lasting_digest("secret") == old.lasting_digest("secret")
    with pytest.raises(OperatorError):
        old.open(new.seal(b"secret", "x"), "x")
    twice = Keyring(after.renewed(2))
    with pytest.raises(OperatorError):
        twice.open(old.seal(b"secret", "x"), "x")
    assert twice.open(new.seal(b"secret", "x"), "x") == b"secret"


async def test_what_another_node_has_sealed_with_newer_keys_is_opened_with_the_stores() -> None:
    keys = DataKeys.made(0)
    newer = keys.renewed(1)

    async def latest() -> DataKeys:
        return newer

    behind = Keyring(keys, latest)
    sealed = Keyring(newer).seal(b"secret", "x")
    assert await behind.open_stored(sealed, "x") == b"secret"
    assert behind.digest("key") == Keyring(keys).digest("key")  # until routes are taken over too


def test_keys_are_shown_nowhere() -> None:
    keys = DataKeys.made(0)
    shown = repr((keys, keys.current, Keyring(keys), Keyring(keys).ring))
    for secret in (keys.lasting, keys.current.seals, keys.current.digests):
        assert repr(secret) not in shown
        assert secret.hex() not in shown
