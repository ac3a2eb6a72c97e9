"""Consumers: one key for several triggers, rotation with an overlap, on both stores."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx2
import jwt
import pytest

from firesteel.cli.app import run
from tests.support.node import KEY, ProjectFolder, RunningNode, running_node, wait_until
from tests.support.postgres import Postgres

CONSUMERS = "/workspaces/test/consumers"
ISSUED = "what the issuer of tokens signs with: 32 bytes"


def fill(project: ProjectFolder) -> None:
    waits = {"request_response": True}
    step = {"name": "who", "map": "{% message.consumer %}"}
    echo = {
        "workflow": {"steps": [step]},
        "response": {"body": {"consumer": "{% steps.who %}"}},
    }
    for name in ("Prices", "Stock", "Orders"):
        project.integration({"name": name, "trigger": {**waits}, **echo})
    declared = [{"consumer": {"name": "Declared"}}]
    token = {"label": "idp", "secret": "${ISSUED}", "consumer": "sub"}
    project.integration({"name": "Claimed", "trigger": {"authentication": [{"jwt": token}]}})
    project.integration({"name": "Partner", "trigger": {"authentication": declared, **waits}})


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def node(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, postgres: Postgres
) -> Iterator[RunningNode]:
    """A node on each store."""
    folder, data_dir = tmp_path_factory.mktemp("project"), tmp_path_factory.mktemp("data")
    data_dir.chmod(0o700)
    fill(ProjectFolder(folder))
    with postgres.database() as url:
        settings = {"ISSUED": ISSUED}
        if request.param == "postgresql":
            settings["FIRESTEEL_DATABASE_URL"] = url
        with running_node(data_dir, folder, **settings) as running:
            yield running


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A consumer of the test's own."""
    return str(request.node.originalname)[-60:]


def call(node: RunningNode, trigger: str, secret: str, **more: Any) -> httpx2.Response:
    return node.call(trigger, headers={"x-api-key": secret, **more.pop("headers", {})}, **more)


def added(node: RunningNode, name: str, *triggers: str) -> str:
    """A consumer with one key, granted these triggers; the secret."""
    node.admin("POST", CONSUMERS, json={"name": name})
    for trigger in triggers:
        node.admin("PUT", f"{CONSUMERS}/{name}/grants/{trigger}")
    return str(node.admin("POST", f"{CONSUMERS}/{name}/keys", json={})["secret"])


def claimed(node: RunningNode, trigger: str, name: str) -> int:
    """What a call gets whose token says that the consumer of that name calls."""
    token = jwt.encode({"sub": name, "exp": time.time() + 60}, ISSUED, algorithm="HS256")
    authorization = {"authorization": f"Bearer {token}"}
    return node.client.post(f"{node.public_url}/test/{trigger}", headers=authorization).status_code


