"""What reaches the engine: bytes as sent, headers and query in order, keys by their paths."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firesteel.engine.calls import BodyKeys
from firesteel.gateway.keys import LOOP_LIMIT_BYTES
from firesteel.model.execution import InputFault
from tests.support.raw_http import request
from tests.unit.gateway.conftest import KEY, Served


@given(
    body=st.binary(max_size=70_000),
    cuts=st.lists(st.integers(0, 70_000), max_size=4),
    chunked=st.booleans(),
    content_type=st.sampled_from(["application/json", "text/plain; charset=utf-16", "a/b", ""]),
)
@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_p05_the_bytes_accepted_are_the_bytes_sent(
    served: Served, body: bytes, cuts: list[int], chunked: bool, content_type: str
) -> None:
    if not served.engine.calls:
        served.engine.publish({"name": "Bytes"})
    places = sorted({min(cut, len(body)) for cut in cuts} | {0, len(body)})
    pieces = [body[start:end] for start, end in itertools.pairwise(places)]
    async with await served.connect() as connection:
        if chunked:
            head = request(
                "POST", "/t37ed/Bytes", transfer_encoding="chunked", content_type=content_type
            )
            await connection.send(head)
            for piece in pieces:
                await connection.send(b"%x\r\n%b\r\n" % (len(piece), piece))
            await connection.send(b"0\r\n\r\n")
        else:
            head = request("POST", "/t37ed/Bytes", content_length=str(len(body)))
            for piece in [head, *pieces]:
                await connection.send(piece)
        assert (await connection.answer()).status == 202
    assert served.engine.calls[-1].body == body


async def test_p05_headers_and_query_keep_order_and_number(served: Served) -> None:
    served.engine.publish({"name": "Bytes"})
    await served.call(
        "GET",
        "/t37ed/Bytes?b=2&a=1&b=%C3%A5&=&c",
        X_Two=["1", "2"],
        Accept="*/*",
        x_two="3",
    )
    sent = served.engine.calls[0].request
    assert sent.raw_query == b"b=2&a=1&b=%C3%A5&=&c"
    assert sent.headers == [
        (b"host", b"firesteel.test"),
        (b"x-two", b"1"),
        (b"x-two", b"2"),
        (b"accept", b"*/*"),
        (b"x-two", b"3"),
    ]


async def test_credential_headers_are_removed_before_acceptance(served: Served) -> None:
    trigger = {"authentication": [{"api_key": {"label": "web shop"}}]}
    served.engine.publish({"name": "Locked", "trigger": trigger}, keys=[("web shop", KEY)])
    await served.call(
        "POST",
        "/t37ed/Locked",
        b"{}",
        x_api_key=KEY,
        authorization="Basic abc",
        cookie="a=b",
        proxy_authorization="Basic abc",
        x_other="kept",
    )
    (call,) = served.engine.calls
    assert [name for name, _ in call.request.headers] == [b"host", b"x-other", b"content-length"]


async def test_an_unordered_trigger_has_no_lane_and_an_ordered_one_has_one(served: Served) -> None:
    served.engine.publish({"name": "Free"})
    served.engine.publish({"name": "Line", "trigger": {"ordered_delivery": True}})
    for name in ("Free", "Line"):
        await served.call("POST", f"/t37ed/{name}", b"")
        await served.call("POST", f"/t37ed/{name}", b"", idempotency_key="k")
    assert [call.lane_key for call in served.engine.calls] == [None, None, "", ""]
    assert [call.idempotency_key for call in served.engine.calls] == [None, "k", None, "k"]


@pytest.mark.parametrize(
    ("path", "target", "headers", "body"),
    [
        ("body.customer.no", "", {"content_type": "application/json"}, b'{"customer":{"no":"7"}}'),
        ("body.0", "", {"content_type": "application/vnd.x+json"}, b'["7"]'),
        ("query.customer", "?customer=7", {}, b""),
        ("headers.x-customer", "", {"x_customer": "7"}, b""),
    ],
)
async def test_an_ordering_key_is_read_from_its_path(
    served: Served, path: str, target: str, headers: dict[str, str], body: bytes
) -> None:
    served.engine.publish({"name": "Line", "trigger": {"ordered_delivery": {"key": path}}})
    answer = await served.call("POST", "/t37ed/Line" + target, body, **headers)
    assert answer.status == 202
    assert served.engine.calls[0].lane_key == "7"


@pytest.mark.parametrize("body", [b"", b"{}", b"not json", b'{"no": null}', b'{"no": {}}'])
async def test_an_ordering_key_that_yields_nothing_is_400(served: Served, body: bytes) -> None:
    served.engine.publish({"name": "Line", "trigger": {"ordered_delivery": {"key": "body.no"}}})
    answer = await served.call("POST", "/t37ed/Line", body, content_type="application/json")
    assert (answer.status, answer.code) == (400, "missing_key")
    assert served.engine.calls == []


async def test_an_idempotency_key_that_yields_nothing_is_absent(served: Served) -> None:
    served.engine.publish({"name": "Once", "trigger": {"idempotency": {"key": "body.event"}}})
    json_type = {"content_type": "application/json"}
    await served.call("POST", "/t37ed/Once", b'{"event": 12}', **json_type)
    await served.call("POST", "/t37ed/Once", b"{}", **json_type)
    await served.call("POST", "/t37ed/Once", b"{}", idempotency_key="ignored", **json_type)
    assert [call.idempotency_key for call in served.engine.calls] == ["12", None, None]


async def test_search_values_are_read_where_they_are(served: Served) -> None:
    search = {"order_no": "body.order_no", "event": "headers.x-event", "who": "consumer"}
    served.engine.publish({"name": "Find", "search": search})
    await served.call(
        "POST", "/t37ed/Find", b'{"order_no": 7}', content_type="application/json", x_event="e"
    )
    await served.call("POST", "/t37ed/Find", b"")
    assert [call.search for call in served.engine.calls] == [
        (("order_no", "7"), ("event", "e")),
        (),
    ]


async def test_p27_a_body_goes_to_a_worker_from_the_first_byte_over_the_loops_limit(
    served: Served,
) -> None:
    served.engine.publish({"name": "Big", "search": {"no": "body.no"}})
    limit = b'{"no": 7, "x": "' + b"y" * (LOOP_LIMIT_BYTES - 18) + b'"}'
    assert len(limit) == LOOP_LIMIT_BYTES
    for body in (limit, limit + b" "):
        await served.call("POST", "/t37ed/Big", body, content_type="application/json")
    assert [len(body) for body, _ in served.engine.big_bodies] == [LOOP_LIMIT_BYTES + 1]
    assert served.engine.calls[0].search == (("no", "7"),)


async def test_where_duplicates_are_not_looked_for_a_key_names_nothing(served: Served) -> None:
    served.engine.publish({"name": "Never", "trigger": {"idempotency": False}})
    for _ in range(2):
        await served.call("POST", "/t37ed/Never", b"", idempotency_key="k")
    assert [call.idempotency_key for call in served.engine.calls] == [None, None]


async def test_a_big_body_is_read_by_a_worker_and_a_bigger_one_has_no_keys(served: Served) -> None:
    served.engine.publish({"name": "Big", "search": {"no": "body.no", "event": "headers.x-event"}})
    served.engine.body_keys = BodyKeys([], ["7"])
    body = json.dumps({"no": 7, "x": "y" * 300_000}).encode()
    await served.call("POST", "/t37ed/Big", body, content_type="application/json", x_event="e")
    await served.call("POST", "/t37ed/Big", body * 4, content_type="application/json")
    assert served.engine.big_bodies == [(body, ["body.no"])]
    assert [call.search for call in served.engine.calls] == [(("no", "7"), ("event", "e")), ()]


async def test_a_big_body_is_503_while_there_is_no_worker_to_read_it(served: Served) -> None:
    served.engine.publish({"name": "Big", "search": {"no": "body.no"}})
    served.engine.body_keys = None
    answer = await served.call("POST", "/t37ed/Big", b"x" * 300_000)
    assert (answer.status, answer.code) == (503, "workers_unavailable")
    assert answer["retry-after"] == "1"
    assert served.engine.calls == []


async def test_a_body_that_is_not_what_the_trigger_asks_for_is_400(served: Served) -> None:
    served.engine.publish({"name": "Json", "trigger": {"body": "json"}})
    good = await served.call("POST", "/t37ed/Json", b"[1]", content_type="application/json")
    bad = await served.call("POST", "/t37ed/Json", b"[1", content_type="application/json")
    assert good.status == 202
    assert (bad.status, bad.code) == (400, "body_invalid")
    assert bad.json["errors"]
    served.engine.body_keys = BodyKeys([InputFault("/0", "wrong_type", "is no text")], [])
    big = await served.call(
        "POST", "/t37ed/Json", b"[%s]" % (b"1" * 300_000), content_type="application/json"
    )
    assert big.json["errors"] == [{"pointer": "/0", "code": "wrong_type", "detail": "is no text"}]


REDACTED: dict[str, Any] = {
    "name": "Secret",
    "redact": ["x-token", "headers.x-other", "query.pin", "body.card.no", "body.lines.1.x"],
    "search": {"sum": "body.card.a"},
}


async def test_redacted_values_are_replaced_in_place_before_acceptance(served: Served) -> None:
    served.engine.publish(REDACTED)
    body = b'{ "card" : {"no": 4111, "a":1.50}, "lines":[{"x":1},{"x":[1, "}"]}], "z":"\xc3\xa5"}'
    answer = await served.call(
        "POST",
        "/t37ed/Secret?a=1&pin=123&b=%2B",
        body,
        x_token="t",
        X_Other="o",
        content_type="application/json",
    )
    assert answer.status == 202
    (call,) = served.engine.calls
    assert call.body == (
        b'{ "card" : {"no": "***", "a":1.50}, "lines":[{"x":1},{"x":"***"}], "z":"\xc3\xa5"}'
    )
    assert call.request.raw_query == b"a=1&pin=***&b=%2B"
    assert call.request.header(b"x-token") == call.request.header(b"x-other") == b"***"
    assert call.search == (("sum", "1.5"),)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b'{"card": {"no": 4111'),
        ("application/xml", b"<card>"),
        ("application/octet-stream", b"4111"),
        ("text/plain", b'{"card": {"no": 4111}}'),
    ],
)
async def test_a_body_that_cannot_be_redacted_is_not_stored(
    served: Served, content_type: str, body: bytes
) -> None:
    served.engine.publish(REDACTED)
    answer = await served.call("POST", "/t37ed/Secret", body, content_type=content_type)
    assert answer.code == "body_invalid"
    assert served.engine.calls == []


async def test_a_big_body_is_redacted_in_a_worker(served: Served) -> None:
    served.engine.publish(REDACTED)
    served.engine.body_keys = BodyKeys([], [None])
    body = b'{"card": {"no": 4111}, "rest": "' + b"x" * 300_000 + b'"}'
    answer = await served.call("POST", "/t37ed/Secret", body, content_type="application/json")
    assert answer.status == 202
    assert served.engine.big_bodies[-1] == (body, REDACTED["redact"])
    (call,) = served.engine.calls
    assert call.body == body.replace(b"4111", b'"***"')


async def test_a_big_body_that_cannot_be_redacted_is_not_stored(served: Served) -> None:
    served.engine.publish({**REDACTED, "search": {}})
    served.engine.body_keys = BodyKeys([], [])
    body = b'{"card": {"no": 4111' + b" " * 300_000
    answer = await served.call("POST", "/t37ed/Secret", body, content_type="application/json")
    assert answer.code == "body_invalid"
    served.engine.body_keys = None
    answer = await served.call("POST", "/t37ed/Secret", body, content_type="application/json")
    assert answer.code == "workers_unavailable"
    assert served.engine.calls == []


async def test_a_body_of_two_content_types_cannot_be_redacted(served: Served) -> None:
    served.engine.publish(REDACTED)
    body = b'{"card": {"no": 4111}}'
    answer = await served.call(
        "POST", "/t37ed/Secret", body, content_type=["text/plain", "application/json"]
    )
    assert answer.code == "body_invalid"
    assert served.engine.calls == []
