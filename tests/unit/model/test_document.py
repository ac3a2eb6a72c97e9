"""Integration documents: normal forms, warnings, secrets, versions that are read back."""

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from firesteel.model.difference import diff_documents, diff_text
from firesteel.model.document import (
    InvalidDocument,
    check_document,
    check_integration,
    integration_json,
    key_declarations,
    parse_document,
    without_secrets,
)
from firesteel.model.expressions import expressions
from firesteel.model.fault import Fault
from firesteel.model.integration import Integration, Trigger
from firesteel.model.schema import integration_schema, schema_text
from firesteel.model.yaml_source import load_document
from firesteel.model.yaml_writer import write_yaml

ITEM_PRICE = """\
name: ItemPrice
description: Price of an item, for web shops
enabled: true
trigger:
  methods: [GET]
  authentication:
    - api_key: {label: web shop, value: "${WEBSHOP_KEY}", expires: 2027-06-30}
  ordered_delivery: false
  request_response: {timeout: 10s}
  query_parameters:
    - {name: item, required: true, description: Item number}
    - {name: currency, default: EUR, enum: [EUR, SEK, USD]}
    - {name: quantity, type: integer, default: 1}
  concurrency: 10
  rate_limit: 100/s
  max_body: 10MiB
data_processing: |
  {"item": query.item, "currency": query.currency, "quantity": query.quantity}
workflow:
  timeout: 60s
  retry: {attempts: 5, first_delay: 1s, factor: 2, max_delay: 5m}
  steps:
    - name: price
      sql:
        connection: erp
        statement: select price from item_price where item_no = :item and currency = :currency
        parameters: {item: "{% input.item %}", currency: "{% input.currency %}"}
        result: one
    - name: total
      map: "{% steps.price.price * input.quantity %}"
response:
  status: "{% steps.price ? 200 : 404 %}"
  body: {item: "{% input.item %}", total: "{% steps.total %}"}
"""

EVERYTHING = """\
name: All
trigger:
  methods: [GET, POST, PUT, PATCH, DELETE]
  authentication: [{api_key: {label: a}}, {api_key: {label: b, value: "${B}"}}]
  ordered_delivery: {key: body.customer_no, on_failure: pause}
  request_response: true
  query_parameters: [{name: tags, many: true, default: [a, 012], enum: [a, 012]}]
  undeclared: reject
  body: {schema: {type: object, properties: {a: {$ref: "#/$defs/b"}}, $defs: {b: {type: integer}}}}
  concurrency: 1
  rate_limit: {rate: 20/m, burst: 5, per: trigger}
  max_body: 64KiB
  max_waiting: 5
  idempotency: {key: body.id, window: 30d}
data_processing: query
workflow:
  retry: {give_up_after: 1h}
  steps:
    - name: rows
      when: "{% input.a %}"
      timeout: 500ms
      retry: {attempts: 2}
      sql:
        connection: erp
        transaction:
          - statement: insert into t values (:a, '12:30', x::text)
            parameters: {a: "{% 1 %}"}
            result: count
        once: true
    - name: answer
      http:
        url: https://example.com/{% input.no %}
        method: POST
        query: {a: 1}
        headers: {x-a: "{% 2 %}"}
        json: {b: "{% 3 %}"}
        expect: [200-299, 404]
        result: response
    - name: code
      python: pricing.rules:price
      arguments: {no: "{% 4 %}"}
    - name: choice
      choose:
        - when: "{% 5 %}"
          steps: [{name: deep, map: ["{% 6 %}", {x: "a{% 7 %}b{% 8 %}"}]}]
        - otherwise: [{name: stop, fail: {message: "no {% 9 %}", permanent: false}}]
    - name: loop
      for_each:
        items: "{% 10 %}"
        steps: [{name: inner, call: {integration: Other, input: {a: "{% 11 %}"}}}]
        concurrency: 4
response: {status: 201, headers: {x-b: "{% 12 %}"}, text: "{% 13 %}"}
search: {order_no: body.order_no}
redact: [x-secret, body.iban]
retention: {history: 30d, payloads: 7d}
"""


def integration(text: str) -> Integration:
    result = check_integration(text, "a.yaml")
    assert result.faults == []
    assert result.integration is not None
    return result.integration


def warnings(text: str) -> list[Fault]:
    result = check_integration(text, "a.yaml")
    assert result.faults == []
    return result.warnings


