"""Runs without a server: `python -m pytest` in the project folder."""

from pathlib import Path

from firesteel.testing import run_integration

HELLO = Path(__file__).parent.parent / "integrations" / "hello.yaml"


def test_greets_who_is_named() -> None:
    result = run_integration(HELLO, query={"name": "Ada"})

    assert result.response.status == 200
    assert b"Hello, Ada!" in result.response.body


def test_greets_the_world_without_a_name() -> None:
    assert b"Hello, World!" in run_integration(HELLO).response.body
