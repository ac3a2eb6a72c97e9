"""What is redacted is no key and no search value: in each format, by whatever path."""

from __future__ import annotations

from itertools import product

import pytest

from firesteel.model.body import parse_body
from firesteel.model.path import MISSING, Path, as_key
from firesteel.model.redaction.covering import covers
from tests.unit.model.test_redaction import FORM, JSON, XML, redact

CSV = "text/csv"


def test_what_is_redacted_covers_what_stands_within_it() -> None:
    def covered(redacted: str, path: str) -> bool:
        return covers(Path.parse(redacted), Path.parse(path), "any")

    assert covered("body.a", "body.a.b")
    assert covered("body.*.b", "body.0.b")
    assert covered("body", "body.a")
    assert covered("headers.x-a", "headers.X-A")
    assert covered("body.a", "body.x:a.b")
    assert covered("body.x:a.@y:b", "body.a.@b")
    assert not covered("body.a", "body.a:b")
    assert not covered("query.a", "query.x:a")
    assert not covered("body.a.b", "body.c")
    assert not covered("body.a.b", "body.a.c")
    assert not covered("body.*.card", "body.id")
    assert not covered("body.a", "query.a")
    assert not covered("query.a", "query.b")


ORDER = "<o><line><card>4111</card></line></o>"
ORDERS = "<o><line><card>4111</card></line><line><card>4112</card></line></o>"
MIXED = b'{"o":{"card":"4111","0":{"card":"4112"},"a":{"card":"4113"}},"card":"4114"}'


@pytest.mark.parametrize(
    "redacted",
    [
        "body.o.line.card",
        "body.o.line.0.card",
        "body.o.line.1.card",
        "body.o.line.*.card",
        "body.o.*.card",
        "body.*.line.card",
        "body.o.line.card.#text",
        "body.o.line.0.card.0",
        "body.0.o.line.card",
        "body.*.*.line.card",
    ],
)
@pytest.mark.parametrize("body", [ORDER, ORDERS])
@pytest.mark.parametrize(
    "path", ["body.o.line.card", "body.o.line.0.card", "body.o.line.1.card", "body.o.line.card.0"]
)
def test_what_a_path_finds_in_xml_is_redacted_or_the_document_is_at_fault(
    redacted: str, body: str, path: str
) -> None:
    """Numbers and ``*`` count for nothing in what is redacted, so neither do they in what may be
    a key or a search value."""
    stored = redact([redacted], XML, body.encode())
    assert b"411" not in stored
    assert covers(Path.parse(redacted), Path.parse(path), "xml")
    assert covers(Path.parse(redacted), Path.parse(path))


KINDS = {
    "json": (
        JSON,
        [
            b'{"a":{"b":"7001","0":"7002"},"b":"7003","0":"7004"}',
            b'{"a":["7001",{"b":"7002"}],"b":["7003"]}',
            b'[{"a":"7001"},{"a":{"b":"7002"}}]',
        ],
    ),
    "xml": (
        XML,
        [
            b"<a><b>7001</b></a>",
            b"<a><b>7001</b><b>7002</b></a>",
            b'<a b="7001"><b b="7002">7003</b></a>',
            b'<a xmlns:x="u" x:b="7001">7002<b x:b="7003"/></a>',
        ],
    ),
    "form": (FORM, [b"a=7001&b=7002&0=7003", b"a=7001&a=7002"]),
    "any": (CSV, [b"a,b\n7001,7002\n7003,7004\n"]),
}
PARTS = ["a", "b", "0", "1", "*", "@b", "#text"]


@pytest.mark.parametrize("mode", KINDS)
def test_whatever_is_redacted_no_path_finds_it_unless_the_document_is_at_fault(mode: str) -> None:
    """All paths of up to three parts, in all formats: a value that is not in the stored body any
    more is found by no path that a document may have as a key or a search value."""
    content_type, bodies = KINDS[mode]
    paths = [".".join(("body", *parts)) for n in (1, 2, 3) for parts in product(PARTS, repeat=n)]
    read = [Path.parse(path) for path in paths if "*" not in path]
    for body in bodies:
        parsed = parse_body(content_type, body)
        once = parsed.once_is_a_list
        values = {
            path: as_key(path.read({}, [], None, parsed.body, once_is_a_list=once)) for path in read
        }
        found = {path: value for path, value in values.items() if value is not MISSING}
        assert found
        for redacted in paths:
            stored = redact([redacted], content_type, body)
            leaks = [
                path.text
                for path, value in found.items()
                if str(value).encode() not in stored
                and not covers(Path.parse(redacted), path, mode)
            ]
            assert leaks == [], (redacted, body)


def test_a_trigger_that_demands_json_may_look_for_what_is_redacted_in_xml_alone() -> None:
    redacted, other = Path.parse("body.o.0.card"), Path.parse("body.o.1.card")
    assert covers(redacted, other)
    assert covers(redacted, other, "xml")
    assert not covers(redacted, other, "json")
    stored = redact(["body.o.*.card"], JSON, MIXED)
    assert stored == MIXED.replace(b"4112", b"***").replace(b"4113", b"***")


def test_in_a_form_or_a_table_a_path_through_any_name_leads_to_no_member() -> None:
    assert redact(["body.*.card"], FORM, b"id=1&card=4111") == b"id=1&card=4111"
    assert redact(["body.*"], FORM, b"id=1&card=4111") == b"id=***&card=***"
    assert redact(["body.*.0"], FORM, b"id=1&id=2") == b"id=***&id=***"
    assert redact(["body.card.number"], FORM, b"id=1&card=4111") == b"id=1&card=***"
