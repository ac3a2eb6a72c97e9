"""The trigger page, from nothing to a call from outside."""

from __future__ import annotations

import re
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.axe import violations
from tests.support.http_server import HttpServer
from tests.support.node import ProjectFolder, RunningNode

STEPS = {"steps": [{"name": "answer", "map": {"item": "{% input.query.item %}"}}]}
INTEGRATIONS = "/workspaces/test/integrations"


def fill(project: ProjectFolder, _sink: HttpServer) -> None:
    project.integration({"name": "FromFile", "description": "It came in a folder"})


@pytest.fixture
def name(node: RunningNode, request: pytest.FixtureRequest) -> str:
    """An integration of this test's own, as the console makes it."""
    made = re.sub(r"[^A-Za-z0-9]", "", request.node.name.removeprefix("test_").title())[:60]
    node.admin("POST", INTEGRATIONS, json={"name": made})
    return made


def document(node: RunningNode, name: str) -> dict[str, Any]:
    found: dict[str, Any] = node.admin("GET", f"{INTEGRATIONS}/{name}")["document"]
    return found


def draft(node: RunningNode, name: str) -> dict[str, Any]:
    found: dict[str, Any] = node.admin("GET", f"{INTEGRATIONS}/{name}/draft")
    return found


def open_page(page: Page, name: str) -> None:
    page.goto(f"/w/test/integrations/{name}")


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def add_authentication(page: Page) -> None:
    page.locator("summary", has_text="Add authentication").click()
    press(page, "ApiKeys")


def add_key(page: Page, label: str) -> None:
    press(page, "Add new key")
    dialog = page.get_by_role("dialog", name="Add new key")
    dialog.get_by_label("Label").fill(label)
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(dialog).to_be_hidden()


def make_item_price(page: Page, node: RunningNode) -> str:
    """By hand, from the list to its page; its URL."""
    page.goto("/w/test/integrations")
    page.get_by_role("link", name="New integration").click()
    page.get_by_label("Name").fill("ItemPrice")
    page.get_by_label("Description").fill("Price of an item")
    press(page, "Create")
    expect(page.get_by_role("heading", level=1)).to_have_text("ItemPrice")
    url = page.locator("#trigger-url").inner_text()
    assert url == f"{node.public_url}/test/ItemPrice"
    assert httpx2.get(url).status_code == 404
    return url


def set_up_item_price(page: Page) -> str:
    """Keys, order, answer and parameters; the first key's secret."""
    add_authentication(page)
    add_key(page, "web shop")
    secret = page.locator("#new-secret").inner_text()
    assert secret.startswith("fsk_")
    add_key(page, "partner")
    expect(page.locator("#new-secret")).not_to_have_text(secret)
    page.get_by_label("Ordered delivery").check()
    page.get_by_label("Pause").check()
    page.get_by_label("Ordering key").fill("query.item")
    page.get_by_label("Request-response").check()
    page.get_by_label("Timeout").fill("8s")
    press(page, "Add query parameter")
    page.get_by_label("Name", exact=True).fill("item")
    page.get_by_label("Required").check()
    press(page, "Add query parameter")
    second = page.get_by_role("group", name="Query parameter 2")
    expect(second.get_by_label("Name", exact=True)).to_be_focused()
    expect(page.locator("#new-secret")).to_be_visible()
    second.get_by_label("Name", exact=True).fill("quantity")
    second.get_by_label("Type").select_option("integer")
    second.get_by_label("Default").fill("1")
    return secret


