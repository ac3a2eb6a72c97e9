"""Redaction: the value at a path is replaced, and nothing else; where it could hide, refusal."""

from __future__ import annotations

import base64
import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firesteel.model.body import parse_body
from firesteel.model.redaction.places import Unredactable
from firesteel.model.redaction.redaction import Redaction

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
XML = "application/xml"
MULTIPART = "multipart/form-data; boundary=X"

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["a", "b", 'c"\\']), inner),
    max_leaves=20,
)


def redact(paths: list[str], content_type: str | None, body: bytes) -> bytes:
    redaction = Redaction.compile(paths)
    assert redaction is not None
    return redaction.of_body(content_type, body)


def replaced(value: Any, parts: list[str]) -> Any:
    """What redaction of one path means, on the parsed value."""
    if not parts:
        return "***"
    if isinstance(value, dict):
        return {
            name: replaced(inner, parts[1:]) if parts[0] in (name, "*") else inner
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [
            replaced(inner, parts[1:]) if parts[0] in (str(index), "*") else inner
            for index, inner in enumerate(value)
        ]
    return value


@given(JSON_VALUES, st.lists(st.sampled_from(["a", "b", "0", "1", "*"]), min_size=1, max_size=3))
def test_redaction_replaces_the_value_at_the_path_and_nothing_else(
    value: Any, parts: list[str]
) -> None:
    body = json.dumps(value, indent=1, ensure_ascii=False).encode("utf-8", "replace")
    redacted = redact(["body." + ".".join(parts)], "application/json; charset=utf-8", body)
    assert json.loads(redacted) == replaced(json.loads(body), parts)


PART = b'Content-Disposition: form-data; name="%b"%b\r\n\r\n%b\r\n'


def multipart(*parts: tuple[bytes, bytes, bytes]) -> bytes:
    return b"".join(b"--X\r\n" + PART % part for part in parts) + b"--X--\r\n"


@pytest.mark.parametrize(
    ("paths", "content_type", "body", "stored"),
    [
        (["body.a"], JSON, b'{"a":1,"a":[2]}', b'{"a":"***","a":"***"}'),
        (["body.a", "body.a.b"], JSON, b'{"a":{"b":1}}', b'{"a":"***"}'),
        (["body.a.b", "body.a"], JSON, b'\xef\xbb\xbf{"a":1}', b'\xef\xbb\xbf{"a":"***"}'),
        (["body.a"], JSON, b'{"b":1e999, "c":' + b"9" * 5000 + b"}", None),
        (["body.a"], JSON, b"", None),
        (["body.a"], "text/json", b'{"a": 1}', b'{"a": "***"}'),
        (["body.a"], "application/hal+json", b'{"a": 1}', b'{"a": "***"}'),
        (["x-token"], JSON, b'{"x-token":1}', None),
        (
            ["body.items.*.card", "body.n.1"],
            JSON,
            b'{"items" : [{"card":1,"x":2}, 5, {"card":[{}]}, {}],"n":[1, 2, 3] }',
            b'{"items" : [{"card":"***","x":2}, 5, {"card":"***"}, {}],"n":[1, "***", 3] }',
        ),
        (["body.a"], FORM, b"b=1&%61=2&a=3&a", b"b=1&%61=***&a=***&a"),
        (["body.a.0"], FORM, b"a=1&a=2", b"a=***&a=***"),
        (["body.*"], FORM, b"a=1&b=2", b"a=***&b=***"),
        (["body"], "image/png", b"\x89PNG", b"***"),
        (["body"], None, b"1", b"***"),
        (
            ["body.order.card", "body.order.line.0.@no", "body.order.line.*.key"],
            XML,
            b"""<?xml version="1.0"?><order a="1"> <card x='>"' y = "2">4<b/>1</card><card/>
<line no="1" b="1"><key><![CDATA[<k>]]></key></line><line no="2"/></order>""",
            b"""<?xml version="1.0"?><order a="1"> <card x='***' y = "***">***</card><card/>
<line no="***" b="1"><key>***</key></line><line no="***"/></order>""",
        ),
        (["body.o.c.#text"], XML, b'<o><c k="1">1</c></o>', b'<o><c k="1">***</c></o>'),
        (["body.o.c"], "image/svg+xml", b"<o><n:c/><!--c--></o>", None),
        (
            ["body.o.c"],
            XML,
            b'<?xml version="1.0" encoding="iso-8859-1"?><o><c>\xe5</c>\xe5</o>',
            b'<?xml version="1.0" encoding="iso-8859-1"?><o><c>***</c>\xe5</o>',
        ),
        (
            ["body.card", "body.scan", "body.none"],
            MULTIPART,
            multipart(
                (b"card", b"", b"4111"),
                (b"scan", b'; filename="4111.png"\r\nContent-Type: image/png', b"\r\n--Y\r\n"),
                (b"none", b"", b""),
                (b"rest", b'; filename="r.txt"', b"kept"),
                (b"more", b"\r\nContent-Type: ", b"kept"),
                (b"c\\ard", b"", b"4111"),
                (b"more", b" ; filename*=utf-8''f; filename=a b ;", b"kept"),
            ),
            multipart(
                (b"card", b"", b"***"),
                (b"scan", b"", b"***"),
                (b"none", b"", b"***"),
                (b"rest", b'; filename="r.txt"', b"kept"),
                (b"more", b"\r\nContent-Type: ", b"kept"),
                (b"c\\\\ard", b"", b"***"),
                (b"more", b" ; filename*=utf-8''f; filename=a b ;", b"kept"),
            ),
        ),
        (
            ["body.*.iban", "body.1.x"],
            "text/csv",
            b'x;iban;y\r\n1;"a;""b\n";2\r\n\r\n3;;"q"\n4',
            b'x;iban;y\r\n1;***;2\r\n\r\n***;***;"q"\n4',
        ),
        (["body.*.a"], "text/csv; charset=iso-8859-1", b"a,b\n1,\xe5\n", b"a,b\n***,\xe5\n"),
    ],
)
def test_redaction_keeps_every_other_byte(
    paths: list[str], content_type: str, body: bytes, stored: bytes | None
) -> None:
    assert redact(paths, content_type, body) == (body if stored is None else stored)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (JSON, b'{"a": 1'),
        (JSON, b'{"a": 1} 2'),
        (JSON, b" "),
        (JSON, b'{"a": "\xff"}'),
        (JSON, b"[" * 100_000),
        (JSON, '{"a": 1}'.encode("utf-16")),
        (FORM, b'{"a": 1}'),
        (FORM, b"<a>1</a>"),
        (FORM, b"%ff=1"),
        (FORM, b"%6=1"),
        (MULTIPART, b"a=1"),
        (MULTIPART, b"--X\r\nContent-Disposition: form-data\r\n\r\n1\r\n--X--\r\n"),
        (MULTIPART, multipart((b"a", b'; name="b"', b"1"))),
        (MULTIPART, multipart((b"b", b'\r\nContent-Disposition: form-data; name="a"', b"1"))),
        (MULTIPART, multipart((b"a", b'\r\nContent-Disposition: form-data; name="b"', b"1"))),
        (MULTIPART, multipart((b"b", b"; name*=utf-8''a", b"1"))),
        (MULTIPART, multipart((b"b", b"; Name*0=a", b"1"))),
        (MULTIPART, multipart((b"a", b"x", b"1"))),
        (MULTIPART, multipart((b"a", b' ""', b"1"))),
        (MULTIPART, multipart((b"b", b'; filename="C:\\"; name="a"', b"1"))),
        (MULTIPART, multipart((b"b\\\\", b'; filename="f"; name=a', b"1"))),
        (MULTIPART, multipart((b"b", b'; filename="f', b"1"))),
        ("multipart/form-data", multipart((b"a", b"", b"1"))),
        (XML, b"<a>1"),
        (XML, b'<!DOCTYPE a [<!ENTITY x "1">]><a>&x;</a>'),
        (XML, '<?xml version="1.0" encoding="utf-16"?><a>1</a>'.encode("utf-16")),
        ("application/xml; charset=cp037", "<a>1</a>".encode("cp037")),
        ("text/csv", b'a,b\n"1,2\n'),
        ("text/csv; charset=utf-16", "a,b\n1,2\n".encode("utf-16-be")),
        ("text/plain", b"a=1"),
        ("image/png", b"\x89PNG"),
        ("application/octet-stream", b'{"a": 1}'),
        (None, b'{"a": 1}'),
    ],
)
def test_a_body_in_which_a_value_cannot_be_found_is_refused(
    content_type: str | None, body: bytes
) -> None:
    with pytest.raises(Unredactable) as refusal:
        redact(["body.a"], content_type, body)
    assert body.decode("latin-1") not in str(refusal.value)


