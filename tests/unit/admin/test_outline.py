"""P27: bodies of the admin port are bounded by what they are made of, before they are parsed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from firesteel.admin.bodies.outline import MAX_DEPTH, body_problem, json_fault

JSON = b"application/json"


@pytest.mark.parametrize(
    "value",
    [
        {"text": ",[{" * 100_000},
        {"quoted": '"' * 100_000, "slashes": "\\" * 100_001},
        {"document": {f"k{n}": [n] for n in range(8_000)}},
        json.loads("[" * MAX_DEPTH + "]" * MAX_DEPTH),
    ],
)
def test_texts_count_once_whatever_is_in_them(value: Any) -> None:
    assert json_fault(json.dumps(value).encode()) == ""


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"[" + b"1," * 30_000 + b"1]", "values"),
        (b'["\\\\",' + b"[]," * 30_000 + b"1]", "values"),
        (b"[" + b'"",' * 200_000 + b"1]", "values"),
        (b"[" * (MAX_DEPTH + 1), "nested"),
        (b" " * (1 << 20) + b"[]", "outside of texts"),
        ("[1]".encode("utf-16"), "UTF-8"),
    ],
)
def test_json_of_more_is_refused_with_what_is_too_much(body: bytes, detail: str) -> None:
    problem = body_problem(JSON, body)
    assert problem is not None
    assert (problem.code, problem.status) == ("invalid_request", 400)
    assert detail in problem.detail


def test_forms_of_many_fields_or_escapes_are_refused() -> None:
    kind = b"application/x-www-form-urlencoded; charset=utf-8"
    assert body_problem(kind, b"a=b&" * 1_000) is None
    for body in (b"&" * 1_001, b"a=" + b"%41" * 300_001):
        problem = body_problem(kind, body)
        assert problem is not None
        assert problem.code == "invalid_request"
