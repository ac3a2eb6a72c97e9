"""Drafts, versions and keys through the REST API of a real node."""

from __future__ import annotations

import itertools
from typing import Any

import httpx2
import pytest

from tests.support.http_server import HttpServer
from tests.support.node import ProjectFolder, RunningNode, running_node

WORK = {"steps": [{"name": "answer", "map": {"item": "{% input.query.item %}"}}]}
TRIGGER = {"request_response": True, "query_parameters": [{"name": "item", "required": True}]}
NUMBERS = itertools.count(1)


def fill(project: ProjectFolder, _sink: HttpServer) -> None:
    project.integration({"name": "FromFile", "workflow": WORK})


@pytest.fixture
def name(node: RunningNode) -> str:
    """A new integration, made as the console makes it."""
    made = f"Item{next(NUMBERS)}"
    node.admin("POST", "/workspaces/test/integrations", json={"name": made})
    return made


def ask(node: RunningNode, method: str, path: str, **request: Any) -> httpx2.Response:
    """A request below the workspace's integrations; whatever the answer is."""
    address = node.address
    headers = {"authorization": f"Bearer {address['token']}", **request.pop("headers", {})}
    url = f"{address['admin_url']}/api/v1/workspaces/test/integrations{path}"
    return node.client.request(method, url, headers=headers, **request)


def save(node: RunningNode, name: str, etag: str | None = None, **document: Any) -> httpx2.Response:
    headers = {} if etag is None else {"if-match": etag}
    return ask(node, "PUT", f"/{name}/draft", json=document, headers=headers)


def publish(node: RunningNode, name: str, etag: str | None = None, **query: Any) -> httpx2.Response:
    headers = {} if etag is None else {"if-match": etag}
    return ask(node, "POST", f"/{name}/draft/publish", headers=headers, params=query)


def code(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].removeprefix("urn:firesteel:")


def faults(answer: httpx2.Response) -> set[tuple[str, str]]:
    found = answer.json()
    return {(item["pointer"], item["code"]) for item in found.get("faults", found.get("errors"))}


def test_from_nothing_to_a_call(node: RunningNode, name: str) -> None:
    url = f"{node.public_url}/test/{name}?item=A-100"
    assert node.client.get(url).status_code == 404
    closed = {"authentication": [{"api_key": {}}], **TRIGGER}
    saved = save(node, name, '"1"', trigger=closed, workflow=WORK)
    assert saved.status_code == 200
    assert faults(saved) == {("/trigger/authentication", "key_missing")}
    refused = publish(node, name)
    assert code(refused) == (422, "integration_invalid")
    assert faults(refused) == {("/trigger/authentication", "key_missing")}
    added = ask(node, "POST", f"/{name}/keys", json={"label": "web shop", "close": False}).json()

    published = publish(node, name, saved.headers["etag"])

    assert published.status_code == 200
    assert published.headers["etag"] == '"2"'
    assert node.client.get(url).status_code == 401
    answer = node.client.get(url, headers={"x-api-key": added["secret"]})
    assert (answer.status_code, answer.json()) == (200, {"item": "A-100"})
    assert code(ask(node, "GET", f"/{name}/draft")) == (404, "unknown_draft")


def test_every_fault_of_a_draft_is_given_and_none_is_published(
    node: RunningNode, name: str
) -> None:
    saved = save(
        node,
        name,
        trigger={"methods": ["FETCH"], "query_parameters": [{"name": "n", "default": 1}]},
        data_processing="query.(",
        workflow={"steps": [{"name": "a", "map": "{% steps.b %}"}]},
        retention={"history": "long"},
    )

    assert saved.status_code == 200
    expected = {
        ("/trigger/methods/0", "not_allowed"),
        ("/trigger/query_parameters/0/default", "default_invalid"),
        ("/data_processing", "expression_invalid"),
        ("/workflow/steps/0/map", "step_unknown"),
        ("/retention/history", "duration_invalid"),
    }
    assert faults(saved) == expected
    assert faults(ask(node, "GET", f"/{name}/draft")) == expected
    assert code(publish(node, name)) == (422, "integration_invalid")
    assert ask(node, "GET", f"/{name}").json()["version"] == 1


def test_warnings_stand_beside_faults(node: RunningNode, name: str) -> None:
    saved = save(
        node,
        name,
        trigger={"query_parameters": [{"name": "n"}], "request_response": {"timeout": "2m"}},
        data_processing="1",
        response={"status": 201},
    )

    assert saved.json()["faults"] == []
    assert {item["code"] for item in saved.json()["warnings"]} == {
        "trigger_open",
        "parameter_unused",
        "timeout_long",
        "response_unused",
    }


def test_a_draft_is_not_saved_under_another_name(node: RunningNode, name: str) -> None:
    refused = ask(node, "PUT", f"/{name}/draft", json={"name": "Other", "description": "x"})
    assert code(refused) == (422, "integration_invalid")
    assert faults(refused) == {("/name", "name_invalid")}
    assert code(ask(node, "GET", f"/{name}/draft")) == (404, "unknown_draft")


