"""The console's page of a consumer: keys added, rotated and refused, triggers granted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.node import ProjectFolder, RunningNode, running_node

AT = "/w/test/consumers"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    folder: Path = tmp_path_factory.mktemp("project")
    for name in ("Prices", "Stock"):
        ProjectFolder(folder).integration({"name": name})
    with running_node(tmp_path_factory.mktemp("data"), folder) as running:
        yield running


def page(node: RunningNode, method: str, path: str, **request: Any) -> httpx2.Response:
    address = node.address
    headers = {"authorization": f"Bearer {address['token']}"}
    return node.client.request(
        method, f"{address['admin_url']}{path}", headers=headers, follow_redirects=True, **request
    )


def secret_in(answer: httpx2.Response) -> str:
    found = re.search(r'id="(?:new|revealed)-secret">([^<]+)<', answer.text)
    assert found, answer.text
    return found[1]


def opens(node: RunningNode, secret: str) -> list[int]:
    headers = {"x-api-key": secret}
    return [node.call(name, headers=headers).status_code for name in ("Prices", "Stock")]


def test_a_response_without_a_workflow_says_that_it_counts_for_nothing(node: RunningNode) -> None:
    shown = page(node, "GET", "/w/test/integrations/Prices/response").text
    assert "this response counts for nothing" in shown
    assert "The response is kept" not in shown


def test_a_consumer_is_added_granted_given_a_key_and_rotated(node: RunningNode) -> None:
    added = page(node, "POST", AT, data={"name": "ACME"})
    assert added.url.path == f"{AT}/ACME"
    granted = page(node, "POST", f"{AT}/ACME/grants", data={"integration": ["Prices"]})
    assert granted.status_code == 200
    named = f'<a href="{AT}/ACME">ACME</a>'
    assert named in page(node, "GET", "/w/test/integrations/Prices").text
    assert named not in page(node, "GET", "/w/test/integrations/Stock").text
    old = secret_in(page(node, "POST", f"{AT}/ACME/keys/add", data={"label": "ERP"}))
    assert opens(node, old) == [202, 401]
    revealed = page(node, "POST", f"{AT}/ACME/keys/reveal", data={"label": "ERP"})
    assert secret_in(revealed) == old
    rotation = {"label": "ERP", "overlap_s": "3600", "expires": ""}
    new = secret_in(page(node, "POST", f"{AT}/ACME/keys/rotate", data=rotation))
    page(node, "POST", f"{AT}/ACME/grants", data={"integration": ["Stock"]})
    assert (opens(node, old), opens(node, new)) == ([401, 202], [401, 202])
    page(node, "POST", f"{AT}/ACME/keys/end-overlap", data={"label": "ERP"})
    assert (opens(node, old), opens(node, new)) == ([401, 401], [401, 202])
    page(node, "POST", f"{AT}/ACME/keys/delete", data={"label": "ERP"})
    assert opens(node, new) == [401, 401]
    assert page(node, "POST", f"{AT}/ACME/delete").url.path == AT
    assert page(node, "GET", f"{AT}/ACME").status_code == 404


def test_keys_of_a_consumer_are_pasted_shared_and_relabelled_as_a_triggers_are(
    node: RunningNode,
) -> None:
    at = f"{AT}/Initech"
    page(node, "POST", AT, data={"name": "Initech"})
    page(node, "POST", f"{at}/grants", data={"integration": ["Prices"]})
    pasted = {"label": "own", "how": "paste", "value": "a-key-of-the-other-side"}
    assert secret_in(page(node, "POST", f"{at}/keys/add", data=pasted)) == pasted["value"]
    node.admin("POST", "/workspaces/test/integrations/Stock/keys", json={"label": "Initech"})
    same = {"how": "same", "same_as": "Stock/Initech", "expires": "2999-12-31"}
    shown = page(node, "POST", f"{at}/keys/add", data=same).text
    assert "with the same secret as the other one" in shown
    change = {"label": "own", "new_label": "theirs", "expires": "2999-12-30"}
    assert "2999-12-30" in page(node, "POST", f"{at}/keys/change", data=change).text
    wrong = page(node, "POST", f"{at}/keys/change", data={"label": "theirs", "new_label": "1"})
    assert (wrong.status_code, "an API key of that label" in wrong.text) == (422, True)
    listed = node.admin("GET", "/workspaces/test/consumers/Initech/keys")
    assert [key["label"] for key in listed] == ["1", "theirs"]
    assert opens(node, pasted["value"]) == [202, 401]


def test_a_consumer_is_renamed_with_its_keys_and_grants(node: RunningNode) -> None:
    page(node, "POST", AT, data={"name": "Old name"})
    at = f"{AT}/Old%20name"
    page(node, "POST", f"{at}/grants", data={"integration": ["Prices"]})
    secret = secret_in(page(node, "POST", f"{at}/keys/add", data={}))
    taken = page(node, "POST", f"{at}/rename", data={"name": "a/b"})
    assert (taken.status_code, "no slash" in taken.text) == (422, True)
    renamed = page(node, "POST", f"{at}/rename", data={"name": "New name"})
    assert renamed.url.path == f"{AT}/New name"
    assert "Old name is now New name." in renamed.text
    assert opens(node, secret) == [202, 401]
    assert page(node, "GET", at).status_code == 404


def test_what_is_wrong_is_told_on_the_page(node: RunningNode) -> None:
    assert "no slash" in page(node, "POST", AT, data={"name": "a/b"}).text
    page(node, "POST", AT, data={"name": "Umbrella"})
    assert page(node, "POST", AT, data={"name": "Umbrella"}).status_code == 422
    short = page(node, "POST", f"{AT}/Umbrella/keys/add", data={"value": "short"})
    assert (short.status_code, "8 to 512" in short.text) == (422, True)


def test_a_triggers_key_is_rotated_on_its_page(node: RunningNode) -> None:
    keys = "/w/test/integrations/Prices/keys"
    old = secret_in(page(node, "POST", keys, data={"label": "shop", "how": "generate"}))
    rotation = {"label": "shop", "overlap_s": "3600", "expires": ""}
    new = secret_in(page(node, "POST", f"{keys}/rotate", data=rotation))
    assert (opens(node, old)[0], opens(node, new)[0]) == (202, 202)
    page(node, "POST", f"{keys}/end-overlap", data={"label": "shop"})
    assert (opens(node, old)[0], opens(node, new)[0]) == (401, 202)


def test_keys_that_expire_are_warned_of(node: RunningNode) -> None:
    page(node, "POST", AT, data={"name": "Soon"})
    path = "/workspaces/test/consumers/Soon/keys"
    node.admin("POST", path, json={"label": "1"})
    node.admin("PATCH", f"{path}/1", json={"expires": "2020-01-01"})
    shown = page(node, "GET", AT).text
    assert "to renew" in shown
    assert "Soon 1, expired 2020-01-01" in shown
    metrics = page(node, "GET", "/metrics").text
    assert 'firesteel_api_keys{expiry="expired"} 1.0' in metrics
