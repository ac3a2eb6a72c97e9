"""What every store's catalog promises of drafts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest

from firesteel.errors import CallerError
from firesteel.store.catalog import Catalog, Draft, TriggerRules
from tests.contract.conftest import OpenStore

RULES = TriggerRules(
    concurrency=10, max_waiting=1000, on_failure="continue", history_s=None, payloads_s=None
)


def document(**more: Any) -> dict[str, Any]:
    return {"name": "ItemPrice", "response": {"body": {"b": 1, "a": 12345678901234567890}}, **more}


@pytest.fixture
async def shop(catalog: Catalog) -> Catalog:
    """A catalog with the workspace ``shop`` and version 1 of ItemPrice."""
    await catalog.ensure_workspace("shop")
    await publish(catalog, document())
    return catalog


async def publish(catalog: Catalog, published: dict[str, Any], **how: Any) -> None:
    how = {"rules": RULES, "managed_by": "console", "actor": "anna", **how}
    await catalog.publish("shop", published, **how)


async def put(catalog: Catalog, actor: str = "anna", **more: Any) -> Draft:
    expected = more.pop("expect_revision", None)
    return await catalog.put_draft(
        "shop",
        "ItemPrice",
        document(**more),
        base_version=1,
        actor=actor,
        expect_revision=expected,
    )


async def refusal(act: Awaitable[object]) -> str:
    with pytest.raises(CallerError) as caught:
        await act
    return caught.value.code


async def test_a_draft_is_read_as_it_was_saved_and_alters_nothing_that_is_published(
    shop: Catalog,
) -> None:
    saved = await put(shop, description="Prisförfrågan")

    assert await shop.draft("shop", "ItemPrice") == saved
    assert await shop.drafts("shop") == [saved]
    assert saved.document == document(description="Prisförfrågan")
    assert list(saved.document["response"]["body"]) == ["b", "a"]
    assert (saved.base_version, saved.changed_by) == (1, "anna")
    published = await shop.integration("shop", "ItemPrice")
    assert published is not None
    assert (published.version, published.document) == (1, document())


async def test_a_draft_outlives_a_restart(open_store: OpenStore) -> None:
    first = await open_store()
    await first.catalog.ensure_workspace("shop")
    saved = await put(first.catalog)
    await first.close()
    second = await open_store()
    assert await second.catalog.draft("shop", "ItemPrice") == saved


async def test_of_two_who_change_one_draft_one_is_told(shop: Catalog) -> None:
    first = await put(shop)

    found = await asyncio.gather(
        *(
            put(shop, actor, description=actor, expect_revision=first.revision)
            for actor in ("bert", "cleo")
        ),
        return_exceptions=True,
    )

    (kept,) = [item for item in found if isinstance(item, Draft)]
    (told,) = [item for item in found if isinstance(item, CallerError)]
    assert told.code == "changed_meanwhile"
    assert await shop.draft("shop", "ItemPrice") == kept


async def test_of_two_who_begin_a_draft_one_is_told(shop: Catalog) -> None:
    await put(shop, expect_revision=0)
    assert await refusal(put(shop, "bert", expect_revision=0)) == "changed_meanwhile"


async def test_a_revision_never_comes_again_though_the_clock_goes_back(
    open_store: OpenStore,
) -> None:
    now = [2_000_000]
    store = await open_store(wall_us=lambda: now[0])
    await store.catalog.ensure_workspace("shop")
    first = await put(store.catalog)
    now[0] = 1_000_000
    second = await put(store.catalog)
    assert second.revision > first.revision


async def test_a_draft_that_was_thrown_away_is_gone_and_its_revision_with_it(
    shop: Catalog,
) -> None:
    first = await put(shop)
    await shop.delete_draft("shop", "ItemPrice", "bert", first.revision)
    assert await shop.draft("shop", "ItemPrice") is None
    again = await put(shop)
    assert again.revision > first.revision
    deleting = shop.delete_draft("shop", "ItemPrice", "bert", first.revision)
    assert await refusal(deleting) == "changed_meanwhile"
    assert await shop.draft("shop", "ItemPrice") == again


async def test_publishing_a_draft_ends_it_in_the_same_act(shop: Catalog) -> None:
    saved = await put(shop, description="new")

    await publish(shop, saved.document, expect_version=1, draft_revision=saved.revision)

    assert await shop.draft("shop", "ItemPrice") is None
    published = await shop.integration("shop", "ItemPrice")
    assert published is not None
    assert (published.version, published.document) == (2, saved.document)


@pytest.mark.parametrize("stale", [{"expect_version": 7}, {"draft_revision": 7}])
async def test_a_stale_publication_changes_neither_draft_nor_version(
    shop: Catalog, stale: dict[str, int]
) -> None:
    saved = await put(shop, description="new")
    how = {"draft_revision": saved.revision, **stale}

    assert await refusal(publish(shop, saved.document, **how)) == "changed_meanwhile"

    assert await shop.draft("shop", "ItemPrice") == saved
    published = await shop.integration("shop", "ItemPrice")
    assert published is not None
    assert published.version == 1


async def test_a_publication_that_is_not_of_the_draft_leaves_it(shop: Catalog) -> None:
    saved = await put(shop, description="new")
    await publish(shop, document(description="other"))
    assert await shop.draft("shop", "ItemPrice") == saved


async def test_removing_an_integration_removes_its_draft(shop: Catalog) -> None:
    await put(shop)
    await shop.remove("shop", "ItemPrice", "anna")
    assert await shop.draft("shop", "ItemPrice") is None


async def test_drafts_belong_to_their_workspace(shop: Catalog) -> None:
    await shop.ensure_workspace("demo")
    await put(shop)
    assert await shop.drafts("demo") == []
    assert await shop.draft("demo", "ItemPrice") is None
    missing = shop.put_draft("nowhere", "ItemPrice", document(), base_version=0, actor="anna")
    assert await refusal(missing) == "unknown_workspace"
    assert await refusal(shop.delete_draft("demo", "ItemPrice", "anna")) == "unknown_draft"


async def test_saving_and_throwing_away_are_audited_without_the_document(shop: Catalog) -> None:
    await put(shop, description="hush")
    await shop.delete_draft("shop", "ItemPrice", "bert")
    discarded, saved, *_ = await shop.audit()
    assert (saved.actor, saved.action, saved.subject) == ("anna", "draft.save", "shop/ItemPrice")
    assert (discarded.actor, discarded.action) == ("bert", "draft.discard")
    assert "hush" not in saved.detail + discarded.detail