def test_from_nothing_to_a_call_from_outside(page: Page, node: RunningNode) -> None:
    url = make_item_price(page, node)
    secret = set_up_item_price(page)
    press(page, "Save as draft")
    expect(page.get_by_text("Unpublished draft")).to_be_visible()
    assert httpx2.get(url).status_code == 404
    saved = draft(node, "ItemPrice")["document"]
    node.admin("PUT", f"{INTEGRATIONS}/ItemPrice/draft", json={**saved, "workflow": STEPS})
    page.reload()
    press(page, "Save")
    expect(page.get_by_text("Version 2 is in force")).to_be_visible()

    assert document(node, "ItemPrice")["trigger"] == {
        "authentication": [{"api_key": {"label": "partner"}}, {"api_key": {"label": "web shop"}}],
        "ordered_delivery": {"key": "query.item", "on_failure": "pause"},
        "request_response": {"timeout": "8s"},
        "query_parameters": [
            {"name": "item", "required": True},
            {"name": "quantity", "type": "integer", "default": 1},
        ],
    }
    assert httpx2.get(f"{url}?item=A-100").status_code == 401
    answer = httpx2.get(f"{url}?item=A-100", headers={"x-api-key": secret})
    assert (answer.status_code, answer.json()) == (200, {"item": "A-100"})
    assert httpx2.get(url, headers={"x-api-key": secret}).status_code == 400
    page.goto("/w/test/integrations")
    row = page.get_by_role("row").filter(has_text="ItemPrice")
    expect(row).to_contain_text("on")
    expect(row).not_to_contain_text("none yet")
    expect(page.get_by_text(secret)).to_have_count(0)


