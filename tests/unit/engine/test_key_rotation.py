"""The encryption key is changed while calls go on; cut off anywhere, the change can be ended."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from firesteel.engine.api_keys import ApiKeys, WantedKey
from firesteel.engine.connections import SECRET
from firesteel.engine.data_keys import Envelope
from firesteel.engine.key_chest import CHECK_SETTING, ENVELOPE_SETTING, KeyChest
from firesteel.engine.key_file import KEY_FILE, NEXT_FILE
from firesteel.engine.key_rotation import BATCH, KeyRotation
from firesteel.engine.keyring import Keyring
from firesteel.errors import CallerError, OperatorError
from firesteel.model.encryption_key import parse_key, written_key
from firesteel.store.nodes import LivingNode
from firesteel.store.sqlite.store import SqliteStore, open_store
from tests.support.attended_engine import AttendedEngine
from tests.support.empty_store import copy_empty_store

KEYS = 3 * BATCH // 2
SECRETS = {"ERP_PASSWORD": b"hunter2-hunter2", "CRM": b"\x00\xff"}


class Cut(Exception):
    """The process ended here."""


class Place:
    """A store with API keys and secrets; each ``started`` is a node's start on it."""

    def __init__(self, store: SqliteStore, folder: Path) -> None:
        self.store, self.folder = store, folder

    async def started(self, setting: bytes | None = None) -> AttendedEngine:
        chest = await KeyChest.open(
            self.store.catalog, setting=setting, data_dir=self.folder, now_us=lambda: 5
        )
        keyring = Keyring(await chest.keys(), chest.keys)
        attended = AttendedEngine(self.store, folder=self.folder, chest=chest, keyring=keyring)
        await attended.engine.refresh_routes()
        return attended

    async def fill(self, attended: AttendedEngine) -> None:
        asking = {"authentication": [{"api_key": {"label": "label 0"}}]}
        await attended.publish(workflow=None, trigger=asking)
        (item,) = await self.store.catalog.integrations()
        keys = ApiKeys(self.store.catalog, attended.parts.keyring)
        wanted = [WantedKey(f"label {n}", f"secret-{n:04}", None) for n in range(KEYS)]
        await keys.bring_in_line(item.trigger_no, wanted, prune=False, actor="ada")
        for name, value in SECRETS.items():
            sealed = attended.parts.keyring.seal(value, SECRET)
            await self.store.catalog.put_secret("test", name, sealed, "ada")
        await attended.engine.refresh_routes()

    async def check(self, attended: AttendedEngine) -> None:
        """Every key lets calls in, and every secret is read."""
        await attended.engine.refresh_routes()
        (route,) = attended.engine.routes
        digest = attended.engine.keyring.digest
        assert [route.keys[digest(f"secret-{n:04}")].label for n in range(KEYS)] == [
            f"label {n}" for n in range(KEYS)
        ]
        assert len(route.keys) == KEYS
        keys = ApiKeys(self.store.catalog, attended.parts.keyring)
        assert await keys.open(route.trigger_no, "label 7") == "secret-0007"
        stored = await self.store.catalog.secrets("test")
        opened = {n: await attended.parts.keyring.open_stored(v, SECRET) for n, v in stored.items()}
        assert opened == SECRETS

    async def envelope(self) -> Envelope:
        text = await self.store.catalog.setting(ENVELOPE_SETTING)
        assert text is not None
        return Envelope.parse(text)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    copy_empty_store(tmp_path / "firesteel.db")
    store = await open_store(tmp_path / "firesteel.db")
    yield Place(store, tmp_path)
    await store.close()


class CutCatalog:
    """The catalog of a process that ends before its ``left``-th write, or just behind it."""

    def __init__(self, inner: Any, left: int, *, behind: bool) -> None:
        self._inner, self._left, self._behind = inner, left, behind

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name not in ("exchange_setting", "put_setting", "reseal"):
            return found

        async def write(*given: Any, **named: Any) -> Any:
            self._left -= 1
            if self._left == 0 and not self._behind:
                raise Cut
            done = await found(*given, **named)
            if self._left == 0:
                raise Cut
            return done

        return write


async def test_a_node_alone_changes_its_key_at_once_and_keeps_the_one_before(place: Place) -> None:
    attended = await place.started()
    await place.fill(attended)
    former = attended.parts.chest.key
    sealed_before = {value.sealed for value in await place.store.catalog.sealed_values()}
    sign_in = attended.parts.keyring.lasting_digest("session")

    rotated = await attended.engine.key_rotation.begin("user:ada")

    assert rotated.key is None
    assert rotated.former_file is not None
    assert parse_key((place.folder / rotated.former_file).read_text()) == former
    key = parse_key((place.folder / KEY_FILE).read_text())
    assert key not in (former, bytes(32))
    envelope = await place.envelope()
    assert envelope.opens_with(key)
    assert not envelope.opens_with(former)
    assert envelope.next is None
    assert not sealed_before & {v.sealed for v in await place.store.catalog.sealed_values()}
    assert attended.parts.keyring.lasting_digest("session") == sign_in
    await place.check(attended)
    await place.check(await place.started())
    with pytest.raises(OperatorError) as caught:
        await place.started(former)
    assert caught.value.code == "wrong_encryption_key"
    told = [entry.action for entry in await place.store.catalog.audit()][:2]
    assert told == ["encryption.finish", "encryption.begin"]


