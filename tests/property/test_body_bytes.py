"""Whatever the bytes are, a body is parsed or has a reason; JSON comes back as it was."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from firesteel.model.body import check_body, parse_body
from firesteel.model.json_exact import JsonInvalid, dumps, loads
from tests.conftest import Size

CONTENT_TYPES = st.one_of(
    st.none(),
    st.sampled_from(
        [
            "application/json",
            "application/xml",
            "text/xml; charset=utf-16",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "text/csv",
            "text/csv; charset=iso-8859-1",
            "text/plain; charset=utf-16",
            "image/png",
        ]
    ),
    st.text(max_size=60),
    st.binary(max_size=60).map(lambda data: "application/json; charset=" + data.decode("latin-1")),
)
PIECES = st.sampled_from(
    [
        *(
            b'{"a":',
            b"[",
            b"]",
            b"}",
            b'"',
            b"\\ud800",
            b"1e9",
            b",",
            b";",
            b"\n",
            b"\x00",
            b"\xff",
        ),
        *(b"<a>", b"</a>", b"<![CDATA[", b"&amp;", b"<!DOCTYPE a>", b"<?xml ", b"?>"),
        *(b"--x\r\n", b"--x--", b"content-disposition: form-data; name=a", b"\r\n\r\n"),
        *(b"a=%41", b"&", b"\xed\xa0\x80"),
    ]
)
BYTES = st.one_of(st.binary(max_size=300), st.lists(PIECES, max_size=20).map(b"".join))

CODES = {
    *("", "malformed", "not_utf8", "duplicate_name", "lone_surrogate"),
    *("number_out_of_range", "nested_too_deeply"),
}

NUMBERS = st.one_of(
    st.integers(min_value=-(10**40), max_value=10**40),
    st.decimals(allow_nan=False, allow_infinity=False, places=5),
)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, st.text(st.characters(codec="utf-8"))),
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=5),
    ),
    max_leaves=20,
)


def test_p05_every_body_is_parsed_or_has_a_reason_and_keeps_its_bytes(size: Size) -> None:
    @settings(max_examples=100 if size == "quick" else 20_000)
    @given(CONTENT_TYPES, BYTES)
    def keeps(content_type: str | None, data: bytes) -> None:
        parsed = parse_body(content_type, data)
        assert parsed.raw == data
        assert parsed.body is None or parsed.body_error is None
        for mode in ("json", "xml", "form"):
            faults = check_body(mode, content_type, data)  # type: ignore[arg-type]
            assert all(fault.code and fault.detail for fault in faults)

    keeps()


@given(JSON)
def test_json_comes_back_with_every_digit(value: Any) -> None:
    text = dumps(value)
    found = loads(text)
    assert found == value
    assert dumps(found) == text


@given(BYTES)
def test_bytes_are_json_or_refused_with_a_code(data: bytes) -> None:
    code = ""
    try:
        value = loads(data)
        assert loads(dumps(value)) == value
    except JsonInvalid as error:
        code = error.code
    assert code in CODES


@given(st.integers(min_value=1, max_value=10**30), st.integers(min_value=1, max_value=20))
def test_decimals_stay_as_they_are_written(whole: int, places: int) -> None:
    text = f"{whole}.{'0' * (places - 1)}5"
    assert loads(text.encode()) == Decimal(text)
    assert dumps(loads(text.encode())) == text.encode()
