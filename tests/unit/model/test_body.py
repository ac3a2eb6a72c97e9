"""A body is what its content type says; what cannot be parsed is null with a reason."""

from __future__ import annotations

import base64
from decimal import Decimal
from typing import Any

import pytest

from firesteel.model.body import BodyRuleInvalid, check_body, compile_body_rule, parse_body
from firesteel.model.trigger import BodySchema

MULTIPART = (
    b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\n\xc3\x85sa\r\n'
    b'--x\r\ncontent-disposition: form-data; name="file"; filename="a.bin"\r\n'
    b"content-type: image/png\r\n\r\n\x89\x00\r\n--\r\n--x--\r\n"
)
FILE = {
    "filename": "a.bin",
    "content_type": "image/png",
    "size": 6,
    "base64": base64.b64encode(b"\x89\x00\r\n--").decode(),
}


@pytest.mark.parametrize(
    ("content_type", "data", "body"),
    [
        ("application/json", b'{"no": 9007199254740993}', {"no": 9007199254740993}),
        ("application/vnd.acme+json; charset=utf-8", b"[1.10]", [Decimal("1.10")]),
        ("APPLICATION/JSON", b"null", None),
        ("text/xml", b'<a x="1"><b>t</b><b/></a>', {"a": {"@x": "1", "b": ["t", None]}}),
        ("application/soap+xml", b'<a x="1">t</a>', {"a": {"@x": "1", "#text": "t"}}),
        ("application/xml; charset=iso-8859-1", b"<a>\xe9</a>", {"a": "\xe9"}),
        ("application/xml", "<a>\xfc</a>".encode("utf-16"), {"a": "\xfc"}),
        ("application/x-www-form-urlencoded", b"a=1&b=%C3%A9+x&a=2&c", None),
        ("multipart/form-data; boundary=x", MULTIPART, {"name": "\xc5sa", "file": FILE}),
        ("text/csv", b"a;b\r\n1;2\r\n3\r\n", [{"a": "1", "b": "2"}, {"a": "3"}]),
        ("text/csv", b'\xef\xbb\xbfa\tb\n"x\ty"\t2\n', [{"a": "x\ty", "b": "2"}]),
        ("text/csv", b'"a;b;c",d\n1,2\n', [{"a;b;c": "1", "d": "2"}]),
        ("text/csv; charset=windows-1252", b"a\n\x80\n", [{"a": "\u20ac"}]),
        ("text/plain", b"\xc3\xa9", "\xe9"),
        ("text/html; charset=iso-8859-1", b"\xe9", "\xe9"),
        ("application/json", b"", None),
        (None, b"", None),
    ],
)
def test_parses_by_content_type(content_type: str | None, data: bytes, body: Any) -> None:
    parsed = parse_body(content_type, data)
    if data.startswith(b"a=1&"):
        body = {"a": ["1", "2"], "b": "\xe9 x", "c": ""}
    assert parsed.body == body
    assert parsed.body_error is None


