"""The declared keys of a document are made those that the trigger has."""

from __future__ import annotations

from typing import Any

import pytest

from firesteel.model.api_key import expiry_us
from firesteel.model.document import check_document
from firesteel.model.held_keys import HeldKey, asks_for_keys, with_held_keys

HELD = [HeldKey("web shop", None), HeldKey.of("partner", expiry_us("2030-06-30"))]


def document(*authentication: Any) -> dict[str, Any]:
    return {"name": "a", "trigger": {"methods": ["GET"], "authentication": list(authentication)}}


def test_declarations_become_the_keys_that_are_held() -> None:
    written = with_held_keys(document({"api_key": {"label": "gone", "value": "x"}}), HELD)

    assert written["trigger"]["authentication"] == [
        {"api_key": {"label": "web shop"}},
        {"api_key": {"label": "partner", "expires": "2030-06-30"}},
    ]
    assert check_document(written).faults == []


def test_an_open_trigger_stays_open_whatever_keys_there_are() -> None:
    assert with_held_keys(document(), HELD) == document()
    assert with_held_keys({"name": "a"}, HELD) == {"name": "a"}


def test_a_trigger_that_asks_for_keys_while_there_is_none_never_becomes_open() -> None:
    written = with_held_keys(document({"api_key": {"label": "gone"}}), [])

    assert asks_for_keys(written)
    assert check_document(written).integration is None


@pytest.mark.parametrize("other", [{"basic": {}}, {"api_key": {}, "basic": {}}, "api_key", None])
def test_what_is_no_api_key_is_left_for_its_faults_to_be_told(other: Any) -> None:
    assert with_held_keys(document(other), HELD) == document(other)
    assert check_document(document(other)).integration is None