def test_the_page_and_its_dialogs_have_nothing_that_shuts_people_out(
    page: Page, node: RunningNode, name: str
) -> None:
    node.admin("POST", f"{INTEGRATIONS}/{name}/keys", json={"label": "shop", "close": False})
    trigger = {
        "authentication": [{"api_key": {}}],
        "request_response": {"timeout": "2m"},
        "query_parameters": [{"name": "n", "default": "x"}],
        "methods": ["FETCH"],
    }
    node.admin("PUT", f"{INTEGRATIONS}/{name}/draft", json={"trigger": trigger})
    open_page(page, name)
    page.get_by_role("heading", name="Advanced", exact=True).click()
    assert violations(page) == []
    press(page, "Add new key")
    assert violations(page) == []
    for path in ("", "/new", f"/{name}/versions", "/FromFile"):
        page.goto(f"/w/test/integrations{path}")
        assert violations(page) == [], path
    page.goto("/w/test/consumers")
    assert violations(page) == []
    page.set_viewport_size({"width": 390, "height": 844})
    for path in ("integrations", f"integrations/{name}", "integrations/FromFile", "consumers"):
        page.goto(f"/w/test/{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path


def test_on_a_phone_the_tab_of_the_page_is_in_sight(page: Page, name: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"/w/test/integrations/{name}/versions")
    expect(page.get_by_role("link", name="Versions", exact=True)).to_be_in_viewport(ratio=0.9)
    open_page(page, name)
    expect(page.get_by_role("link", name="Trigger", exact=True)).to_be_in_viewport(ratio=0.9)


def test_an_open_trigger_a_key_that_is_missing_and_what_is_not_decided_are_told(
    page: Page, node: RunningNode, name: str
) -> None:
    open_page(page, name)
    expect(page.get_by_text("The trigger is open.")).to_be_visible()
    add_authentication(page)
    page.get_by_label("Ordered delivery").check()
    press(page, "Save")

    expect(page.get_by_text("not published: 2 faults")).to_be_visible()
    faults = page.locator("#faults")
    expect(faults).to_contain_text("the trigger has none yet")
    expect(faults).to_contain_text("/trigger/ordered_delivery/on_failure")
    expect(page.get_by_text("Choose which is meant.")).to_be_visible()
    assert node.admin("GET", f"{INTEGRATIONS}/{name}")["version"] == 1


def test_a_key_keeps_the_authentication_and_takes_back_that_there_is_none(
    page: Page, node: RunningNode, name: str
) -> None:
    open_page(page, name)
    add_authentication(page)
    press(page, "Save as draft")
    expect(page.locator("#faults")).to_contain_text("the trigger has none yet")
    add_key(page, "first")
    expect(page.locator("#faults")).to_have_count(0)
    press(page, "Save")
    expect(page.get_by_text("Version 2 is in force")).to_be_visible()


def test_a_key_that_is_added_before_saving_keeps_the_authentication_in_the_draft(
    page: Page, node: RunningNode, name: str
) -> None:
    open_page(page, name)
    page.get_by_label("Description").fill("typed, not saved")
    add_authentication(page)
    add_key(page, "first")
    expect(page.get_by_text("Unpublished draft")).to_be_visible()
    expect(page.locator("#faults")).to_have_count(0)
    expect(page.get_by_label("Description")).to_have_value("typed, not saved")
    kept = draft(node, name)["document"]
    assert kept["trigger"] == {"authentication": [{"api_key": {"label": "first"}}]}
    assert "description" not in kept

    press(page, "Save")
    expect(page.get_by_text("Version 2 is in force")).to_be_visible()
    assert httpx2.post(f"{node.public_url}/test/{name}").status_code == 401


def test_a_key_does_not_hide_that_somebody_else_has_changed_the_draft(
    page: Page, node: RunningNode, name: str
) -> None:
    open_page(page, name)
    add_authentication(page)
    node.admin("PUT", f"{INTEGRATIONS}/{name}/draft", json={"description": "theirs"})
    add_key(page, "first")
    kept = draft(node, name)["document"]
    assert (kept["description"], len(kept["trigger"]["authentication"])) == ("theirs", 1)
    press(page, "Save")
    expect(page.locator("#conflict")).to_contain_text("has changed this integration")


def test_a_new_query_parameter_is_found_fault_with_only_after_a_save(
    page: Page, node: RunningNode, name: str
) -> None:
    open_page(page, name)
    press(page, "Add query parameter")
    expect(page.get_by_role("group", name="Query parameter 1")).to_be_visible()
    expect(page.locator("#faults")).to_have_count(0)
    expect(page.locator("#parameters .invalid-feedback")).to_have_count(0)
    press(page, "Save as draft")
    expect(page.locator("#faults")).to_contain_text("/trigger/query_parameters/0/name")
    press(page, "Add query parameter")
    expect(page.get_by_role("group", name="Query parameter 2")).to_be_visible()
    expect(page.locator("#parameters .invalid-feedback")).to_have_count(1)


def test_senders_that_wait_less_and_parameters_that_nothing_uses_are_named(
    page: Page, node: RunningNode, name: str
) -> None:
    trigger = {
        "request_response": {"timeout": "9s"},
        "query_parameters": [{"name": "currency"}],
    }
    body = {"trigger": trigger, "data_processing": "body"}
    node.admin("PUT", f"{INTEGRATIONS}/{name}/draft", json=body)
    open_page(page, name)

    told = page.locator(".alert").filter(has_text="give up before 9s")
    expect(told).to_contain_text("Slack (3 s), Shopify (5 s).")
    expect(told).not_to_contain_text("GitHub")
    parameter = page.get_by_role("group", name="Query parameter currency")
    expect(parameter).to_contain_text("does not use the query parameter currency")


def test_keys_are_pasted_or_shared_with_another_trigger(
    page: Page, node: RunningNode, name: str
) -> None:
    pasted = "a-key-of-the-other-side"
    node.admin("POST", INTEGRATIONS, json={"name": "Other"})
    node.admin("POST", f"{INTEGRATIONS}/Other/keys", json={"label": "ours", "value": pasted})
    open_page(page, name)
    page.get_by_label("Description").fill("not saved yet")
    add_authentication(page)

    press(page, "Add new key")
    dialog = page.get_by_role("dialog", name="Add new key")
    dialog.get_by_label("Label").fill("weak")
    dialog.get_by_label("Paste your own").check()
    dialog.get_by_label("Key to use").fill("short")
    expect(dialog.get_by_text("Shorter than 20 characters")).to_be_visible()
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(dialog.get_by_text("8 to 512 characters", exact=False).first).to_be_visible()
    dialog.get_by_label("Key to use").fill("demo-key")
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("shorter than 20 characters and may be guessed")).to_be_visible()

    press(page, "Add new key")
    dialog.get_by_label("Label").fill("shared")
    dialog.get_by_label("Use a key of another trigger").check()
    dialog.get_by_label("Same secret as").select_option("ours of Other")
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("with the same secret as the other one")).to_be_visible()
    expect(page.get_by_text(pasted)).to_have_count(0)
    expect(page.get_by_label("Description")).to_have_value("not saved yet")