def test_the_example_of_the_reference_is_sound_and_without_a_warning() -> None:
    assert warnings(ITEM_PRICE) == []
    read = integration(ITEM_PRICE)
    assert read.trigger.request_response is not None
    assert read.trigger.request_response.timeout_s == 10
    assert read.trigger.max_body_bytes == 10 * 1024 * 1024
    assert read.trigger.rate_limit is not None
    assert read.trigger.rate_limit.rate == 100
    assert read.workflow is not None
    assert read.workflow.steps is not None
    assert [step.kind for step in read.workflow.steps] == ["sql", "map"]


def test_what_is_left_out_has_the_defaults_of_the_reference() -> None:
    trigger = integration("name: A\n").trigger
    assert trigger.methods == ["GET", "POST"]
    assert trigger.ordered_delivery is None
    assert trigger.request_response is None
    assert trigger.undeclared == "keep"
    assert trigger.body == "any"
    assert (trigger.max_body_bytes, trigger.concurrency) == (10 * 1024 * 1024, 10)
    assert (trigger.rate_limit, trigger.max_waiting) == (None, 1_000_000)
    assert trigger.idempotency is not None
    assert trigger.idempotency.key == "headers.idempotency-key"
    assert trigger.idempotency.window_s == 96 * 3600


def test_true_is_the_mapping_with_its_defaults_and_false_is_none() -> None:
    text = (
        "name: A\ntrigger: {ordered_delivery: true, request_response: true, idempotency: false}\n"
    )
    trigger = integration(text).trigger
    assert trigger.ordered_delivery is not None
    assert (trigger.ordered_delivery.key, trigger.ordered_delivery.on_failure) == (None, "continue")
    assert trigger.request_response is not None
    assert trigger.request_response.timeout_s == 30
    assert trigger.idempotency is None
    assert integration_json(integration(text))["trigger"] == {
        "ordered_delivery": True,
        "request_response": True,
        "idempotency": False,
    }


def test_a_key_without_a_value_counts_as_left_out() -> None:
    text = "name: A\ndescription:\ntrigger:\n  idempotency: ~\n  methods:\nworkflow: null\n"
    read = integration(text)
    assert read.trigger.idempotency is not None
    assert read.workflow is None
    assert integration_json(read) == {"name": "A", "trigger": {}}


def test_a_default_of_a_string_parameter_is_taken_as_written() -> None:
    text = (
        "name: A\ntrigger:\n  query_parameters:\n"
        "    - {name: a, default: 012}\n    - {name: b, type: string, default: 1.50}\n"
        "    - {name: c, default: true, enum: [true, no, 007]}\n"
        "    - {name: d, default: 2027-06-30}\n    - {name: e, default: ''}\n"
        "    - {name: f, type: integer, default: 012}\n    - {name: g, default: 0x1F}\n"
    )
    parameters = integration(text).trigger.query_parameters
    assert [parameter.default for parameter in parameters] == [
        "012",
        "1.50",
        "true",
        "2027-06-30",
        "",
        12,
        "0x1F",
    ]
    assert parameters[2].enum == ["true", "no", "007"]


@pytest.mark.parametrize("text", [ITEM_PRICE, EVERYTHING, "name: A\n"])
def test_a_document_is_the_same_after_storing_exporting_and_reading(text: str) -> None:
    first = integration(text)
    document = integration_json(first)
    assert json.loads(json.dumps(document)) == document
    assert parse_document(document) == first
    assert integration_json(parse_document(document)) == document
    exported = integration(write_yaml(document))
    assert exported == first
    assert integration_json(exported) == document
    assert check_document(document).integration == first
    as_json = check_integration(json.dumps(document, indent=2), "a.json")
    assert as_json.integration == first


def test_the_canonical_document_has_the_short_forms_and_the_order_of_the_reference() -> None:
    text = (
        "workflow: {steps: [{arguments: {a: 1}, python: m:f, name: s}], timeout: 3600s}\n"
        "trigger: {idempotency: {window: 96h}, rate_limit: {rate: 60/m}, methods: [GET]}\n"
        "name: A\n"
    )
    assert json.dumps(integration_json(integration(text))) == json.dumps(
        {
            "name": "A",
            "trigger": {"methods": ["GET"], "rate_limit": "1/s", "idempotency": {"window": "96h"}},
            "workflow": {
                "timeout": "1h",
                "steps": [{"name": "s", "python": "m:f", "arguments": {"a": 1}}],
            },
        }
    )


