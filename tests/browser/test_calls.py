"""Try it, a consumer's API page, connections and secrets, in a real browser on a real node."""

from __future__ import annotations

import json
import re
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from tests.browser.axe import violations
from tests.browser.signing_in import signed_in
from tests.support.http_server import HttpServer
from tests.support.node import KEY, ProjectFolder, RunningNode
from tests.support.openapi import assert_valid

TRY = "/w/test/integrations/{}/try"
PARAMETERS = [
    {"name": "item", "required": True, "description": "Item number"},
    {"name": "currency", "default": "EUR", "enum": ["EUR", "SEK"]},
    {"name": "tag", "many": True},
    {"name": "urgent", "type": "boolean"},
]


def fill(project: ProjectFolder, sink: HttpServer) -> None:
    source = "from firesteel import workflow\n\n@workflow\ndef back(input):\n    return input\n"
    project.module("work", source)
    price = {"request_response": {"timeout": "60s"}, "query_parameters": PARAMETERS}
    workflow = {"python": "work:back"}
    project.integration({"name": "ItemPrice", "trigger": price, "workflow": workflow})
    schema = {"type": "object", "properties": {"order_no": {"type": "string"}}}
    orders = {"methods": ["POST"], "body": {"schema": schema}}
    project.integration({"name": "Orders", "trigger": orders, "workflow": workflow})
    project.connections({"files": {"sql": "sqlite://"}})


def test_a_call_is_tried_and_its_answer_and_execution_are_shown(page: Page) -> None:
    page.goto(TRY.format("ItemPrice"))
    page.get_by_label("item (required)").fill("A 100 & more")
    page.get_by_label("currency").select_option("SEK")
    page.get_by_label("tag").fill("one\ntwo")
    page.get_by_role("button", name="Call", exact=True).click()

    answer = page.locator("#answer")
    expect(answer.get_by_text("200", exact=True)).to_be_visible()
    body = json.loads(answer.locator("#answer-body").inner_text())
    assert body["query"] == {"item": "A 100 & more", "currency": "SEK", "tag": ["one", "two"]}
    expect(answer.get_by_text("succeeded")).to_be_visible()
    link = answer.get_by_role("link", name="number")
    expect(link).to_have_attribute("href", re.compile("/w/test/messages/[0-9a-f]{32}$"))
    assert KEY not in page.content()
    assert violations(page) == []


def test_a_call_that_is_not_answered_at_once_shows_how_far_it_is(page: Page) -> None:
    page.goto(TRY.format("Orders"))
    expect(page.get_by_label("Body")).to_have_value(re.compile("order_no"))
    page.get_by_role("button", name="Call", exact=True).click()

    answer = page.locator("#answer")
    expect(answer.get_by_text("202", exact=True)).to_be_visible()
    expect(answer.get_by_text("succeeded")).to_be_visible()


def test_a_refused_call_shows_the_problem(page: Page) -> None:
    page.goto(TRY.format("ItemPrice"))
    page.get_by_label("API key", exact=True).select_option("Another one, typed here")
    page.get_by_label("The API key").fill("none-of-ours")
    page.get_by_role("button", name="Call", exact=True).click()

    answer = page.locator("#answer")
    expect(answer.get_by_text("401", exact=True)).to_be_visible()
    expect(answer).to_contain_text("urn:firesteel:unauthorized")
    expect(answer).to_contain_text("it is no message")


def test_commands_follow_the_form(page: Page) -> None:
    page.goto(TRY.format("ItemPrice"))
    page.get_by_label("item (required)").fill("it's")
    page.get_by_label("item (required)").blur()

    expect(page.locator("#command-curl")).to_contain_text("item=it%27s")
    page.get_by_text("PowerShell", exact=True).click()
    expect(page.locator("#command-powershell")).to_contain_text("Invoke-RestMethod")


def test_what_cannot_be_sent_is_said_above_the_form(page: Page) -> None:
    page.goto(TRY.format("ItemPrice"))
    page.get_by_text("Headers, more parameters").click()
    page.get_by_label("Headers", exact=True).fill("Host: elsewhere.example")
    page.get_by_role("button", name="Call", exact=True).click()

    expect(page.get_by_role("alert").first).to_contain_text("host")


def test_without_scripts_a_call_is_tried_too(browser: Browser, node: RunningNode) -> None:
    context = signed_in(browser, node, java_script_enabled=False)
    page = context.new_page()
    page.goto(TRY.format("ItemPrice"))
    page.get_by_label("item (required)").fill("A-100")
    page.get_by_role("button", name="Call", exact=True).click()

    expect(page.locator("#answer-body")).to_contain_text('"item":"A-100"')
    expect(page.get_by_label("item (required)")).to_have_value("A-100")
    page.get_by_role("button", name="Show as commands").click()
    expect(page.locator("#command-curl")).to_contain_text("item=A-100")
    context.close()


def test_a_consumer_s_api_is_a_page_and_a_file(page: Page, tmp_path: Path) -> None:
    page.goto("/w/test/consumers/tester/api")

    expect(page.get_by_role("heading", name="ItemPrice", exact=True)).to_be_visible()
    expect(page.get_by_text("Item number").first).to_be_visible()
    assert violations(page) == []
    with page.expect_download() as download:
        page.get_by_role("link", name="OpenAPI document").click()
    assert download.value.suggested_filename == "test-tester-openapi.json"
    document = json.loads(Path(download.value.path()).read_text())
    assert_valid(document)
    assert {"/test/ItemPrice", "/test/Orders"} <= set(document["paths"])


def test_a_connection_is_added_tested_changed_and_deleted(page: Page, tmp_path: Path) -> None:
    page.goto("/w/test/connections")
    page.get_by_role("button", name="Set a secret").click()
    page.get_by_label("Name").fill("ERP_FILE")
    page.get_by_label("Value").fill(str(tmp_path / "erp.db"))
    page.get_by_role("button", name="Set", exact=True).click()
    expect(page.locator("#notes")).to_contain_text("ERP_FILE is set")
    assert str(tmp_path) not in page.content()

    page.get_by_role("link", name="Add connection").click()
    page.get_by_label("Name").fill("erp")
    page.get_by_label("Address").fill("sqlite:///${NOT_THERE}")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("NOT_THERE")
    expect(page.get_by_label("Name")).to_have_value("erp")
    assert violations(page) == []
    page.get_by_label("Address").fill("sqlite:///${ERP_FILE}")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("link", name="erp")).to_be_visible()
    expect(page.get_by_role("table")).to_contain_text("${ERP_FILE}")

    page.get_by_role("button", name="Test erp").click()
    expect(page.get_by_text("works", exact=True)).to_be_visible()
    assert violations(page) == []
    page.get_by_role("link", name="erp").click()
    page.get_by_label("Kind").select_option("HTTP system")
    page.get_by_label("Address").fill("https://crm.example")
    page.get_by_label("Headers").fill("X-Token: ${ERP_FILE}")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("table")).to_contain_text("HTTP system")

    page.get_by_role("link", name="erp").click()
    expect(page.get_by_label("Headers")).to_have_value("X-Token: ${ERP_FILE}")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
    expect(page.locator("#notes")).to_contain_text("erp was deleted")


def test_a_connection_of_files_is_shown_and_not_edited(page: Page) -> None:
    page.goto("/w/test/connections/files")

    expect(page.get_by_text("Files manage this connection.")).to_be_visible()
    expect(page.get_by_label("Address")).to_be_disabled()
    expect(page.get_by_role("button", name="Save")).to_have_count(0)
