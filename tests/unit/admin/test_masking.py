"""Secrets in clear in a connection's document are for administrators alone."""

from __future__ import annotations

from typing import Any

import pytest

from firesteel.admin.masking import masked_document, masked_url
from tests.unit.admin.conftest import Client, Office

PATH = "/api/v1/workspaces/demo/connections"
DOCUMENT = {"sql": "postgresql://erp:hunter2@db/erp"}


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://erp:hunter2@db/erp", "postgresql://erp:•••@db/erp"),
        ("postgresql://erp:hun@ter/2?#@db/erp", "postgresql://erp:•••@db/erp"),
        ("postgresql://erp:${ERP_PASSWORD}@db/erp", "postgresql://erp:${ERP_PASSWORD}@db/erp"),
        (
            "postgresql://erp:${A}@db/erp?password=hunter2",
            "postgresql://erp:${A}@db/erp?password=•••",
        ),
        ("mssql+pyodbc://?odbc_connect=PWD%3Dhunter2", "mssql+pyodbc://?odbc_connect=•••"),
        ("sqlite:////srv/erp.db", "sqlite:////srv/erp.db"),
        ("${WHOLE}", "${WHOLE}"),
    ],
)
def test_a_password_in_an_address_is_not_shown(url: str, shown: str) -> None:
    assert masked_url(url) == shown


def test_of_headers_only_references_are_shown() -> None:
    headers = {"a": "Bearer ${TOKEN}", "b": "Bearer hunter2", "c": "${A}hunter2"}
    assert masked_document({"http": "https://crm.example", "headers": headers}) == {
        "http": "https://crm.example",
        "headers": {"a": "Bearer ${TOKEN}", "b": "•••", "c": "•••"},
    }


async def shown(client: Client) -> list[tuple[dict[str, Any], bool]]:
    (listed,) = (await client("GET", PATH)).json
    single = (await client("GET", f"{PATH}/erp")).json
    return [(item["document"], item["masked"]) for item in (listed, single)]


async def test_a_password_in_clear_is_shown_to_administrators_alone(office: Office) -> None:
    await office.store.catalog.ensure_workspace("demo")
    assert (await office.local("PUT", f"{PATH}/erp", DOCUMENT)).status == 200

    assert await shown(await office.signed_in("anna", "admin")) == [(DOCUMENT, False)] * 2
    hidden = {"sql": "postgresql://erp:•••@db/erp"}
    bert = await office.signed_in("bert", "editor", payloads=True, reveal=True)
    assert await shown(bert) == [(hidden, True)] * 2
    for path in ("/w/demo/connections", "/w/demo/connections/erp"):
        page = await bert("GET", path)
        assert (page.status, b"hunter2" in page.body) == (200, False)