def test_a_stored_document_holds_no_secret_and_still_asks_for_a_key() -> None:
    read = integration(ITEM_PRICE)
    stored = without_secrets(integration_json(read))
    assert "WEBSHOP_KEY" not in json.dumps(stored)
    assert parse_document(stored).trigger.authentication[0].api_key.label == "web shop"
    assert integration_json(read)["trigger"]["authentication"][0]["api_key"]["value"]
    ((index, declared),) = key_declarations(read)
    assert (index, declared.label, declared.value) == (0, "web shop", "${WEBSHOP_KEY}")
    assert declared.expires == "2027-06-30"
    assert without_secrets({"name": "A"}) == {"name": "A"}


def test_a_document_from_rest_has_its_faults_by_pointer() -> None:
    document: dict[str, Any] = {"name": "A", "trigger": {"methods": ["GET", "got"], "x": 1}}
    result = check_document(document)
    assert [(f.file, f.line, f.pointer, f.code) for f in result.faults] == [
        ("", 0, "/trigger/methods/1", "not_allowed"),
        ("", 0, "/trigger/x", "unknown_key"),
    ]
    with pytest.raises(InvalidDocument) as caught:
        parse_document(document)
    assert [fault.pointer for fault in caught.value.faults] == ["/trigger/methods/1", "/trigger/x"]
    assert check_document("text").faults[0].code == "wrong_type"
    assert (
        check_document(
            {"name": "A", "trigger": {"query_parameters": [{"name": "a", "default": 12}]}}
        )
        .faults[0]
        .hint
        == "quote it"
    )


def test_every_expression_is_found_with_its_pointer() -> None:
    found = list(expressions(integration_json(integration(EVERYTHING))))
    assert found[0] == ("/data_processing", "query")
    numbers = [int(source) for _, source in found if source.isdigit()]
    assert sorted(numbers) == list(range(1, 14))
    places = {source: pointer for pointer, source in found}
    assert places["8"] == "/workflow/steps/3/choose/0/steps/0/map/1/x"
    assert places["11"] == "/workflow/steps/4/for_each/steps/0/call/input/a"
    assert places["input.no"] == "/workflow/steps/1/http/url"


def test_expressions_are_compiled_and_placed_where_a_compiler_is_given() -> None:
    text = (
        'name: A\ndata_processing: "bad("\nworkflow:\n  steps:\n'
        '    - name: a\n      map: {x: "{% fine %}", y: "a{% bad %}"}\n'
    )
    result = check_integration(
        text, "a.yaml", expression_check=lambda source: "no good" if "bad" in source else None
    )
    assert [(f.line, f.column, f.code, f.detail) for f in result.faults] == [
        (2, 18, "expression_invalid", "no good"),
        (6, 33, "expression_invalid", "no good"),
    ]


def test_connections_are_looked_for_where_they_are_known() -> None:
    text = "name: A\nworkflow: {steps: [{name: a, http: {connection: crn}}]}\n"
    (fault,) = check_integration(text, "a.yaml", connections=["crm", "erp"]).faults
    assert (fault.line, fault.column, fault.code) == (2, 49, "connection_unknown")
    assert fault.hint == "did you mean crm?"
    assert check_integration(text, "a.yaml", connections=["crn"]).faults == []


KEYED = "name: A\ntrigger:\n  authentication: [{api_key: {label: a}}]\n  "


@pytest.mark.parametrize(
    ("text", "line", "column", "code"),
    [
        ("name: A\n", 1, 1, "trigger_open"),
        ("name: A\ntrigger: {authentication: []}\n", 2, 1, "trigger_open"),
        (KEYED.replace("label: a", "label: a, value: demo-key"), 3, 48, "key_value_weak"),
        (
            KEYED.replace("label: a", "label: a, value: 0c0ffee0c0ffee0c0ffee-x"),
            3,
            48,
            "secret_in_clear",
        ),
        (KEYED + "request_response: {timeout: 61s}\n", 4, 31, "timeout_long"),
        (KEYED + "\nresponse: {status: 201, body: done}\n", 5, 1, "response_unused"),
        (
            KEYED + "query_parameters: [{name: item}]\ndata_processing: query.other\n",
            4,
            29,
            "parameter_unused",
        ),
    ],
)
def test_what_works_but_is_seldom_meant_is_a_warning(
    text: str, line: int, column: int, code: str
) -> None:
    (warning,) = warnings(text)
    assert (warning.line, warning.column, warning.code) == (line, column, code)
    assert warning.hint


