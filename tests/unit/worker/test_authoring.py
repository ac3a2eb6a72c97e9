from __future__ import annotations

import asyncio
import subprocess
import sys

from firesteel import Message, Response, step, workflow


@step
async def doubled(number: int) -> int:
    return number * 2


@step(name="other_name")
def tripled(number: int) -> int:
    return number * 3


@workflow()
async def both(input: dict[str, int]) -> Response:
    return Response({"result": await doubled(input["n"]) + tripled(input["n"])}, status=201)


def test_outside_of_an_execution_workflows_and_steps_are_plain_functions() -> None:
    response = asyncio.run(both({"n": 2}))
    assert (response.body, response.status) == ({"result": 10}, 201)
    assert tripled(3) == 9


def test_importing_the_names_for_authors_imports_nothing_heavy() -> None:
    code = (
        "import sys, firesteel;"
        "print([name for name in ('pydantic', 'msgspec', 'sqlalchemy', 'asyncio', 'httpx2')"
        " if name in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert shown.stdout.strip() == "[]"


def test_a_message_made_in_a_test_has_what_it_was_given() -> None:
    message = Message(query={"item": "A-100", "n": 2}, headers={"content-type": "text/csv"})
    assert message.query == {"item": "A-100", "n": 2}
    assert message.query_pairs == (("item", "A-100"), ("n", "2"))
    assert message.content_type == "text/csv"
    assert (message.attempt, message.consumer, message.body) == (1, None, b"")
