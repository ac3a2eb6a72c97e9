"""A consumer's OpenAPI document: valid, and true of each trigger's rules."""

from __future__ import annotations

from typing import Any

import pytest

from firesteel.admin.callers.document import callable_by, consumer_document
from firesteel.admin.callers.samples import body_sample
from firesteel.engine.public_address import PublicAddress
from firesteel.engine.route import Route, RouteKey, compile_route
from firesteel.model.document import parse_document
from tests.support.openapi import assert_valid

PUBLIC = PublicAddress("https://node.example/in", "127.0.0.1", 8080)
KEYS = {b"1": RouteKey(1, "web shop", None), b"2": RouteKey(2, "shop/2", 1000)}
CLOSED = [{"api_key": {"label": "web shop"}}]


def route(name: str = "ItemPrice", trigger: dict[str, Any] | None = None, **more: Any) -> Route:
    enabled, keys = more.pop("enabled", True), more.pop("keys", KEYS)
    whole = {"authentication": CLOSED, **(trigger or {})}
    integration = parse_document({"name": name, "trigger": whole, **more})
    return compile_route(
        integration, numbers=(1, 1, 3), workspace="shop", enabled=enabled, keys=keys
    )


def document(*routes: Route) -> dict[str, Any]:
    made = consumer_document(list(routes), workspace="shop", consumer="web shop", public=PUBLIC)
    assert_valid(made)
    return made


def operation(made: dict[str, Any], method: str = "get", name: str = "ItemPrice") -> Any:
    return made["paths"][f"/shop/{name}"][method]


def parameters(made: dict[str, Any], method: str = "get") -> dict[str, Any]:
    return {item["name"]: item for item in operation(made, method)["parameters"]}


def test_a_consumer_sees_what_its_keys_may_call_now() -> None:
    routes = [
        route("B"),
        route("A"),
        route("Off", enabled=False),
        route("Other", keys={b"3": RouteKey(3, "other", None)}),
    ]

    assert [item.name for item in callable_by(routes, "shop", "web shop", 999)] == ["A", "B"]
    assert [item.name for item in callable_by(routes, "shop", "shop/2", 999)] == ["A", "B"]
    assert callable_by(routes, "shop", "shop/2", 1000) == []
    assert callable_by(routes, "elsewhere", "web shop", 999) == []


def test_the_document_says_where_who_and_which_version() -> None:
    made = document(route("A", description="What A does"), route("B"))

    assert made["servers"] == [{"url": "https://node.example/in"}]
    assert made["info"]["version"] == "6"
    assert "web shop" in made["info"]["title"]
    assert made["tags"][0] == {"name": "A", "description": "What A does"}
    assert operation(made, name="A")["security"] == [{"api_key": []}, {"bearer": []}]
    assert set(made["components"]["securitySchemes"]) == {"api_key", "bearer"}


def test_an_empty_document_is_valid() -> None:
    assert document()["paths"] == {}


def test_query_parameters_have_type_default_enum_and_description() -> None:
    made = document(
        route(
            trigger={
                "query_parameters": [
                    {"name": "item", "required": True, "description": "Item number"},
                    {"name": "currency", "default": "EUR", "enum": ["EUR", "SEK"]},
                    {"name": "quantity", "type": "integer", "default": 1},
                    {"name": "weight", "type": "number"},
                    {"name": "urgent", "type": "boolean"},
                    {"name": "day", "type": "date", "many": True, "enum": ["2027-06-30"]},
                ]
            }
        )
    )
    found = parameters(made)

    assert found["item"]["required"] is True
    assert found["item"]["description"] == "Item number"
    assert found["currency"]["schema"] == {
        "type": "string",
        "enum": ["EUR", "SEK"],
        "default": "EUR",
    }
    assert found["quantity"]["schema"] == {"type": "integer", "default": 1}
    assert found["quantity"]["required"] is False
    assert found["weight"]["schema"] == {"type": "number"}
    assert found["urgent"]["schema"] == {"type": "boolean"}
    assert found["day"]["schema"] == {
        "type": "array",
        "items": {"type": "string", "format": "date", "enum": ["2027-06-30"]},
    }
    assert (found["day"]["style"], found["day"]["explode"]) == ("form", True)


def test_without_request_response_a_call_is_accepted() -> None:
    made = document(route(trigger={"idempotency": False}))

    answers = operation(made)["responses"]
    assert list(answers) == ["202", "400", "401", "404", "405", "413", "429", "500", "503"]
    assert set(answers["202"]["headers"]) == {
        "Request-Id",
        "Firesteel-Message-Id",
        "Firesteel-Sequence",
        "Location",
    }
    schema = answers["202"]["content"]["application/json"]["schema"]["$ref"]
    accepted = made["components"]["schemas"][schema.rpartition("/")[2]]
    assert accepted["required"] == ["id", "sequence", "status_url"]


