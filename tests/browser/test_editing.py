"""Data processing, workflow and response are edited, previewed and tried in the console."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.axe import violations
from tests.browser.signing_in import signed_in
from tests.support.http_server import HttpServer, Reply
from tests.support.node import ProjectFolder, RunningNode

BODY = {"customer": {"name": "Ada", "city": "London"}, "lines": [{"no": "A", "quantity": 2}]}
STEPS: list[dict[str, Any]] = [
    {
        "name": "price",
        "sql": {
            "connection": "erp",
            "statement": "select price from item where item_no = :item",
            "parameters": {"item": "{% input.item %}"},
            "result": "one",
        },
    },
    {"name": "total", "map": "{% steps.price.price * 2 %}"},
]
MODULE = """
from pydantic import BaseModel
from firesteel import workflow

class Address(BaseModel):
    city: str

class Customer(BaseModel):
    name: str
    address: Address

@workflow
def create(customer: Customer) -> dict:
    \"\"\"Makes a customer.\"\"\"
    return {"city": customer.address.city}
"""


def fill(project: ProjectFolder, sink: HttpServer) -> None:
    database = project.path / "erp.db"
    engine = sa.create_engine(f"sqlite:///{database}")
    with engine.begin() as connection:
        connection.exec_driver_sql("create table item (item_no text, price real)")
        connection.exec_driver_sql("insert into item values ('A-100', 12.5)")
    engine.dispose()
    project.connections({"erp": {"sql": f"sqlite:///{database}"}, "shop": {"http": sink.url}})
    project.module("customers", MODULE)
    project.integration({"name": "Filed", "data_processing": "body", "workflow": {"steps": STEPS}})


def made(node: RunningNode, name: str, **document: Any) -> str:
    """An integration of the console with one message; the address of its pages."""
    trigger = {"methods": ["POST"], "query_parameters": [{"name": "item"}]}
    whole = {"name": name, "trigger": trigger, **document}
    node.admin("PUT", f"/workspaces/test/integrations/{name}", json=whole)
    sent = node.client.post(f"{node.public_url}/test/{name}?item=A-100", json=BODY)
    assert sent.status_code == 202
    node.until_settled(sent)
    return f"/w/test/integrations/{name}"


def published(node: RunningNode, name: str) -> dict[str, Any]:
    found: dict[str, Any] = node.admin("GET", f"/workspaces/test/integrations/{name}")["document"]
    return found


def editor(page: Page, label: str) -> Locator:
    return page.get_by_role("textbox", name=label, exact=True)


def type_into(page: Page, label: str, text: str) -> None:
    """Replace what an editor holds; brackets are typed, and closed by the editor, as by hand."""
    field = editor(page, label)
    field.click()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.press("Delete")
    page.keyboard.insert_text(text)


def field_value(page: Page, name: str) -> Locator:
    return page.get_by_label(f"Value of {name}", exact=True)


def preview(page: Page) -> Locator:
    return page.locator("#preview")


def test_a_field_is_filled_by_a_click_in_the_sample(page: Page, node: RunningNode) -> None:
    address = made(node, "Clicked", data_processing='{"item": query.item}')
    page.goto(f"{address}/data")
    page.get_by_role("button", name="Table", exact=True).click()
    expect(field_value(page, "item")).to_have_value("query.item")
    expect(page.locator("[data-field-shown]").first).to_have_text('"A-100"')

    page.get_by_role("button", name="What is in body.customer").click()
    page.get_by_role("button", name="Use body.customer.city").click()

    expect(field_value(page, "city")).to_have_value("body.customer.city")
    expect(preview(page)).to_contain_text('"city": "London"')
    assert violations(page) == []
    page.get_by_role("button", name="Text", exact=True).click()
    expect(editor(page, "JSONata")).to_contain_text('"city": body.customer.city')
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("status").first).to_contain_text("Version 2 is in force")
    expected = '{\n  "item": query.item,\n  "city": body.customer.city\n}'
    assert published(node, "Clicked")["data_processing"] == expected


def test_table_and_text_stay_in_step(page: Page, node: RunningNode) -> None:
    address = made(node, "InStep", data_processing='{"item": query.item}')
    page.goto(f"{address}/data")
    page.get_by_role("button", name="Text", exact=True).click()
    type_into(page, "JSONata", '{"to": {"city": body.customer.city}, "kind": "shop", "n": 1 + 1}')
    page.get_by_role("button", name="Table", exact=True).click()
    expect(field_value(page, "to.city")).to_have_value("body.customer.city")
    expect(page.get_by_label("Kind of value of kind")).to_have_value("text")
    expect(field_value(page, "kind")).to_have_value("shop")
    expect(page.get_by_label("Kind of value of n")).to_have_value("expression")

    field_value(page, "kind").fill('say "hi"')
    page.get_by_role("button", name="Remove n").click()
    page.get_by_role("button", name="Text", exact=True).click()
    expect(editor(page, "JSONata")).to_contain_text(r'"kind": "say \"hi\""')
    expect(editor(page, "JSONata")).not_to_contain_text("1 + 1")

    type_into(page, "JSONata", "$merge([body, query])")
    page.get_by_role("button", name="Table", exact=True).click()
    expect(page.get_by_text("more than a list of fields")).to_be_visible()
    expect(page.get_by_role("button", name="Add field")).to_be_hidden()


def test_a_fault_is_marked_at_its_line(page: Page, node: RunningNode) -> None:
    address = made(node, "Faulty", data_processing="body")
    page.goto(f"{address}/data")
    page.get_by_role("button", name="Text", exact=True).click()
    type_into(page, "JSONata", '{\n  "a": bdy.customer\n}')

    expect(preview(page)).to_contain_text("Line 2, column 8: there is no bdy here")
    expect(page.locator(".cm-lintRange-error")).to_have_text("bdy")
    expect(page.locator(".cm-lint-marker-error")).to_be_visible()
    assert violations(page) == []
    type_into(page, "JSONata", '{\n  "a": body.customer\n}')
    expect(page.locator(".cm-lintRange-error")).to_have_count(0)


def test_names_are_completed_from_the_sample(page: Page, node: RunningNode) -> None:
    address = made(node, "Completed", data_processing="body", workflow={"steps": STEPS})
    page.goto(f"{address}/data")
    page.get_by_role("button", name="Text", exact=True).click()
    expect(preview(page)).to_contain_text("London")
    type_into(page, "JSONata", "")
    page.keyboard.type("body.customer.")
    expect(page.locator(".cm-tooltip-autocomplete [role=option]")).to_have_text(
        ["citystring", "namestring"]
    )
    page.locator(".cm-tooltip-autocomplete [role=option]").first.click()
    expect(editor(page, "JSONata")).to_have_text("body.customer.city")

    page.once("dialog", lambda dialog: dialog.accept())  # leaves without saving
    page.goto(f"{address}/workflow/steps/total")
    expect(page.get_by_role("button", name="Use input", exact=False).first).to_be_visible()
    type_into(page, "Value", "{%  %}")
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    page.keyboard.type("input.li")
    options = page.locator(".cm-tooltip-autocomplete [role=option]")
    expect(options).to_have_text(["lineslist"])
    page.keyboard.press("Escape")
    for _ in "input.li":
        page.keyboard.press("Backspace")
    page.keyboard.type("steps.")
    expect(options).to_have_text(["pricenull", "total"])  # the second one of the document alone


def test_a_pasted_call_is_a_sample(page: Page, node: RunningNode) -> None:
    address = made(node, "Pasted", data_processing="body.a + 1")
    page.goto(f"{address}/data")
    page.get_by_label("Message", exact=True).select_option("")
    page.get_by_label("Body", exact=True).fill('{"a": 41}')
    expect(preview(page)).to_have_text("42")
    page.goto(f"{address}/response")
    expect(page.get_by_label("Body", exact=True)).to_have_value('{"a": 41}')


def test_a_message_is_used_as_the_sample(page: Page, node: RunningNode) -> None:
    made(node, "Sampled", data_processing="body.n")
    sent = [
        node.client.post(f"{node.public_url}/test/Sampled", json={"n": number})
        for number in range(21)
    ]
    first = sent[0].headers["firesteel-message-id"]
    page.goto(f"/w/test/messages/{first}")
    page.get_by_role("link", name="Use as sample").click()
    expect(preview(page)).to_have_text("0")
    expect(page.get_by_label("Message", exact=True)).to_have_value(first)


def test_steps_are_added_tried_moved_and_published(page: Page, node: RunningNode) -> None:
    address = made(node, "Built", data_processing='{"item": query.item}')
    page.goto(f"{address}/workflow")
    expect(page.get_by_text("Add the first step")).to_be_hidden()
    page.get_by_label("A list of steps").check()
    page.get_by_text("Add the first step").click()
    page.get_by_role("link", name="Database").click()

    page.get_by_label("Name", exact=False).first.fill("price")
    page.get_by_label("Connection", exact=True).fill("erp")
    type_into(page, "Statement", "select price from item where item_no = :item")
    page.get_by_role("button", name="Add parameter").click()
    page.get_by_label("Parameter: name").fill("item")
    type_into(page, "Parameter: value", "{% input.item %}")
    page.get_by_label("Result").select_option("one")
    expect(preview(page)).to_contain_text('"item": "A-100"')
    page.get_by_role("button", name="Try it, rolled back").click()
    expect(page.locator("#tried")).to_contain_text('"price": 12.5')
    expect(page.locator("#tried")).to_contain_text("rolled back")
    assert violations(page) == []
    page.get_by_role("button", name="Save as draft").click()
    expect(page.get_by_role("heading", name="Step price")).to_be_visible()

    page.get_by_role("link", name="Steps", exact=True).click()
    page.get_by_text("Add step", exact=True).click()
    page.get_by_role("link", name="Value Works").click()
    page.get_by_label("Name", exact=False).first.fill("total")
    type_into(page, "Value", "{% steps.price.price * 2 %}")
    expect(preview(page)).to_contain_text('"map": 25')
    page.get_by_role("button", name="Save as draft").click()
    expect(page.get_by_role("heading", name="Step total")).to_be_visible()

    page.goto(f"{address}/workflow")
    page.get_by_role("link", name="total").press("Alt+ArrowUp")
    expect(page.locator("[data-step]").first).to_contain_text("total")
    expect(page.get_by_text("has not run here yet").first).to_be_visible()
    expect(page.get_by_role("link", name="total")).to_be_focused()
    page.get_by_role("button", name="Move total down").click()
    expect(page.locator("[data-step]").first).to_contain_text("price")
    assert violations(page) == []
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("status").first).to_contain_text("Version 2 is in force")
    assert published(node, "Built")["workflow"] == {"steps": STEPS}


def test_a_step_is_removed_after_a_question(page: Page, node: RunningNode) -> None:
    address = made(node, "Removed", data_processing='{"item": 1}', workflow={"steps": STEPS})
    page.goto(f"{address}/workflow")
    page.get_by_role("button", name="Remove total").click()
    page.get_by_role("alertdialog").get_by_role("button", name="Remove").click()
    expect(page.locator("[data-step]")).to_have_count(1)
    assert len(published(node, "Removed")["workflow"]["steps"]) == 2


def test_what_acts_for_real_is_tried_only_by_who_says_so(
    page: Page, node: RunningNode, sink: HttpServer
) -> None:
    sink.reply("/told", Reply.json({"ok": True}))
    step = {"name": "tell", "http": {"connection": "shop", "method": "POST", "path": "/told"}}
    address = made(node, "Acting", workflow={"steps": [step]})
    page.goto(f"{address}/workflow/steps/tell")
    before = len(sink.received)
    page.get_by_role("button", name="Try it").click()
    expect(page.locator("#tried")).to_contain_text("http would act for real")
    assert len(sink.received) == before
    page.get_by_label("I know that it acts for real").check()
    page.get_by_role("button", name="Try it").click()
    expect(page.locator("#tried")).to_contain_text('"ok": true')
    assert len(sink.received) == before + 1


def test_every_kind_of_step_has_a_form(page: Page, node: RunningNode) -> None:
    address = made(node, "Kinds", workflow={"steps": STEPS})
    for kind in ("sql", "http", "map", "python", "choose", "for_each", "call", "fail"):
        page.goto(f"{address}/workflow/add?kind={kind}")
        expect(page.get_by_role("heading", name="New step")).to_be_visible()
        expect(page.get_by_role("button", name="Use input").first).to_be_visible()
        page.get_by_role("button", name="Save as draft").click()
        expect(page.get_by_role("heading", name=f"Step {kind}")).to_be_visible()


def test_what_an_http_step_sends_is_asked_where_it_has_a_body(
    page: Page, node: RunningNode
) -> None:
    address = made(node, "Sending", workflow={"steps": STEPS})
    page.goto(f"{address}/workflow/add?kind=http")
    page.get_by_label("Connection", exact=True).fill("shop")
    expect(editor(page, "What is sent")).to_be_hidden()
    page.get_by_label("Method", exact=True).first.select_option("POST")
    page.get_by_label("Body", exact=True).first.select_option("JSON")
    type_into(page, "What is sent", '{"item": "{% input.query.item %}"}')
    expect(preview(page)).to_contain_text('"item": "A-100"')
    page.get_by_role("button", name="Save as draft").click()
    expect(page.get_by_role("heading", name="Step http")).to_be_visible()
    expect(editor(page, "What is sent")).to_be_visible()


def test_a_python_workflow_is_chosen_and_its_fields_listed(page: Page, node: RunningNode) -> None:
    address = made(node, "Typed")
    page.goto(f"{address}/workflow")
    page.get_by_label("A Python function").check()
    expect(page.locator("#functions option")).to_have_count(1)
    page.get_by_label("Function", exact=True).fill("customers:create")
    expect(page.locator("#about-function")).to_contain_text("address.city: string, required")
    assert violations(page) == []
    page.get_by_role("button", name="Save as draft").click()

    page.goto(f"{address}/data")
    page.get_by_role("button", name="Table", exact=True).click()
    field_value(page, "address.city").click()
    page.get_by_role("button", name="What is in body.customer").click()
    page.get_by_role("button", name="Use body.customer.city").click()
    page.get_by_role("button", name="Use body.customer.name").click()
    expect(preview(page)).to_contain_text('"city": "London"')
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("status").first).to_contain_text("is in force")
    node.admin("PATCH", "/workspaces/test/integrations/Typed", json={"enabled": True})
    sent = node.client.post(f"{node.public_url}/test/Typed", json=BODY)
    assert node.until_settled(sent)["state"] == "succeeded"


def test_a_response_is_previewed_and_published(page: Page, node: RunningNode) -> None:
    address = made(
        node, "Answering", data_processing='{"item": query.item}', workflow={"steps": STEPS}
    )
    page.goto(f"{address}/response")
    type_into(page, "Status", "{% steps.price ? 201 : 404 %}")
    page.get_by_label("A document, sent as JSON").check()
    type_into(page, "Document", '{"total": "{% steps.total %}", "bad": "{% steps.nothing %}"}')
    expect(preview(page)).to_contain_text("Status 201")
    expect(preview(page)).to_contain_text("there is no step nothing")
    expect(page.locator(".cm-lintRange-error")).to_have_text("nothing")
    type_into(page, "Document", '{"total": "{% steps.total %}"}')
    expect(preview(page)).not_to_contain_text("there is no step nothing")
    expect(preview(page)).to_contain_text('"total": 25')
    assert violations(page) == []
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("status").first).to_contain_text("is in force")
    assert published(node, "Answering")["response"] == {
        "status": "{% steps.price ? 201 : 404 %}",
        "body": {"total": "{% steps.total %}"},
    }


def test_json_that_is_none_is_told_and_nothing_is_lost(page: Page, node: RunningNode) -> None:
    address = made(node, "Broken", workflow={"steps": STEPS})
    page.goto(f"{address}/workflow/steps/total")
    type_into(page, "Value", '{"a": ')
    expect(preview(page)).to_contain_text("this is no JSON at line 1")
    page.get_by_role("button", name="Save as draft").click()
    expect(preview(page)).to_contain_text("this is no JSON at line 1")
    expect(editor(page, "Value")).to_have_text('{"a":')


def test_files_are_shown_and_not_edited(page: Page) -> None:
    for tab in ("data", "workflow", "workflow/steps/price", "response"):
        page.goto(f"/w/test/integrations/Filed/{tab}")
        expect(page.get_by_text("Files manage this integration")).to_be_visible()
        expect(page.get_by_role("button", name="Save", exact=True)).to_have_count(0)
        assert violations(page) == []


def test_the_pages_work_without_scripts(browser: Browser, node: RunningNode) -> None:
    address = made(node, "Plain", data_processing="body", workflow={"steps": STEPS})
    context = signed_in(browser, node, java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/data")
    page.get_by_label("JSONata").fill('{"item": query.item}')
    page.get_by_role("button", name="Preview").click()
    expect(preview(page)).to_contain_text('"item": "A-100"')
    page.get_by_role("button", name="Save as draft").click()
    expect(page.get_by_role("status").first).to_contain_text("Saved as a draft")

    page.goto(f"{address}/workflow/steps/price")
    page.get_by_role("button", name="Try it").click()
    expect(page.locator("#tried")).to_contain_text('"price": 12.5')
    page.get_by_label("Result").select_option("all")
    page.get_by_role("button", name="Save as draft").click()
    page.goto(f"{address}/workflow")
    page.get_by_role("button", name="Move price down").click()
    expect(page.locator("[data-step]").first).to_contain_text("total")
    draft = node.admin("GET", "/workspaces/test/integrations/Plain/draft")["document"]
    assert draft["data_processing"] == '{"item": query.item}'
    assert "result" not in draft["workflow"]["steps"][1]["sql"]
    context.close()


def test_the_pages_fit_on_a_phone(browser: Browser, node: RunningNode) -> None:
    address = made(node, "Small", data_processing='{"item": query.item}', workflow={"steps": STEPS})
    context = signed_in(browser, node, viewport={"width": 390, "height": 844})
    page = context.new_page()
    for tab in ("data", "workflow", "workflow/steps/price", "response"):
        page.goto(f"{address}/{tab}")
        expect(page.get_by_role("button", name="Save", exact=True)).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()
