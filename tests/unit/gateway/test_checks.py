"""Which calls are taken, which are refused, and in which order it is found out."""

from __future__ import annotations

from typing import Any

import pytest

from firesteel.model.problem import PROBLEMS
from tests.support.memory_engine import MemoryEngine
from tests.support.raw_http import request
from tests.unit.gateway.conftest import KEY, Served

LOCKED: dict[str, Any] = {
    "name": "ItemPrice",
    "trigger": {"authentication": [{"api_key": {"label": "web shop"}}]},
}


def locked(engine: MemoryEngine, **trigger: Any) -> Any:
    document = {**LOCKED, "trigger": {**LOCKED["trigger"], **trigger}}
    return engine.publish(document, keys=[("web shop", KEY)])


async def test_a_call_with_the_key_in_x_api_key_is_accepted(served: Served) -> None:
    locked(served.engine)
    answer = await served.call("POST", "/t37ed/ItemPrice", b"{}", x_api_key=KEY)
    assert answer.status == 202
    (call,) = served.engine.calls
    assert call.consumer == "web shop"
    assert served.engine.used_keys == [100]


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_a_call_with_the_key_as_a_bearer_token_is_accepted(
    served: Served, scheme: str
) -> None:
    locked(served.engine)
    answer = await served.call("GET", "/t37ed/ItemPrice", authorization=f"{scheme} {KEY}")
    assert answer.status == 202


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x_api_key": "wrong"},
        {"x_api_key": ""},
        {"x_api_key": KEY.upper()},
        {"x_api_key": [KEY, "wrong"]},
        {"x_api_key": ["wrong", KEY]},
        {"x_api_key": "wrong", "authorization": f"Bearer {KEY}"},
        {"authorization": KEY},
        {"authorization": f"Basic {KEY}"},
        {"authorization": "Bearer"},
        {"x_api_key": "x" * 5000},
    ],
)
async def test_a_missing_or_wrong_key_is_401(served: Served, headers: dict[str, Any]) -> None:
    locked(served.engine)
    answer = await served.call("POST", "/t37ed/ItemPrice", b"{}", **headers)
    assert (answer.status, answer.code) == (401, "unauthorized")
    assert answer["www-authenticate"] == 'Bearer realm="firesteel"'
    assert served.engine.calls == []
    assert served.engine.used_keys == []


async def test_a_key_is_taken_until_it_expires(served: Served) -> None:
    served.engine.publish(LOCKED, keys=[("web shop", KEY, served.now_us + 1)])
    assert (await served.call("GET", "/t37ed/ItemPrice", x_api_key=KEY)).status == 202
    served.now_us += 1
    assert (await served.call("GET", "/t37ed/ItemPrice", x_api_key=KEY)).code == "unauthorized"


async def test_an_old_and_a_new_key_are_valid_together(served: Served) -> None:
    served.engine.publish(LOCKED, keys=[("old", "old-key-0123456789"), ("new", KEY)])
    for key in ("old-key-0123456789", KEY):
        assert (await served.call("GET", "/t37ed/ItemPrice", x_api_key=key)).status == 202


async def test_a_trigger_without_authentication_takes_any_call(served: Served) -> None:
    served.engine.publish({"name": "Open"})
    assert (await served.call("GET", "/t37ed/Open")).status == 202
    assert (await served.call("GET", "/t37ed/Open", x_api_key="any")).status == 202
    assert [call.consumer for call in served.engine.calls] == [None, None]