async def test_a_key_from_the_settings_is_told_once_and_both_open_until_the_change_is_finished(
    place: Place,
) -> None:
    former = b"f" * 32
    attended = await place.started(former)
    await place.fill(attended)
    rotation = attended.engine.key_rotation
    with pytest.raises(CallerError) as none:
        await rotation.finish("ada")
    assert none.value.code == "rotation_not_begun"
    forgotten = (await rotation.begin("ada")).key
    written = (await rotation.begin("ada")).key
    assert forgotten is not None
    assert written is not None
    assert written not in repr(await rotation.state())
    with pytest.raises(OperatorError):
        await place.started(parse_key(forgotten))
    with pytest.raises(CallerError) as early:
        await rotation.finish("ada")
    assert early.value.code == "rotation_unfinished"

    await place.check(await place.started(former))
    following = await place.started(parse_key(written))
    await place.check(following)
    with pytest.raises(CallerError) as twice:
        await following.engine.key_rotation.begin("ada")
    assert twice.value.code == "rotation_under_way"
    await following.engine.key_rotation.finish("ada")
    await place.check(following)
    assert (await following.engine.key_rotation.state()).to_reseal == 0
    with pytest.raises(OperatorError) as over:
        await place.started(former)
    assert over.value.code == "wrong_encryption_key"


@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize("cut", range(1, 7))
async def test_cut_off_at_any_write_the_change_goes_on_or_was_never_begun(
    place: Place, cut: int, behind: bool
) -> None:
    attended = await place.started()
    await place.fill(attended)
    await place.store.catalog.put_setting(CHECK_SETTING, "of an earlier release")
    former = attended.parts.chest.key
    dying: Any = CutCatalog(place.store.catalog, cut, behind=behind)
    parts = dataclasses.replace(attended.parts, catalog=dying)
    rotation = KeyRotation(attended.engine, parts)
    try:
        await rotation.begin("ada")
        reached = False
    except Cut:
        reached = True
    assert reached == (cut <= 5)

    again = await place.started()
    await place.check(again)  # before anything was ended
    await again.engine.key_rotation.go_on()
    await place.check(again)
    begun = cut > 1 or behind
    assert (again.parts.chest.key != former) == begun
    envelope = await place.envelope()
    assert envelope.opens_with(again.parts.chest.key)
    assert envelope.opens_with(former) != begun
    assert envelope.next is None
    assert not (place.folder / NEXT_FILE).exists()
    assert (await again.engine.key_rotation.state()).to_reseal == 0
    await again.engine.key_rotation.begin("ada")
    await place.check(await place.started())


async def test_a_node_that_has_not_heard_of_new_data_keys_goes_on_and_what_it_seals_is_found(
    place: Place,
) -> None:
    key = b"f" * 32
    one = await place.started(key)
    await place.fill(one)
    behind = await place.started(key)
    written = (await one.engine.key_rotation.begin("ada")).key
    assert written is not None
    next_key = parse_key(written)
    one, behind = await place.started(next_key), await place.started(next_key)
    (route,) = behind.engine.routes
    await one.engine.key_rotation.finish("ada")

    digest = behind.engine.keyring.digest  # the one before, as its routes are
    assert digest("secret-0001") in route.keys
    keys = ApiKeys(place.store.catalog, behind.parts.keyring)
    assert await keys.open(route.trigger_no, "label 1") == "secret-0001"
    await keys.add(route.trigger_no, WantedKey("late", "secret-late", None), "ada")

    await one.engine.refresh_routes()
    (current,) = one.engine.routes
    assert current.keys[one.engine.keyring.digest("secret-late")].label == "late"
    assert (await one.engine.key_rotation.state()).to_reseal == 1
    await one.engine.key_rotation.go_on()
    assert (await one.engine.key_rotation.state()).to_reseal == 0
    await keys.delete(route.trigger_no, "late", "ada")
    await place.check(behind)


async def test_a_change_on_several_nodes_is_not_finished_before_each_has_the_next_key(
    place: Place,
) -> None:
    class Living:
        async def living(self) -> list[LivingNode]:
            return [LivingNode(name, "all", "1", 0, 9.0, 0) for name in ("a", "b")]

    def member(attended: AttendedEngine, name: str) -> KeyRotation:
        nodes: Any = Living()
        return KeyRotation(
            attended.engine, dataclasses.replace(attended.parts, nodes=nodes, name=name)
        )

    former = b"f" * 32
    attended = await place.started(former)
    await place.fill(attended)
    a, b = member(attended, "a"), member(attended, "b")
    await a.go_on()
    await b.go_on()
    rotated = await a.begin("ada")
    assert rotated.key is not None
    assert (await b.state()).nodes_left == ["a", "b"]
    following = await place.started(parse_key(rotated.key))
    a = member(following, "a")
    await a.go_on()
    with pytest.raises(CallerError) as caught:
        await a.finish("ada")
    assert caught.value.code == "rotation_unfinished"
    assert "before: b;" in caught.value.detail
    with pytest.raises(CallerError) as again:
        await b.begin("ada")
    assert again.value.code == "rotation_under_way"
    await member(following, "b").go_on()
    await a.finish("ada")
    await place.check(following)


async def test_a_damaged_secret_stays_as_it_is_and_holds_up_nothing(place: Place) -> None:
    attended = await place.started()
    await place.fill(attended)
    await place.store.catalog.put_secret("test", "BROKEN", b"\x01nonsense", "ada")
    await attended.engine.key_rotation.begin("ada")
    stored = await place.store.catalog.secrets("test")
    assert stored["BROKEN"] == b"\x01nonsense"
    await place.store.catalog.delete_secret("test", "BROKEN", "ada")
    await place.check(attended)


def test_nothing_that_is_printed_holds_the_key() -> None:
    from firesteel.engine.key_rotation import Rotated

    assert written_key(b"f" * 32) not in repr(Rotated(written_key(b"f" * 32), None))