NAMES = st.sampled_from(["a", "b", 'q"u\\o', "é"])
TEXTS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff")
)


@given(st.lists(st.tuples(NAMES, TEXTS, st.none() | TEXTS), min_size=1))
def test_of_a_multipart_form_only_the_redacted_fields_change(
    parts: list[tuple[str, str, str | None]],
) -> None:
    written = [
        (
            name.replace("\\", "\\\\").replace('"', '\\"').encode(),
            b"" if file is None else b'; filename="f"',
            text.encode() + (file or "").encode(),
        )
        for name, text, file in parts
    ]
    body = multipart(*written)
    before = parse_body(MULTIPART, body).body
    after = parse_body(MULTIPART, redact(["body.a"], MULTIPART, body)).body
    assert {**before, "a": None} == {**after, "a": None}
    number = sum(name == "a" for name, _, _ in parts)
    if number:
        assert after["a"] == ("***" if number == 1 else ["***"] * number)


CELLS = st.text(st.sampled_from(['"', ";", ",", "a", "\n", "\r", " ", "å"]), max_size=4)


@given(st.lists(st.tuples(CELLS, CELLS), min_size=1), st.sampled_from(["\n", "\r\n"]))
def test_of_csv_only_the_redacted_column_changes(rows: list[tuple[str, str]], end: str) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=end)
    writer.writerows([("name", "iban"), *rows])
    body = text.getvalue().encode()
    redacted = redact(["body.*.iban"], "text/csv", body)
    before, after = parse_body("text/csv", body).body, parse_body("text/csv", redacted).body
    assert after == [row | ({"iban": "***"} if "iban" in row else {}) for row in before]