def test_keys_are_copied_relabelled_and_deleted(page: Page, node: RunningNode, name: str) -> None:
    secret = "a-key-of-the-partner-here"
    keys_at = f"{INTEGRATIONS}/{name}/keys"
    node.admin("POST", keys_at, json={"label": "shared", "value": secret})
    node.admin("POST", keys_at, json={"label": "weak"})
    open_page(page, name)
    page.get_by_label("Description").fill("not saved yet")
    keys = page.get_by_role("region", name="API keys")

    page.get_by_role("button", name="Copy the key shared").click()
    expect(page.locator("#revealed-secret")).to_have_text(secret)
    audit = node.admin("GET", "/audit")["items"]
    assert any(
        item["action"] == "key.reveal" and item["subject"].endswith("shared") for item in audit
    )
    page.get_by_role("dialog", name="Key of shared").get_by_label("Close").click()

    page.get_by_role("button", name="Relabel the key shared, or change its expiry").click()
    change = page.get_by_role("dialog", name="Key of shared")
    change.get_by_label("Label").fill("partner")
    change.get_by_label("Last day").fill("2999-12-31")
    change.get_by_role("button", name="Change", exact=True).click()
    expect(keys.get_by_role("row").filter(has_text="partner")).to_contain_text("2999-12-31")

    page.get_by_role("button", name="Delete the key weak").click()
    press(page, "Cancel")
    expect(keys.get_by_role("row").filter(has_text="weak")).to_be_visible()
    page.get_by_role("button", name="Delete the key weak").click()
    press(page, "Delete the key")
    expect(keys.get_by_role("row").filter(has_text="weak")).to_have_count(0)
    held = node.admin("GET", f"{INTEGRATIONS}/{name}/keys")
    assert [(key["label"], key["expires"]) for key in held] == [("partner", "2999-12-31")]
    expect(page.get_by_label("Description")).to_have_value("not saved yet")


def test_removing_the_authentication_asks_and_leaves_the_keys(
    page: Page, node: RunningNode, name: str
) -> None:
    node.admin("POST", f"{INTEGRATIONS}/{name}/keys", json={"label": "shop"})
    url = f"{node.public_url}/test/{name}"
    node.admin("PATCH", f"{INTEGRATIONS}/{name}", json={"enabled": True})
    open_page(page, name)

    press(page, "Remove authentication")
    dialog = page.get_by_role("alertdialog")
    expect(dialog).to_contain_text("anybody who knows the URL may call")
    dialog.get_by_role("button", name="Remove authentication").click()
    expect(page.get_by_text("It has 1 API key, which is not asked for.")).to_be_visible()
    assert httpx2.post(url).status_code == 401
    press(page, "Save")

    expect(page.get_by_text("is in force")).to_be_visible()
    assert httpx2.post(url).status_code == 202
    assert len(node.admin("GET", f"{INTEGRATIONS}/{name}/keys")) == 1


def test_everything_advanced_is_saved_as_it_was_typed_and_shown_again(
    page: Page, node: RunningNode, name: str
) -> None:
    open_page(page, name)
    page.get_by_role("heading", name="Advanced", exact=True).click()
    page.get_by_label("DELETE").check()
    page.get_by_label("The body must be").select_option("schema")
    page.get_by_label("JSON Schema of the body").fill('{"type": "object"}')
    page.get_by_label("Parameters that are not declared are").select_option("reject")
    for label, text in {
        "Executions at once": "3",
        "Largest body": "1MiB",
        "Rate limit": "100/s",
        "Calls at once within the rate": "7",
        "Most messages waiting": "500",
        "Idempotency key": "body.order_no",
        "Remembered for": "24h",
        "Keep messages for": "90d",
        "Keep bodies and responses for": "7d",
        "Search names": "order_no: body.order_no\ncustomer: body.customer",
        "Redacted": "body.card\nx-token",
    }.items():
        page.get_by_label(label, exact=True).fill(text)
    press(page, "Save")
    expect(page.get_by_text("Version 2 is in force")).to_be_visible()

    expected = {
        "name": name,
        "trigger": {
            "methods": ["GET", "POST", "DELETE"],
            "undeclared": "reject",
            "body": {"schema": {"type": "object"}},
            "concurrency": 3,
            "rate_limit": {"rate": "100/s", "burst": 7},
            "max_body": "1MiB",
            "max_waiting": 500,
            "idempotency": {"key": "body.order_no", "window": "24h"},
        },
        "search": {"order_no": "body.order_no", "customer": "body.customer"},
        "redact": ["body.card", "x-token"],
        "retention": {"history": "90d", "payloads": "7d"},
    }
    assert document(node, name) == expected
    press(page, "Save")
    expect(page.get_by_text("Nothing had changed.")).to_be_visible()
    assert document(node, name) == expected


