"""Changes that two nodes make at once: as if one had come after the other, whatever they check."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from typing import Any

import pytest

from firesteel.errors import CallerError
from firesteel.store.catalog import NewApiKey, PublishedIntegration, TriggerRules
from firesteel.store.figures import Tally
from firesteel.store.people import Link, UserRights
from firesteel.store.postgresql import store as postgresql_store
from firesteel.store.postgresql.store import PostgresqlStore

RULES = TriggerRules(
    concurrency=1, max_waiting=10, on_failure="continue", history_s=None, payloads_s=None
)
Nodes = tuple[PostgresqlStore, PostgresqlStore]
ROUNDS = 15


async def at_once(*acts: Awaitable[Any]) -> tuple[list[Any], list[str]]:
    """What those that succeeded returned, and the codes of those that were refused."""
    ended = await asyncio.gather(*acts, return_exceptions=True)
    others = [one for one in ended if isinstance(one, BaseException)]
    assert all(isinstance(one, CallerError) for one in others), others
    codes = [one.code for one in others if isinstance(one, CallerError)]
    return [one for one in ended if not isinstance(one, BaseException)], codes


async def publish(
    node: PostgresqlStore, name: str, description: str, **expected: int
) -> PublishedIntegration:
    document = {"name": name, "description": description}
    published, _ = await node.catalog.publish(
        "shop", document, rules=RULES, managed_by="console", actor="anna", **expected
    )
    return published


async def test_of_two_keys_with_one_label_one_is_made(nodes: Nodes) -> None:
    a, b = nodes
    await a.catalog.ensure_workspace("shop")
    trigger_no = (await publish(a, "Orders", "first")).trigger_no
    for round_ in range(ROUNDS):
        keys = [
            NewApiKey(label=f"shop {round_}", digest=bytes([round_, n]), prefix="p", sealed=b"s")
            for n in (1, 2)
        ]
        made, refused = await at_once(
            a.catalog.add_key(trigger_no, keys[0], "anna"),
            b.catalog.add_key(trigger_no, keys[1], "berta"),
        )
        assert (len(made), refused) == (1, ["label_taken"])
    assert len(await a.catalog.keys(trigger_no)) == ROUNDS


async def test_of_two_who_publish_one_version_one_is_told(nodes: Nodes) -> None:
    a, b = nodes
    await a.catalog.ensure_workspace("shop")
    for version in range(ROUNDS):
        done, refused = await at_once(
            publish(a, "Orders", f"a{version}", expect_version=version),
            publish(b, "Orders", f"b{version}", expect_version=version),
        )
        assert [one.version for one in done] == [version + 1]
        assert refused == ["changed_meanwhile"]


async def test_two_who_publish_a_new_name_make_one_integration(nodes: Nodes) -> None:
    a, b = nodes
    await a.catalog.ensure_workspace("shop")
    for round_ in range(ROUNDS):
        name = f"Orders{round_}"
        done, refused = await at_once(publish(a, name, "a"), publish(b, name, "b"))
        assert not refused
        assert done[0].trigger_no == done[1].trigger_no
        assert sorted(one.version for one in done) == [1, 2]


async def test_of_two_first_administrators_one_comes_in(nodes: Nodes) -> None:
    a, b = nodes
    far = time.time_ns() // 1000 + 10**9
    await a.people.add_link(Link(b"one", None, far), "local")
    await b.people.add_link(Link(b"two", None, far), "local")
    made, refused = await at_once(
        a.people.follow_link(b"one", "anna", "hash"), b.people.follow_link(b"two", "berta", "hash")
    )
    assert (len(made), refused) == (1, ["link_invalid"])
    assert len(await a.people.users()) == 1


async def test_of_two_administrators_who_disable_each_other_one_stays(nodes: Nodes) -> None:
    a, b = nodes
    far = time.time_ns() // 1000 + 10**9
    await a.people.add_link(Link(b"one", None, far), "local")
    await a.people.follow_link(b"one", "anna", "hash")
    await a.people.add_user("berta", UserRights("admin"), "anna")
    await a.people.set_password("berta", "hash", keep=None, actor="berta")
    off = UserRights("admin", enabled=False)
    done, refused = await at_once(
        a.people.change_user("anna", off, "berta"), b.people.change_user("berta", off, "anna")
    )
    assert (len(done), refused) == (1, ["last_administrator"])
    assert await b.people.has_administrator()


async def test_figures_of_one_minute_add_up_whoever_writes_them(nodes: Nodes) -> None:
    for _ in range(ROUNDS):
        await asyncio.gather(
            *(
                node.figures.add(7, {1: Tally(accepted=2, settle={3: 1}), 2: Tally(failed=1)})
                for node in nodes
            )
        )
    first, second = await nodes[0].figures.of_triggers([1, 2], from_minute=0, until_minute=9)
    assert (first.tally.accepted, first.tally.settle) == (4 * ROUNDS, {3: 2 * ROUNDS})
    assert second.tally.failed == 2 * ROUNDS


async def test_a_setting_that_two_write_at_once_is_there_once(nodes: Nodes) -> None:
    await asyncio.gather(*(node.catalog.put_setting("colour", "red") for node in nodes * 5))
    assert await nodes[0].catalog.setting("colour") == "red"


async def test_nodes_that_start_at_once_on_an_empty_database_make_it_once(
    postgres_url: str,
) -> None:
    opened = await asyncio.gather(
        *(postgresql_store.open_store(postgres_url, node=f"n{n}") for n in range(4))
    )
    try:
        await asyncio.gather(*(node.catalog.ensure_workspace("shop") for node in opened))
        assert {tuple(await node.catalog.workspaces()) for node in opened} == {("shop",)}
    finally:
        for node in opened:
            await node.close()


@pytest.mark.parametrize("text", ["a\0b", "\ue000", "\ue0000", "\0\ue0001\0", "é\U0010ffff"])
async def test_texts_hold_every_character(nodes: Nodes, text: str) -> None:
    a, b = nodes
    await a.catalog.put_setting(text, text)
    assert await b.catalog.setting(text) == text
    await b.catalog.note("anna", "test", "subject", text)
    (entry,) = await a.catalog.audit()
    assert entry.detail == text
