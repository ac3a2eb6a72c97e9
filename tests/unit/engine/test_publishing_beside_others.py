"""A start leaves what somebody has done to access, also to what is done while it looks (L5)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from firesteel.engine.api_keys import Rotation, WantedKey
from firesteel.engine.ownership import Owner
from firesteel.engine.project_publishing import FILES
from firesteel.engine.publication import Publication, PublishOptions
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


OLD, NEW = "old-secret-of-erp-0123456789", "new-secret-of-erp-0123456789"
FAR_US = 4_102_444_800_000_000  # 2100


async def with_old_secret(node: AttendedEngine, document: Any) -> tuple[Publisher, int]:
    """A start has published ``document``, with the secret OLD of the key erp; also the trigger."""
    publisher = Publisher(node.engine, node.parts)
    await publisher.publish("test", document, options=FILES, actor=START)
    (current,) = await node.store.catalog.integrations("test")
    return publisher, current.trigger_no


def declaring_old_secret(**more: Any) -> Any:
    erp = {"api_key": {"label": "erp", "value": OLD, **more}}
    return {**DOCUMENT, "trigger": {"authentication": [erp]}}


@pytest.mark.parametrize("ended", [False, True])
async def test_the_log_names_a_key_whose_declared_secret_a_rotation_has_replaced(
    node: AttendedEngine, *, ended: bool
) -> None:
    document = declaring_old_secret()
    publisher, trigger_no = await with_old_secret(node, document)
    rotation = Rotation(NEW, None, FAR_US)
    await publisher.keys.rotate(trigger_no, "erp", rotation, actor="ada")
    if ended:
        await publisher.keys.end_overlap(trigger_no, "erp", "bob")
    with structlog.testing.capture_logs() as told:
        await publisher.publish("test", document, options=FILES, actor=START)
    by = "bob" if ended else "ada"
    assert [line for line in told if line["event"] == "api_key_left"] == [
        {
            "event": "api_key_left",
            "log_level": "warning",
            "integration": "orders",
            "label": "erp",
            "by": by,
        }
    ]
    assert await publisher.keys.open(trigger_no, "erp") == NEW


async def test_the_log_names_a_key_that_is_rotated_between_the_look_and_the_write(
    node: AttendedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = declaring_old_secret()
    publisher, trigger_no = await with_old_secret(node, document)

    async def rotate() -> None:
        rotation = Rotation(NEW, None, FAR_US)
        await publisher.keys.rotate(trigger_no, "erp", rotation, actor="ada")
        await publisher.keys.end_overlap(trigger_no, "erp", "ada")

    somebody_is_quick(publisher, monkeypatch, [rotate])
    with structlog.testing.capture_logs() as told:
        await publisher.publish("test", document, options=FILES, actor=START)
    lines = [line for line in told if line["event"] == "api_key_left"]
    assert [(line["label"], line["by"]) for line in lines] == [("erp", "ada")]
    assert await publisher.keys.open(trigger_no, "erp") == NEW


async def test_an_apply_tells_of_replaced_secrets_by_its_warnings_and_not_in_the_log(
    node: AttendedEngine,
) -> None:
    document = declaring_old_secret()
    publisher, trigger_no = await with_old_secret(node, document)
    await publisher.keys.rotate(trigger_no, "erp", Rotation(NEW, None, FAR_US), actor="ada")
    with structlog.testing.capture_logs() as told:
        asked = PublishOptions(Owner("files"))
        done = await publisher.publish("test", document, options=asked, actor=Actor("ada"))
    assert "api_key_left" not in [line["event"] for line in told]
    assert "key_value_replaced" in [warning.code for warning in done.warnings]


async def test_a_key_that_somebody_changed_and_rotated_is_named_once(node: AttendedEngine) -> None:
    document = declaring_old_secret(expires="2031-01-01")
    publisher, trigger_no = await with_old_secret(node, document)
    await publisher.keys.rotate(trigger_no, "erp", Rotation(NEW, None, FAR_US), actor="ada")
    with structlog.testing.capture_logs() as told:
        await publisher.publish("test", document, options=FILES, actor=START)
    lines = [line for line in told if line["event"] == "api_key_left"]
    assert [(line["label"], line["by"]) for line in lines] == [("erp", "ada")]


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
