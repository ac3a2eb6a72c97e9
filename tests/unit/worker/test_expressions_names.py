"""What an expression reads of its context is told exactly, so that a name never there is found."""

from __future__ import annotations

import pytest

from firesteel.model.document import check_document, check_integration
from firesteel.model.expression_names import DATA_PROCESSING_NAMES, STEP_NAMES, Reads
from firesteel.worker.expressions import check_expression
from firesteel.worker.mapping import data_processing_context
from tests.unit.worker.test_mapping import received


@pytest.mark.parametrize(
    ("source", "paths"),
    [
        ("input.a.b", [("input", "a")]),
        ("input", [("input",)]),
        ("$.steps.a + $$.steps.b", [("steps", "a"), ("steps", "b")]),
        ('{"a": x, "b": [y, (z; $w := v)]}', [("v",), ("x",), ("y",), ("z",)]),
        ("a ? b : c", [("a",), ("b",), ("c",)]),
        ("-a & $string(b) ~> $uppercase", [("a",), ("b",)]),
        ("rows[id = $$.input.id].(n * price)^(>n){k: v}", [("input", "id"), ("rows",)]),
        ("rows.$map(items, function($x) { inner.$x })", [("rows",)]),
        ("$map(rows, function($x, $i) { $x.a + other.b })", [("other", "b"), ("rows",)]),
        ("rows@$r.others#$i[id = $r.id]", [("rows", "others")]),
        ("steps.*", [("steps",)]),
        ("steps.`a b`", [("steps", "a b")]),
        ("$lookup(steps, 'x')", [("steps",)]),
        ("input ~> |lines|{'n': m}, 'x'|", [("input",)]),
        ("(a.b).c", [("a", "b")]),
        ("**.id", []),
        ("'text' & 1 & true & null", []),
        ("$reduce(rows, function($a, $b) { $a + $b.n }, 0)", [("rows",)]),
    ],
)
def test_an_expression_reads_the_names_that_stand_at_its_root(
    source: str, paths: list[tuple[str, ...]]
) -> None:
    assert check_expression(source) == Reads(tuple(paths))


def faults(workflow: str) -> list[tuple[str, str, str]]:
    text = "name: A\n" + workflow
    found = check_integration(text, "a.yaml", expression_check=check_expression).faults
    return [(fault.pointer, fault.code, fault.hint) for fault in found]


def test_a_step_that_does_not_exist_is_a_fault_with_the_nearest_name() -> None:
    workflow = (
        "workflow:\n  steps:\n"
        '    - {name: price, map: "{% input %}"}\n'
        '    - {name: total, map: "{% steps.prise * 2 %}"}\n'
        'response: {status: "{% steps.totl ? 200 : 404 %}", body: {a: "{% steps.total %}"}}\n'
    )
    assert faults(workflow) == [
        ("/workflow/steps/1/map", "step_unknown", "did you mean price?"),
        ("/response/status", "step_unknown", "did you mean total?"),
    ]


def test_a_step_that_runs_later_is_a_fault_and_one_within_an_earlier_step_is_not() -> None:
    workflow = (
        "workflow:\n  steps:\n"
        '    - {name: a, map: "{% [steps.a, steps.c] %}"}\n'
        '    - name: b\n      choose: [{when: "{% steps.a %}", steps: [{name: in_b, map: 1}]}]\n'
        '    - {name: c, map: "{% [steps.a, steps.b, steps.in_b] %}"}\n'
    )
    assert [found[:2] for found in faults(workflow)] == [
        ("/workflow/steps/0/map", "step_unknown")
    ] * 2


def test_a_name_that_is_never_there_is_a_fault_at_each_place() -> None:
    workflow = (
        'data_processing: \'{"a": qurey.item, "b": input.x}\'\n'
        "workflow:\n  steps:\n"
        '    - {name: a, map: "{% inptu.x & stepps.a %}"}\n'
        '    - {name: b, map: "{% item %}"}\n'
        '    - name: c\n      for_each:\n        items: "{% input.lines %}"\n'
        '        steps: [{name: d, map: "{% [item.n, index, steps.a, $x] %}"}]\n'
    )
    assert faults(workflow) == [
        ("/data_processing", "name_unknown", "known: " + ", ".join(DATA_PROCESSING_NAMES)),
        ("/data_processing", "name_unknown", "did you mean query?"),
        ("/workflow/steps/0/map", "name_unknown", "did you mean input?"),
        ("/workflow/steps/0/map", "name_unknown", "did you mean steps?"),
        ("/workflow/steps/1/map", "name_unknown", "known: " + ", ".join(STEP_NAMES)),
    ]


def test_a_workflow_in_python_has_no_steps_that_a_response_could_read() -> None:
    document = {
        "name": "A",
        "workflow": {"python": "m:f"},
        "response": {"text": "{% steps.a %}"},
    }
    (fault,) = check_document(document, expression_check=check_expression).faults
    assert (fault.pointer, fault.code) == ("/response/text", "step_unknown")


def test_the_names_of_data_processing_are_those_that_it_is_given() -> None:
    assert tuple(data_processing_context(received(b"{}"))) == DATA_PROCESSING_NAMES
