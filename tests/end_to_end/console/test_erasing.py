"""Erasing and retention in the console, as its forms send them, on a real node."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx2
import pytest

from tests.end_to_end.console.test_people import PAGE, PASSWORD, csrf, printed_link
from tests.support.node import WAIT_S, ProjectFolder, RunningNode, running_node, wait_until

W = "/w/test"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    project = ProjectFolder(tmp_path_factory.mktemp("project"))
    project.integration({"name": "Recorded", "search": {"name": "body.name"}})
    data_dir = tmp_path_factory.mktemp("data")
    with running_node(data_dir, project.path, FIRESTEEL_WORKSPACE="test") as running:
        yield running


@pytest.fixture(scope="module")
def browser(node: RunningNode) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=node.address["admin_url"], headers=PAGE, timeout=WAIT_S) as client:
        link = printed_link(node)
        form = {"link": link.partition("link=")[2], "name": "anna", "password": PASSWORD}
        assert client.post("/welcome", data={**form, "again": PASSWORD}).status_code == 303
        client.headers["origin"] = node.address["admin_url"]
        yield client


def test_all_that_a_filter_finds_is_counted_erased_and_shown_as_erased(
    node: RunningNode, browser: httpx2.Client
) -> None:
    sent = [node.call("Recorded", json={"name": name}) for name in ("Ann", "Ann", "Bo")]
    listed = browser.get(f"{W}/messages", params={"search_name": "name", "search_value": "Ann"})
    (address,) = re.findall(r'href="(/w/test/bulk/new\?[^"]*act=erase[^"]*)"', listed.text)
    asked = browser.get(address.replace("&amp;", "&"))
    assert "Erase 2 messages" in asked.text
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', asked.text))
    begun = browser.post(f"{W}/bulk", data={**fields, "why": "asked for"})
    assert begun.status_code == 303, begun.text
    wait_until(lambda: "2</b> of 2 done" in browser.get(begun.headers["location"]).text)
    shown = browser.get(f"{W}/messages/{sent[0].headers['firesteel-message-id']}")
    assert "gone for good, with all that was made of it" in shown.text
    assert "Ann" not in shown.text
    kept = browser.get(f"{W}/messages/{sent[2].headers['firesteel-message-id']}")
    assert "Bo" in kept.text
    assert 'name="why"' in kept.text
    # The list of everything offers no such act: it must be said whose.
    assert "act=erase" not in browser.get(f"{W}/messages").text


def test_one_message_is_erased_on_its_page(node: RunningNode, browser: httpx2.Client) -> None:
    id = node.call("Recorded", json={"name": "Cy"}).headers["firesteel-message-id"]
    page = browser.get(f"{W}/messages/{id}")
    form = {"csrf": csrf(page), "why": "by mistake"}
    assert browser.post(f"{W}/messages/{id}/erase", data=form).status_code == 303
    assert "Cy" not in browser.get(f"{W}/messages/{id}").text
    (noted,) = node.admin("GET", "/audit", params={"action": "message.erase"})["items"]
    assert (noted["actor"], noted["subject"], noted["detail"]) == ("user:anna", id, "by mistake")


def test_a_workspaces_retention_is_set_on_the_page_of_storage(
    node: RunningNode, browser: httpx2.Client
) -> None:
    page = browser.get("/storage")
    assert "Retention of the workspace test" in page.text
    form = {"csrf": csrf(page), "index": "1", "history-1": "90d", "payloads-1": "soon"}
    wrong = browser.post("/storage/retention/test", data=form)
    assert wrong.status_code == 409
    assert "payloads" in wrong.text
    assert (
        browser.post("/storage/retention/test", data={**form, "payloads-1": ""}).status_code == 303
    )
    assert node.admin("GET", "/workspaces/test/retention") == {
        "history": "90d",
        "payloads": None,
        "archive": None,
    }
    assert 'value="90d"' in browser.get("/storage").text
