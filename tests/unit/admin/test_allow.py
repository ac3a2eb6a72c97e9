"""405 tells every method of the address, and none of another one that would match too."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import FastAPI

from firesteel.admin.problems import answer_errors
from tests.unit.admin.asgi import ask


@pytest.fixture
def app() -> FastAPI:
    made = FastAPI()
    for method, path in (
        ("GET", "/x/{id}"),
        ("DELETE", "/x/{id}"),
        ("POST", "/x/all"),
        ("PATCH", "/y/{label:path}"),
        ("POST", "/y/{label:path}/reveal"),
    ):

        async def answer() -> None: ...

        made.add_api_route(path, answer, methods=[method], name=f"{method} {path}")
    answer_errors(made)
    return made


@pytest.mark.parametrize(
    ("path", "allow"),
    [("/x/1", "DELETE, GET"), ("/x/all", "POST"), ("/y/a/b", "PATCH"), ("/y/a/reveal", "POST")],
)
async def test_405_tells_the_methods_of_the_address(app: Any, path: str, allow: str) -> None:
    status, headers, _ = await ask(app, "OPTIONS", path)

    assert (status, headers["allow"]) == (405, allow)