def test_of_two_who_edit_the_second_is_told_and_nothing_is_lost(
    page: Page, node: RunningNode, name: str
) -> None:
    open_page(page, name)
    page.get_by_label("Description").fill("mine")
    other = {"description": "theirs", "workflow": STEPS}
    node.admin("PUT", f"{INTEGRATIONS}/{name}/draft", json=other)
    press(page, "Save as draft")

    conflict = page.locator("#conflict")
    expect(conflict).to_contain_text("has changed this integration since you opened it")
    expect(page.get_by_label("Description")).to_have_value("mine")
    conflict.get_by_text("Show both side by side").click()
    expect(conflict.get_by_role("cell", name="removed: description: theirs")).to_be_visible()
    expect(conflict.get_by_role("cell", name="added: description: mine")).to_be_visible()
    assert draft(node, name)["document"]["description"] == "theirs"
    assert violations(page) == []

    press(page, "Save as draft")
    expect(page.get_by_text("Saved as a draft.")).to_be_visible()
    saved = draft(node, name)["document"]
    assert (saved["description"], saved["workflow"]) == ("mine", STEPS)


def test_a_version_that_was_published_meanwhile_is_not_overwritten_unawares(
    page: Page, node: RunningNode, name: str
) -> None:
    node.admin("PUT", f"{INTEGRATIONS}/{name}/draft", json={"description": "mine"})
    node.admin("PUT", f"{INTEGRATIONS}/{name}", json={"description": "theirs"})
    open_page(page, name)
    expect(page.get_by_text("has published version 2 since")).to_be_visible()
    press(page, "Save")
    expect(page.get_by_text("another version was published meanwhile")).to_be_visible()
    assert document(node, name)["description"] == "theirs"

    press(page, "Publish over version 2")
    expect(page.get_by_text("Version 3 is in force.")).to_be_visible()
    assert document(node, name)["description"] == "mine"


def test_a_draft_is_discarded_after_a_question(page: Page, node: RunningNode, name: str) -> None:
    node.admin("PUT", f"{INTEGRATIONS}/{name}/draft", json={"description": "mine"})
    open_page(page, name)
    press(page, "Discard the draft")
    press(page, "Discard")
    expect(page.get_by_text("The draft was discarded.")).to_be_visible()
    expect(page.get_by_text("Unpublished draft")).to_have_count(0)
    expect(page.get_by_label("Description")).to_have_value("")


def test_an_integration_of_files_is_shown_and_edited_once_it_is_taken_over(
    page: Page, node: RunningNode
) -> None:
    open_page(page, "FromFile")
    expect(page.get_by_text("Files manage this integration.")).to_be_visible()
    expect(page.get_by_label("Ordered delivery")).to_be_disabled()
    expect(page.get_by_role("button", name="Save", exact=True)).to_have_count(0)
    add_key(page, "added here")

    press(page, "Take over in the console")
    press(page, "Take over")
    expect(page.get_by_text("The console manages this integration now")).to_be_visible()
    page.get_by_label("Description").fill("Ours now")
    press(page, "Save")
    expect(page.get_by_text("is in force")).to_be_visible()
    assert document(node, "FromFile")["description"] == "Ours now"


def test_versions_are_compared_and_gone_back_to_and_written_as_a_file(
    page: Page, node: RunningNode, name: str
) -> None:
    for text in ("one", "two"):
        node.admin("PUT", f"{INTEGRATIONS}/{name}/draft", json={"description": text})
        node.admin("POST", f"{INTEGRATIONS}/{name}/draft/publish")
    open_page(page, name)
    page.get_by_role("link", name="Versions").click()
    expect(page.get_by_role("cell", name="removed: description: one")).to_be_visible()
    expect(page.get_by_role("cell", name="added: description: two")).to_be_visible()

    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="2"))
    row.get_by_role("button", name="Roll back to this").click()
    expect(page.get_by_text("Version 4 is in force")).to_be_visible()
    assert document(node, name)["description"] == "one"

    with page.expect_download() as download:
        page.get_by_role("link", name="Export as a file").click()
    assert download.value.suggested_filename == f"{name}.yaml"
    assert download.value.path().read_text() == f"name: {name}\ndescription: one\n"


