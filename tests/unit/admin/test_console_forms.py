"""The console's forms of calls and connections: fields become what was meant, and back."""

from __future__ import annotations

from typing import Any

import pytest

from firesteel.admin.console.call_form import call_of, fields, first_values, trial_of
from firesteel.admin.console.connection_form import document_of, values_of
from firesteel.errors import CallerError

DOCUMENT: dict[str, Any] = {
    "name": "ItemPrice",
    "trigger": {
        "methods": ["POST", "GET"],
        "query_parameters": [
            {"name": "item", "required": True},
            {"name": "size", "type": "integer", "default": 1},
            {"name": "on", "type": "boolean"},
            {"name": "tag", "many": True, "enum": ["a", "b"]},
        ],
        "body": "json",
    },
}
NAMES = ["item", "size", "on", "tag"]


def test_the_form_begins_with_what_the_document_asks_for() -> None:
    values = first_values(DOCUMENT, ["web shop", "other"])

    assert values["method"] == "POST"
    assert values["key"] == "label:web shop"
    assert values["p.item"] == "text"
    assert "p.size" not in values
    assert values["body"] == "{}"
    assert first_values({"name": "A"}, [])["key"] == "none"


def test_fields_tell_types_defaults_and_options() -> None:
    found = {field.name: field for field in fields(DOCUMENT, {"p.size": "7"})}

    assert (found["item"].required, found["item"].input) == (True, "text")
    assert (found["size"].value, found["size"].input) == ("7", "number")
    assert found["size"].hint == "Not sent: 1. An integer."
    assert found["on"].options == ["true", "false"]
    assert found["tag"].many is True
    assert found["tag"].options == ["a", "b"]


def test_a_call_is_what_was_filled_in() -> None:
    values = {
        "method": "POST",
        "p.item": "A 1",
        "p.size": "",
        "p.tag": "a\r\nb",
        "query": "more=1=2\r\nbare",
        "headers": "X-One:  1\r\n\r\nX-Two: b:c",
        "body": '{\r\n"a": 1}',
    }
    call = call_of(values, NAMES)

    assert call.query == [
        ("item", "A 1"),
        ("tag", "a"),
        ("tag", "b"),
        ("more", "1=2"),
        ("bare", ""),
    ]
    assert call.headers == [("X-One", "1"), ("X-Two", "b:c")]
    assert call.body == '{\n"a": 1}'
    assert call_of({**values, "method": "GET"}, NAMES).body is None


def test_the_key_is_one_of_the_trigger_s_or_typed_or_none() -> None:
    assert trial_of({"key": "label:web shop", "key_secret": "x"}, []).key_label == "web shop"
    typed = trial_of({"key": "typed", "key_secret": " secret "}, [])
    assert (typed.key_label, typed.key_secret) == (None, "secret")
    nothing = trial_of({"key": "none", "key_secret": "x", "timeout_s": "5"}, [])
    assert (nothing.key_label, nothing.key_secret, nothing.timeout_s) == (None, None, 5)


@pytest.mark.parametrize("values", [{"timeout_s": "soon"}, {"timeout_s": "0"}, {"method": "TRACE"}])
def test_what_is_no_call_is_refused(values: dict[str, str]) -> None:
    with pytest.raises(CallerError) as refused:
        trial_of(values, [])
    assert refused.value.code == "invalid_request"


@pytest.mark.parametrize(
    "document",
    [
        {"sql": "sqlite://"},
        {"sql": "postgresql://u:${P}@h/d", "max_connections": 3, "read_only": True},
        {"http": "https://crm.example"},
        {
            "http": "https://crm.example",
            "max_connections": 5,
            "headers": {"Authorization": "Bearer ${T}", "X-A": "b: c"},
            "timeout": "5s",
            "tls_ca": "/ca.pem",
            "client_cert": "/client.pem",
        },
    ],
)
def test_a_connection_comes_back_from_its_form(document: dict[str, Any]) -> None:
    assert document_of(values_of(document)) == document


def test_a_number_that_is_none_stays_for_the_check_to_find() -> None:
    values = {"kind": "sql", "url": "sqlite://", "max_connections": "many"}
    assert document_of(values)["max_connections"] == "many"
