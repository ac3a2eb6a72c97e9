from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from firesteel.testing import Result, run_integration


@pytest.fixture
def connections(tmp_path: Path) -> dict[str, Any]:
    return {"db": {"sql": f"sqlite:///{tmp_path}/a.db"}}


def steps(*written: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "x", "workflow": {"steps": list(written)}, **more}


def one(name: str, value: str) -> dict[str, Any]:
    sql = {
        "connection": "db",
        "statement": "select :value as value",
        "parameters": {"value": value},
        "result": "one",
    }
    return {"name": name, "sql": sql}


def test_steps_see_the_input_and_the_results_before_them(connections: dict[str, Any]) -> None:
    document = steps(
        one("price", "{% input.body.price %}"),
        {"name": "total", "map": "{% steps.price.value * 2 %}"},
        response={
            "status": "{% steps.total > 3 ? 201 : 200 %}",
            "body": {"t": "{% steps.total %}"},
        },
    )
    result = run_integration(document, body={"price": 2}, connections=connections)
    assert (result.response.status, result.response.json()) == (201, {"t": 4})


def test_a_step_whose_when_is_false_is_left_out() -> None:
    document = steps(
        {"name": "a", "map": "{% 1 %}"},
        {"name": "b", "when": "{% steps.a = 2 %}", "map": "{% 2 %}"},
        response={"body": {"a": "{% steps.a %}", "b": "{% steps.b %}"}},
    )
    assert run_integration(document).response.json() == {"a": 1}


def test_only_the_first_true_branch_is_taken() -> None:
    document = steps(
        {
            "name": "chosen",
            "choose": [
                {"when": "{% input.body.n > 5 %}", "steps": [{"name": "big", "map": "big"}]},
                {"when": "{% input.body.n > 2 %}", "steps": [{"name": "mid", "map": "mid"}]},
                {"otherwise": [{"name": "small", "map": "small"}]},
            ],
        },
        {"name": "last", "map": "{% steps.mid & '!' %}"},
    )
    assert run_integration(document, body={"n": 3}).response.json() == "mid!"
    document["workflow"]["steps"].pop()
    answer = run_integration(document, body={"n": 9}).response
    assert (answer.headers["content-type"], answer.text) == ("application/json", '"big"')
    assert run_integration(document, body={"n": 1}).response.json() == "small"


@pytest.mark.parametrize("concurrency", [1, 3])
def test_items_are_journaled_one_by_one_and_keep_their_order(
    connections: dict[str, Any], concurrency: int
) -> None:
    document = steps(
        {
            "name": "lines",
            "for_each": {
                "items": "{% input.body %}",
                "concurrency": concurrency,
                "steps": [one("insert", "{% item & index %}")],
            },
        }
    )
    result = run_integration(document, body=["a", "b", "c", "d"], connections=connections)
    values = [item["value"] for item in result.response.json()]
    assert values == ["a0", "b1", "c2", "d3"]
    places = sorted(record.place for record in result.steps)
    assert places == [f"lines/{number}/insert" for number in range(4)]


def test_an_item_that_fails_names_its_place() -> None:
    document = steps(
        {
            "name": "lines",
            "for_each": {
                "items": [1, 2, 3],
                "concurrency": 2,
                "steps": [
                    {"name": "f", "when": "{% item = 2 %}", "fail": {"message": "no {% item %}"}}
                ],
            },
        }
    )
    failure = run_integration(document).failure
    assert failure is not None
    assert (failure.code, failure.detail, failure.step) == ("permanent_error", "no 2", "lines/1/f")


def test_no_items_are_no_work() -> None:
    document = steps(
        {"name": "l", "for_each": {"items": "{% input.nothing %}", "steps": [one("i", "x")]}}
    )
    assert run_integration(document).response.json() == []


