"""Documents are filled from expressions, and responses are what may be sent."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from firesteel.authoring import Response as AuthoredResponse
from firesteel.model import message as model
from firesteel.model.integration import ResponseTemplate
from firesteel.model.parameters import compile_parameters
from firesteel.model.trigger import QueryParameter, Trigger
from firesteel.worker.expressions import ExpressionSyntax, compile_expression
from firesteel.worker.mapping import (
    ResponseInvalid,
    as_text,
    compile_document,
    compile_response,
    data_processing_context,
    render_response,
)
from firesteel.worker.message import ReceivedMessage

BIG = 12345678901234567890123
CONTEXT: dict[str, Any] = {
    "input": {"no": BIG, "price": Decimal("12.50"), "none": None, "item": "A-100", "list": [1]}
}


@pytest.mark.parametrize(
    ("document", "value"),
    [
        ("{% input.no %}", BIG),
        ("{% input.nothing %}", None),
        ("/items/{% input.item %}/{% input.no %}", f"/items/A-100/{BIG}"),
        ("<{% input.none %}|{% input.nothing %}|{% true %}>", "<||true>"),
        ("{% input.list %}{% input.price %}", "[1]12.50"),
        ({"a": "{% input.nothing %}", "b": "{% input.none %}"}, {"b": None}),
        ({"a": {"b": "{% input.nothing %}"}}, {"a": {}}),
        (["{% input.nothing %}", "{% input.item %}"], [None, "A-100"]),
        ({"n": 1, "t": "text", "f": 1.5, "z": None}, {"n": 1, "t": "text", "f": 1.5, "z": None}),
        ("\n  {% input.list %}\n", [1]),
    ],
)
def test_a_document_is_filled_from_its_expressions(document: Any, value: Any) -> None:
    assert compile_document(document).evaluate(CONTEXT) == value


@pytest.mark.parametrize("document", ["{% a", "{% %}", {"a": ["{% 1 + %}"]}])
def test_a_document_that_does_not_compile_is_refused(document: Any) -> None:
    with pytest.raises(ExpressionSyntax):
        compile_document(document)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (False, "false"),
        (BIG, str(BIG)),
        (Decimal("0.0000001"), "0.0000001"),
        (1e21, "1e+21"),
        ({"a": [1, None]}, '{"a":[1,null]}'),
    ],
)
def test_values_are_inserted_as_text(value: Any, text: str) -> None:
    assert as_text(value) == text


def received(body: bytes, content_type: bytes = b"application/json") -> ReceivedMessage:
    headers = [(b"content-type", content_type), (b"x-event-id", b"1"), (b"x-event-id", b"2")]
    request = model.encode_request(model.Request("POST", "/t/n", b"day=2024-02-29&n=1.50", headers))
    message = model.Message("m" * 32, 7, 1_700_000_000_123_456, "shop", request, body)
    declared = [
        QueryParameter(name="day", type="date"),
        QueryParameter(name="n", type="number"),
        QueryParameter(name="currency", default="EUR"),
    ]
    return ReceivedMessage(message, 1, compile_parameters(Trigger(query_parameters=declared)))


def test_data_processing_sees_what_was_received() -> None:
    source = """{
        "method": method, "query": query, "event": headers.`x-event-id`, "no": body.no,
        "text": body_text, "base64": body_base64, "error": body_error, "message": message
    }"""
    context = data_processing_context(received(b'{"no": 9007199254740993}'))
    assert compile_expression(source).evaluate(context) == {
        "method": "POST",
        "query": {"day": "2024-02-29", "n": Decimal("1.50"), "currency": "EUR"},
        "event": "1, 2",
        "no": 9007199254740993,
        "text": '{"no": 9007199254740993}',
        "base64": "eyJubyI6IDkwMDcxOTkyNTQ3NDA5OTN9",
        "error": None,
        "message": {
            "id": "m" * 32,
            "sequence": 7,
            "received_at": "2023-11-14T22:13:20.123456Z",
            "consumer": "shop",
        },
    }


def test_a_body_that_cannot_be_parsed_is_seen_with_its_reason() -> None:
    context = data_processing_context(received(b"{", b"application/json"))
    source = '{"body": body, "error": body_error, "text": body_text}'
    error = "the text is not JSON at line 1, column 2"
    found = compile_expression(source).evaluate(context)
    assert found == {"body": None, "error": error, "text": "{"}


def test_the_whole_of_what_was_received_can_be_passed_on() -> None:
    context = data_processing_context(received(b"[1, null]"))
    found = compile_expression("$").evaluate(context)
    assert found["body"] == [1, None]
    assert compile_expression("$keys($)").evaluate(context)[:2] == ["method", "query"]
    assert compile_expression("$count(*)").evaluate(context) > 5


def test_a_body_that_no_expression_reads_is_not_parsed() -> None:
    message = received(b"not looked at")
    compile_expression("{'m': method, 'q': query.n}").evaluate(data_processing_context(message))
    assert message._parsed is None


@dataclass
class Customer:
    no: int
    since: date


@pytest.mark.parametrize(
    ("result", "status", "content_type", "body"),
    [
        (None, 204, None, b""),
        ("text \xe9", 200, "text/plain; charset=utf-8", "text \xe9".encode()),
        (b"\x00", 200, "application/octet-stream", b"\x00"),
        ({"a": Decimal("1.50")}, 200, "application/json", b'{"a":1.50}'),
        ([], 200, "application/json", b"[]"),
        (False, 200, "application/json", b"false"),
        (
            Customer(BIG, date(2024, 2, 29)),
            200,
            "application/json",
            f'{{"no":{BIG},"since":"2024-02-29"}}'.encode(),
        ),
        (AuthoredResponse({"no": 1}, status=201), 201, "application/json", b'{"no":1}'),
        (
            AuthoredResponse("<p>", headers={"Content-Type": "text/html"}),
            200,
            "text/html",
            b"<p>",
        ),
        (AuthoredResponse({"no": 1}, status=204), 204, None, b""),
        (AuthoredResponse(None, status=202), 202, None, b""),
    ],
)
def test_a_result_is_the_response(
    result: Any, status: int, content_type: str | None, body: bytes
) -> None:
    response = render_response(None, {}, result)
    assert (response.status, response.body) == (status, body)
    assert dict(response.headers).get("content-type") == content_type


def rendered(template: dict[str, Any], result: Any = None) -> Any:
    compiled = compile_response(ResponseTemplate(**template))
    return render_response(compiled, CONTEXT, result)


def test_a_template_says_status_headers_and_body() -> None:
    response = rendered(
        {
            "status": "{% input.item ? 201 : 404 %}",
            "headers": {
                "Location": "/items/{% input.item %}",
                "X-None": "{% input.nothing %}",
                "Link": ["a", "b"],
            },
            "body": {"item": "{% input.item %}", "none": "{% input.nothing %}"},
        }
    )
    assert response.status == 201
    assert json.loads(response.body) == {"item": "A-100"}
    assert response.headers == [
        ("content-type", "application/json"),
        ("location", "/items/A-100"),
        ("link", "a"),
        ("link", "b"),
    ]


def test_a_template_may_be_text_or_leave_the_body_to_the_result() -> None:
    text = rendered({"text": "item {% input.item %}"})
    assert text.body == b"item A-100"
    assert text.headers == [("content-type", "text/plain; charset=utf-8")]
    own = rendered({"status": 202}, {"done": True})
    assert (own.status, own.body) == (202, b'{"done":true}')
    assert rendered({"status": 204, "body": {"a": 1}}).body == b""


@pytest.mark.parametrize(
    "result",
    [
        AuthoredResponse("", status=199),
        AuthoredResponse("", status=600),
        AuthoredResponse("", status=True),
        AuthoredResponse("", headers={"a b": "1"}),
        AuthoredResponse("", headers={"": "1"}),
        AuthoredResponse("", headers={"x-a": "1\r\nset-cookie: a=b"}),
        AuthoredResponse("", headers={"x-a": "1\n"}),
        AuthoredResponse("", headers={"x-a\r\n": "1"}),
        AuthoredResponse("", headers={"x-a": "\x00"}),
        AuthoredResponse("", headers={"x-a": "\u20ac"}),
        AuthoredResponse("", headers={"Content-Length": "1"}),
        AuthoredResponse("", headers={"Transfer-Encoding": "chunked"}),
        AuthoredResponse("", headers={"Connection": "close"}),
        AuthoredResponse("", headers={"Set-Cookie": "a=b"}),
        AuthoredResponse("", headers={"Clear-Site-Data": "*"}),
        AuthoredResponse("", headers={"Firesteel-Message-Id": "1"}),
        AuthoredResponse("", headers={f"x-{number}": "1" for number in range(101)}),
        AuthoredResponse("", headers={"x-a": "1" * 40_000}),
        {"a": float("nan")},
        object(),
        "\ud800",
    ],
)
def test_a_response_that_cannot_be_sent_fails_for_good(result: Any) -> None:
    with pytest.raises(ResponseInvalid) as caught:
        render_response(None, {}, result)
    assert caught.value.code == "response_invalid"


@pytest.mark.parametrize("status", ["{% 'ok' %}", "{% 99 %}", "{% 200.5 %}", "{% nothing %}"])
def test_a_status_that_is_none_fails_for_good(status: str) -> None:
    with pytest.raises(ResponseInvalid):
        rendered({"status": status})


def test_times_are_written_as_iso_8601() -> None:
    response = render_response(None, {}, {"at": datetime(2024, 1, 1, tzinfo=UTC)})
    assert response.body == b'{"at":"2024-01-01T00:00:00Z"}'
