"""Who is let in by other means than API keys, and that a refusal tells nothing."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from firesteel.gateway.failed_attempts import AT_ONCE, KEPT_MOST, FailedAttempts, network_of
from firesteel.model.forwarded import address_of
from tests.support.memory_engine import MemoryEngine
from tests.support.raw_http import Answer
from tests.unit.gateway.conftest import KEY, Served

GITHUB_SECRET = "It's a Secret to Everybody"
GITHUB_SIGNATURE = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
SECRETS = {"ERP": "päss:word", "GITHUB": GITHUB_SECRET}
BASIC = {"basic": {"label": "ERP", "username": "erp", "password": "${ERP}"}}
SIGNED = {"signature": {"label": "GitHub", "preset": "github", "secrets": ["${GITHUB}"]}}
ALL = [{"api_key": {"label": "web shop"}}, BASIC, SIGNED]


def basic(pair: str) -> str:
    return "Basic " + base64.b64encode(pair.encode()).decode()


def publish(engine: MemoryEngine, *items: dict[str, Any], **trigger: Any) -> None:
    document = {"name": "hook", "trigger": {"authentication": list(items), **trigger}}
    keys = [("web shop", KEY)] if ALL[0] in items else []
    engine.publish(document, keys=keys, secrets=SECRETS)


async def call(served: Served, body: bytes = b"Hello, World!", **headers: Any) -> Answer:
    return await served.call("POST", "/t37ed/hook", body, **headers)


@pytest.mark.parametrize(
    ("headers", "consumer"),
    [
        ({"x_api_key": KEY}, "web shop"),
        ({"authorization": f"Bearer {KEY}"}, "web shop"),
        ({"authorization": basic("erp:päss:word")}, "ERP"),
        ({"authorization": basic("erp:päss:word").replace("Basic", "bAsIc")}, "ERP"),
        ({"x_hub_signature_256": GITHUB_SIGNATURE}, "GitHub"),
        ({"x_hub_signature_256": GITHUB_SIGNATURE, "x_api_key": "wrong"}, "GitHub"),
        ({"authorization": basic("erp:päss:word"), "x_api_key": "wrong"}, "ERP"),
    ],
)
async def test_a_call_passes_if_any_way_does(
    served: Served, headers: dict[str, str], consumer: str
) -> None:
    publish(served.engine, *ALL)
    assert (await call(served, **headers)).status == 202
    assert [accepted.consumer for accepted in served.engine.calls] == [consumer]


WRONG: list[dict[str, Any]] = [
    {},
    {"x_api_key": "wrong"},
    {"authorization": f"Basic {KEY}"},
    {"authorization": basic("erp:wrong")},
    {"authorization": basic("nobody:päss:word")},
    {"authorization": basic("erppäss:word")},
    {"authorization": basic("ERP:päss:word")},
    {"authorization": basic("erp:" + "x" * 4000)},
    {"authorization": "Basic ä"},
    {"authorization": "Basic"},
    {"authorization": [basic("erp:päss:word"), "Basic x"]},
    {"authorization": "Bearer a.b.c"},
    {"x_hub_signature_256": "sha256=" + "0" * 64},
    {"x_hub_signature_256": GITHUB_SIGNATURE.removeprefix("sha256=")},
    {"x_hub_signature": GITHUB_SIGNATURE},
]


async def test_every_refusal_of_a_trigger_is_the_same_to_the_byte(served: Served) -> None:
    publish(served.engine, *ALL)
    answers = [await call(served, **headers, request_id="r") for headers in WRONG]
    seen = {
        (answer.status, answer.body, tuple(h for h in answer.headers if h[0] != "date"))
        for answer in answers
    }
    assert len(seen) == 1
    assert (answers[0].status, answers[0].code) == (401, "unauthorized")
    assert answers[0]["www-authenticate"] == (
        'Bearer realm="firesteel", Basic realm="firesteel", charset="UTF-8",'
        ' Signature realm="firesteel"'
    )
    assert served.engine.calls == []


async def test_the_status_of_a_message_asks_for_the_same_credentials(served: Served) -> None:
    publish(served.engine, BASIC)
    made = await call(served, authorization=basic("erp:päss:word"))
    url = made.json["status_url"]
    assert (await served.call("GET", url)).code == "unauthorized"
    assert (await served.call("GET", url, authorization=basic("erp:no"))).code == "unauthorized"
    found = await served.call("GET", url, authorization=basic("erp:päss:word"))
    assert found.status == 200


# addresses


@pytest.mark.parametrize(("networks", "status"), [(["127.0.0.0/8"], 202), (["10.0.0.0/8"], 401)])
@pytest.mark.parametrize("items", [[], [BASIC]])
async def test_the_address_is_a_condition_beside_the_credentials(
    served: Served, networks: list[str], status: int, items: list[dict[str, Any]]
) -> None:
    publish(served.engine, *items, allowed_addresses=networks)
    right = await call(served, authorization=basic("erp:päss:word"))
    assert right.status == status
    wrong = await call(served, authorization=basic("erp:no"), request_id="r")
    assert wrong.status == (401 if items else status)
    if status == 401:
        other = await call(served, authorization=basic("erp:päss:word"), request_id="r")
        assert (other.body, other["www-authenticate"]) == (wrong.body, wrong["www-authenticate"])


# attempts


async def test_wrong_credentials_are_limited_by_address_and_trigger(served: Served) -> None:
    publish(served.engine, *ALL)
    served.engine.publish({"name": "other", "trigger": {"authentication": [BASIC]}})
    wrong = [headers for headers in WRONG if headers.get("authorization")]
    for number in range(AT_ONCE):
        assert (await call(served, **wrong[number % len(wrong)])).status == 401
    limited = await call(served, authorization=basic("erp:päss:word"))
    assert (limited.status, limited.code) == (429, "attempts_limited")
    wait_s = int(limited["retry-after"])
    assert wait_s >= 1
    assert (await served.call("GET", "/t37ed/other")).status == 401
    assert (await served.call("GET", "/t37ed/other", x_api_key="wrong")).status == 401
    served.monotonic_s += wait_s
    assert (await call(served, authorization=basic("erp:päss:word"))).status == 202


async def test_calls_without_credentials_and_right_ones_count_as_no_attempt(
    served: Served,
) -> None:
    publish(served.engine, *ALL)
    for _ in range(2 * AT_ONCE):
        assert (await call(served)).status == 401
        assert (await call(served, x_api_key=KEY)).status == 202


def test_attempts_take_a_bounded_room_and_are_forgotten() -> None:
    now = 0.0
    failed = FailedAttempts(lambda: now, most=100)
    for number in range(1000):
        failed.count(address_of(f"10.0.{number // 250}.{number % 250}"), 1)
        assert len(failed._free_at) <= 100
    assert failed.any
    now += 3600.0
    assert failed.wait_s(None, 1) == 0
    assert not failed.any
    assert KEPT_MOST <= 100_000


def test_an_ipv6_network_is_one_caller_and_unknown_callers_are_one() -> None:
    one, two = address_of("2001:db8::1"), address_of("2001:db8::ffff:1")
    assert network_of(one) == network_of(two)
    assert network_of(one) != network_of(address_of("2001:db8:0:1::1"))
    assert network_of(address_of("192.0.2.1")) != network_of(address_of("192.0.2.2"))
    assert network_of(None) == network_of(None)


# handshakes


async def test_microsoft_graph_is_told_its_token_as_text(served: Served) -> None:
    publish(served.engine, BASIC, handshakes=["microsoft_graph"])
    path = "/t37ed/hook?validationToken=Validation%3A+Testing+%3Cb%3E+%C3%A4"
    answer = await served.call("POST", path, b"")
    assert (answer.status, answer.body.decode()) == (200, "Validation: Testing <b> ä")
    assert answer["content-type"] == "text/plain; charset=utf-8"
    assert answer["x-content-type-options"] == "nosniff"
    assert answer["content-security-policy"].startswith("sandbox")
    assert (await served.call("GET", path)).status == 401
    too_long = "/t37ed/hook?validationToken=" + "x" * 5000
    assert (await served.call("POST", too_long, b"")).status == 401
    assert served.engine.calls == []


async def test_meta_is_told_its_challenge_for_the_right_token_only(served: Served) -> None:
    publish(
        served.engine, SIGNED, methods=["POST"], handshakes=[{"meta": {"verify_token": "${ERP}"}}]
    )
    path = "/t37ed/hook?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token="
    answer = await served.call("GET", path + "p%C3%A4ss:word")
    assert (answer.status, answer.body) == (200, b"1158201444")
    for number in range(AT_ONCE):
        wrong = await served.call("GET", path + str(number))
        assert (wrong.status, wrong.code) == (401, "unauthorized")
        assert wrong["www-authenticate"] == 'Signature realm="firesteel"'
    assert (await served.call("GET", path + "p%C3%A4ss:word")).code == "attempts_limited"
    assert served.engine.calls == []


async def test_cloudevents_may_ask_whether_it_may_send(served: Served) -> None:
    publish(served.engine, BASIC, handshakes=["cloudevents"])
    origin = {"webhook_request_origin": "eventemitter.example.com", "webhook_request_rate": "120"}
    answer = await served.call("OPTIONS", "/t37ed/hook", **origin)
    assert (answer.status, answer.body) == (200, b"")
    assert answer["webhook-allowed-origin"] == "eventemitter.example.com"
    assert answer["webhook-allowed-rate"] == "*"
    assert answer["allow"] == "GET, POST, OPTIONS"
    assert (await served.call("OPTIONS", "/t37ed/hook")).status == 401
    assert served.engine.calls == []


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
async def test_a_trigger_without_handshakes_answers_none(served: Served, method: str) -> None:
    publish(served.engine, BASIC)
    path = "/t37ed/hook?validationToken=x&hub.mode=subscribe&hub.challenge=x&hub.verify_token=x"
    answer = await served.call(method, path, webhook_request_origin="example.com")
    assert answer.status == 401


async def test_a_switched_off_trigger_shakes_no_hands(served: Served) -> None:
    trigger = {"handshakes": ["microsoft_graph"]}
    served.engine.publish({"name": "hook", "trigger": trigger}, enabled=False)
    assert (await served.call("POST", "/t37ed/hook?validationToken=x", b"")).code == "not_found"
