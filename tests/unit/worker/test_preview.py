"""Previews: what an expression yields on a sample, and where its faults are."""

from __future__ import annotations

import json
from typing import Any

import pytest

from firesteel.model import frames
from firesteel.model.execution import JournalEntry
from firesteel.model.message import Message, Request, encode_request
from firesteel.model.step_result import encode_result
from firesteel.model.trials import Ground
from firesteel.worker.preview import preview

ORDER = {"customer": "K1", "lines": [{"item": "A", "quantity": 2}, {"item": "B", "quantity": 3}]}
STEPS: list[dict[str, Any]] = [
    {"name": "price", "sql": {"connection": "erp", "statement": "select 1"}},
    {"name": "total", "map": "{% steps.price.price * 2 %}"},
    {
        "name": "lines",
        "for_each": {
            "items": "{% body.lines %}",
            "steps": [{"name": "doubled", "map": "{% item.quantity * 2 %}"}],
        },
    },
    {
        "name": "route",
        "choose": [
            {"when": "{% input.customer = 'K1' %}", "steps": [{"name": "first", "map": "one"}]},
            {"otherwise": [{"name": "second", "map": "two"}]},
        ],
    },
]


def previewed(what: dict[str, Any], **given: Any) -> frames.Previewed:
    document = {
        "name": "Orders",
        "trigger": {"query_parameters": [{"name": "quantity", "type": "integer", "default": 1}]},
        "data_processing": "body",
        "workflow": {"steps": STEPS},
        **given.pop("document", {}),
    }
    headers = [(b"content-type", b"application/json")]
    body = json.dumps(given.pop("body", ORDER)).encode()
    query = given.pop("query", b"")
    request = encode_request(Request("POST", "/t/Orders", query, headers))
    ground = Ground(json.dumps(document).encode(), Message("m", 7, 0, None, request, body), **given)
    return preview(frames.Preview(1, ground, json.dumps(what).encode(), sees=True))


def value(answer: frames.Previewed) -> Any:
    assert answer.faults == []
    return json.loads(answer.value)


def journaled(place: str, result: Any) -> JournalEntry:
    return JournalEntry(place, "sql", 1, 0, 0, encode_result(result))


def test_data_processing_sees_what_was_received() -> None:
    source = '{"customer": body.customer, "quantity": query.quantity, "no": message.sequence}'
    answer = previewed({"data_processing": source}, query=b"quantity=3")
    assert value(answer) == {"customer": "K1", "quantity": 3, "no": 7}
    seen = json.loads(answer.sees)
    assert seen["body"] == ORDER
    assert seen["query"] == {"quantity": 3}
    assert "input" not in seen


def test_an_undefined_expression_has_neither_value_nor_fault() -> None:
    answer = previewed({"data_processing": "body.nothing"})
    assert (answer.value, answer.faults) == (b"", [])


def test_integers_keep_every_digit() -> None:
    answer = previewed({"data_processing": "body"}, body=12345678901234567890123)
    assert answer.value == b"12345678901234567890123"


@pytest.mark.parametrize(
    ("source", "code", "place"),
    [
        ('{\n  "a": body.customer,\n  "b": )\n}', "expression_syntax", (3, 9)),
        ("body.customer +\n 1", "expression_failed", (1, 16)),
        ("\nbdy.customer", "name_unknown", (2, 1)),
        ("{% body %}", "expression_not_allowed", (1, 1)),
    ],
)
def test_a_fault_is_told_at_its_line_and_column(
    source: str, code: str, place: tuple[int, int]
) -> None:
    (fault,) = previewed({"data_processing": source}).faults
    assert (fault.code, (fault.line, fault.column)) == (code, place)


def test_an_evaluation_without_an_end_is_ended() -> None:
    endless = "($f := function($x){$f($x + 1)}; $f(1))"
    (fault,) = previewed({"data_processing": endless}).faults
    assert fault.code == "expression_limit"