def test_with_request_response_the_workflow_answers() -> None:
    made = document(
        route(
            trigger={"request_response": {"timeout": "10s"}, "rate_limit": "5/s"},
            response={"status": 201, "body": {"no": "{% input.no %}", "ok": True, "at": ["x"]}},
        )
    )
    answers = operation(made)["responses"]

    assert {"201", "202", "422", "429", "502", "503", "504"} <= set(answers)
    assert answers["201"]["content"]["application/json"]["schema"] == {
        "type": "object",
        "properties": {"no": {}, "ok": {"const": True}, "at": {"type": "array"}},
    }
    assert "10 s" in operation(made)["description"]
    assert "Prefer" in parameters(made)
    assert set(answers["429"]["content"]["application/problem+json"]["examples"]) == {
        "attempts_limited",
        "rate_limited",
        "lane_full",
    }


@pytest.mark.parametrize(
    ("response", "statuses", "media"),
    [
        (None, {"200", "204"}, "*/*"),
        ({"status": "{% 404 %}", "text": "gone"}, {"2XX", "default"}, "text/plain"),
        ({"headers": {"Content-Type": "text/csv"}, "text": "a;{% 1 %}"}, {"200"}, "text/csv"),
        ({"body": "{% steps %}"}, {"200"}, "application/json"),
    ],
)
def test_the_response_is_described_as_far_as_it_is_known(
    response: dict[str, Any] | None, statuses: set[str], media: str
) -> None:
    more = {} if response is None else {"response": response}
    made = document(route(trigger={"request_response": True}, **more))
    answers = operation(made)["responses"]
    own = {status for status in answers if status < "3" or status == "default"} - {"202"}

    assert own == statuses
    assert media in answers[min(own - {"204"})]["content"]


def test_on_timeout_accepted_there_is_no_504() -> None:
    rule = {"timeout": "2s", "on_timeout": "accepted"}
    answers = operation(document(route(trigger={"request_response": rule})))["responses"]

    assert "504" not in answers
    assert "has not answered in time" in answers["202"]["description"]


def test_an_open_trigger_asks_for_no_key() -> None:
    made = operation(document(route(trigger={"authentication": []})))

    assert made["security"] == []
    assert "401" not in made["responses"]


@pytest.mark.parametrize(
    ("body", "media", "required"),
    [
        ("any", ["*/*"], False),
        ("json", ["application/json"], True),
        ("xml", ["application/xml"], True),
        ("form", ["application/x-www-form-urlencoded", "multipart/form-data"], True),
    ],
)
def test_the_body_rule_is_told(body: str, media: list[str], required: bool) -> None:
    made = operation(document(route(trigger={"body": body})), "post")

    assert list(made["requestBody"]["content"]) == media
    assert made["requestBody"]["required"] is required
    examples = made["responses"]["400"]["content"]["application/problem+json"]["examples"]
    assert ("body_invalid" in examples) is required


def test_a_get_has_a_body_only_where_the_rule_asks_for_one() -> None:
    assert "requestBody" not in operation(document(route()))
    assert "requestBody" in operation(document(route(trigger={"body": "json"})))


def test_a_json_schema_stands_in_the_document_with_its_own_references() -> None:
    schema = {
        "$id": "https://example.com/order",
        "type": "object",
        "required": ["no", "lines"],
        "properties": {
            "no": {"$ref": "#/$defs/no"},
            "$ref": {"type": "string"},
            "lines": {"type": "array", "items": {"$ref": "#"}},
            "kind": {"enum": [{"$ref": "#/untouched"}], "default": {"$ref": "#/untouched"}},
            "own": {"$id": "urn:x", "properties": {"a": {"type": "null"}}},
        },
        "$defs": {"no": {"type": "string", "examples": ["A-1"]}},
    }
    made = consumer_document(
        [route("A.b-c", {"body": {"schema": schema}})],
        workspace="shop",
        consumer="web shop",
        public=PUBLIC,
    )
    moved = made["components"]["schemas"]["A.b-c.Body"]

    assert "$id" not in moved
    assert moved["properties"]["no"] == {"$ref": "#/components/schemas/A.b-c.Body/$defs/no"}
    assert moved["properties"]["lines"]["items"] == {"$ref": "#/components/schemas/A.b-c.Body"}
    assert moved["properties"]["kind"] == schema["properties"]["kind"]
    content = operation(made, "post", "A.b-c")["requestBody"]["content"]["application/json"]
    assert content["schema"] == {"$ref": "#/components/schemas/A.b-c.Body"}


