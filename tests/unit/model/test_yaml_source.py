"""YAML and JSON become plain documents, with the place of everything in them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firesteel.model.fault import child
from firesteel.model.yaml_source import MAX_BYTES, MAX_DEPTH, MAX_VALUES, load_document
from firesteel.model.yaml_writer import write_yaml

JSON_TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | JSON_TEXTS
    | st.from_regex(r"[-+0-9.eExo~_:# {%}'\"]{1,8}", fullmatch=True),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(JSON_TEXTS, inner, max_size=4),
    max_leaves=12,
)


def load(text: str) -> Any:
    loaded = load_document(text, "file.yaml")
    assert loaded.faults == []
    return loaded.document


def faults(text: str) -> list[tuple[int, int, str]]:
    return [(f.line, f.column, f.code) for f in load_document(text, "file.yaml").faults]


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("yes", "yes"),
        ("~", None),
        ("null", None),
        ("", None),
        ("nULL", "nULL"),
        ("true", True),
        ("FALSE", False),
        ("tRUE", "tRUE"),
        ("012", 12),
        ("0o14", 12),
        ("0x1F", 31),
        ("-12", -12),
        ("+12", 12),
        ("1_000", "1_000"),
        ("190:20:30", "190:20:30"),
        ("0b1", "0b1"),
        ("1.50", 1.5),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e5", 100000.0),
        ("2027-06-30", "2027-06-30"),
        ("12:30:00", "12:30:00"),
        ("9007199254740993", 9007199254740993),
        ("٣", "٣"),
        ("'5'", "5"),
        ('"true"', "true"),
        ("=", "="),
        ("<<", "<<"),
    ],
)
def test_scalars_follow_the_core_schema_of_yaml_1_2(scalar: str, value: Any) -> None:
    assert load(f"key: {scalar}\n") == {"key": value}
    assert type(load(f"key: {scalar}\n")["key"]) is type(value)


@pytest.mark.parametrize(
    ("text", "line", "column", "code", "hint"),
    [
        ("a: 1\nb:\n  a: 1\n  a: 2\n", 4, 3, "yaml_duplicate_key", "remove one of the two"),
        ("a: &x 1\n", 1, 4, "yaml_alias", "write the value out"),
        ("a: *x\n", 1, 4, "yaml_alias", "quote a text that begins with *"),
        ("a: !!str 1\n", 1, 4, "yaml_tag", "quote a text that begins with !"),
        ("a: !custom {b: 1}\n", 1, 4, "yaml_tag", "quote"),
        ("5: a\n", 1, 1, "yaml_key", 'write "5":'),
        ("true: a\n", 1, 1, "yaml_key", 'write "true":'),
        ("? [a]\n: b\n", 1, 3, "yaml_key", "quote"),
        ("? {a: b}\n: b\nc: 1\n", 1, 3, "yaml_key", "quote"),
        ("a: 1\n---\nb: 2\n", 2, 1, "yaml_documents", "a file of its own"),
        ("a: x\x01y\n", 1, 5, "yaml_character", "remove it"),
        ('a: "x\\0"\n', 1, 4, "yaml_character", ""),
        ("a: .inf\n", 1, 4, "yaml_number", "quote it"),
        ("a: 1e999\n", 1, 4, "yaml_number", "quote it"),
        ("a: " + "9" * 4301 + "\n", 1, 4, "yaml_number", "quote it"),
        ("", 1, 1, "document_empty", ""),
        ("# nothing\n", 1, 1, "document_empty", ""),
        ("a: {% input.no %}\n", 1, 4, "yaml_syntax", 'quote the expression: "{% ... %}"'),
        ("a: {b: {% x %}}\n", 1, 8, "yaml_syntax", "quote the expression"),
        ("a: {{% 5: 6 %}}\n", 1, 5, "yaml_syntax", "quote the expression"),
        ("a: no {% x: y %}\n", 1, 7, "yaml_syntax", "quote the expression"),
        ("a: [{% x %}]\n", 1, 5, "yaml_syntax", "quote the expression"),
        ("a:\n\tb: 1\n", 2, 1, "yaml_syntax", "indent with spaces"),
        ("a: b: c\n", 1, 5, "yaml_syntax", "quote a text that holds a colon"),
        ("a:\n  b: 1\n c: 2\n", 3, 2, "yaml_syntax", "look at the indentation"),
        ("a: 'x\n", 2, 1, "yaml_syntax", "quotes"),
        ("a: [1, 2\n", 2, 1, "yaml_syntax", "brackets"),
    ],
)
def test_a_fault_of_yaml_is_reported_with_its_place_and_a_hint(
    text: str, line: int, column: int, code: str, hint: str
) -> None:
    (fault,) = load_document(text, "file.yaml").faults
    assert (fault.file, fault.line, fault.column, fault.code) == ("file.yaml", line, column, code)
    assert hint in fault.hint
    assert fault.detail


def test_faults_that_do_not_end_the_reading_are_reported_together() -> None:
    text = "a: 1\na: 2\nb: &x 1\nc: *x\nd: !t 1\n? [z]\n: 1\n5: 6\ne: .nan\n"
    assert faults(text) == [
        (2, 1, "yaml_duplicate_key"),
        (3, 4, "yaml_alias"),
        (4, 4, "yaml_alias"),
        (5, 4, "yaml_tag"),
        (6, 3, "yaml_key"),
        (8, 1, "yaml_key"),
        (9, 4, "yaml_number"),
    ]


def test_of_a_duplicate_key_the_first_value_stays_and_faults_in_the_second_are_seen() -> None:
    loaded = load_document("a: 1\na: {b: *x}\n", "f")
    assert loaded.document == {"a": 1}
    assert [fault.code for fault in loaded.faults] == ["yaml_duplicate_key", "yaml_alias"]


def test_a_file_is_bounded_in_size_and_depth() -> None:
    assert faults("a" * (MAX_BYTES + 1)) == [(1, 1, "document_too_large")]
    assert faults("ü" * (MAX_BYTES // 2 + 1)) == [(1, 1, "document_too_large")]
    assert faults("- \n" * MAX_VALUES) == []
    assert faults("- \n" * (MAX_VALUES + 1)) == [(1, 1, "document_too_large")]
    assert load("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    assert faults("[" * (MAX_DEPTH + 1)) == [(1, MAX_DEPTH + 1, "yaml_depth")]
    assert faults("[" * 100_000) == [(1, MAX_DEPTH + 1, "yaml_depth")]


def test_every_value_and_key_has_its_place() -> None:
    loaded = load_document('a: 1\n"b c":\n  - x\n  - {d~/e: y}\n', "f")
    assert loaded.position("/a") == (1, 4)
    assert loaded.key_position("/a") == (1, 1)
    assert loaded.position("/b c") == (2, 1)
    assert loaded.position("/b c/0") == (3, 5)
    assert loaded.position(child("/b c", 1, "d~/e")) == (4, 12)
    assert loaded.key_position("/b c/1/d~0~1e") == (4, 6)
    assert loaded.position("/b c/1/none/at/all") == (4, 5)
    assert loaded.position("/none") == (1, 1)


def test_plain_scalars_keep_the_text_that_was_written() -> None:
    loaded = load_document("a: 012\nb: '012'\nc: [1.50]\n", "f")
    assert loaded.written == {"/a": "012", "/c/0": "1.50"}


def test_a_byte_order_mark_and_windows_line_ends_are_taken() -> None:
    assert load("\ufeffa: 1\r\nb: |\r\n  x\r\n  y\r\n") == {"a": 1, "b": "x\ny\n"}


def test_a_json_document_is_taken_with_all_its_escapes() -> None:
    document = {"a": '😀 \u2028 \\ud83d " / \t', "b": [1, 1.5, True, None, {"c": "{% x %}"}]}
    assert load(json.dumps(document)) == document
    assert load(json.dumps(document, indent="\t")) == document
    assert load('{"a":"\\/\\u00e9"}') == {"a": "/é"}


@given(JSON_VALUES)
def test_every_document_that_is_written_reads_back_the_same(document: Any) -> None:
    text = write_yaml(document)
    loaded = load_document(text, "f")
    assert loaded.faults == []
    assert json.dumps(loaded.document) == json.dumps(document)
    assert write_yaml(loaded.document) == text


@given(st.text(max_size=60) | st.text(alphabet="a:-[]{}%\"'|>&*!? \n\t#,", max_size=40))
def test_no_text_makes_the_reader_fail(text: str) -> None:
    loaded = load_document(text, "f")
    assert loaded.document is not None or loaded.faults or loaded.written
    for fault in loaded.faults:
        assert fault.line >= 1
        assert fault.column >= 1


def test_texts_of_several_lines_are_written_as_blocks_and_expressions_in_quotes() -> None:
    document = {"a": "x\ny\n", "b": "{% input.no %}", "c": "no", "d": "012", "e": ["GET", "POST"]}
    assert write_yaml(document) == (
        'a: |\n  x\n  y\nb: "{% input.no %}"\nc: \'no\'\nd: "012"\ne: [GET, POST]\n'
    )
