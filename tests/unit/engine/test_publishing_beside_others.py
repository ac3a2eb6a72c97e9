"""A start leaves what somebody has done to access, also to what is done while it looks (L5)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from firesteel.engine.api_keys import WantedKey
from firesteel.engine.project_publishing import FILES
from firesteel.engine.publication import Publication
from firesteel.engine.publishing import LOOKS, Publisher
from firesteel.errors import CallerError
from firesteel.model.execution import InputFault
from firesteel.store.journal import Actor
from tests.support.attended_engine import AttendedEngine, attended_engine

START = Actor("project folder")
DOCUMENT = {
    "name": "orders",
    "enabled": False,
    "trigger": {
        "authentication": [
            {"api_key": {"label": "erp"}},
            {"api_key": {"label": "shop"}},
            {"consumer": {"name": "ACME"}},
        ]
    },
}


@pytest.fixture
async def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AttendedEngine]:
    """There is no worker, and nothing in the document that needs one to be checked."""

    async def nothing_wrong(*_given: Any) -> list[InputFault]:
        return []

    async with attended_engine(tmp_path) as made:
        monkeypatch.setattr(made.engine, "check_document", nothing_wrong)
        await made.store.catalog.ensure_workspace("test")
        yield made


async def start(publisher: Publisher) -> Publication:
    """What a node does with the folder's document."""
    return await publisher.publish("test", DOCUMENT, options=FILES, actor=START)


def somebody_is_quick(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch, acts: list[Any]
) -> None:
    """Each look at what others have left is followed by the next of these acts."""
    look = publisher._beside.as_others_left_it

    async def looked(*given: Any) -> Any:
        found = await look(*given)
        if acts:
            await acts.pop(0)()
        return found

    monkeypatch.setattr(publisher._beside, "as_others_left_it", looked)


async def test_a_key_that_is_deleted_between_the_look_and_the_write_stays_deleted(
    node: AttendedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher, catalog = Publisher(node.engine, node.parts), node.store.catalog
    await start(publisher)
    (current,) = await catalog.integrations("test")

    async def delete() -> None:
        await publisher.keys.delete(current.trigger_no, "erp", "ada")

    async def revoke() -> None:
        await catalog.revoke(current.trigger_no, ["ACME"], "ada")

    somebody_is_quick(publisher, monkeypatch, [delete, revoke])
    done = await start(publisher)
    assert [(change.label, change.act) for change in done.keys] == [("shop", "kept")]
    assert [key.label for key in await publisher.keys.of(current.trigger_no)] == ["shop"]
    assert await publisher.consumers.granted(current.trigger_no) == []


async def test_a_start_gives_up_where_keys_go_on_being_changed(
    node: AttendedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher = Publisher(node.engine, node.parts)
    await start(publisher)
    (current,) = await node.store.catalog.integrations("test")
    await node.store.catalog.delete_key(current.trigger_no, "erp", START.name)

    async def change() -> None:
        await publisher.keys.change(
            current.trigger_no, "shop", wanted=WantedKey("shop", None, None), actor="ada"
        )

    somebody_is_quick(publisher, monkeypatch, [change] * LOOKS)
    with pytest.raises(CallerError) as caught:
        await start(publisher)
    assert caught.value.code == "changed_meanwhile"
    await start(publisher)
    assert [key.label for key in await publisher.keys.of(current.trigger_no)] == ["erp", "shop"]
