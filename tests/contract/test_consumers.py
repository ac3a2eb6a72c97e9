"""What every store promises of consumers, their grants, and the rotation of keys."""

from __future__ import annotations

from dataclasses import replace

import pytest

from firesteel.store.catalog import (
    ApiKey,
    Catalog,
    Grant,
    KeyOwner,
    NewApiKey,
    OfConsumer,
    Resealed,
)
from tests.contract.conftest import OpenStore
from tests.contract.test_catalog import KEY, actions, document, publish, refusal

ACME = "ACME"
OTHER = NewApiKey("1", digest=b"o" * 32, prefix="fsk_Othe", sealed=b"sealed too")
FAR_US = 4_000_000_000_000_000


@pytest.fixture
async def shop(catalog: Catalog) -> Catalog:
    """A catalog with the workspaces ``shop`` and ``other``."""
    await catalog.ensure_workspace("shop")
    await catalog.ensure_workspace("other")
    return catalog


@pytest.fixture
async def prices(shop: Catalog) -> int:
    """A trigger."""
    return (await publish(shop, document("ItemPrice")))[0].trigger_no


@pytest.fixture
async def orders(shop: Catalog) -> int:
    """Another one."""
    return (await publish(shop, document("Orders")))[0].trigger_no


@pytest.fixture
async def acme(shop: Catalog) -> OfConsumer:
    return OfConsumer((await shop.add_consumer("shop", ACME, "anna")).consumer_no)


async def granted(catalog: Catalog) -> set[tuple[int, int]]:
    return {(grant.consumer_no, grant.trigger_no) for grant in await catalog.grants()}


async def labels(catalog: Catalog, owner: KeyOwner) -> list[tuple[str, bool]]:
    """Label, and whether it was replaced."""
    return [(key.label, key.replaced_at_us is not None) for key in await catalog.keys(owner)]


# --- consumers ----------------------------------------------------------------------------------


async def test_a_consumer_outlives_a_restart_with_its_keys_and_grants(
    open_store: OpenStore,
) -> None:
    first = await open_store()
    await first.catalog.ensure_workspace("shop")
    consumer = await first.catalog.add_consumer("shop", ACME, "anna")
    key = await first.catalog.add_key(OfConsumer(consumer.consumer_no), OTHER, "anna")
    trigger_no = (await publish(first.catalog))[0].trigger_no
    assert await first.catalog.grant(trigger_no, [ACME], "anna") == [ACME]
    await first.close()

    second = await open_store()
    assert await second.catalog.consumers() == [consumer]
    assert await second.catalog.keys() == [key]
    assert (key.trigger_no, key.owner) == (None, OfConsumer(consumer.consumer_no))
    (grant,) = await second.catalog.grants()
    assert grant == Grant(consumer.consumer_no, trigger_no, grant.granted_at_us)


async def test_a_name_stands_once_in_its_workspace(shop: Catalog) -> None:
    first = await shop.add_consumer("shop", ACME, "anna")
    assert await refusal(shop.add_consumer("shop", ACME, "anna")) == "name_taken"
    assert await refusal(shop.add_consumer("nowhere", ACME, "anna")) == "unknown_workspace"
    second = await shop.add_consumer("other", ACME, "anna")
    third = await shop.add_consumer("shop", "acme", "anna")
    assert await shop.consumers() == [second, first, third]
    assert await shop.consumers("shop") == [first, third]


async def test_a_renamed_consumer_keeps_keys_and_grants(
    shop: Catalog, prices: int, acme: OfConsumer
) -> None:
    await shop.add_key(acme, OTHER, "anna")
    await shop.grant(prices, [ACME], "anna")
    renamed = await shop.rename_consumer("shop", ACME, "ACME Ltd", "bert")
    assert (renamed.consumer_no, renamed.name) == (acme.consumer_no, "ACME Ltd")
    assert await granted(shop) == {(acme.consumer_no, prices)}
    assert await labels(shop, acme) == [("1", False)]
    await shop.add_consumer("shop", "Umbrella", "anna")
    taken = shop.rename_consumer("shop", "ACME Ltd", "Umbrella", "bert")
    assert await refusal(taken) == "name_taken"
    assert await refusal(shop.rename_consumer("shop", ACME, "x", "b")) == "unknown_consumer"


async def test_with_a_consumer_go_its_keys_and_grants(
    shop: Catalog, prices: int, acme: OfConsumer
) -> None:
    await shop.add_key(prices, KEY, "anna")
    await shop.add_key(acme, OTHER, "anna")
    await shop.grant(prices, [ACME], "anna")
    await shop.delete_consumer("shop", ACME, "bert")
    assert (await shop.consumers(), await shop.grants()) == ([], [])
    assert [key.label for key in await shop.keys()] == ["web shop"]
    assert await refusal(shop.delete_consumer("shop", ACME, "bert")) == "unknown_consumer"
    assert await refusal(shop.add_key(acme, OTHER, "bert")) == "unknown_consumer"