async def test_unknown_and_switched_off_are_one_and_the_same_404(served: Served) -> None:
    served.engine.publish({**LOCKED, "name": "Off"}, enabled=False, keys=[("web shop", KEY)])
    locked(served.engine)
    answers = [
        await served.call("POST", path, b"{}", x_api_key=KEY, request_id="r")
        for path in ("/t37ed/Off", "/t37ed/Unknown", "/other/ItemPrice", "/t37ed/itemprice")
    ]
    assert {answer.code for answer in answers} == {"not_found"}
    assert len({(answer.status, answer.body) for answer in answers}) == 1
    assert len({tuple(h for h in answer.headers if h[0] != "date") for answer in answers}) == 1


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "//",
        "/t37ed",
        "/t37ed/",
        "/t37ed/ItemPrice/",
        "//t37ed/ItemPrice",
        "/t37ed//ItemPrice",
        "/t37ed/ItemPrice/messages",
        "/t37ed/ItemPrice/messages/",
        "/t37ed/ItemPrice/other/1",
        "/t37ed/ItemPrice/messages/1/other",
        "/t37ed/ItemPrice/messages/1/response/",
        "/t37ed%2FItemPrice",
        "/t37ed/ItemPrice%2F",
        "/t37ed/ItemPrice%00",
        "/t37ed/./ItemPrice",
        "/t37ed/x/../ItemPrice",
        "/t37ed/%FF",
        "/-/health/",
        "/-",
    ],
)
async def test_every_other_path_is_404(served: Served, path: str) -> None:
    locked(served.engine)
    answer = await served.call("GET", path, x_api_key=KEY)
    assert (answer.status, answer.code) == (404, "not_found")
    assert served.engine.calls == []


async def test_an_escaped_path_finds_its_trigger(served: Served) -> None:
    served.engine.publish({"name": "Item-Price.v2"})
    assert (await served.call("GET", "/t37ed/%49tem%2DPrice.v2")).status == 202
    assert served.engine.calls[0].request.path == "/t37ed/%49tem%2DPrice.v2"