@pytest.mark.parametrize(("permanent", "kind"), [(True, "permanent"), (False, "unknown")])
def test_fail_ends_the_attempt(permanent: bool, kind: str) -> None:
    fail = {"message": "order {% input.body.no %} is unknown", "permanent": permanent}
    failure = run_integration(steps({"name": "f", "fail": fail}), body={"no": 7}).failure
    assert failure is not None
    assert (failure.kind, failure.detail) == (kind, "order 7 is unknown")


def write(folder: Path, name: str, text: str) -> Path:
    (folder / "integrations").mkdir(exist_ok=True)
    file = folder / "integrations" / f"{name}.yaml"
    file.write_text(f"name: {name}\n{text}")
    return file


def called(tmp_path: Path) -> Result:
    write(tmp_path, "Inner", 'workflow: {steps: [{name: out, map: "{% input.n + 1 %}"}]}\n')
    outer = write(
        tmp_path,
        "Outer",
        "workflow: {steps: [{name: order, call: {integration: Inner, input: {n: 4}}}]}\n",
    )
    return run_integration(outer)


def test_a_called_workflow_gets_its_own_input(tmp_path: Path) -> None:
    result = called(tmp_path)
    assert result.response.json() == 5
    assert [record.place for record in result.steps] == ["order"]


def test_calls_end_at_a_depth_of_8(tmp_path: Path) -> None:
    for number in range(12):
        step = f"{{name: c, call: {{integration: I{number + 1}}}}}"
        write(tmp_path, f"I{number}", f"workflow: {{steps: [{step}]}}\n")
    failure = run_integration(tmp_path / "integrations" / "I0.yaml").failure
    assert failure is not None
    assert failure.code == "call_depth"


PYTHON = """
from dataclasses import dataclass
from firesteel import Message, step

@dataclass
class Price:
    item: str
    amount: float

@step
async def inner(item): return item.upper()

async def price(item: str, quantity: int = 1, message: Message = None) -> Price:
    return Price(await inner(item), 2.5 * quantity)

def several(*items): return list(items)
"""


def project(tmp_path: Path) -> Path:
    (tmp_path / "workflows").mkdir()
    (tmp_path / "workflows" / "prices_of_a_test.py").write_text(PYTHON)
    return tmp_path


def test_a_python_step_takes_its_arguments_by_name(tmp_path: Path) -> None:
    folder = project(tmp_path)
    step = {
        "name": "p",
        "python": "prices_of_a_test:price",
        "arguments": {"item": "{% input.body.item %}", "quantity": 2},
    }
    result = run_integration(steps(step), body={"item": "a"}, project=folder)
    assert result.response.json() == {"item": "A", "amount": 5.0}
    assert [record.place for record in result.steps] == ["p/inner#0", "p"]

    step["arguments"] = {"item": "a", "quantity": "many"}
    failure = run_integration(steps(step), project=folder).failure
    assert failure is not None
    assert (failure.kind, failure.code) == ("permanent", "arguments_invalid")
    assert failure.faults[0].pointer == "/quantity"
    step |= {"python": "prices_of_a_test:several", "arguments": [1, "b"]}
    assert run_integration(steps(step), project=folder).response.json() == [1, "b"]


def test_a_called_workflow_that_refuses_its_input_is_no_fault_of_the_caller(
    tmp_path: Path,
) -> None:
    project(tmp_path)
    flow = "from firesteel import workflow\n@workflow\nasync def typed(input: int) -> int: ...\n"
    (tmp_path / "workflows" / "typed_of_a_test.py").write_text(flow)
    write(tmp_path, "Typed", "workflow: {python: 'typed_of_a_test:typed'}\n")
    step = "{name: c, call: {integration: Typed, input: many}}"
    outer = write(tmp_path, "Outer", f"workflow: {{steps: [{step}]}}\n")
    result = run_integration(outer)
    assert result.failure is not None
    assert (result.failure.code, result.failure.step) == ("call_input_invalid", "c")
    assert result.response.status == 502