async def test_with_an_integration_go_the_grants_of_its_trigger(
    shop: Catalog, prices: int, orders: int, acme: OfConsumer
) -> None:
    for trigger_no in (prices, orders):
        await shop.grant(trigger_no, [ACME], "anna")
    await shop.remove("shop", "ItemPrice", "anna")
    assert await granted(shop) == {(acme.consumer_no, orders)}
    assert await refusal(shop.grant(prices, [ACME], "anna")) == "unknown_integration"


async def test_grants_are_given_and_taken_back_once(
    shop: Catalog, prices: int, acme: OfConsumer
) -> None:
    assert await shop.grant(prices, [ACME, ACME], "anna") == [ACME]
    assert await shop.grant(prices, [ACME], "anna") == []
    assert await granted(shop) == {(acme.consumer_no, prices)}
    assert await shop.revoke(prices, [ACME], "anna") == [ACME]
    assert await shop.revoke(prices, [ACME], "anna") == []
    assert await shop.grants() == []


async def test_grants_are_given_together_or_not_at_all(shop: Catalog, prices: int) -> None:
    await shop.add_consumer("shop", ACME, "anna")
    await shop.add_consumer("other", "Elsewhere", "anna")
    assert await refusal(shop.grant(prices, [ACME, "Elsewhere"], "anna")) == "unknown_consumer"
    assert await refusal(shop.revoke(prices, ["Elsewhere"], "anna")) == "unknown_consumer"
    assert await shop.grants() == []


async def test_a_grant_may_make_the_consumer(shop: Catalog, prices: int) -> None:
    assert await shop.grant(prices, [ACME], "files", make=True) == [ACME]
    (consumer,) = await shop.consumers("shop")
    assert await granted(shop) == {(consumer.consumer_no, prices)}
    assert await shop.keys() == []
    assert (await actions(shop))[-2:] == ["consumer.add", "consumer.grant"]


async def test_a_consumer_has_several_keys_each_label_and_secret_once(
    shop: Catalog, acme: OfConsumer
) -> None:
    key = await shop.add_key(acme, OTHER, "anna")
    same_secret = replace(OTHER, label="2")
    same_label = replace(OTHER, digest=b"x" * 32)
    assert await refusal(shop.add_key(acme, same_label, "anna")) == "label_taken"
    assert await refusal(shop.add_key(acme, same_secret, "anna")) == "secret_taken"
    second = await shop.add_key(acme, replace(same_secret, digest=b"x" * 32), "anna")
    assert await shop.keys(acme) == [key, second]


# --- one secret, one consumer -------------------------------------------------------------------


async def test_two_consumers_of_a_workspace_never_have_one_secret(
    shop: Catalog, acme: OfConsumer
) -> None:
    other = OfConsumer((await shop.add_consumer("shop", "Umbrella", "anna")).consumer_no)
    elsewhere = OfConsumer((await shop.add_consumer("other", "Umbrella", "anna")).consumer_no)
    await shop.add_key(acme, OTHER, "anna")
    assert await refusal(shop.add_key(other, OTHER, "anna")) == "secret_taken"
    await shop.add_key(elsewhere, OTHER, "anna")


async def test_on_a_trigger_one_secret_never_means_two_names(
    shop: Catalog, prices: int, orders: int, acme: OfConsumer
) -> None:
    await shop.add_key(prices, replace(OTHER, label="web shop"), "anna")
    await shop.add_key(acme, OTHER, "anna")
    assert await refusal(shop.grant(prices, [ACME], "anna")) == "secret_taken"
    await shop.grant(orders, [ACME], "anna")
    assert await refusal(shop.add_key(orders, OTHER, "anna")) == "secret_taken"
    second = NewApiKey("2", b"2" * 32, "p", b"s")
    await shop.add_key(orders, replace(second, label="web shop"), "anna")
    assert await refusal(shop.add_key(acme, second, "anna")) == "secret_taken"


async def test_the_same_name_may_have_one_secret_in_both_places(
    shop: Catalog, prices: int, acme: OfConsumer
) -> None:
    await shop.add_key(prices, replace(OTHER, label=ACME), "anna")
    await shop.add_key(acme, OTHER, "anna")
    assert await shop.grant(prices, [ACME], "anna") == [ACME]
    renamed = shop.rename_consumer("shop", ACME, "ACME Ltd", "anna")
    assert await refusal(renamed) == "secret_taken"
    relabelled = shop.change_key(prices, ACME, replace(OTHER, label="x"), "anna")
    assert await refusal(relabelled) == "secret_taken"


# --- rotation -----------------------------------------------------------------------------------


@pytest.fixture(params=["trigger", "consumer"])
def owner(request: pytest.FixtureRequest, prices: int, acme: OfConsumer) -> KeyOwner:
    return prices if request.param == "trigger" else acme


async def rotated(catalog: Catalog, owner: KeyOwner, secret: bytes, until_us: int) -> ApiKey:
    key = NewApiKey("web shop", secret * 32, "fsk_New", b"sealed anew", FAR_US)
    return await catalog.rotate_key(owner, "web shop", key, old_until_us=until_us, actor="bert")


