"""API keys beside a document, on a real store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from firesteel.engine.api_keys import ApiKeys, WantedKey
from firesteel.engine.data_keys import DataKeys
from firesteel.engine.keyring import Keyring
from firesteel.engine.publishing import rules_of
from firesteel.errors import CallerError
from firesteel.model.api_key import expiry_us, is_generated
from firesteel.model.integration import Integration
from firesteel.store.sqlite.store import SqliteStore, open_store

DAY_US = expiry_us("2030-06-30")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = await open_store(tmp_path / "firesteel.db")
    yield opened
    await opened.close()


@pytest.fixture
def keys(store: SqliteStore) -> ApiKeys:
    return ApiKeys(store.catalog, Keyring(DataKeys.derived(b"k" * 32)))


@pytest.fixture
async def trigger_no(store: SqliteStore) -> int:
    await store.catalog.ensure_workspace("demo")
    published, _ = await store.catalog.publish(
        "demo",
        {"name": "ItemPrice"},
        rules=rules_of(Integration(name="ItemPrice")),
        managed_by="files",
        actor="test",
    )
    return published.trigger_no


def contents(folder: Path) -> list[bytes]:
    return [file.read_bytes() for file in folder.iterdir()]


async def apply(
    keys: ApiKeys, trigger_no: int, *wanted: WantedKey, prune: bool = False
) -> dict[str, str]:
    done = await keys.bring_in_line(trigger_no, wanted, prune=prune, actor="test")
    return {change.label: change.act for change in done}


async def test_a_key_without_value_is_generated_and_shown_once(
    keys: ApiKeys, trigger_no: int
) -> None:
    wanted = WantedKey("web shop", None, None)

    (first,) = await keys.bring_in_line(trigger_no, [wanted], prune=False, actor="test")
    (second,) = await keys.bring_in_line(trigger_no, [wanted], prune=False, actor="test")

    assert first.act == "added"
    assert first.secret is not None
    assert is_generated(first.secret)
    assert (second.act, second.secret) == ("kept", None)


async def test_applying_twice_changes_nothing(keys: ApiKeys, trigger_no: int) -> None:
    wanted = WantedKey("web shop", "a-secret-of-the-web-shop", DAY_US)

    assert await apply(keys, trigger_no, wanted) == {"web shop": "added"}
    assert await apply(keys, trigger_no, wanted) == {"web shop": "kept"}


async def test_another_secret_or_expiry_changes_the_key_of_that_label(
    keys: ApiKeys, trigger_no: int
) -> None:
    await apply(keys, trigger_no, WantedKey("web shop", "a-secret-of-the-web-shop", None))

    other = WantedKey("web shop", "another-secret-of-the-shop", None)
    assert await apply(keys, trigger_no, other) == {"web shop": "changed"}
    expiring = WantedKey("web shop", "another-secret-of-the-shop", DAY_US)
    assert await apply(keys, trigger_no, expiring) == {"web shop": "changed"}
    (key,) = await keys.of(trigger_no)
    assert (key.expires_at_us, key.digest) == (DAY_US, keys.digest("another-secret-of-the-shop"))


async def test_undeclared_keys_are_kept_unless_pruned(keys: ApiKeys, trigger_no: int) -> None:
    await keys.add(trigger_no, WantedKey("partner", None, None), "test")
    wanted = WantedKey("web shop", None, None)

    assert await apply(keys, trigger_no, wanted) == {"web shop": "added", "partner": "undeclared"}
    assert await apply(keys, trigger_no, wanted, prune=True) == {
        "web shop": "kept",
        "partner": "removed",
    }


async def test_a_pruned_keys_secret_may_be_used_again_in_the_same_publication(
    keys: ApiKeys, trigger_no: int
) -> None:
    await apply(keys, trigger_no, WantedKey("old name", "a-secret-of-the-web-shop", None))

    renamed = WantedKey("new name", "a-secret-of-the-web-shop", None)
    assert await apply(keys, trigger_no, renamed, prune=True) == {
        "old name": "removed",
        "new name": "added",
    }


async def test_two_labels_exchange_their_secrets_in_one_publication(
    keys: ApiKeys, trigger_no: int
) -> None:
    first, second = "a-secret-of-the-web-shop", "a-secret-of-the-partner"
    await apply(
        keys, trigger_no, WantedKey("web shop", first, None), WantedKey("partner", second, None)
    )
    before = {key.label: key.key_no for key in await keys.of(trigger_no)}

    done = await apply(
        keys, trigger_no, WantedKey("web shop", second, None), WantedKey("partner", first, None)
    )

    assert done == {"web shop": "changed", "partner": "changed"}
    found = await keys.of(trigger_no)
    assert {key.label: key.key_no for key in found} == before
    assert {key.label: key.digest for key in found} == {
        "web shop": keys.digest(second),
        "partner": keys.digest(first),
    }


async def test_a_changed_keys_old_secret_may_go_to_a_new_label_in_the_same_publication(
    keys: ApiKeys, trigger_no: int
) -> None:
    await apply(keys, trigger_no, WantedKey("web shop", "a-secret-of-the-web-shop", None))

    done = await apply(
        keys,
        trigger_no,
        WantedKey("partner", "a-secret-of-the-web-shop", None),
        WantedKey("web shop", "another-secret-of-the-shop", None),
    )

    assert done == {"partner": "added", "web shop": "changed"}


async def test_one_secret_twice_on_a_trigger_is_refused(keys: ApiKeys, trigger_no: int) -> None:
    await keys.add(trigger_no, WantedKey("web shop", "a-secret-of-the-web-shop", None), "test")

    with pytest.raises(CallerError) as refused:
        await keys.add(trigger_no, WantedKey("other", "a-secret-of-the-web-shop", None), "test")
    assert refused.value.code == "secret_taken"


async def test_relabelling_keeps_secret_and_number(keys: ApiKeys, trigger_no: int) -> None:
    added = await keys.add(trigger_no, WantedKey("web shop", None, None), "test")

    changed = await keys.change(
        trigger_no, "web shop", wanted=WantedKey("shop", None, None), actor="test"
    )

    assert (changed.key_no, changed.digest) == (added.key.key_no, added.key.digest)
    revealed = await keys.reveal(trigger_no, "shop", subject="demo/ItemPrice", actor="test")
    assert revealed == added.secret


async def test_p47_revealing_is_audited_and_the_store_holds_no_secret_in_clear(
    keys: ApiKeys, trigger_no: int, store: SqliteStore, tmp_path: Path
) -> None:
    secret = "a-secret-of-the-web-shop"
    await keys.add(trigger_no, WantedKey("web shop", secret, None), "test")

    await keys.reveal(trigger_no, "web shop", subject="demo/ItemPrice", actor="ada")

    latest, *_ = await store.catalog.audit()
    assert (latest.actor, latest.action) == ("ada", "key.reveal")
    assert "web shop" in latest.subject
    assert not any(secret.encode() in content for content in contents(tmp_path))


async def test_a_weak_pasted_key_is_taken_with_a_warning_and_a_short_one_is_not(
    keys: ApiKeys, trigger_no: int
) -> None:
    added = await keys.add(trigger_no, WantedKey("web shop", "demo-key", None), "test")
    assert added.warning

    with pytest.raises(CallerError) as refused:
        await keys.add(trigger_no, WantedKey("other", "short", None), "test")
    assert refused.value.code == "key_invalid"
