"""Browsers let the pages of a trigger's origins call it and read its answers, errors too (CORS)."""

from __future__ import annotations

from typing import Any

import pytest

from firesteel.model.execution import Response
from tests.support.raw_http import Answer
from tests.unit.gateway.conftest import KEY, Served

SHOP = "https://shop.example.com"
ELSEWHERE = "https://evil.example.com"
PAGE = {"origin": SHOP}


def publish(served: Served, cors: dict[str, Any] | None, **trigger: Any) -> None:
    keys = [{"api_key": {"label": "web shop"}}]
    document = {
        "name": "Price",
        "trigger": {"authentication": keys, "cors": cors, **trigger},
        "workflow": {"python": "work:run"},
    }
    if cors is None:
        del document["trigger"]["cors"]  # type: ignore[attr-defined]
    served.engine.publish(document, keys=[("web shop", KEY)])


def allows(answer: Answer) -> dict[str, str]:
    """What a browser is told of pages from elsewhere."""
    found = {n: v for n, v in answer.headers if n.startswith("access-control-")}
    assert len(found) == sum(n.startswith("access-control-") for n, _ in answer.headers)
    return found


async def preflight(served: Served, origin: str = SHOP, path: str = "/t37ed/Price") -> Answer:
    asked = {"origin": origin, "access_control_request_method": "POST"}
    return await served.call("OPTIONS", path, **asked)


async def test_a_preflight_is_answered_without_credentials_and_without_a_message(
    served: Served,
) -> None:
    publish(served, {"origins": [SHOP], "headers": ["x-api-key", "x-cart"], "max_age": "1h"})
    answer = await preflight(served)
    assert answer.status == 204
    assert allows(answer) == {
        "access-control-allow-origin": SHOP,
        "access-control-allow-methods": "GET, POST",
        "access-control-allow-headers": "x-api-key, x-cart",
        "access-control-max-age": "3600",
    }
    vary = ", ".join(value for name, value in answer.headers if name == "vary")
    assert {"Origin", "Access-Control-Request-Method"} <= set(vary.split(", "))
    assert served.engine.calls == []


async def test_the_answer_may_be_read_by_the_page_and_caches_know_why(served: Served) -> None:
    publish(served, {"origins": [SHOP, "http://localhost:5173"], "expose": ["x-total"]})
    answer = await served.call("POST", "/t37ed/Price", b"{}", x_api_key=KEY, **PAGE)
    assert answer.status == 202
    told = allows(answer)
    assert told.pop("access-control-expose-headers").split(", ")[-1] == "x-total"
    assert told == {"access-control-allow-origin": SHOP}
    assert answer["vary"] == "Origin"
    state = await served.call("GET", answer["location"], x_api_key=KEY, **PAGE)
    assert allows(state)["access-control-allow-origin"] == SHOP


@pytest.mark.parametrize(
    "origin",
    [
        ELSEWHERE,
        "null",
        "https://shop.example.com.evil.example",
        "https://shop.example.com:8443",
        "http://shop.example.com",
        "https://SHOP.example.com",
        "https://shop.example.com/",
        "https://sub.shop.example.com",
        "*",
    ],
)
async def test_a_page_from_elsewhere_is_told_nothing(served: Served, origin: str) -> None:
    publish(served, {"origins": [SHOP], "credentials": True})
    asked = await preflight(served, origin)
    assert (asked.status, allows(asked), asked["vary"]) == (204, {}, "Origin")
    answer = await served.call("POST", "/t37ed/Price", b"{}", x_api_key=KEY, origin=origin)
    assert (answer.status, allows(answer), answer["vary"]) == (202, {}, "Origin")


async def test_errors_may_be_read_too(served: Served) -> None:
    rate = {"rate": "1/h", "per": "trigger"}
    publish(served, {"origins": [SHOP]}, rate_limit=rate, max_body="4B", methods=["POST"])
    calls: list[tuple[int, tuple[str, bytes | None, dict[str, str]]]] = [
        (401, ("POST", b"{}", {"x_api_key": "wrong-key-0123456789"})),
        (405, ("GET", None, {"x_api_key": KEY})),
        (413, ("POST", b"12345", {"x_api_key": KEY})),
        (202, ("POST", b"{}", {"x_api_key": KEY})),
        (429, ("POST", b"{}", {"x_api_key": KEY})),
    ]
    for status, (method, body, headers) in calls:
        answer = await served.call(method, "/t37ed/Price", body, **headers, **PAGE)
        assert answer.status == status
        assert allows(answer)["access-control-allow-origin"] == SHOP, status
        assert "Retry-After" in allows(answer)["access-control-expose-headers"]


async def test_credentials_of_the_browser_are_for_named_origins_only(served: Served) -> None:
    publish(served, {"origins": [SHOP], "credentials": True})
    for answer in (await preflight(served), await served.call("POST", "/t37ed/Price", b"", **PAGE)):
        assert allows(answer)["access-control-allow-credentials"] == "true"


async def test_any_page_may_call_where_the_origin_is_a_star(served: Served) -> None:
    publish(served, {"origins": ["*"]})
    answer = await served.call("POST", "/t37ed/Price", b"{}", x_api_key=KEY, origin=ELSEWHERE)
    assert allows(answer)["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in allows(answer)
    assert "vary" not in dict(answer.headers)


async def test_callers_that_are_no_browsers_are_told_nothing(served: Served) -> None:
    publish(served, {"origins": [SHOP]})
    answer = await served.call("POST", "/t37ed/Price", b"{}", x_api_key=KEY)
    assert (answer.status, allows(answer), answer["vary"]) == (202, {}, "Origin")
    plain = await served.call("OPTIONS", "/t37ed/Price", x_api_key=KEY)
    assert (plain.status, plain["allow"]) == (405, "GET, POST")


async def test_without_cors_nothing_is_said_and_a_preflight_is_no_call(served: Served) -> None:
    publish(served, None)
    answer = await preflight(served)
    assert (answer.status, allows(answer)) == (401, {})
    assert "vary" not in dict(answer.headers)


async def test_a_switched_off_trigger_is_not_told_from_nothing(served: Served) -> None:
    publish(served, {"origins": [SHOP]})
    (route,) = served.engine.routes
    served.engine.switch(route, enabled=False)
    for answer, nothing in (
        (await preflight(served), await preflight(served, path="/t37ed/Nothing")),
        (
            await served.call("POST", "/t37ed/Price", b"", **PAGE),
            await served.call("POST", "/t37ed/Nothing", b"", **PAGE),
        ),
    ):
        names = [[name for name, _ in one.headers] for one in (answer, nothing)]
        assert (answer.status, names[0]) == (nothing.status, names[1]) == (404, names[1])


async def test_what_a_workflow_says_of_it_is_dropped(served: Served) -> None:
    publish(served, {"origins": [SHOP]}, request_response=True)
    headers = [("access-control-allow-origin", "*"), ("x-total", "7"), ("vary", "accept")]
    served.engine.answer = lambda _call: Response(200, headers, b"{}")
    answer = await served.call("POST", "/t37ed/Price", b"{}", x_api_key=KEY, **PAGE)
    assert allows(answer)["access-control-allow-origin"] == SHOP
    assert [value for name, value in answer.headers if name == "vary"] == ["accept", "Origin"]
    assert answer["x-total"] == "7"