@pytest.mark.parametrize(
    "method", ["PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "PROPFIND"]
)
async def test_a_method_that_is_not_listed_is_405_and_starts_nothing(
    served: Served, method: str
) -> None:
    locked(served.engine)
    answer = await served.call(method, "/t37ed/ItemPrice", x_api_key=KEY)
    assert answer.status == 405
    assert answer["allow"] == "GET, POST"
    if method == "HEAD":
        assert answer.body == b""
    else:
        assert answer.code == "method_not_allowed"
    assert served.engine.calls == []


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_the_triggers_own_methods_are_taken(served: Served, method: str) -> None:
    served.engine.publish({"name": "Put", "trigger": {"methods": [method]}})
    assert (await served.call(method, "/t37ed/Put", b"x")).status == 202
    answer = await served.call("GET", "/t37ed/Put")
    assert (answer.code, answer["allow"]) == ("method_not_allowed", method)


async def test_a_body_over_the_limit_is_413_before_it_is_read(served: Served) -> None:
    locked(served.engine, max_body="10B")
    async with await served.connect() as connection:
        head = request("POST", "/t37ed/ItemPrice", x_api_key=KEY, content_length="11")
        answer = await connection.call(head)
        assert answer.code == "body_too_large"
    assert served.engine.calls == []


async def test_a_body_at_the_limit_is_taken(served: Served) -> None:
    locked(served.engine, max_body="10B")
    assert (await served.call("POST", "/t37ed/ItemPrice", b"x" * 10, x_api_key=KEY)).status == 202


async def test_a_chunked_body_is_413_as_soon_as_it_is_over_the_limit(served: Served) -> None:
    locked(served.engine, max_body="10B")
    async with await served.connect() as connection:
        head = request("POST", "/t37ed/ItemPrice", x_api_key=KEY, transfer_encoding="chunked")
        answer = await connection.call(head + b"6\r\n123456\r\n6\r\n123456\r\n")
        assert answer.code == "body_too_large"
        assert await connection.rest() == b""
    assert served.engine.calls == []


async def test_calls_over_the_rate_limit_are_429_with_retry_after(served: Served) -> None:
    locked(served.engine, rate_limit={"rate": "2/s", "burst": 2})
    statuses = [
        (await served.call("GET", "/t37ed/ItemPrice", x_api_key=KEY)).status for _ in range(2)
    ]
    assert statuses == [202, 202]
    answer = await served.call("GET", "/t37ed/ItemPrice", x_api_key=KEY)
    assert (answer.code, answer["retry-after"]) == ("rate_limited", "1")
    served.monotonic_s += 0.5
    assert (await served.call("GET", "/t37ed/ItemPrice", x_api_key=KEY)).status == 202


async def test_every_fault_of_the_query_is_in_one_400(served: Served) -> None:
    parameters = [
        {"name": "item", "required": True},
        {"name": "quantity", "type": "integer"},
        {"name": "currency", "enum": ["EUR", "SEK"]},
    ]
    served.engine.publish({"name": "Q", "trigger": {"query_parameters": parameters}})
    answer = await served.call("GET", "/t37ed/Q?quantity=x&currency=USD")
    assert answer.code == "invalid_parameters"
    faults = {(fault["parameter"], fault["code"]) for fault in answer.json["errors"]}
    assert faults == {
        ("item", "missing"),
        ("quantity", "wrong_type"),
        ("currency", "not_in_enum"),
    }


async def test_the_checks_run_in_their_order(served: Served) -> None:
    """A call with every fault loses them one by one: 404, 401, 405, 413, 503, 429, 400."""
    route = locked(
        served.engine,
        methods=["POST"],
        max_body="5B",
        rate_limit="1/h",
        query_parameters=[{"name": "item", "required": True}],
    )
    served.engine.switch(route, enabled=False)
    await served.call("POST", "/t37ed/ItemPrice", b"", x_api_key=KEY)
    long = b"x" * 6

    async def code(method: str, body: bytes, **headers: str) -> str:
        return (await served.call(method, "/t37ed/ItemPrice", body, **headers)).code

    assert await code("GET", long) == "not_found"
    served.engine.switch(route, enabled=True)
    assert await code("GET", long) == "unauthorized"
    assert await code("GET", long, x_api_key=KEY) == "method_not_allowed"
    assert await code("POST", long, x_api_key=KEY) == "body_too_large"
    served.engine.refusal = "store_unavailable"
    assert await code("POST", b"", x_api_key=KEY) == "store_unavailable"
    served.engine.refusal = None
    assert await code("POST", b"", x_api_key=KEY) == "invalid_parameters"
    assert await code("POST", b"", x_api_key=KEY) == "rate_limited"
    assert served.engine.calls == []


@pytest.mark.parametrize("code", ["node_stopping", "store_unavailable", "disk_full"])
async def test_a_node_that_cannot_accept_answers_503_with_retry_after(
    served: Served, code: str
) -> None:
    locked(served.engine)
    served.engine.refusal = code
    answer = await served.call("POST", "/t37ed/ItemPrice", b"{}", x_api_key=KEY)
    assert (answer.status, answer.code) == (503, code)
    assert answer["retry-after"] == str(PROBLEMS[code].retry_after_s)


async def test_the_health_route_is_200_or_503(served: Served) -> None:
    answer = await served.call("GET", "/-/health")
    assert (answer.status, answer.json) == (200, {"status": "ok"})
    served.engine.refusal = "disk_full"
    assert (await served.call("GET", "/-/health")).code == "disk_full"
    assert (await served.call("POST", "/-/health", b"")).status == 405


async def test_while_the_node_starts_balancers_wait_and_calls_are_taken(served: Served) -> None:
    served.engine.publish({"name": "Before"})
    served.engine.unready = "node_starting"
    health = await served.call("GET", "/-/health")
    assert (health.status, health.code) == (503, "node_starting")
    assert (await served.call("GET", "/t37ed/Before")).status == 202


async def test_new_routes_are_seen_at_once(served: Served) -> None:
    assert (await served.call("GET", "/t37ed/Late")).code == "not_found"
    route = served.engine.publish({"name": "Late"})
    assert (await served.call("GET", "/t37ed/Late")).status == 202
    served.engine.switch(route, enabled=False)
    assert (await served.call("GET", "/t37ed/Late")).code == "not_found"