def test_a_template_sees_the_steps_before_it_and_their_results() -> None:
    what = {"template": {"sum": "{% steps.total %}", "of": "{% input.customer %}"}, "step": "lines"}
    answer = previewed(what, journal=[journaled("price", {"price": 12.5})])
    assert value(answer) == {"sum": 25, "of": "K1"}
    assert answer.missing == []


def test_results_that_are_given_go_before_the_journal() -> None:
    what = {"template": "{% steps.total %}", "step": "lines"}
    answer = previewed(
        what, journal=[journaled("price", {"price": 12.5})], results=b'{"price": {"price": 1}}'
    )
    assert value(answer) == 2


def test_a_step_whose_result_is_not_known_is_told() -> None:
    answer = previewed({"template": "{% input.customer %}", "step": "total"})
    assert (value(answer), answer.missing) == ("K1", ["price"])


def test_steps_within_steps_are_worked_out_and_seen() -> None:
    journal = [journaled("price", {"price": 1})]
    assert value(previewed({"template": "{% steps.lines %}"}, journal=journal)) == [4, 6]
    assert value(previewed({"template": "{% steps.first %}"}, journal=journal)) == "one"
    inside = {"template": "{% item.item & index %}", "step": "doubled"}
    assert value(previewed(inside, journal=journal, index=1)) == "B1"
    (fault,) = previewed(inside, journal=journal, index=2).faults
    assert fault.code == "step_unknown"


def test_every_expression_of_a_template_is_checked_at_its_place() -> None:
    template = {"a": "x\n{% input. %}", "b": ["{% steps.later %}"], "c": "{% open"}
    faults = previewed({"template": template, "step": "total"}).faults
    assert [(fault.pointer, fault.code) for fault in faults] == [
        ("/c", "expression_unclosed"),
        ("/a", "expression_syntax"),
        ("/b/0", "step_unknown"),
    ]
    assert (faults[1].line, faults[2].line, faults[2].column) == (2, 1, 10)


def test_a_template_that_fails_says_which_expression() -> None:
    template = {"a": "{% input.customer %}", "b": "at {% input.customer - 1 %}"}
    (fault,) = previewed({"template": template}).faults
    assert (fault.pointer, fault.code, fault.line) == ("/b", "expression_failed", 1)


def test_a_response_is_rendered() -> None:
    response = {"status": "{% input.customer ? 201 : 404 %}", "body": {"c": "{% input.customer %}"}}
    answer = previewed({"response": response})
    assert answer.faults == []
    assert answer.response is not None
    assert (answer.response.status, answer.response.body) == (201, b'{"c":"K1"}')


def test_a_response_without_body_sends_the_last_result() -> None:
    answer = previewed({"response": {"status": 201}})
    assert answer.response is not None
    assert answer.response.body == b'"one"'


def test_faults_of_a_response_are_at_their_key() -> None:
    faults = previewed({"response": {"status": 99, "body": "{% ( %}", "colour": 1}}).faults
    assert {fault.pointer for fault in faults} == {"/status", "/body", "/colour"}


def test_a_step_before_that_fails_is_named() -> None:
    document = {"workflow": {"steps": [{"name": "bad", "map": "{% input.customer - 1 %}"}]}}
    (fault,) = previewed({"template": "x"}, document=document).faults
    assert fault.code == "earlier_failed"
    assert "bad" in fault.detail


def test_a_query_that_the_trigger_would_refuse_is_told() -> None:
    (fault,) = previewed({"data_processing": "query.quantity"}, query=b"quantity=x").faults
    assert (fault.pointer, fault.code) == ("/query/quantity", "wrong_type")


def test_a_half_written_document_does_not_hinder_a_preview() -> None:
    document = {"trigger": {"methods": "GET"}, "workflow": {"steps": ["x", {"name": 1}]}}
    assert value(previewed({"data_processing": "body.customer"}, document=document)) == "K1"


def test_a_long_value_is_cut() -> None:
    answer = previewed({"data_processing": "$pad('', 300000, 'x')"})
    assert answer.size_bytes == 300_002
    assert len(answer.value) == frames.VALUE_BYTES