def test_a_sample_of_the_schema_is_the_example() -> None:
    schema = {
        "type": "object",
        "required": ["no", "on"],
        "properties": {
            "no": {"type": "integer", "minimum": 100},
            "on": {"type": "string", "format": "date"},
            "kind": {"enum": ["a", "b"]},
            "tags": {"type": "array", "items": {"type": "string"}},
            "more": {"anyOf": [{"type": "boolean"}, {"type": "null"}]},
            "note": {"type": ["string", "null"], "default": "none"},
        },
    }
    made = document(route(trigger={"body": {"schema": schema}}))
    content = operation(made, "post")["requestBody"]["content"]["application/json"]

    assert content["example"] == {
        "no": 100,
        "on": "2027-06-30",
        "kind": "a",
        "tags": ["text"],
        "more": True,
        "note": "none",
    }


@pytest.mark.parametrize("schema", [True, False, {}, {"type": "string", "pattern": "^[0-9]+$"}])
def test_a_schema_for_which_no_sample_is_found_has_no_example(schema: Any) -> None:
    made = document(route(trigger={"body": {"schema": schema}}))
    content = operation(made, "post")["requestBody"]["content"]["application/json"]

    assert made["components"]["schemas"]["ItemPrice.Body"] == schema
    assert ("example" in content) is (schema in (True, {}))


def test_a_sample_follows_references() -> None:
    definitions = {"$defs": {"a/b": {"type": "integer"}}}
    assert body_sample({"properties": {"no": {"$ref": "#/$defs/a~1b"}}, **definitions}) == {"no": 1}
    assert body_sample({"properties": {"up": {"$ref": "#"}}}) is not None


@pytest.mark.parametrize(
    ("key", "place", "name"),
    [("headers.x-customer", "header", "X-Customer"), ("query.customer", "query", "customer")],
)
def test_an_ordering_key_must_be_sent(key: str, place: str, name: str) -> None:
    made = document(route(trigger={"ordered_delivery": {"key": key}}))
    found = parameters(made)[name]

    assert (found["in"], found["required"]) == (place, True)
    examples = operation(made)["responses"]["400"]["content"]["application/problem+json"]
    assert "missing_key" in examples["examples"]
    assert f"`{key}`" in operation(made)["description"]


def test_an_ordering_key_in_the_body_is_told_at_the_body() -> None:
    made = document(route(trigger={"ordered_delivery": {"key": "body.customer_no"}}))

    assert "`body.customer_no`" in operation(made, "post")["requestBody"]["description"]


def test_the_idempotency_key_is_a_header() -> None:
    assert parameters(document(route()))["Idempotency-Key"]["required"] is False
    assert "422" in operation(document(route()))["responses"]


def test_undeclared_parameters_that_are_refused_are_told() -> None:
    made = document(route(trigger={"undeclared": "reject"}))

    assert "not listed here are refused" in operation(made)["description"]


def test_messages_of_the_trigger_can_be_asked_for() -> None:
    made = document(route())
    state = made["paths"]["/shop/ItemPrice/messages/{id}"]["get"]
    response = made["paths"]["/shop/ItemPrice/messages/{id}/response"]["get"]

    assert {"200", "401", "404"} <= set(state["responses"])
    assert {"202", "default", "410"} <= set(response["responses"])


def test_a_rate_limit_is_told_with_its_headers_and_429() -> None:
    limited = document(route(trigger={"rate_limit": {"rate": "20/m", "per": "trigger"}}))
    call = operation(limited)
    assert "`20/m` of all callers together" in call["description"]
    told = {
        status: {"RateLimit", "RateLimit-Policy"} <= set(answer["headers"])
        for status, answer in call["responses"].items()
    }
    assert told.pop("401") is told.pop("404") is told.pop("405") is told.pop("413") is False
    assert set(told.values()) == {True}
    assert {"rate_limited", "lane_full", "attempts_limited"} <= set(
        call["responses"]["429"]["content"]["application/problem+json"]["examples"]
    )
    for name in ("RateLimit", "RateLimit-Policy"):
        assert limited["components"]["headers"][name]["description"]
    free = operation(document(route()))["responses"]
    assert not any("RateLimit" in answer["headers"] for answer in free.values())


def test_the_length_of_a_lane_is_told() -> None:
    lane = {"ordered_delivery": {"key": "query.no", "max_length": 5}}
    text = operation(document(route(trigger=lane)))["description"]
    assert "While 5 of them have not ended, of one value, more are refused with 429." in text


def test_only_a_closed_trigger_answers_wrong_credentials() -> None:
    made = document(route("Closed"), route("Open", {"authentication": []}))
    for name, statuses in (("Closed", {"401", "429"}), ("Open", set())):
        status = made["paths"][f"/shop/{name}/messages/{{id}}"]["get"]
        assert {"401", "429"} & set(status["responses"]) == statuses
