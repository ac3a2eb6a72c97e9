"""What every store's catalog promises: integrations, versions, keys, connections, audit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from typing import Any

import pytest

from firesteel.errors import CallerError
from firesteel.store.catalog import (
    AuditFilter,
    Catalog,
    KeyChanges,
    NewApiKey,
    PublishedIntegration,
    TriggerRules,
)
from tests.contract.conftest import OpenStore

RULES = TriggerRules(
    concurrency=10, max_waiting=1000, on_failure="continue", history_s=None, payloads_s=None
)
KEY = NewApiKey("web shop", digest=b"d" * 32, prefix="fsk_AbCd", sealed=b"sealed")


def document(name: str = "ItemPrice", **more: Any) -> dict[str, Any]:
    return {"name": name, "response": {"body": {"b": 1, "a": 12345678901234567890}}, **more}


@pytest.fixture
async def shop(catalog: Catalog) -> Catalog:
    """A catalog with the workspace ``shop``."""
    await catalog.ensure_workspace("shop")
    return catalog


async def publish(
    catalog: Catalog, published: dict[str, Any] | None = None, **how: Any
) -> tuple[PublishedIntegration, bool]:
    how = {"rules": RULES, "managed_by": "console", "actor": "anna", **how}
    return await catalog.publish("shop", published or document(), **how)


async def refusal(act: Awaitable[object]) -> str:
    with pytest.raises(CallerError) as caught:
        await act
    return caught.value.code


async def actions(catalog: Catalog) -> list[str]:
    """What the audit says, first act first."""
    return [entry.action for entry in reversed(await catalog.audit())]


# --- settings and workspaces ------------------------------------------------------------------


async def test_a_setting_is_read_as_it_was_written_last(catalog: Catalog) -> None:
    assert await catalog.setting("workspace") is None
    await catalog.put_setting("workspace", "t37ed")
    await catalog.put_setting("workspace", "shop")
    assert await catalog.setting("workspace") == "shop"


async def test_of_settings_that_are_ensured_the_first_stands(catalog: Catalog) -> None:
    assert await catalog.ensure_setting("workspace", "t37ed") == "t37ed"
    assert await catalog.ensure_setting("workspace", "shop") == "t37ed"
    assert await catalog.setting("workspace") == "t37ed"


async def test_a_workspace_is_made_once(catalog: Catalog) -> None:
    await asyncio.gather(*(catalog.ensure_workspace(name) for name in ("shop", "demo", "shop")))
    assert await catalog.workspaces() == ["demo", "shop"]


async def test_what_is_in_the_catalog_outlives_a_restart(open_store: OpenStore) -> None:
    first = await open_store()
    await first.catalog.ensure_workspace("shop")
    published, _ = await publish(first.catalog)
    key = await first.catalog.add_key(published.trigger_no, KEY, "anna")
    await first.close()
    second = await open_store()
    assert await second.catalog.integrations() == [published]
    assert await second.catalog.keys() == [key]


# --- integrations ------------------------------------------------------------------------------


async def test_a_document_is_read_as_it_was_published(shop: Catalog) -> None:
    published, changed = await publish(shop, document(description="Prisförfrågan"))
    assert changed
    assert published == await shop.integration("shop", "ItemPrice")
    assert published.document == document(description="Prisförfrågan")
    assert list(published.document["response"]["body"]) == ["b", "a"]
    assert (published.version, published.published_by, published.enabled) == (1, "anna", True)


async def test_the_same_document_makes_no_new_version(shop: Catalog) -> None:
    first, _ = await publish(shop)
    again, changed = await publish(shop)
    assert not changed
    assert again == first
    assert await actions(shop) == ["integration.publish"]


@pytest.mark.parametrize(
    "other",
    [
        document(description="x"),
        {**document(), "response": {"body": {"b": 1.0, "a": 12345678901234567890}}},
        {**document(), "response": {"body": {"a": 12345678901234567890, "b": 1}}},
    ],
    ids=["another key", "another type", "another order"],
)
async def test_another_document_makes_a_new_version(shop: Catalog, other: dict[str, Any]) -> None:
    first, _ = await publish(shop)
    second, changed = await publish(shop, other, actor="bert")
    assert changed
    assert (second.trigger_no, second.version) == (first.trigger_no, 2)
    assert second.version_no != first.version_no
    versions = await shop.versions("shop", "ItemPrice")
    assert [(v.version, v.published_by) for v in versions] == [(2, "bert"), (1, "anna")]
    old = await shop.version(first.version_no)
    assert old is not None
    assert old.document == document()


async def test_the_switch_is_no_part_of_a_version(shop: Catalog) -> None:
    await publish(shop, document(enabled=True))
    await shop.set_enabled("shop", "ItemPrice", False, "anna")
    await shop.set_enabled("shop", "ItemPrice", False, "anna")
    off = await shop.integration("shop", "ItemPrice")
    assert off is not None
    assert (off.enabled, off.document["enabled"], off.version) == (False, False, 1)
    on, changed = await publish(shop, document())
    assert changed
    assert (on.enabled, on.version, "enabled" in on.document) == (True, 1, False)
    assert await actions(shop) == [
        "integration.publish",
        "integration.disable",
        "integration.enable",
    ]


async def test_publishing_takes_the_switch_and_the_rules_of_the_document(shop: Catalog) -> None:
    published, _ = await publish(shop, document(enabled=False))
    assert not published.enabled
    other_rules = replace(RULES, concurrency=1, on_failure="pause", history_s=86_400.0)
    _, changed = await publish(shop, document(enabled=False), rules=other_rules)
    assert changed


async def test_who_manages_an_integration_is_recorded(shop: Catalog) -> None:
    await publish(shop, managed_by="files")
    taken, changed = await publish(shop, managed_by="console")
    assert changed
    assert (taken.managed_by, taken.version) == ("console", 1)


async def test_of_two_who_change_one_version_one_is_told(shop: Catalog) -> None:
    assert await refusal(publish(shop, expect_version=1)) == "changed_meanwhile"
    await publish(shop, expect_version=0)
    assert await refusal(publish(shop, expect_version=0)) == "changed_meanwhile"
    both = await asyncio.gather(
        publish(shop, document(description="a"), expect_version=1),
        publish(shop, document(description="b"), expect_version=1),
        return_exceptions=True,
    )
    assert sum(isinstance(one, CallerError) for one in both) == 1
    assert len(await shop.versions("shop", "ItemPrice")) == 2


async def test_names_are_told_apart_by_case_and_by_workspace(shop: Catalog) -> None:
    await shop.ensure_workspace("demo")
    numbers = {
        (await publish(shop, document("a")))[0].trigger_no,
        (await publish(shop, document("A")))[0].trigger_no,
        (await shop.publish("demo", document("a"), rules=RULES, managed_by="files", actor="anna"))[
            0
        ].trigger_no,
    }
    assert len(numbers) == 3
    assert [(i.workspace, i.name) for i in await shop.integrations()] == [
        ("demo", "a"),
        ("shop", "A"),
        ("shop", "a"),
    ]
    assert [i.name for i in await shop.integrations("shop")] == ["A", "a"]


async def test_a_removed_integration_frees_its_name_and_keys(shop: Catalog) -> None:
    first, _ = await publish(shop)
    await shop.add_key(first.trigger_no, KEY, "anna")
    await shop.remove("shop", "ItemPrice", "anna")
    assert await shop.integration("shop", "ItemPrice") is None
    assert await shop.keys() == []
    assert await refusal(shop.add_key(first.trigger_no, KEY, "anna")) == "unknown_integration"
    second, changed = await publish(shop)
    assert changed
    assert second.trigger_no != first.trigger_no
    assert second.version == 1
    assert await shop.version(first.version_no) is not None


async def test_what_is_not_there_is_named(shop: Catalog) -> None:
    unknown = "unknown_integration"
    assert await refusal(shop.set_enabled("shop", "x", True, "anna")) == unknown
    assert await refusal(shop.remove("shop", "x", "anna")) == unknown
    assert await refusal(shop.versions("shop", "x")) == unknown
    assert await refusal(shop.add_key(99, KEY, "anna")) == unknown
    rules: dict[str, Any] = {"rules": RULES, "managed_by": "files", "actor": "anna"}
    assert await refusal(shop.publish("nowhere", document(), **rules)) == "unknown_workspace"
    assert await refusal(shop.put_secret("nowhere", "A", b"x", "anna")) == "unknown_workspace"
    assert await shop.integration("shop", "x") is None
    assert await shop.version(99) is None
    assert await actions(shop) == []


# --- keys ---------------------------------------------------------------------------------------


@pytest.fixture
async def trigger_no(shop: Catalog) -> int:
    published, _ = await publish(shop)
    return published.trigger_no


async def test_a_trigger_has_several_keys_each_label_and_secret_once(
    shop: Catalog, trigger_no: int
) -> None:
    key = await shop.add_key(trigger_no, KEY, "anna")
    same_label = replace(KEY, digest=b"x" * 32)
    same_secret = replace(KEY, label="other")
    assert await refusal(shop.add_key(trigger_no, same_label, "anna")) == "label_taken"
    assert await refusal(shop.add_key(trigger_no, same_secret, "anna")) == "secret_taken"
    other = await shop.add_key(trigger_no, replace(same_secret, digest=b"x" * 32), "anna")
    assert await shop.keys(trigger_no) == [key, other]


async def test_one_secret_may_stand_on_several_triggers(shop: Catalog, trigger_no: int) -> None:
    second, _ = await publish(shop, document("StockAtHand"))
    await shop.add_key(trigger_no, KEY, "anna")
    await shop.add_key(second.trigger_no, KEY, "anna")
    assert len(await shop.keys()) == 2
    assert len(await shop.keys(second.trigger_no)) == 1


async def test_a_key_is_relabelled_and_its_secret_replaced(shop: Catalog, trigger_no: int) -> None:
    old = await shop.add_key(trigger_no, KEY, "anna")
    await shop.add_key(trigger_no, NewApiKey("b", b"b" * 32, "p", b"s"), "anna")
    wanted = NewApiKey("shop 2", b"n" * 32, "fsk_New1", b"resealed", expires_at_us=7)
    changed = await shop.change_key(trigger_no, "web shop", wanted, "bert")
    assert changed == replace(
        old,
        label="shop 2",
        digest=b"n" * 32,
        prefix="fsk_New1",
        sealed=b"resealed",
        expires_at_us=7,
    )
    assert await refusal(shop.change_key(trigger_no, "web shop", wanted, "b")) == "unknown_key"
    taken = replace(wanted, label="b")
    assert await refusal(shop.change_key(trigger_no, "shop 2", taken, "b")) == "label_taken"
    taken = replace(wanted, digest=b"b" * 32)
    assert await refusal(shop.change_key(trigger_no, "shop 2", taken, "b")) == "secret_taken"
    assert await shop.change_key(trigger_no, "shop 2", wanted, "b") == changed


async def test_keys_change_together_or_not_at_all(shop: Catalog, trigger_no: int) -> None:
    other = NewApiKey("partner", b"b" * 32, "p", b"sealed b")
    await shop.add_key(trigger_no, KEY, "anna")
    await shop.add_key(trigger_no, other, "anna")
    exchanged = [replace(other, label=KEY.label), replace(KEY, label=other.label)]
    before = await shop.keys(trigger_no)
    lost = KeyChanges(["web shop"], [replace(other, expires_at_us=7)], [other])
    assert await refusal(shop.change_keys(trigger_no, lost, "anna")) == "label_taken"
    assert await shop.keys(trigger_no) == before

    added = NewApiKey("third", b"c" * 32, "p", b"sealed c")
    await shop.change_keys(trigger_no, KeyChanges(changed=exchanged, added=[added]), "bert")

    first, second, third = await shop.keys(trigger_no)
    assert (first.label, first.digest, first.sealed) == (KEY.label, other.digest, other.sealed)
    assert (second.label, second.digest, second.sealed) == (other.label, KEY.digest, KEY.sealed)
    assert (first.key_no, second.key_no) == (before[0].key_no, before[1].key_no)
    assert third.label == "third"
    details = [entry.detail for entry in await shop.audit(AuditFilter(limit=3))]
    assert details == [
        "label third",
        "label partner, secret replaced",
        f"label {KEY.label}, secret replaced",
    ]


async def test_a_deleted_key_is_gone_at_once(shop: Catalog, trigger_no: int) -> None:
    await shop.add_key(trigger_no, KEY, "anna")
    await shop.delete_key(trigger_no, "web shop", "anna")
    assert await shop.keys(trigger_no) == []
    assert await refusal(shop.delete_key(trigger_no, "web shop", "anna")) == "unknown_key"


async def test_the_last_use_of_a_key_never_goes_back(shop: Catalog, trigger_no: int) -> None:
    key = await shop.add_key(trigger_no, KEY, "anna")
    assert key.last_used_at_us is None
    await shop.touch_keys({key.key_no: 50, 999: 1})
    await shop.touch_keys({key.key_no: 40})
    assert [used.last_used_at_us for used in await shop.keys(trigger_no)] == [50]


# --- connections and secrets -------------------------------------------------------------------


async def test_a_connection_is_written_once_until_it_changes(shop: Catalog) -> None:
    async def put(document: dict[str, Any], managed_by: Any = "files") -> bool:
        how: dict[str, Any] = {"managed_by": managed_by, "actor": "anna"}
        return await shop.put_connection("shop", "erp", document, **how)

    assert await put({"sql": "sqlite:///${ERP}"})
    assert not await put({"sql": "sqlite:///${ERP}"})
    assert await put({"sql": "sqlite:///other.db"})
    assert await put({"sql": "sqlite:///other.db"}, "console")
    (stored,) = await shop.connections("shop")
    assert (stored.name, stored.document) == ("erp", {"sql": "sqlite:///other.db"})
    assert stored.managed_by == "console"
    await shop.delete_connection("shop", "erp", "anna")
    assert await shop.connections("shop") == []
    assert await refusal(shop.delete_connection("shop", "erp", "anna")) == "unknown_connection"
    assert await shop.connections("nowhere") == []


async def test_secrets_belong_to_their_workspace(shop: Catalog) -> None:
    await shop.ensure_workspace("demo")
    await shop.put_secret("shop", "ERP_PASSWORD", b"one", "anna")
    await shop.put_secret("shop", "ERP_PASSWORD", b"two", "anna")
    assert await shop.secrets("shop") == {"ERP_PASSWORD": b"two"}
    assert await shop.secrets("demo") == {}
    await shop.delete_secret("shop", "ERP_PASSWORD", "anna")
    assert await shop.secrets("shop") == {}
    assert await refusal(shop.delete_secret("shop", "ERP_PASSWORD", "anna")) == "unknown_secret"


# --- audit --------------------------------------------------------------------------------------


async def test_every_change_is_in_the_audit_with_who_and_what(
    shop: Catalog, trigger_no: int
) -> None:
    await shop.add_key(trigger_no, KEY, "bert")
    await shop.note("carl", "key.reveal", "shop/ItemPrice", "label web shop")
    latest = await shop.audit()
    assert [(e.actor, e.action, e.subject, e.detail) for e in latest] == [
        ("carl", "key.reveal", "shop/ItemPrice", "label web shop"),
        ("bert", "key.add", "shop/ItemPrice", "label web shop"),
        ("anna", "integration.publish", "shop/ItemPrice", "version 1"),
    ]
    assert [e.actor for e in await shop.audit(AuditFilter(limit=1, before_no=latest[0].no))] == [
        "bert"
    ]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (AuditFilter(actor="anna"), [5, 4, 1]),
        (AuditFilter(actor="ann"), []),
        (AuditFilter(action="key"), [3, 2]),
        (AuditFilter(action="key.add"), [2]),
        (AuditFilter(action="ke"), []),
        (AuditFilter(action="key_add"), []),
        (AuditFilter(subject="Price"), [5, 3, 2, 1]),
        (AuditFilter(subject="100%"), [4]),
        (AuditFilter(subject="_"), []),
        (AuditFilter(from_us=3_000_000), [5, 4, 3]),
        (AuditFilter(until_us=3_000_000), [2, 1]),
        (AuditFilter(from_us=2_000_000, until_us=5_000_000, actor="anna"), [4]),
        (AuditFilter(limit=2), [5, 4]),
        (AuditFilter(limit=2, before_no=4), [3, 2]),
    ],
)
async def test_the_audit_is_filtered_by_actor_action_subject_and_time(
    open_store: OpenStore, wanted: AuditFilter, found: list[int]
) -> None:
    second = 0
    catalog = (await open_store(wall_us=lambda: second * 1_000_000)).catalog
    for actor, action, subject in (
        ("anna", "integration.publish", "shop/ItemPrice"),
        ("bert", "key.add", "shop/ItemPrice"),
        ("bert", "key.reveal", "shop/ItemPrice"),
        ("anna", "integration.publish", "shop/100%"),
        ("anna", "integration.remove", "shop/ItemPrice"),
    ):
        second += 1
        await catalog.note(actor, action, subject)
    assert [entry.no for entry in await catalog.audit(wanted)] == found


async def test_the_audit_holds_no_secret(shop: Catalog, trigger_no: int) -> None:
    await shop.add_key(trigger_no, KEY, "anna")
    changed = NewApiKey("web shop", b"n" * 32, "fsk_New1", b"resealed")
    await shop.change_key(trigger_no, "web shop", changed, "anna")
    await shop.put_secret("shop", "ERP_PASSWORD", b"sealed-value", "anna")
    text = repr(await shop.audit())
    for secret in ("sealed", "ddd", "nnn", "fsk_New1"):
        assert secret not in text
