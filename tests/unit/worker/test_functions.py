from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from firesteel import Message, workflow
from firesteel.testing import run
from firesteel.worker.functions import (
    FunctionInvalid,
    find_function,
    find_workflow,
    inspect_workflow,
    plain_function,
)


@dataclass
class Line:
    item: str
    quantity: int


class Order(BaseModel):
    customer_no: int
    total: Decimal
    lines: list[Line]


@workflow
async def typed(order: Order) -> dict[str, Any]:
    return {"customer_no": order.customer_no, "total": order.total, "lines": len(order.lines)}


@workflow
def only_message(message: Message) -> str | None:
    return message.consumer


@workflow
def input_and_message(anything: Any, message: Message) -> list[Any]:
    return [anything, message.consumer]


@workflow
def nothing() -> str:
    return "done"


@workflow
def too_much(input: Any, message: Any, third: Any) -> None: ...


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    name = f"module_{abs(hash(tmp_path))}"
    (tmp_path / f"{name}.py").write_text(
        "from os import getcwd\nfrom firesteel import step\n"
        "def plain(): return 1\n@step\ndef marked(): return 2\nnumber = 3\n"
        "def yields(): yield 1\n"
    )
    sys.path.insert(0, str(tmp_path))
    yield tmp_path
    sys.path.remove(str(tmp_path))


def _module(folder: Path) -> str:
    return next(folder.glob("module_*.py")).stem


def test_every_fault_of_the_input_is_told_by_its_pointer() -> None:
    result = run(typed, {"customer_no": "x", "lines": [{"item": "A", "quantity": 1}, {}]})
    assert result.failure is not None
    assert (result.failure.kind, result.failure.code) == ("permanent", "input_invalid")
    assert result.response.status == 422
    assert [fault.pointer for fault in result.failure.faults] == [
        "/customer_no",
        "/total",
        "/lines/1/item",
        "/lines/1/quantity",
    ]


def test_numbers_stay_exact_through_the_typed_input() -> None:
    total = Decimal("12345678901234567890.10")
    result = run(typed, {"customer_no": 2**70, "total": total, "lines": []})
    assert result.response.body == (
        b'{"customer_no":1180591620717411303424,"total":12345678901234567890.10,"lines":0}'
    )


def test_a_workflow_takes_nothing_the_input_the_message_or_both() -> None:
    assert run(nothing).response.text == "done"
    assert run(only_message, consumer="shop").response.text == "shop"
    assert run(input_and_message, 1, consumer="shop").response.json() == [1, "shop"]


def test_a_workflow_that_asks_for_more_is_refused() -> None:
    with pytest.raises(FunctionInvalid, match="third"):
        inspect_workflow(plain_function(too_much), "x:too_much")


def test_functions_of_the_project_may_be_named(folder: Path) -> None:
    found = find_function(f"{_module(folder)}:plain", folder)
    assert found.function() == 1
    assert len(found.code_hash) == 64


def test_a_step_is_found_without_its_wrapper(folder: Path) -> None:
    assert not hasattr(find_function(f"{_module(folder)}:marked", folder).function, "__wrapped__")


@pytest.mark.parametrize("name", ["getcwd", "number", "missing", "yields"])
def test_other_names_of_the_module_are_refused(folder: Path, name: str) -> None:
    with pytest.raises(FunctionInvalid):
        find_function(f"{_module(folder)}:{name}", folder)


@pytest.mark.parametrize("reference", ["os:system", "no_such_module:f", "json:dumps"])
def test_functions_of_other_modules_are_refused(folder: Path, reference: str) -> None:
    with pytest.raises(FunctionInvalid):
        find_workflow(reference, folder)
