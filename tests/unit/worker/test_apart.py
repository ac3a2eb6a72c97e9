"""What is tried in a process of its own: single steps, and the listing of functions."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from firesteel.model import frames
from firesteel.model.execution import Failure, JournalEntry
from firesteel.model.message import Message, Request, encode_request
from firesteel.model.step_result import encode_result
from firesteel.model.trials import Ground
from firesteel.worker.apart.process import ENDED, ask

MODULE = '''
"""Prices."""

import os
import time
from dataclasses import dataclass

from pydantic import BaseModel

from firesteel import Message, step, workflow

VALUE = 1


@dataclass
class Order:
    item: str
    quantity: int = 1


class Price(BaseModel):
    amount: float


@workflow
def price(order: Order, message: Message) -> Price:
    """The price of an item."""
    return Price(amount=1)


@workflow
async def anything(input):
    return input


@step
def insert(item: str, quantity: int = 2, message: Message | None = None) -> int:
    print("inserting", item, message.sequence)
    return quantity


def plain(a: int) -> int:
    return a


def sleeps() -> None:
    time.sleep(600)


def dies() -> None:
    os._exit(3)


def _hidden() -> None:
    pass
'''


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = tmp_path_factory.mktemp("project")
    workflows = project / "workflows"
    (workflows / "sub").mkdir(parents=True)
    (workflows / "pricing.py").write_text(MODULE)
    (workflows / "broken.py").write_text("import nowhere_to_be_found\n")
    (workflows / "sub" / "inner.py").write_text(
        "from firesteel import workflow\n\n\n@workflow\ndef one(n: int) -> int:\n    return n\n"
    )
    engine = sa.create_engine(f"sqlite:///{project}/erp.db")
    with engine.begin() as connection:
        connection.exec_driver_sql("create table t (a integer primary key)")
        connection.exec_driver_sql("insert into t values (1)")
    engine.dispose()
    return project


async def tried(folder: Path, steps: list[dict[str, Any]], step: str, **given: Any) -> frames.Tried:
    document = {"name": "x", "data_processing": "body", "workflow": {"steps": steps}}
    headers = [(b"content-type", b"application/json")]
    request = encode_request(Request("POST", "/t/x", b"", headers))
    body = json.dumps(given.pop("body", {"a": 2})).encode()
    ground = Ground(
        json.dumps(document).encode(),
        Message("m", 7, 0, None, request, body),
        given.pop("journal", []),
        json.dumps(given.pop("results", {})).encode(),
    )
    connections = json.dumps({"erp": {"sql": "sqlite:///erp.db"}}).encode()
    frame = frames.Try(
        1,
        "t",
        ground,
        step,
        "try-1",
        given.pop("roll_back", True),
        given.pop("timeout_s", 30.0),
        {name: json.dumps(one).encode() for name, one in given.pop("called", {}).items()},
        connections,
        [],
    )
    answer = await ask(frame, folder)
    assert isinstance(answer, frames.Tried)
    return answer


def insert(**more: Any) -> dict[str, Any]:
    return {
        "name": "insert",
        "sql": {
            "connection": "erp",
            "statement": "insert into t values (:a)",
            "parameters": {"a": "{% input.a %}"},
            "result": "count",
            **more,
        },
    }


def rows(folder: Path) -> int:
    engine = sa.create_engine(f"sqlite:///{folder}/erp.db")
    with engine.connect() as connection:
        count = connection.exec_driver_sql("select count(*) from t").scalar_one()
    engine.dispose()
    return int(count)


@pytest.mark.parametrize("more", [{}, {"once": True}])
async def test_what_sql_does_is_rolled_back(folder: Path, more: dict[str, Any]) -> None:
    answer = await tried(folder, [insert(**more)], "insert")
    assert (answer.failure, answer.value) == (None, b"1")
    assert rows(folder) == 1


async def test_what_sql_does_stays_where_that_is_asked_for(folder: Path) -> None:
    answer = await tried(folder, [insert()], "insert", roll_back=False, body={"a": 77})
    assert (answer.failure, answer.value) == (None, b"1")
    engine = sa.create_engine(f"sqlite:///{folder}/erp.db")
    with engine.begin() as connection:
        deleted = connection.exec_driver_sql("delete from t where a = 77")
        assert deleted.rowcount == 1
    engine.dispose()


async def test_a_failure_of_the_step_is_the_answer(folder: Path) -> None:
    answer = await tried(folder, [insert()], "insert", body={"a": 1})
    assert answer.failure is not None
    assert (answer.failure.code, answer.failure.step) == ("sql_failed", "insert")


async def test_a_function_gets_its_arguments_and_what_it_prints_is_told(folder: Path) -> None:
    step = {"name": "s", "python": "pricing:insert", "arguments": {"item": "{% steps.before %}"}}
    before = {"name": "before", "sql": {"connection": "erp", "statement": "select 1"}}
    journal = [JournalEntry("before", "sql", 1, 0, 0, encode_result("A"))]
    answer = await tried(folder, [before, step], "s", journal=journal)
    assert (answer.failure, answer.value, answer.logs) == (None, b"2", "inserting A 7\n")


async def test_a_step_that_needs_an_unknown_result_is_not_done(folder: Path) -> None:
    before = {"name": "before", "sql": {"connection": "erp", "statement": "select 1"}}
    steps = [before, {"name": "s", "map": "{% steps.before %}"}]
    answer = await tried(folder, steps, "s")
    assert answer.failure is not None
    assert answer.failure.code == "results_missing"
    answer = await tried(folder, steps, "s", results={"before": "B"})
    assert answer.value == b'"B"'


async def test_a_step_that_its_when_leaves_out_is_not_done(folder: Path) -> None:
    step = {"name": "s", "when": "{% input.a = 3 %}", "fail": {"message": "no"}}
    assert (await tried(folder, [step], "s")).left_out
    answer = await tried(folder, [step], "s", body={"a": 3})
    assert answer.failure is not None
    assert answer.failure.detail == "no"


async def test_steps_within_steps_and_calls_are_done(folder: Path) -> None:
    called = {"name": "y", "workflow": {"python": "sub.inner:one"}}
    inner = [
        {"name": "one", "python": "pricing:plain", "arguments": ["{% item %}"]},
        {"name": "two", "call": {"integration": "y", "input": "{% steps.one %}"}},
    ]
    loop = {"name": "all", "for_each": {"items": "{% input %}", "steps": inner}}
    answer = await tried(folder, [loop], "all", body=[5, 6], called={"y": called})
    assert (answer.failure, answer.value) == (None, b"[5,6]")
    answer = await tried(folder, [loop], "one", body=[5, 6], called={"y": called})
    assert (answer.failure, answer.value) == (None, b"5")


async def test_a_step_is_ended_after_its_time(folder: Path) -> None:
    step = {"name": "s", "python": "pricing:sleeps"}
    answer = await _asked(folder, step, 0.5)
    assert isinstance(answer, Failure)
    assert answer.code == "step_timeout"


async def _asked(folder: Path, step: dict[str, Any], timeout_s: float) -> frames.Frame | Failure:
    document = {"name": "x", "workflow": {"steps": [step]}}
    message = Message("m", 1, 0, None, encode_request(Request("POST", "/", b"", [])), b"")
    ground = Ground(json.dumps(document).encode(), message)
    return await ask(
        frames.Try(1, "t", ground, "s", "try-1", True, timeout_s, {}, b"{}", []), folder
    )


async def test_code_that_ends_the_process_has_no_answer(folder: Path) -> None:
    answer = await _asked(folder, {"name": "s", "python": "pricing:dies"}, 30.0)
    assert answer == ENDED


async def test_a_result_keeps_every_digit(folder: Path) -> None:
    step = {"name": "s", "map": "{% input %}"}
    journal = [JournalEntry("s", "map", 1, 0, 0, encode_result(Decimal("1.50")))]
    steps = [step, {"name": "t", "map": {"a": "{% steps.s %}"}}]
    assert (await tried(folder, steps, "t", journal=journal)).value == b'{"a":1.50}'


async def test_a_half_written_step_is_not_done(folder: Path) -> None:
    answer = await tried(folder, [{"name": "s", "sql": {"connection": "erp"}, "x": 1}], "s")
    assert answer.failure is not None
    assert answer.failure.code in ("step_invalid", "parameters_invalid")


async def test_functions_are_listed_with_what_they_take(folder: Path) -> None:
    answer = await ask(frames.ListFunctions(1, 30.0), folder)
    assert isinstance(answer, frames.FunctionsFound)
    found = {item.reference: item for item in answer.functions}
    assert {name: item.kind for name, item in found.items()} == {
        "pricing:anything": "workflow",
        "pricing:dies": "function",
        "pricing:insert": "step",
        "pricing:plain": "function",
        "pricing:price": "workflow",
        "pricing:sleeps": "function",
        "sub.inner:one": "workflow",
    }
    price = found["pricing:price"]
    assert (price.description, price.takes_input, price.takes_message) == (
        "The price of an item.",
        True,
        True,
    )
    schema = json.loads(price.input_schema)
    assert schema["properties"]["item"]["type"] == "string"
    assert schema["required"] == ["item"]
    assert found["pricing:anything"].input_schema == b""
    assert json.loads(found["sub.inner:one"].input_schema) == {"type": "integer"}
    arguments = json.loads(found["pricing:insert"].input_schema)
    assert (list(arguments["properties"]), arguments["required"]) == (
        ["item", "quantity"],
        ["item"],
    )
    assert found["pricing:insert"].takes_message
    assert [(fault.file, "nowhere" in fault.detail) for fault in answer.faults] == [
        ("broken.py", True)
    ]


async def test_functions_behind_links_are_listed_where_a_document_may_name_them(
    tmp_path: Path,
) -> None:
    """As the worker lets them be named: marked ones wherever a link leads, others where their file
    lies in the folder."""
    outside = tmp_path / "shared"
    outside.mkdir()
    (outside / "linked.py").write_text(
        "from firesteel import workflow\n\n\n@workflow\ndef one(n: int) -> int:\n    return n\n\n\n"
        "def plain() -> None:\n    pass\n"
    )
    workflows = tmp_path / "project" / "workflows"
    (workflows / "own").mkdir(parents=True)
    (workflows / "own" / "inner.py").write_text("def plain() -> None:\n    pass\n")
    (workflows / "single.py").symlink_to(outside / "linked.py")
    (workflows / "package").symlink_to(outside)
    (workflows / "again").symlink_to(workflows)
    answer = await ask(frames.ListFunctions(1, 30.0), tmp_path / "project")
    assert isinstance(answer, frames.FunctionsFound)
    assert ([item.reference for item in answer.functions], answer.faults) == (
        ["own.inner:plain", "package.linked:one", "single:one"],
        [],
    )


async def test_without_a_project_there_are_no_functions() -> None:
    answer = await ask(frames.ListFunctions(1, 30.0), None)
    assert answer == frames.FunctionsFound(1)
