"""Messages in the console, in a real browser against a real node."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx2
from playwright.sync_api import Browser, Page, expect

from tests.browser.axe import violations
from tests.browser.signing_in import signed_in
from tests.support.http_server import HttpServer
from tests.support.node import ProjectFolder, RunningNode, wait_until

STEPS = [
    {
        "name": "refuse",
        "when": '{% input.city != "Kalmar" %}',
        "fail": {"message": "there is no such city"},
    },
    {"name": "look_up", "python": "work:look_up", "arguments": {"city": "{% input.city %}"}},
]
WORK = """
from firesteel import step

@step
def look_up(city: str) -> dict:
    return {"postcode": "392 31", "city": city}
"""


def fill(project: ProjectFolder, _sink: HttpServer) -> None:
    project.module("work", WORK)
    document: dict[str, Any] = {
        "search": {"order_no": "body.order_no"},
        "data_processing": '{"city": body.city}',
        "workflow": {"steps": STEPS},
        "response": {"body": {"postcode": "{% steps.look_up.postcode %}"}},
    }
    for name in ("Orders", "Many"):
        project.integration({"name": name, **document})
    ordered = {"ordered_delivery": {"key": "body.customer_no", "on_failure": "pause"}}
    project.integration({"name": "InOrder", "trigger": ordered, **document})


def send(node: RunningNode, name: str = "Orders", **body: Any) -> httpx2.Response:
    answer = node.call(name, json={"order_no": "A1", "city": "Kalmar", **body})
    assert answer.status_code == 202, answer.text
    return answer


def ended(node: RunningNode, name: str = "Orders", **body: Any) -> str:
    """The id of a message that has ended."""
    answer = send(node, name, **body)
    node.until_settled(answer)
    return answer.headers["firesteel-message-id"]


def live(page: Page) -> None:
    """The page is told of changes from here on."""
    expect(page.get_by_text("Live: what changes is shown as it happens.")).to_be_visible()


def test_a_message_is_watched_as_it_arrives_and_its_page_tells_all(
    page: Page, node: RunningNode
) -> None:
    page.goto("/w/test/messages?integration=Orders")
    live(page)
    answer = send(node, order_no="watched")
    row = page.get_by_role("row").filter(has_text=f"#{answer.json()['sequence']}").first
    expect(row.get_by_text("succeeded")).to_be_visible()
    assert violations(page) == []

    row.get_by_role("link", name=re.compile("Orders #")).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(
        f"Orders #{answer.json()['sequence']}"
    )
    steps = page.get_by_role("region", name="Steps and attempts")
    expect(steps.get_by_role("rowheader", name="look_up")).to_be_visible()
    expect(steps.locator("svg rect.fs-bar-step")).to_have_count(1)
    steps.get_by_text("Input and result of look_up").click()
    expect(steps.get_by_text('"postcode": "392 31"')).to_be_visible()
    expect(page.locator("#request-body")).to_contain_text("watched")
    expect(page.locator("#workflow-input")).to_contain_text("Kalmar")
    expect(page.locator("#response-body")).to_have_text('{"postcode":"392 31"}')
    assert violations(page) == []


def test_a_message_is_replayed_as_it_was_and_edited(page: Page, node: RunningNode) -> None:
    message_id = ended(node, city="Atlantis")
    page.goto(f"/w/test/messages/{message_id}")
    expect(page.get_by_text("there is no such city", exact=True)).to_be_visible()
    page.get_by_role("button", name="Replay", exact=True).click()
    expect(page.get_by_text("Replayed as run 2.")).to_be_visible()
    runs = page.get_by_role("navigation", name="Runs")
    expect(runs.get_by_role("link", name="Run 2 failed")).to_be_visible()

    page.get_by_role("link", name="Edit and replay").click()
    body = page.get_by_label("Body")
    body.fill(body.input_value().replace("Atlantis", "Kalmar"))
    page.get_by_label("Why, for the record").fill("a slip of the pen")
    assert violations(page) == []
    page.get_by_role("button", name="Replay", exact=True).click()

    expect(page.get_by_text("Replayed as run 3, with your changes.")).to_be_visible()
    expect(runs.get_by_role("link", name="Run 3 succeeded")).to_be_visible()
    expect(page.get_by_role("heading", name="Edited for this run")).to_be_visible()
    expect(page.locator("#edited-body")).to_contain_text("Kalmar")
    expect(page.locator("#request-body")).to_contain_text("Atlantis")
    assert violations(page) == []


def test_an_edit_that_changes_nothing_or_cannot_be_comes_back_with_what_was_written(
    page: Page, node: RunningNode
) -> None:
    message_id = ended(node)
    page.goto(f"/w/test/messages/{message_id}/edit?run=1")
    page.get_by_role("button", name="Replay", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("nothing was changed")
    page.get_by_label("Input of the workflow").fill("{no json")
    page.get_by_role("button", name="Replay", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("no JSON")
    expect(page.get_by_label("Input of the workflow")).to_have_value("{no json")
    message = node.admin("GET", f"/workspaces/test/messages/{message_id}")
    assert len(message["executions"]) == 1


def test_failed_messages_are_grouped_and_replayed_in_bulk_with_progress(
    page: Page, node: RunningNode
) -> None:
    ids = [ended(node, "Many", city="Atlantis", order_no=f"B{n}") for n in range(3)]
    page.goto("/w/test/failed?integration=Many")
    row = page.get_by_role("row").filter(has_text="permanent_error")
    expect(row.get_by_role("cell").first).to_have_text("3")
    assert violations(page) == []
    row.get_by_role("link", name="Replay permanent_error of Many").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Replay 3 messages")
    page.get_by_label("Why, for the record").fill("the city was founded")
    assert violations(page) == []
    page.get_by_role("button", name="Replay 3 messages").click()
    expect(page.get_by_text("3 of 3 done")).to_be_visible()
    expect(page.get_by_text("done", exact=True)).to_be_visible()
    assert violations(page) == []
    for message_id in ids:
        message = node.admin("GET", f"/workspaces/test/messages/{message_id}")
        assert [run["replay_of"] for run in message["executions"]] == [None, 1]


def test_a_lane_is_paused_with_a_reason_and_resumed(page: Page, node: RunningNode) -> None:
    head = ended(node, "InOrder", customer_no=7, city="Atlantis")
    behind = send(node, "InOrder", customer_no=7)
    behind_id = behind.headers["firesteel-message-id"]
    page.goto(f"/w/test/messages/{behind_id}")
    page.get_by_role("link", name="a message that failed").click()
    expect(page).to_have_url(re.compile(head))

    page.goto("/w/test/lanes")
    live(page)
    expect(page.get_by_text("the execution at its head failed")).to_be_visible()
    assert violations(page) == []
    page.get_by_role("button", name="Resume 7 of InOrder").click()
    expect(page.get_by_text("The lane goes on.")).to_be_visible()
    node.until_settled(behind)

    page.get_by_role("button", name="Pause a trigger").click()
    dialog = page.get_by_role("dialog", name="Pause a trigger")
    dialog.get_by_label("Integration").select_option("InOrder")
    dialog.get_by_label("Why, for the record").fill("the ERP is updated")
    assert violations(page) == []
    dialog.get_by_role("button", name="Pause", exact=True).click()
    expect(page.get_by_text("paused by local: the ERP is updated")).to_be_visible()
    waiting = send(node, "InOrder", customer_no=8)
    lane = page.get_by_role("row").filter(has=page.get_by_role("cell", name="8", exact=True))
    lane.get_by_role("button", name="Pause 8 of InOrder").click()
    dialog = page.get_by_role("dialog", name="Pause a lane")
    expect(dialog).to_contain_text("the lane 8 of InOrder")
    dialog.get_by_label("Why, for the record").fill("one by one")
    dialog.get_by_role("button", name="Pause", exact=True).click()
    page.get_by_role("button", name="Resume the whole trigger of InOrder").click()
    expect(page.get_by_text("paused by local: one by one")).to_be_visible()
    assert node.status(waiting)["state"] == "waiting"
    page.get_by_role("button", name="Resume 8 of InOrder").click()
    expect(page.get_by_text("Nothing waits in line")).to_be_visible()
    node.until_settled(waiting)


def test_a_text_is_looked_for_with_progress(page: Page, node: RunningNode) -> None:
    message_id = ended(node, order_no="needle-5")
    page.goto("/w/test/messages")
    page.get_by_label("Text inside").fill("needle-5")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_text("Everything that is kept was looked at.")).to_be_visible()
    expect(page.locator(f"#m-{message_id}-1")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="Orders")).to_contain_text("body")
    assert violations(page) == []


def test_filters_are_kept_in_the_address_and_times_are_the_reader_s(
    browser: Browser, node: RunningNode
) -> None:
    ended(node, order_no="in-a-zone")
    context = signed_in(browser, node, timezone_id="Asia/Tokyo")
    page = context.new_page()
    page.goto("/w/test/messages")
    expect(page.get_by_text("Times are in Asia/Tokyo.")).to_be_visible()
    page.get_by_label("Received from").fill("2020-01-01T09:00:00")
    page.get_by_label("Search name").select_option("order_no")
    page.get_by_label("Its value").fill("in-a-zone")
    page.get_by_role("button", name="Filter").click()
    expect(page).to_have_url(re.compile("received_from=2020-01-01T00%3A00%3A00"))
    expect(page.get_by_label("Received from")).to_have_value(re.compile("^2020-01-01T09:00"))
    expect(page.get_by_role("row").filter(has_text="succeeded")).to_have_count(1)
    context.close()


def test_messages_are_read_without_scripts(browser: Browser, node: RunningNode) -> None:
    message_id = ended(node, order_no="plain")
    context = signed_in(browser, node, java_script_enabled=False)
    page = context.new_page()
    page.goto("/w/test/messages")
    page.locator(f"#m-{message_id}-1").click()
    expect(page.locator("#request-body")).to_contain_text("plain")
    page.goto("/w/test/messages?text=plain")
    page.get_by_role("link", name="Begin to search").click()
    expect(page.locator(f"#m-{message_id}-1")).to_be_visible()
    context.close()


def test_a_waiting_execution_is_cancelled_from_its_page(page: Page, node: RunningNode) -> None:
    act = {"integration": "Orders"}
    node.admin("POST", "/workspaces/test/lanes/pause", json=act)
    message_id = send(node).headers["firesteel-message-id"]
    page.goto(f"/w/test/messages/{message_id}")
    page.get_by_role("button", name="Cancel", exact=True).click()
    dialog = page.get_by_role("dialog", name="Cancel this execution")
    dialog.get_by_label("Why, for the record").fill("sent twice")
    dialog.get_by_role("button", name="Cancel", exact=True).click()
    expect(page.get_by_text("local: sent twice")).to_be_visible()
    node.admin("POST", "/workspaces/test/lanes/resume", json=act)
    state = wait_until(lambda: node.admin("GET", f"/workspaces/test/messages/{message_id}"))
    assert json.dumps(state["executions"][0]["state"]) == '"cancelled"'