def test_two_people_who_edit_are_told_of_each_other(node: RunningNode, name: str) -> None:
    first = save(node, name, '"1"', description="first")
    assert code(save(node, name, '"1"', description="other")) == (412, "changed_meanwhile")
    second = save(node, name, first.headers["etag"], description="second")
    assert code(save(node, name, first.headers["etag"])) == (412, "changed_meanwhile")
    assert code(publish(node, name, first.headers["etag"])) == (412, "changed_meanwhile")
    stale = {"if-match": first.headers["etag"]}
    assert ask(node, "DELETE", f"/{name}/draft", headers=stale).status_code == 412
    kept = ask(node, "GET", f"/{name}/draft")
    assert kept.headers["etag"] == second.headers["etag"]
    assert kept.json()["document"]["description"] == "second"


def test_a_draft_is_not_published_over_a_version_that_it_does_not_know(
    node: RunningNode, name: str
) -> None:
    save(node, name, description="draft")
    ask(node, "PUT", f"/{name}", json={"description": "meanwhile"}).raise_for_status()

    assert code(publish(node, name)) == (412, "changed_meanwhile")
    shown = ask(node, "GET", f"/{name}/draft").json()
    assert (shown["base_version"], shown["published_version"]) == (1, 2)

    assert publish(node, name, over=2).json()["version"] == 3
    assert ask(node, "GET", f"/{name}").json()["document"]["description"] == "draft"


def test_a_draft_that_is_thrown_away_leaves_what_is_published(node: RunningNode, name: str) -> None:
    saved = save(node, name, description="draft")
    thrown = ask(node, "DELETE", f"/{name}/draft", headers={"if-match": saved.headers["etag"]})
    assert thrown.status_code == 204
    assert code(ask(node, "DELETE", f"/{name}/draft")) == (404, "unknown_draft")
    assert ask(node, "GET", f"/{name}").json()["document"] == {"name": name, "enabled": False}


def test_publishing_leaves_a_switch_that_a_person_has_turned(node: RunningNode, name: str) -> None:
    save(node, name, description="one")
    publish(node, name).raise_for_status()
    assert ask(node, "GET", f"/{name}").json()["enabled"]
    ask(node, "PATCH", f"/{name}", json={"enabled": False}).raise_for_status()

    save(node, name, description="two")
    publish(node, name).raise_for_status()

    shown = ask(node, "GET", f"/{name}").json()
    assert (shown["enabled"], shown["version"]) == (False, 3)


def test_keys_act_at_once_and_neither_a_draft_nor_going_back_changes_them(
    node: RunningNode, name: str
) -> None:
    trigger = {"authentication": [{"api_key": {}}]}
    for label in ("one", "two"):
        ask(node, "POST", f"/{name}/keys", json={"label": label, "close": False})
    save(node, name, trigger=trigger)
    publish(node, name).raise_for_status()
    ask(node, "PATCH", f"/{name}/keys/two", json={"label": "three", "expires": "2999-01-01"})
    ask(node, "DELETE", f"/{name}/keys/one")
    before = ask(node, "GET", f"/{name}/keys").json()

    save(node, name, trigger=trigger, description="new")
    published = publish(node, name).json()
    restored = ask(node, "POST", f"/{name}/versions/2/restore").json()

    assert ask(node, "GET", f"/{name}/keys").json() == before
    expected = [{"api_key": {"label": "three", "expires": "2999-01-01"}}]
    for done in (published, restored):
        assert done["keys"] == []
        assert done["document"]["trigger"]["authentication"] == expected


def test_going_back_publishes_the_old_document_as_a_new_version(
    node: RunningNode, name: str
) -> None:
    for text in ("one", "two"):
        save(node, name, description=text)
        publish(node, name).raise_for_status()
    draft = save(node, name, description="draft").headers["etag"]
    stale = {"if-match": '"2"'}
    assert ask(node, "POST", f"/{name}/versions/2/restore", headers=stale).status_code == 412

    fresh = {"if-match": '"3"'}
    restored = ask(node, "POST", f"/{name}/versions/2/restore", headers=fresh)

    assert restored.headers["etag"] == '"4"'
    assert restored.json()["document"] == {"name": name, "description": "one"}
    assert ask(node, "GET", f"/{name}/draft").headers["etag"] == draft
    versions = ask(node, "GET", f"/{name}/versions").json()
    assert [item["version"] for item in versions] == [4, 3, 2, 1]
    missing = ask(node, "POST", f"/{name}/versions/9/restore")
    assert code(missing) == (404, "unknown_version")


