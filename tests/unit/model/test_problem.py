"""Problems are RFC 9457 documents of one registry."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

import firesteel
from firesteel.errors import CallerError, FiresteelError, InternalError, StoreUnavailable
from firesteel.model.execution import InputFault
from firesteel.model.problem import FAULTS, PROBLEMS, Problem


@dataclass(frozen=True)
class ParameterFault:
    parameter: str
    code: str
    detail: str


def test_every_code_has_an_error_status_a_title_and_one_sentence() -> None:
    for code, type_ in PROBLEMS.items():
        assert re.fullmatch(r"[a-z][a-z_]*", code)
        assert 400 <= type_.status <= 599
        assert type_.title
        assert not type_.title.endswith(".")
        assert type_.meaning.endswith(".")
    assert all(meaning.endswith(".") for meaning in FAULTS.values())


def test_refusals_that_pass_by_themselves_say_when_to_come_back() -> None:
    for code, type_ in PROBLEMS.items():
        if type_.status in (429, 503):
            assert type_.retry_after_s, code
            assert ("retry-after", str(type_.retry_after_s)) in Problem(code).all_headers()


def test_a_body_has_the_members_of_rfc_9457() -> None:
    problem = Problem("lane_full", "1,000,000 messages wait")
    assert json.loads(problem.body("urn:request:7")) == {
        "type": "urn:firesteel:lane_full",
        "title": "Too many messages waiting",
        "status": 429,
        "detail": "1,000,000 messages wait",
        "instance": "urn:request:7",
    }
    assert ("content-type", "application/problem+json") in problem.all_headers()


def test_every_fault_is_listed_with_its_place() -> None:
    problem = Problem(
        "invalid_parameters",
        errors=[
            ParameterFault("item", "missing", "item is required"),
            InputFault("/lines/0", "wrong_type", "is no number"),
        ],
    )
    assert json.loads(problem.body(""))["errors"] == [
        {"parameter": "item", "code": "missing", "detail": "item is required"},
        {"pointer": "/lines/0", "code": "wrong_type", "detail": "is no number"},
    ]


def test_a_message_that_goes_on_is_named() -> None:
    body = json.loads(Problem("response_timeout", id="m1", status_url="/w/n/messages/m1").body(""))
    assert (body["id"], body["status_url"]) == ("m1", "/w/n/messages/m1")


@pytest.mark.parametrize(
    ("error", "code", "detail"),
    [
        (CallerError("there is one", code="label_taken"), "label_taken", "there is one"),
        (StoreUnavailable("no"), "store_unavailable", "no"),
        (InternalError("secret text"), "internal_error", ""),
        (FiresteelError("select * from x", code="never_registered"), "internal_error", ""),
    ],
)
def test_an_error_becomes_its_problem_and_an_unknown_one_tells_nothing(
    error: FiresteelError, code: str, detail: str
) -> None:
    problem = Problem.of(error)
    assert problem.code == code
    assert problem.detail == detail


def test_401_names_how_to_sign_in() -> None:
    assert ("www-authenticate", 'Bearer realm="firesteel"') in Problem("unauthorized").all_headers()


def test_every_code_that_the_program_refuses_with_is_registered() -> None:
    used: set[str] = set()
    for path in Path(firesteel.__file__).parent.rglob("*.py"):
        text = path.read_text("utf-8")
        used.update(re.findall(r'\bProblem\(\s*"([a-z_]+)"', text))
        used.update(re.findall(r'CallerError\((?:[^()]|\([^()]*\))*?code="([a-z_]+)"', text))
    assert {"not_found", "label_taken"} <= used
    assert used <= PROBLEMS.keys()


def test_every_registered_code_is_one_that_the_program_sends() -> None:
    package = Path(firesteel.__file__).parent
    texts = [
        path.read_text("utf-8")
        for path in package.rglob("*.py")
        if path != package / "model" / "problem.py"
    ]
    registered = PROBLEMS.keys() | FAULTS.keys()
    assert {code for code in registered if not any(f'"{code}"' in text for text in texts)} == set()
