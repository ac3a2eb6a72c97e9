"""Data keys lie in the store, sealed; stores of before get theirs by themselves (P35)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from firesteel.engine.data_keys import DataKeys, Envelope, key_id
from firesteel.engine.key_chest import (
    CHECK_PURPOSE,
    CHECK_SETTING,
    ENVELOPE_SETTING,
    KeyChest,
    check,
)
from firesteel.engine.key_file import load_or_create, write_next
from firesteel.engine.keyring import Keyring
from firesteel.errors import OperatorError
from firesteel.model.encryption_key import written_key

KEY, OTHER = b"k" * 32, b"o" * 32

FORMER_DIGEST = "27c6ea35a94a180c74013728b3d562787e7e6329124a52eabcde2420b627855f"
FORMER_SEALED = (
    "0155c5b4d2d1375649a2537026af03c6ab1ea536d22a204543bf3d078cd5d112fe4c4a1815540189cd0f925a"
)
FORMER_CHECK = (
    "0155c5b4d2a143932ed2a19b50bac37e75e8c2d8de4bdefd3133df02e8e3567580e20702f07eb6b8ee02"
)


class Settings:
    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    async def setting(self, name: str) -> str | None:
        return self.values.get(name)

    async def ensure_setting(self, name: str, value: str) -> str:
        return self.values.setdefault(name, value)


async def opened(store: Settings, key: bytes | None, folder: Path) -> KeyChest:
    return await KeyChest.open(store, setting=key, data_dir=folder, now_us=lambda: 7)


def files(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def test_a_new_store_gets_random_data_keys_and_holds_none_in_clear(tmp_path: Path) -> None:
    one, other = Settings(), Settings()
    keys = await (await opened(one, KEY, tmp_path)).keys()
    assert keys != await (await opened(other, KEY, tmp_path)).keys()
    assert keys == await (await opened(one, KEY, tmp_path)).keys()
    text = one.values[ENVELOPE_SETTING]
    for secret in (KEY, keys.lasting, keys.current.seals, keys.current.digests):
        assert secret.hex() not in text
        assert written_key(secret) not in text
    assert list(one.values) == [ENVELOPE_SETTING]


async def test_a_wrong_key_is_recognised_before_anything_is_done_with_it(tmp_path: Path) -> None:
    store = Settings()
    await opened(store, KEY, tmp_path)
    before = dict(store.values)
    with pytest.raises(OperatorError) as caught:
        await opened(store, OTHER, tmp_path)
    assert caught.value.code == "wrong_encryption_key"
    assert store.values == before


async def test_of_nodes_that_start_at_once_one_key_is_the_stores(tmp_path: Path) -> None:
    store = Settings()
    first = await (await opened(store, KEY, tmp_path)).keys()

    class Behind(Settings):
        async def setting(self, name: str) -> str | None:
            return None

    late = Behind()
    late.values = store.values
    chest = await opened(late, KEY, tmp_path)
    assert chest.take(store.values[ENVELOPE_SETTING]) == first
    with pytest.raises(OperatorError) as caught:
        await opened(late, OTHER, tmp_path)
    assert caught.value.code == "wrong_encryption_key"


@pytest.mark.parametrize("earlier_release", [False, True])
async def test_a_node_that_lacks_the_stores_key_makes_none_that_looks_like_it(
    tmp_path: Path, earlier_release: bool
) -> None:
    store = Settings()
    if earlier_release:
        store.values[CHECK_SETTING] = FORMER_CHECK
    else:
        await opened(store, KEY, tmp_path)
    before = dict(store.values)
    for _ in range(2):
        with pytest.raises(OperatorError) as caught:
            await opened(store, None, tmp_path)
        assert caught.value.code == "wrong_encryption_key"
        assert "has no encryption.key" in caught.value.detail
        assert files(tmp_path) == []
    assert store.values == before


async def test_a_key_that_was_made_while_another_nodes_became_the_stores_is_taken_away(
    tmp_path: Path,
) -> None:
    class Late(Settings):
        async def ensure_setting(self, name: str, value: str) -> str:
            await opened(faster, KEY, tmp_path)
            return await faster.ensure_setting(name, value)

    faster = Settings()
    with pytest.raises(OperatorError) as caught:
        await opened(Late(), None, tmp_path)
    assert caught.value.code == "wrong_encryption_key"
    assert files(tmp_path) == []
    await opened(faster, KEY, tmp_path)


async def test_what_an_earlier_release_has_sealed_and_hashed_is_known_again(
    tmp_path: Path,
) -> None:
    former = Keyring(DataKeys.derived(KEY))
    store = Settings()
    store.values[CHECK_SETTING] = former.seal(b"firesteel", CHECK_PURPOSE).hex()
    with pytest.raises(OperatorError) as caught:
        await opened(store, OTHER, tmp_path)
    assert caught.value.code == "wrong_encryption_key"
    assert ENVELOPE_SETTING not in store.values
    now = Keyring(await (await opened(store, KEY, tmp_path)).keys())
    assert now.open(former.seal(b"secret", "x"), "x") == b"secret"
    assert now.digest("key") == former.digest("key")
    assert now.lasting_digest("session") == former.lasting_digest("session")


def test_the_derived_keys_are_those_of_the_release_before() -> None:
    """Values that the release before this one has made with the key ``kkk...``."""
    keyring = Keyring(DataKeys.derived(KEY))
    assert keyring.digest("demo-key").hex() == FORMER_DIGEST
    assert keyring.open(bytes.fromhex(FORMER_SEALED), "secret") == b"from before"
    check(KEY, FORMER_CHECK)


@pytest.mark.parametrize("text", ["{", "{}", '{"format": 2}', "[]", '{"format": 1, "sealed": 3}'])
def test_a_damaged_envelope_is_told_from_a_wrong_key(text: str) -> None:
    with pytest.raises(OperatorError) as caught:
        Envelope.parse(text)
    assert caught.value.code == "sealed_value_damaged"


async def test_an_altered_envelope_is_never_opened(tmp_path: Path) -> None:
    store = Settings()
    await opened(store, KEY, tmp_path)
    read = json.loads(store.values[ENVELOPE_SETTING])
    sealed = bytearray.fromhex(read["sealed"][key_id(KEY).hex()])
    for place in (0, 11, 12, len(sealed) - 1):
        altered = bytearray(sealed)
        altered[place] ^= 1
        read["sealed"][key_id(KEY).hex()] = altered.hex()
        with pytest.raises(OperatorError) as caught:
            Envelope.parse(json.dumps(read)).open(KEY)
        assert caught.value.code == "sealed_value_damaged"


async def test_a_left_over_next_key_does_not_keep_a_node_from_its_store(tmp_path: Path) -> None:
    store = Settings()
    keys = await (await opened(store, None, tmp_path)).keys()
    write_next(tmp_path, OTHER)
    chest = await opened(store, None, tmp_path)
    assert chest.key == load_or_create(tmp_path)
    assert await chest.keys() == keys
