"""API keys over the REST API, whatever stands in their labels."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

import pytest

from firesteel.engine.publishing import rules_of
from firesteel.model.integration import Integration
from tests.unit.admin.conftest import Office

INTEGRATION = "/api/v1/workspaces/demo/integrations/ItemPrice"


@pytest.mark.parametrize("label", ["web/shop", "a/reveal", "50 % / day?", "åäö#1"])
async def test_a_key_is_addressed_by_any_label(office: Office, label: str) -> None:
    await office.store.catalog.ensure_workspace("demo")
    await office.store.catalog.publish(
        "demo",
        {"name": "ItemPrice"},
        rules=rules_of(Integration(name="ItemPrice")),
        managed_by="console",
        actor="test",
    )
    added = await office.local("POST", f"{INTEGRATION}/keys", {"label": label})
    assert added.status == 201, added.body
    path = f"{INTEGRATION}/keys/{quote(label, safe='')}"

    revealed = await office.local("POST", f"{path}/reveal")
    assert revealed.json == {"label": label, "secret": added.json["secret"]}
    changed = await office.local("PATCH", path, {"expires": "2030-06-30"})
    assert changed.json["label"] == label
    consumer = f"consumers/{quote(label, safe='')}"
    described = await office.local("GET", f"/api/v1/workspaces/demo/{consumer}/openapi.json")
    assert described.status == 200
    shown = await office.local("GET", f"/w/demo/{consumer}/api")
    assert shown.status == 200
    assert (await office.local("DELETE", path)).status == 204
    assert (await office.local("GET", f"{INTEGRATION}/keys")).json == []


async def test_keys_of_a_consumer_that_are_added_at_once_get_a_number_each(office: Office) -> None:
    await office.store.catalog.ensure_workspace("demo")
    consumers = "/api/v1/workspaces/demo/consumers"
    await office.local("POST", consumers, {"name": "ACME"})
    keys = f"{consumers}/ACME/keys"
    added = await asyncio.gather(*(office.local("POST", keys, {}) for _ in range(8)))
    assert {answer.status for answer in added} == {201}
    assert {answer.json["label"] for answer in added} == {str(no) for no in range(1, 9)}