def test_a_file_is_the_beginning_of_a_new_integration(page: Page, node: RunningNode) -> None:
    text = (
        "name: Brought\ndescription: from elsewhere\nworkflow:\n  steps:\n    - {name: a, map: 1}\n"
    )
    page.goto("/w/test/integrations/new")
    page.get_by_text("Begin with a file").click()
    broken = {"name": "a.yaml", "mimeType": "text/yaml", "buffer": b"a: [1"}
    page.get_by_label("Integration file").set_input_files(broken)  # type: ignore[arg-type]
    press(page, "Create")
    expect(page.locator("#f-file-fault")).to_contain_text("line")
    page.get_by_label("Integration file").set_input_files(
        {"name": "a.yaml", "mimeType": "text/yaml", "buffer": text.encode()}  # type: ignore[arg-type]
    )
    press(page, "Create")

    expect(page.get_by_text("The file stands in the draft.")).to_be_visible()
    expect(page.get_by_label("Description")).to_have_value("from elsewhere")
    press(page, "Save")
    expect(page.get_by_text("Version 2 is in force")).to_be_visible()
    assert document(node, "Brought")["workflow"] == {"steps": [{"name": "a", "map": 1}]}


def test_a_name_that_is_taken_or_none_is_told_at_its_field(page: Page) -> None:
    for wrong, told in (("FromFile", "already"), ("a b", "letters, digits"), ("", "")):
        page.goto("/w/test/integrations/new")
        page.get_by_label("Name").fill(wrong)
        press(page, "Create")
        expect(page.locator("#f-name-fault")).to_contain_text(told)


def test_the_switch_turns_a_trigger_off_and_on(page: Page, node: RunningNode, name: str) -> None:
    node.admin("PUT", f"{INTEGRATIONS}/{name}", json={"description": "x"})
    node.admin("PATCH", f"{INTEGRATIONS}/{name}", json={"enabled": True})
    open_page(page, name)
    press(page, "Switch off")
    expect(page.get_by_text("calls get 404")).to_be_visible()
    assert httpx2.post(f"{node.public_url}/test/{name}").status_code == 404
    press(page, "Switch on")
    expect(page.get_by_text("calls are accepted")).to_be_visible()
    assert httpx2.post(f"{node.public_url}/test/{name}").status_code == 202


def test_who_may_only_look_sees_everything_and_no_way_to_change_it(
    browser: Browser, node: RunningNode, name: str
) -> None:
    node.admin("POST", f"{INTEGRATIONS}/{name}/keys", json={"label": "shop", "close": False})
    trigger = {"authentication": [{"api_key": {}}], "query_parameters": [{"name": "item"}]}
    node.admin("PUT", f"{INTEGRATIONS}/{name}/draft", json={"trigger": trigger})
    made = node.admin("POST", "/tokens", json={"name": f"looks-{name}"[:60], "scopes": ["view"]})
    headers = {"Authorization": f"Bearer {made['secret']}"}
    context = browser.new_context(base_url=node.address["admin_url"], extra_http_headers=headers)
    page = context.new_page()

    open_page(page, name)
    expect(page.get_by_label("Name", exact=True)).to_have_value("item")
    expect(page.get_by_role("region", name="API keys")).to_contain_text("shop")
    expect(page.locator("main").get_by_role("button", disabled=False)).to_have_count(1)  # copies
    page.goto(f"/w/test/integrations/{name}/versions")
    expect(page.get_by_role("button", name="Roll back to this")).to_have_count(0)
    page.goto("/w/test/integrations")
    expect(page.get_by_role("link", name="New integration")).to_have_count(0)
    answer = page.goto("/w/test/integrations/new")
    assert answer is not None
    assert answer.status == 403
    context.close()


def test_consumers_are_listed_with_their_keys(page: Page, node: RunningNode, name: str) -> None:
    added = node.admin("POST", f"{INTEGRATIONS}/{name}/keys", json={"label": "big customer"})
    node.admin("PATCH", f"{INTEGRATIONS}/{name}", json={"enabled": True})
    url = f"{node.public_url}/test/{name}"
    assert httpx2.post(url, headers={"x-api-key": added["secret"]}).status_code == 202
    page.goto("/w/test/consumers")
    row = page.get_by_role("row").filter(has_text="big customer")
    expect(row).to_contain_text(name)
    expect(row).to_contain_text(added["prefix"])