@pytest.mark.parametrize(
    ("content_type", "data"),
    [
        ("application/json", b"{"),
        ("application/xml", b"<a>"),
        ("application/xml", b"<!DOCTYPE a><a/>"),
        ("application/xml", b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'),
        ("application/xml", b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>'),
        ("application/xml", b"<a>" * 201 + b"</a>" * 201),
        ("application/xml", b"<a>&lol;</a>"),
        ("application/xml; charset=shift_jis", b"<a/>"),
        ("application/x-www-form-urlencoded", b"a=%zz"),
        ("application/x-www-form-urlencoded", b"a=%ff"),
        ("application/x-www-form-urlencoded", b"a&" * 10_001),
        ("multipart/form-data; boundary=x", b"--x\r\n"),
        ("multipart/form-data; boundary=x", MULTIPART[:-6]),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\nno name\r\n--x--\r\n"),
        ("multipart/form-data", MULTIPART),
        ("text/csv", b"a,b\n1,2,3\n"),
        ("text/csv", b"a,a\n1,2\n"),
        ("text/csv", b'a\n"open'),
        ("text/plain", b"\xff"),
        ("text/plain; charset=punycode", b"a"),
        ("text/plain; charset=nonsense", b"a"),
        ("image/png", b"\x89PNG"),
        (None, b"abc"),
        ("nonsense", b"abc"),
    ],
)
def test_what_cannot_be_parsed_keeps_its_bytes_and_says_why(
    content_type: str | None, data: bytes
) -> None:
    parsed = parse_body(content_type, data)
    assert parsed.body is None
    assert parsed.body_error
    assert base64.b64decode(parsed.body_base64) == data


def test_the_text_is_there_only_where_the_bytes_are_utf8() -> None:
    assert parse_body("application/pdf", b"abc").body_text == "abc"
    assert parse_body("application/pdf", b"\xff").body_text is None


def test_an_xml_document_fetches_and_expands_nothing(tmp_path: Any) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    data = f'<!DOCTYPE a [<!ENTITY x SYSTEM "{secret.as_uri()}">]><a>&x;</a>'.encode()
    parsed = parse_body("application/xml", data)
    assert parsed.body is None
    assert parsed.body_error == "a document type declaration is not taken"


def test_a_body_that_is_refused_leaves_nothing_in_the_log(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level("DEBUG"):
        parse_body("multipart/form-data; boundary=x", b"--hunter2")
    assert caplog.text == ""
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("mode", "content_type", "data", "code"),
    [
        ("any", None, b"\xff", None),
        ("json", "application/json", b"{}", None),
        ("json", "application/json", b"{", "malformed"),
        ("json", "application/json", b"", "missing"),
        ("json", "text/plain", b"{}", "wrong_content_type"),
        ("json", None, b"{}", "wrong_content_type"),
        ("xml", "text/xml", b"<a/>", None),
        ("xml", "text/xml", b"<a>", "malformed"),
        ("xml", "text/xml", b"<!DOCTYPE a><a/>", "dtd_forbidden"),
        ("form", "application/x-www-form-urlencoded", b"a=1", None),
        ("form", "multipart/form-data; boundary=x", MULTIPART, None),
        ("form", "application/json", b"{}", "wrong_content_type"),
        ("form", "application/x-www-form-urlencoded", b"a=%ff", "not_utf8"),
    ],
)
def test_a_trigger_may_demand_a_kind_of_body(
    mode: Any, content_type: str | None, data: bytes, code: str | None
) -> None:
    assert [fault.code for fault in check_body(mode, content_type, data)] == (
        [] if code is None else [code]
    )


SCHEMA = {
    "type": "object",
    "required": ["no"],
    "additionalProperties": False,
    "properties": {
        "no": {"type": "integer"},
        "lines": {"items": {"type": "object", "required": ["item"]}},
    },
}


def test_a_schema_lists_every_fault_by_pointer() -> None:
    rule = compile_body_rule(BodySchema(schema=SCHEMA))
    faults = rule.check("application/json", b'{"no":"x","lines":[{},{"item":1},{}],"own":1}')
    assert {(fault.pointer, fault.code) for fault in faults} == {
        ("", "schema_additionalProperties"),
        ("/no", "schema_type"),
        ("/lines/0", "schema_required"),
        ("/lines/2", "schema_required"),
    }
    assert rule.check("application/json", b'{"no": 18446744073709551617}') == []


def test_faults_of_a_schema_do_not_repeat_values_or_unknown_names() -> None:
    rule = compile_body_rule(BodySchema(schema=SCHEMA))
    faults = rule.check("application/json", b'{"no":"hunter2","hunter3":1}')
    assert faults
    assert not any("hunter" in fault.detail for fault in faults)


def test_a_pattern_of_a_schema_takes_linear_time() -> None:
    schema = {"type": "string", "pattern": "^(a+)+$"}
    rule = compile_body_rule(BodySchema(schema=schema))
    # With backtracking this would take longer than the universe has lasted.
    assert rule.check("application/json", b'"' + b"a" * 5000 + b'!"')


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "nonsense"},
        {"$ref": "http://127.0.0.1:9/schema"},
        {"$ref": "file:///etc/passwd"},
        {"$ref": "#/nowhere"},
        {"pattern": "(?=a)"},
    ],
)
def test_a_schema_that_is_none_or_refers_elsewhere_is_refused(schema: Any) -> None:
    with pytest.raises(BodyRuleInvalid) as caught:
        compile_body_rule(BodySchema(schema=schema))
    assert caught.value.code == "schema_invalid"