def test_versions_and_the_draft_are_compared(node: RunningNode, name: str) -> None:
    save(node, name, description="one")
    publish(node, name).raise_for_status()
    save(node, name, description="two")

    found = ask(node, "GET", f"/{name}/difference", params={"old": "2", "new": "draft"}).json()

    assert found["changes"] == [
        {"pointer": "/description", "kind": "changed", "old": "one", "new": "two"}
    ]
    assert [line["kind"] for line in found["lines"]] == ["same", "changed"]
    wrong = ask(node, "GET", f"/{name}/difference", params={"old": "0", "new": "draft"})
    assert code(wrong) == (400, "invalid_request")


def test_an_integration_of_files_is_not_edited_until_it_is_taken_over(node: RunningNode) -> None:
    assert code(save(node, "FromFile", description="x")) == (409, "managed_by_files")
    before = ask(node, "GET", "/FromFile").json()

    ask(node, "POST", "/FromFile/take-over").raise_for_status()

    taken = ask(node, "GET", "/FromFile").json()
    assert (taken["managed_by"], taken["version"]) == ("console", before["version"])
    assert taken["document"] == before["document"]
    assert node.call("FromFile").status_code == 202
    edited = {**before["document"], "description": "x"}
    assert ask(node, "PUT", "/FromFile/draft", json=edited).status_code == 200


def test_a_name_is_given_once_and_must_be_one(node: RunningNode, name: str) -> None:
    assert code(ask(node, "POST", "", json={"name": name})) == (409, "name_taken")
    wrong = ask(node, "POST", "", json={"name": "a b"})
    assert code(wrong) == (422, "integration_invalid")
    assert faults(wrong) == {("/name", "name_invalid")}


def test_the_same_secret_is_used_on_another_trigger_without_being_shown(
    node: RunningNode, name: str
) -> None:
    other = f"Item{next(NUMBERS)}"
    ask(node, "POST", "", json={"name": other})
    made = ask(node, "POST", f"/{name}/keys", json={"label": "web shop"}).json()
    source = {"integration": name, "label": "web shop"}

    added = ask(node, "POST", f"/{other}/keys", json={"label": "shop", "same_as": source})

    assert added.status_code == 201
    assert added.json()["secret"] is None
    revealed = ask(node, "POST", f"/{other}/keys/shop/reveal").json()
    assert revealed["secret"] == made["secret"]
    wrong = {"integration": name, "label": "nobody"}
    refused = ask(node, "POST", f"/{other}/keys", json={"label": "x", "same_as": wrong})
    assert code(refused) == (404, "unknown_key")
    both = {"label": "x", "same_as": source, "value": "a-secret-of-the-shop"}
    assert code(ask(node, "POST", f"/{other}/keys", json=both)) == (400, "invalid_request")


def test_an_exported_integration_declares_its_keys_and_no_secret(
    node: RunningNode, name: str
) -> None:
    added = ask(node, "POST", f"/{name}/keys", json={"label": "web shop"}).json()
    ask(node, "POST", f"/{name}/keys", json={"label": "later"})

    text = ask(node, "GET", f"/{name}/export")

    assert text.headers["content-type"].startswith("application/yaml")
    assert text.text.startswith(f"name: {name}\n")
    assert "label: web shop" in text.text
    assert "label: later" in text.text
    assert added["secret"] not in text.text


def test_a_file_that_was_exported_behaves_the_same_on_an_empty_node(
    node: RunningNode, name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    ask(node, "POST", f"/{name}/keys", json={"label": "web shop", "close": False})
    trigger = {**TRIGGER, "authentication": [{"api_key": {}}], "ordered_delivery": True}
    save(node, name, trigger=trigger, workflow=WORK, search={"item": "query.item"})
    publish(node, name).raise_for_status()
    folder, data = tmp_path_factory.mktemp("exported"), tmp_path_factory.mktemp("empty")
    data.chmod(0o700)
    (folder / "integrations").mkdir()
    (folder / "integrations" / f"{name}.yaml").write_text(ask(node, "GET", f"/{name}/export").text)

    with running_node(data, folder, FIRESTEEL_WORKERS="1") as other:
        for running in (node, other):
            revealed = ask(running, "POST", f"/{name}/keys/web shop/reveal").json()
            headers = {"x-api-key": revealed["secret"]}
            url = f"{running.public_url}/test/{name}"
            assert running.client.get(f"{url}?item=A-1").status_code == 401
            assert running.client.get(url, headers=headers).status_code == 400
            answer = running.client.get(f"{url}?item=A-1", headers=headers)
            assert (answer.status_code, answer.json()) == (200, {"item": "A-1"})
        documents = [ask(one, "GET", f"/{name}").json()["document"] for one in (node, other)]
        assert documents[0] == documents[1]


def test_the_list_tells_of_drafts_and_messages(node: RunningNode, name: str) -> None:
    save(node, name, description="x")
    publish(node, name).raise_for_status()
    save(node, name, description="y")
    node.call(name).raise_for_status()

    found = {item["name"]: item for item in ask(node, "GET", "").json()}[name]

    assert found["draft_by"] == "local"
    assert found["last_received_at"] is not None
    assert (found["failed"], found["version"]) == (0, 2)