def command(node: RunningNode, monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    """Run ``firesteel`` on the node's own machine."""
    monkeypatch.setenv("FIRESTEEL_DATA_DIR", str(node.data_dir))
    assert run(list(words)) == 0, words


def refusal(node: RunningNode, method: str, path: str, **request: Any) -> str:
    with pytest.raises(httpx2.HTTPStatusError) as caught:
        node.admin(method, path, **request)
    return str(caught.value.response.json()["type"]).removeprefix("urn:firesteel:")


def documented(node: RunningNode, method: str, path: str) -> set[str]:
    """The codes with which the document says that this route refuses."""
    route = node.admin("GET", "/openapi.json")["paths"][f"/api/v1/workspaces/{{workspace}}{path}"]
    bodies = [told.get("content", {}) for told in route[method.lower()]["responses"].values()]
    return {code for body in bodies for kind in body.values() for code in kind.get("examples", ())}


def test_p42_the_document_tells_that_a_consumer_s_name_may_be_refused(node: RunningNode) -> None:
    for method, path in (("POST", ""), ("PATCH", "/{consumer}"), ("POST", "/{consumer}/keys")):
        assert "name_invalid" in documented(node, method, f"/consumers{path}")


def test_a_consumer_or_a_key_of_a_name_in_which_something_is_not_seen_is_refused(
    node: RunningNode, name: str
) -> None:
    added(node, name)
    unseen = f"{name}\u202etxt"
    assert refusal(node, "POST", CONSUMERS, json={"name": unseen}) == "name_invalid"
    assert refusal(node, "PATCH", f"{CONSUMERS}/{name}", json={"name": unseen}) == "name_invalid"
    keys = f"{CONSUMERS}/{name}/keys"
    assert refusal(node, "POST", keys, json={"label": "a\u200bb"}) == "name_invalid"


def test_one_key_opens_every_trigger_that_the_consumer_is_granted(
    node: RunningNode, name: str
) -> None:
    secret = added(node, name, "Prices", "Stock")
    for trigger in ("Prices", "Stock"):
        answer = call(node, trigger, secret)
        assert (answer.status_code, answer.json()) == (200, {"consumer": name})
    assert call(node, "Orders", secret).status_code == 401
    node.admin("DELETE", f"{CONSUMERS}/{name}/grants/Stock")
    assert call(node, "Stock", secret).status_code == 401
    node.admin("DELETE", f"{CONSUMERS}/{name}")
    assert call(node, "Prices", secret).status_code == 401


def test_a_consumer_sees_its_own_messages_with_any_of_its_keys_and_nobody_elses(
    node: RunningNode, name: str
) -> None:
    first = added(node, name, "Prices")
    second = node.admin("POST", f"{CONSUMERS}/{name}/keys", json={"label": "second"})["secret"]
    other = added(node, f"{name}-other", "Prices")
    sent = call(node, "Prices", first, headers={"idempotency-key": "one"})
    again = call(node, "Prices", second, headers={"idempotency-key": "one"})
    assert again.headers["firesteel-duplicate"] == "true"
    elses = call(node, "Prices", other, headers={"idempotency-key": "one"})
    assert "firesteel-duplicate" not in elses.headers
    status = f"{node.public_url}/test/Prices/messages/{sent.headers['firesteel-message-id']}"
    codes = {
        secret: node.client.get(status, headers={"x-api-key": secret}).status_code
        for secret in (first, second, other, KEY)
    }
    assert list(codes.values()) == [200, 200, 404, 404]


def test_a_key_of_a_trigger_with_the_consumers_name_is_the_same_party(
    node: RunningNode, name: str
) -> None:
    keys = "/workspaces/test/integrations/Stock/keys"
    own = node.admin("POST", keys, json={"label": name, "value": f"{name}-secret"[-60:]})["secret"]
    node.admin("POST", CONSUMERS, json={"name": name})
    same_as = {"integration": "Stock", "label": name}
    node.admin("POST", f"{CONSUMERS}/{name}/keys", json={"same_as": same_as})
    node.admin("PUT", f"{CONSUMERS}/{name}/grants/Stock")
    node.admin("PUT", f"{CONSUMERS}/{name}/grants/Prices")
    assert call(node, "Prices", own).json() == {"consumer": name}
    assert call(node, "Stock", own).json() == {"consumer": name}
    node.admin("DELETE", f"{keys}/{name}")
    assert call(node, "Stock", own).json() == {"consumer": name}
    other = {"label": f"{name}-2", "same_as": None, "value": own}
    assert refusal(node, "POST", keys, json=other) == "secret_taken"


def test_p47_an_old_and_a_new_key_are_valid_together_until_the_overlap_ends(
    node: RunningNode, name: str
) -> None:
    old = added(node, name, "Prices")
    key = f"{CONSUMERS}/{name}/keys/1"
    rotated = node.admin("POST", f"{key}/rotate", json={})
    assert rotated["secret"] != old
    (replaced,) = rotated["replaced"]
    assert old.startswith(replaced["prefix"])
    for secret in (old, rotated["secret"]):
        assert call(node, "Prices", secret).json() == {"consumer": name}
    assert node.admin("POST", f"{key}/end-overlap") == {"ended": 1}
    assert call(node, "Prices", old).status_code == 401
    assert call(node, "Prices", rotated["secret"]).status_code == 200
    at_once = node.admin("POST", f"{key}/rotate", json={"overlap_s": 0})
    assert at_once["replaced"] == []
    assert call(node, "Prices", rotated["secret"]).status_code == 401
    assert call(node, "Prices", at_once["secret"]).status_code == 200


def test_p47_an_overlap_ends_by_itself(node: RunningNode, name: str) -> None:
    old = added(node, name, "Prices")
    new = node.admin("POST", f"{CONSUMERS}/{name}/keys/1/rotate", json={"overlap_s": 1})["secret"]
    wait_until(lambda: call(node, "Prices", old).status_code == 401)
    assert call(node, "Prices", new).status_code == 200


def test_p47_a_triggers_key_is_rotated_the_same_way(node: RunningNode, name: str) -> None:
    keys = "/workspaces/test/integrations/Orders/keys"
    old = node.admin("POST", keys, json={"label": name})["secret"]
    new = node.admin("POST", f"{keys}/{name}/rotate", json={"overlap_s": 3600})
    for secret in (old, new["secret"]):
        assert call(node, "Orders", secret).json() == {"consumer": name}
    (shown,) = [key for key in node.admin("GET", keys) if key["label"] == name]
    assert (shown["prefix"], len(shown["replaced"])) == (new["prefix"], 1)
    node.admin("DELETE", f"{keys}/{name}")
    assert [call(node, "Orders", secret).status_code for secret in (old, new["secret"])] == [
        401
    ] * 2


def test_each_key_of_a_consumer_tells_its_own_last_use(node: RunningNode, name: str) -> None:
    old = added(node, name, "Prices", "Stock")
    key = f"{CONSUMERS}/{name}/keys/1"
    new = node.admin("POST", f"{key}/rotate", json={})["secret"]
    call(node, "Stock", old)

    def used() -> list[Any]:
        (shown,) = node.admin("GET", f"{CONSUMERS}/{name}/keys")
        return [shown["last_used_at"], shown["replaced"][0]["last_used_at"]]

    wait_until(lambda: used()[1])
    assert used()[0] is None
    call(node, "Prices", new)
    wait_until(lambda: used()[0])
    shown = node.admin("GET", f"{CONSUMERS}/{name}")
    assert shown["last_used_at"] == used()[0]


def test_an_expired_key_of_a_consumer_is_refused_and_listed_before(
    node: RunningNode, name: str
) -> None:
    secret = added(node, name, "Prices")
    path = f"{CONSUMERS}/{name}/keys/1"
    shown = node.admin("PATCH", path, json={"expires": "2020-01-01"})
    assert shown["expiry"] == "expired"
    assert call(node, "Prices", secret).status_code == 401
    listed = node.admin("GET", "/workspaces/test/expiring-keys")
    assert [key["label"] for key in listed if key["consumer"] == name] == ["1"]
    renewed = node.admin("POST", f"{path}/rotate", json={"expires": None})
    assert (renewed["expiry"], renewed["replaced"]) == ("valid", [])
    assert refusal(node, "POST", f"{path}/rotate", json={"expires": "2020-01-01"}) == (
        "expiry_invalid"
    )


def test_a_grant_closes_an_open_trigger(node: RunningNode, name: str) -> None:
    node.admin("POST", "/workspaces/test/integrations", json={"name": f"Open-{name}"})
    path = f"/workspaces/test/integrations/Open-{name}"
    node.admin("PATCH", path, json={"enabled": True})
    assert call(node, f"Open-{name}", "x").status_code == 202
    secret = added(node, name, f"Open-{name}")
    assert call(node, f"Open-{name}", "x").status_code == 401
    assert call(node, f"Open-{name}", secret).status_code == 202
    trigger = node.admin("GET", path)["document"]["trigger"]
    assert trigger["authentication"] == [{"consumer": {"name": name}}]


def test_a_consumer_that_a_file_declares_is_made_and_granted(node: RunningNode) -> None:
    shown = node.admin("GET", f"{CONSUMERS}/Declared")
    assert (shown["registered"], shown["keys"]) == (True, [])
    assert [grant["integration"] for grant in shown["grants"]] == ["Partner"]
    assert call(node, "Partner", KEY).status_code == 401
    secret = node.admin("POST", f"{CONSUMERS}/Declared/keys", json={})["secret"]
    assert call(node, "Partner", secret).status_code == 204


def test_publishing_brings_grants_in_line_and_revokes_only_with_prune(
    node: RunningNode, name: str
) -> None:
    path = f"/workspaces/test/integrations/P-{name}"
    document = {"trigger": {"authentication": [{"consumer": {"name": name}}]}}

    def published(**options: Any) -> list[dict[str, str]]:
        found = node.admin("PUT", path, json=document, params=options)["consumers"]
        return list(found)

    assert published(dry_run=True) == [{"consumer": name, "act": "made"}]
    assert published() == [{"consumer": name, "act": "made"}]
    assert published() == [{"consumer": name, "act": "kept"}]
    node.admin("POST", CONSUMERS, json={"name": f"{name}-2"})
    node.admin("PUT", f"{CONSUMERS}/{name}-2/grants/P-{name}")
    undeclared = {"consumer": f"{name}-2", "act": "undeclared"}
    assert published() == [{"consumer": name, "act": "kept"}, undeclared]
    assert published(prune=True)[1] == {"consumer": f"{name}-2", "act": "revoked"}
    assert node.admin("GET", f"{CONSUMERS}/{name}-2")["grants"] == []


def test_a_file_does_not_bring_back_a_secret_that_rotation_has_replaced(
    node: RunningNode, name: str
) -> None:
    path = f"/workspaces/test/integrations/R-{name}"
    declared = {"api_key": {"label": "partner", "value": "the-first-secret-of-all"}}
    document = {"trigger": {"authentication": [declared]}}
    node.admin("PUT", path, json=document)
    new = node.admin("POST", f"{path}/keys/partner/rotate", json={"overlap_s": 0})["secret"]
    again = node.admin("PUT", path, json=document)
    assert [key["act"] for key in again["keys"]] == ["kept"]
    assert "key_value_replaced" in [warning["code"] for warning in again["warnings"]]
    assert call(node, f"R-{name}", "the-first-secret-of-all").status_code == 401
    assert call(node, f"R-{name}", new).status_code == 202


@pytest.mark.parametrize("by", ["rest", "cli"])
def test_no_token_names_a_consumer_that_has_no_key_however_it_was_made_and_granted(
    node: RunningNode, name: str, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    party, trigger = f"{name}-{by}"[-60:], f"Claimed-{by}"
    key = {"api_key": {"label": "tester", "value": KEY}}
    token = {"jwt": {"label": "idp", "secret": "${ISSUED}", "consumer": "sub"}}
    document = {"trigger": {"authentication": [key, token]}}
    node.admin("PUT", f"/workspaces/test/integrations/{trigger}", json=document)
    assert claimed(node, trigger, party) == claimed(node, "Claimed", party) == 202
    if by == "rest":
        node.admin("POST", CONSUMERS, json={"name": party})
        node.admin("PUT", f"{CONSUMERS}/{party}/grants/{trigger}")
    else:
        command(node, monkeypatch, "consumer", "add", party, "--no-key", "--grant", trigger)
    assert node.admin("GET", f"{CONSUMERS}/{party}")["keys"] == []
    assert claimed(node, trigger, party) == claimed(node, "Claimed", party) == 401
    assert claimed(node, trigger, f"{party}-2") == 202
    node.admin("PATCH", f"{CONSUMERS}/{party}", json={"name": f"{party}-2"})
    assert (claimed(node, trigger, party), claimed(node, trigger, f"{party}-2")) == (202, 401)
    node.admin("DELETE", f"{CONSUMERS}/{party}-2/grants/{trigger}")
    assert claimed(node, trigger, f"{party}-2") == 401
    node.admin("DELETE", f"{CONSUMERS}/{party}-2")
    assert claimed(node, trigger, f"{party}-2") == 202


def test_what_triggers_have_of_a_name_is_listed_with_the_consumer(
    node: RunningNode,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    trigger = f"W-{name}"[:60]
    ways = [
        {"jwt": {"label": name, "secret": "${ISSUED}"}},
        {"jwt": {"label": "whoever", "secret": "${ISSUED}", "consumer": "sub"}},
        {"client_certificate": {"label": "only a label", "san": "partner.example.com"}},
    ]
    document = {"trigger": {"authentication": ways}}
    node.admin("PUT", f"/workspaces/test/integrations/{trigger}", json=document)
    node.admin("POST", CONSUMERS, json={"name": name})
    way = {"integration": trigger, "enabled": True}
    shown = node.admin("GET", f"{CONSUMERS}/{name}")
    assert (shown["registered"], shown["ways"]) == (True, [{**way, "kind": "jwt"}])
    listed = {item["label"]: item for item in node.admin("GET", CONSUMERS)}
    assert listed["only a label"]["ways"] == [{**way, "kind": "client_certificate"}]
    assert (listed["only a label"]["registered"], "whoever" in listed) == (False, False)
    command(node, monkeypatch, "consumer", "show", name)
    assert f"and by jwt at {trigger}" in capsys.readouterr().out
    address = node.address
    pages = [
        node.client.get(
            f"{address['admin_url']}/w/test/consumers{path}",
            headers={"authorization": f"Bearer {address['token']}"},
        ).text
        for path in ("", f"/{name}", "/only%20a%20label")
    ]
    assert all("JSON Web Token" in text for text in pages[:2])
    assert "Client certificate" in pages[2]
    node.admin("DELETE", f"/workspaces/test/integrations/{trigger}")