async def test_p47_after_a_rotation_the_old_key_stands_beside_the_new_one(
    shop: Catalog, owner: KeyOwner
) -> None:
    old = await shop.add_key(owner, KEY, "anna")
    await shop.touch_keys({old.key_no: 50})
    new = await rotated(shop, owner, b"n", 1000)
    before, after = await shop.keys(owner)
    assert after == new
    assert (new.label, new.expires_at_us, new.replaced_at_us) == ("web shop", FAR_US, None)
    assert (before.key_no, before.digest, before.expires_at_us) == (old.key_no, KEY.digest, 1000)
    assert before.replaced_at_us is not None
    assert before.last_used_at_us == 50
    assert (await actions(shop))[-1] == "key.rotate"


async def test_a_key_that_expires_sooner_is_not_taken_longer_for_being_rotated(
    shop: Catalog, owner: KeyOwner
) -> None:
    await shop.add_key(owner, replace(KEY, expires_at_us=500), "anna")
    await rotated(shop, owner, b"n", 1000)
    await rotated(shop, owner, b"m", 800)
    assert [key.expires_at_us for key in await shop.keys(owner)] == [500, 800, FAR_US]


async def test_an_overlap_is_ended_at_once(shop: Catalog, owner: KeyOwner) -> None:
    await shop.add_key(owner, KEY, "anna")
    assert await shop.end_overlap(owner, "web shop", "bert") == 0
    await rotated(shop, owner, b"n", FAR_US)
    assert await shop.end_overlap(owner, "web shop", "bert") == 1
    assert await shop.end_overlap(owner, "web shop", "bert") == 0
    replaced, current = await shop.keys(owner)
    assert replaced.expires_at_us == (await shop.audit())[0].at_us
    assert current.expires_at_us == FAR_US
    assert await refusal(shop.end_overlap(owner, "x", "bert")) == "unknown_key"


async def test_a_rotated_key_is_changed_and_deleted_with_those_it_replaced(
    shop: Catalog, owner: KeyOwner
) -> None:
    await shop.add_key(owner, KEY, "anna")
    await rotated(shop, owner, b"n", 1000)
    await shop.change_key(owner, "web shop", NewApiKey("shop", b"n" * 32, "p", b"s"), "anna")
    assert await labels(shop, owner) == [("shop", True), ("shop", False)]
    await shop.delete_key(owner, "shop", "anna")
    assert await shop.keys(owner) == []


async def test_a_replaced_secret_may_come_back_under_its_own_label_only(
    shop: Catalog, owner: KeyOwner
) -> None:
    await shop.add_key(owner, KEY, "anna")
    assert await refusal(rotated(shop, owner, b"d", 1000)) == "secret_taken"
    await rotated(shop, owner, b"n", 1000)
    other = replace(KEY, label="other")
    assert await refusal(shop.add_key(owner, other, "anna")) == "secret_taken"
    await rotated(shop, owner, b"d", 1000)
    assert [key.digest[:1] for key in await shop.keys(owner)] == [b"n", b"d"]


async def test_the_last_five_replaced_keys_of_a_label_are_remembered(
    shop: Catalog, owner: KeyOwner
) -> None:
    await shop.add_key(owner, KEY, "anna")
    for number in range(7):
        await rotated(shop, owner, b"%d" % number, 1000)
    found = [key.digest[:1] for key in await shop.keys(owner)]
    assert found == [b"1", b"2", b"3", b"4", b"5", b"6"]


async def test_only_a_key_that_is_there_is_rotated(shop: Catalog, owner: KeyOwner) -> None:
    assert await refusal(rotated(shop, owner, b"n", 1000)) == "unknown_key"


async def test_a_use_that_is_written_late_is_never_another_keys(
    shop: Catalog, owner: KeyOwner
) -> None:
    key = await shop.add_key(owner, KEY, "anna")
    await shop.delete_key(owner, "web shop", "anna")
    later = await shop.add_key(owner, KEY, "anna")
    await shop.touch_keys({key.key_no: FAR_US})
    assert (later.key_no != key.key_no, (await shop.keys(owner))[0].last_used_at_us) == (True, None)


async def test_keys_are_sealed_anew_whosever_they_are_and_replaced_ones_too(
    shop: Catalog, owner: KeyOwner
) -> None:
    await shop.add_key(owner, KEY, "anna")
    await rotated(shop, owner, b"n", FAR_US)
    values = await shop.sealed_values()
    anew = [
        Resealed(value, b"anew " + value.sealed, b"%d" % number)
        for number, value in enumerate(values)
    ]
    assert await shop.reseal(anew) == 2
    assert await shop.reseal(anew) == 0
    found = [(key.sealed, key.digest) for key in await shop.keys(owner)]
    assert found == [(b"anew sealed", b"0"), (b"anew sealed anew", b"1")]