@pytest.mark.parametrize(
    "text",
    [
        "\nresponse: {body: done}\nworkflow: {steps: [{name: a, map: 1}]}\n",
        "\nresponse: {body: done}\nworkflow: {python: orders:take}\n",
        "\nresponse: {}\n",
        "\nresponse:\n",
    ],
)
def test_a_response_that_a_workflow_answers_with_or_that_says_nothing_is_no_warning(
    text: str,
) -> None:
    assert warnings(KEYED + text) == []


@pytest.mark.parametrize(
    "rest",
    [
        "",
        "data_processing: '{\"a\": query.item}'\n",
        "data_processing: query.`item`\n",
        "data_processing: '$lookup(query, \"item\")'\n",
        "data_processing: query\n",
        'data_processing: \'{"all": query, "b": body}\'\n',
        "data_processing: query.*\n",
        "data_processing: body\nsearch: {item: query.item}\n",
        "workflow: {python: 'm:f'}\n",
    ],
)
def test_a_parameter_that_may_be_used_is_no_warning(rest: str) -> None:
    assert warnings(KEYED + "query_parameters: [{name: item}]\n" + rest) == []


def test_the_difference_of_two_documents_is_told_change_by_change_and_as_text() -> None:
    old = integration_json(integration(ITEM_PRICE))
    text = ITEM_PRICE.replace("10s", "20s").replace(
        "description: Price of an item, for web shops\n", ""
    )
    new = integration_json(integration(text + "redact: [body.iban]\n"))
    changes = [(c.pointer, c.kind, c.old, c.new) for c in diff_documents(old, new)]
    assert changes == [
        ("/trigger/request_response/timeout", "changed", "10s", "20s"),
        ("/redact", "added", None, ["body.iban"]),
        ("/description", "removed", "Price of an item, for web shops", None),
    ]
    shown = diff_text(old, new)
    assert "-    timeout: 10s\n+    timeout: 20s\n" in shown
    assert diff_text(old, old) == ""
    assert diff_documents(old, old) == []
    assert diff_text(None, {"a": 1}).endswith("+a: 1\n")
    assert [c.kind for c in diff_documents({"a": [1, 2], "b": 1}, {"a": [1], "b": True})] == [
        "removed",
        "changed",
    ]


def test_the_published_schema_is_current() -> None:
    published = Path(__file__).parents[3] / "docs/reference/integration.schema.json"
    assert published.read_text(encoding="utf-8") == schema_text(integration_schema())


@pytest.mark.parametrize("text", [ITEM_PRICE, EVERYTHING, "name: A\n"])
def test_the_schema_takes_what_the_check_takes(text: str) -> None:
    validator = jsonschema_rs.validator_for(integration_schema())
    assert list(validator.iter_errors(load_document(text, "a.yaml").document)) == []
    assert list(validator.iter_errors(integration_json(integration(text)))) == []


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"name": "a b"},
        {"name": "A", "trigge": {}},
        {"name": "A", "trigger": {"methods": ["get"]}},
        {"name": "A", "trigger": {"request_response": {"timeout": 5}}},
        {"name": "A", "trigger": {"rate_limit": "5"}},
        {"name": "A", "trigger": {"idempotency": True}},
        {"name": "A", "workflow": {"steps": [{"name": "a", "python": "f"}]}},
        {"name": "A", "workflow": {"steps": [{"name": "a", "choose": [{"steps": []}]}]}},
        {"name": "A", "response": {"status": 99}},
    ],
)
def test_the_schema_refuses_what_an_editor_should_underline(document: dict[str, Any]) -> None:
    assert not jsonschema_rs.is_valid(integration_schema(), document)
    assert check_document(document).faults


def test_objects_made_in_python_take_plain_numbers() -> None:
    trigger = Trigger.model_validate({"request_response": {"timeout": 5.0}, "max_body": 1024})
    assert trigger.request_response is not None
    assert trigger.request_response.timeout_s == 5
    assert trigger.max_body_bytes == 1024


@pytest.mark.parametrize(
    "more",
    [
        {f"n{number}": 1 for number in range(100_000)},
        {"workflow": {"steps": [[] for _ in range(10_001)]}},
        {"description": "x" * (1024 * 1024 + 1)},
        {"n" * 600_000: 1, "m" * 600_000: 1},
    ],
)
def test_a_document_of_too_many_values_is_one_fault_however_many_it_has(more: Any) -> None:
    (fault,) = check_document({"name": "A", **more}).faults
    assert (fault.pointer, fault.code) == ("", "document_too_large")
