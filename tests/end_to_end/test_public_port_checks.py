"""The public port: who may call what, and in which order a call is checked."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.http_server import HttpServer
from tests.support.node import KEY, ProjectFolder, RunningNode
from tests.support.public_port import code_of, problem, without_call
from tests.support.raw_http import RawConnection, request

SECOND_KEY = "second-key-0123456789abcdef"
EXPIRED_KEY = "expired-key-0123456789abcdef"
MANY_CHECKS = "Every"
SMALL = 16


def key(label: str, value: str, **more: str) -> dict[str, Any]:
    return {"api_key": {"label": label, "value": value, **more}}


def fill(project: ProjectFolder, sink: HttpServer) -> None:
    keys = [
        key("tester", KEY),
        key("second", SECOND_KEY, expires="2999-12-31"),
        key("expired", EXPIRED_KEY, expires="2020-01-01"),
    ]
    project.integration({"name": "Locked", "trigger": {"authentication": keys}})
    project.integration({"name": "Other"})
    project.integration({"name": "Off", "enabled": False})
    project.integration({"name": "Open", "trigger": {"authentication": []}})
    project.integration({"name": "Two", "trigger": {"methods": ["GET", "POST"]}})
    project.integration({"name": "Writes", "trigger": {"methods": ["PUT", "PATCH", "DELETE"]}})
    project.integration({"name": "Switched"})
    rules = {
        "methods": ["POST"],
        "max_body": f"{SMALL}B",
        "rate_limit": "1/h",
        "query_parameters": [{"name": "item", "required": True}],
    }
    project.integration({"name": MANY_CHECKS, "trigger": rules})
    project.integration({"name": "Small", "trigger": {"max_body": f"{SMALL}B"}})


def count(node: RunningNode, name: str) -> int:
    """How many messages the trigger has accepted."""
    figures = node.admin("GET", "/workspaces/test/statistics")
    return next(item["accepted"] for item in figures if item["integration"] == name)


def port_of(node: RunningNode) -> int:
    port = urlsplit(node.public_url).port
    assert port is not None
    return port


def test_get_and_post_are_taken_by_default(node: RunningNode) -> None:
    assert node.call("Two", "GET").status_code == 202
    assert node.call("Two", "POST").status_code == 202


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_other_methods_are_taken_where_the_trigger_lists_them(
    node: RunningNode, method: str
) -> None:
    assert node.call("Writes", method).status_code == 202
    assert code_of(node.call("Two", method)) == "method_not_allowed"


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "TRACE", "PROPFIND"])
def test_a_method_that_is_not_taken_is_405_with_allow_and_starts_nothing(
    node: RunningNode, method: str
) -> None:
    before = count(node, "Two")
    answer = node.call("Two", method)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, POST"
    assert count(node, "Two") == before


def test_get_is_405_where_the_trigger_does_not_list_it(node: RunningNode) -> None:
    answer = node.call("Writes", "GET")
    assert (answer.status_code, answer.headers["allow"]) == (405, "PUT, PATCH, DELETE")


def test_unknown_workspace_unknown_name_and_switched_off_are_one_404(node: RunningNode) -> None:
    paths = ["/nowhere/Locked", "/test/Unknown", "/test/Off", "/test/locked", "/test/Locked/"]
    answers = [node.client.post(node.public_url + path) for path in paths]
    assert {answer.status_code for answer in answers} == {404}
    assert len({without_call(problem(answer)) for answer in answers}) == 1
    names = {frozenset(answer.headers.keys()) for answer in answers}
    assert len(names) == 1


def test_a_valid_key_changes_nothing_about_a_404(node: RunningNode) -> None:
    plain = node.client.post(f"{node.public_url}/test/Off")
    assert without_call(problem(plain)) == without_call(problem(node.call("Off")))


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/test",
        "/test/Locked/more",
        "/test/Locked/messages",
        "/test/Locked/messages/x/y",
        "/-/",
        "/-/ready",
        "/metrics",
        "/api/v1/node",
        "//test/Locked",
        "/test//Locked",
        "/test/%4cocked%2f",
        "/test/%ff",
    ],
)
def test_anything_else_is_404(node: RunningNode, path: str) -> None:
    answer = node.client.get(node.public_url + path, headers={"x-api-key": KEY})
    assert code_of(answer) == "not_found"


def test_the_health_route_is_200_without_a_key(node: RunningNode) -> None:
    assert node.client.get(f"{node.public_url}/-/health").status_code == 200


def test_missing_wrong_and_expired_keys_are_one_401(node: RunningNode) -> None:
    url = f"{node.public_url}/test/Locked"
    sent: list[dict[str, str]] = [
        {},
        {"x-api-key": "wrong-key-0123456789abcdef"},
        {"x-api-key": ""},
        {"x-api-key": EXPIRED_KEY},
        {"x-api-key": KEY + " x"},
        {"x-api-key": KEY[:-1]},
        {"authorization": "Bearer wrong"},
        {"authorization": f"Basic {KEY}"},
        {"authorization": KEY},
    ]
    answers = [node.client.post(url, headers=headers) for headers in sent]
    assert {answer.status_code for answer in answers} == {401}
    assert len({without_call(problem(answer)) for answer in answers}) == 1
    assert all("www-authenticate" in answer.headers for answer in answers)


def test_each_of_several_keys_is_taken_and_names_its_consumer(node: RunningNode) -> None:
    for secret, label in ((KEY, "tester"), (SECOND_KEY, "second")):
        answer = node.call("Locked", headers={"x-api-key": secret})
        assert answer.status_code == 202
        message = node.admin("GET", f"/workspaces/test/messages/{answer.json()['id']}")
        assert message["consumer"] == label


def test_a_key_may_be_sent_as_bearer(node: RunningNode) -> None:
    url = f"{node.public_url}/test/Locked"
    for scheme in ("Bearer", "bearer"):
        headers = {"authorization": f"{scheme} {KEY}"}
        assert node.client.post(url, headers=headers).status_code == 202


def test_one_secret_may_stand_on_several_triggers_and_opens_no_other(node: RunningNode) -> None:
    assert node.call("Locked").status_code == 202
    assert node.call("Other").status_code == 202
    assert code_of(node.call("Other", headers={"x-api-key": SECOND_KEY})) == "unauthorized"


def test_a_trigger_without_authentication_is_open(node: RunningNode) -> None:
    answer = node.client.post(f"{node.public_url}/test/Open")
    assert answer.status_code == 202
    status = node.client.get(node.public_url + answer.json()["status_url"])
    assert status.json()["id"] == answer.json()["id"]


def test_a_key_that_is_added_or_deleted_counts_at_once(node: RunningNode) -> None:
    path = "/workspaces/test/integrations/Other/keys"
    added = node.admin("POST", path, json={"label": "new"})
    headers = {"x-api-key": added["secret"]}
    assert node.call("Other", headers=headers).status_code == 202
    node.admin("DELETE", f"{path}/new")
    assert code_of(node.call("Other", headers=headers)) == "unauthorized"


def test_a_trigger_that_is_switched_off_is_404_at_once_and_comes_back(node: RunningNode) -> None:
    path = "/workspaces/test/integrations/Switched"
    accepted = node.call("Switched")
    node.admin("PATCH", path, json={"enabled": False})
    assert code_of(node.call("Switched")) == "not_found"
    assert node.status(accepted)["sequence"] == 1
    node.admin("PATCH", path, json={"enabled": True})
    assert node.call("Switched").json()["sequence"] == 2


def test_a_call_with_every_fault_loses_them_one_by_one_in_the_documented_order(
    node: RunningNode,
) -> None:
    """404, 401, 405, 413, 429, 400."""
    path = f"/workspaces/test/integrations/{MANY_CHECKS}"
    wrong = {"x-api-key": "wrong"}
    long = b"x" * (SMALL + 1)
    node.admin("PATCH", path, json={"enabled": False})
    assert code_of(node.call(MANY_CHECKS, "PUT", content=long, headers=wrong)) == "not_found"
    node.admin("PATCH", path, json={"enabled": True})
    assert code_of(node.call(MANY_CHECKS, "PUT", content=long, headers=wrong)) == "unauthorized"
    assert code_of(node.call(MANY_CHECKS, "PUT", content=long)) == "method_not_allowed"
    assert code_of(node.call(MANY_CHECKS, content=long)) == "body_too_large"
    assert code_of(node.call(MANY_CHECKS, content=b"{}")) == "invalid_parameters"
    assert code_of(node.call(MANY_CHECKS, content=b"{}")) == "rate_limited"
    assert count(node, MANY_CHECKS) == 0


def test_a_body_at_the_limit_is_taken_and_one_byte_more_is_413(node: RunningNode) -> None:
    assert node.call("Small", content=b"x" * SMALL).status_code == 202
    assert code_of(node.call("Small", content=b"x" * (SMALL + 1))) == "body_too_large"


def test_413_is_answered_before_the_body_is_sent(node: RunningNode) -> None:
    async def call() -> None:
        head = (
            f"POST /test/Small HTTP/1.1\r\nHost: x\r\nx-api-key: {KEY}\r\n"
            "Content-Length: 1000000\r\n"
        )
        for extra in ("\r\n", "Expect: 100-continue\r\n\r\n"):
            async with await RawConnection.open(port_of(node)) as connection:
                answer = await connection.call((head + extra).encode())
                assert answer.code == "body_too_large"
                assert answer["connection"] == "close"

    asyncio.run(call())


def test_a_chunked_body_is_413_as_soon_as_it_is_over_the_limit(node: RunningNode) -> None:
    async def call() -> None:
        head = (
            f"POST /test/Small HTTP/1.1\r\nHost: x\r\nx-api-key: {KEY}\r\n"
            "Transfer-Encoding: chunked\r\n\r\n"
        )
        chunk = b"%x\r\n%b\r\n" % (SMALL, b"x" * SMALL)
        async with await RawConnection.open(port_of(node)) as connection:
            await connection.send(head.encode() + chunk)
            answer = await connection.call(b"1\r\ny\r\n")
            assert answer.code == "body_too_large"

    asyncio.run(call())


def test_refused_calls_leave_the_connection_usable(node: RunningNode) -> None:
    async def call() -> list[int]:
        async with await RawConnection.open(port_of(node)) as connection:
            statuses = []
            for target, secret in (("Off", KEY), ("Two", "wrong"), ("Two", KEY)):
                sent = request("POST", f"/test/{target}", b"{}", x_api_key=secret)
                statuses.append((await connection.call(sent)).status)
            return statuses

    assert asyncio.run(call()) == [404, 401, 202]


def test_every_answer_has_a_request_id_of_its_own_or_the_callers(node: RunningNode) -> None:
    answers = [node.call("Two"), node.call("Two"), node.call("Off"), node.call("Two", "PUT")]
    ids = {answer.headers["request-id"] for answer in answers}
    assert len(ids) == len(answers)
    taken = node.call("Two", headers={"request-id": "order-4711"})
    assert taken.headers["request-id"] == "order-4711"


def test_answers_are_not_to_be_cached(node: RunningNode) -> None:
    answers = [node.call("Two"), node.call("Off"), node.call("Two", "PUT")]
    assert {answer.headers["cache-control"] for answer in answers} == {"no-store"}


def test_no_problem_shows_what_was_sent(node: RunningNode) -> None:
    canary = "canary-5e1f"
    answers = [
        node.client.post(f"{node.public_url}/{canary}/{canary}"),
        node.call("Locked", headers={"x-api-key": canary}),
        node.call("Small", content=canary.encode() * 2),
        node.call(MANY_CHECKS, params={canary: canary}, content=canary.encode()[:SMALL]),
    ]
    assert all(answer.status_code >= 400 for answer in answers)
    assert not any(canary in answer.text for answer in answers)