def escaped(text: str) -> str:
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), ('"', "&quot;")):
        text = text.replace(character, entity)
    return text


@pytest.mark.parametrize(
    ("path", "body", "stored"),
    [
        (
            "body.o.card",
            b'<o><x:card xmlns:x="urn:a">4111</x:card></o>',
            b'<o><x:card xmlns:x="***">***</x:card></o>',
        ),
        (
            "body.o.card",
            b'<p:o xmlns:p="urn:a"><p:card>1</p:card><card>2</card></p:o>',
            b'<p:o xmlns:p="urn:a"><p:card>***</p:card><card>***</card></p:o>',
        ),
        (
            "body.o.card",
            b'<o xmlns="urn:a"><card>1</card></o>',
            b'<o xmlns="urn:a"><card>***</card></o>',
        ),
        (
            "body.o.card",
            '<o xmlns:ü="urn:a"><ü:card>1</ü:card></o>'.encode(),
            '<o xmlns:ü="urn:a"><ü:card>***</ü:card></o>'.encode(),
        ),
        ("body.o.card", b"<o><a:b:card>1</a:b:card></o>", b"<o><a:b:card>***</a:b:card></o>"),
        (
            "body.o.card",
            b"<o><x:card>1<![CDATA[<2>]]>&#51;&amp;</x:card></o>",
            b"<o><x:card>***</x:card></o>",
        ),
        (
            "body.o.*.card.#text",
            b'<o><p:l><q:card q:no="1">2</q:card></p:l></o>',
            b'<o><p:l><q:card q:no="1">***</q:card></p:l></o>',
        ),
        (
            "body.o.@card",
            b'<o xmlns:card="urn:a" card="1" card:card="2" x:cards="3"/>',
            b'<o xmlns:card="urn:a" card="***" card:card="***" x:cards="3"/>',
        ),
        ("body.o.@xmlns:x", b'<o xmlns:x="urn:a" x="1"/>', b'<o xmlns:x="***" x="1"/>'),
        ("body.o.@x:card", b'<o x:card="1" y:card="2"/>', b'<o x:card="***" y:card="***"/>'),
        (
            "body.x:o.x:card",
            b"<x:o><x:card>1</x:card></x:o>",
            b"<x:o><x:card>***</x:card></x:o>",
        ),
        ("body.x:o.x:card", b"<o><y:card>1</y:card></o>", b"<o><y:card>***</y:card></o>"),
        (
            "body.o.card",
            b"<o><card:x>1</card:x><cards>2</cards><Card>3</Card><x:CARD>4</x:CARD></o>",
            None,
        ),
    ],
)
def test_of_xml_an_element_or_attribute_is_found_whatever_prefix_the_caller_gives_it(
    path: str, body: bytes, stored: bytes | None
) -> None:
    assert redact([path], XML, body) == (body if stored is None else stored)


def test_a_prefix_is_a_part_of_names_outside_xml() -> None:
    body = b'{"x:card":1,"card":2}'
    assert redact(["body.card"], JSON, body) == b'{"x:card":1,"card":"***"}'
    assert redact(["body.x:card"], JSON, body) == b'{"x:card":"***","card":2}'


@given(TEXTS, TEXTS, TEXTS)
def test_of_xml_only_the_redacted_element_and_its_attributes_change(
    kept: str, gone: str, attribute: str
) -> None:
    body = (
        f'<o k="{escaped(kept)}"><c a="{escaped(attribute)}">{escaped(gone)}</c>'
        f"<d>{escaped(kept)}</d></o>"
    ).encode()
    redacted = parse_body(XML, redact(["body.o.c"], XML, body)).body
    assert redacted["o"]["c"] == {"@a": "***", "#text": "***"}
    before = parse_body(XML, body).body
    assert {**before["o"], "c": None} == {**redacted["o"], "c": None}


@pytest.mark.parametrize("depth", [5, 150])
def test_a_path_of_many_wildcards_costs_no_more_than_its_length(depth: int) -> None:
    body = b"<a>" * depth + b"</a>" * depth
    stars = "body." + ".".join("*" * 90) + ".x"
    assert redact([stars], XML, body) == body
    nested = b'{"a":' * depth + b"1" + b"}" * depth
    assert redact([stars], JSON, nested) == nested


def test_without_anything_to_redact_there_is_no_redaction() -> None:
    assert Redaction.compile([]) is None


def test_a_base64_file_of_a_form_is_replaced_with_its_name() -> None:
    body = multipart((b"scan", b'; filename="Anna Berg.png"', b"1"))
    redacted = redact(["body.scan"], MULTIPART, body)
    assert b"Anna" not in redacted
    assert base64.b64encode(b"1") not in redacted
