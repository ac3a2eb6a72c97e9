"""What a message holds is shown as it is, whatever it is and however long."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firesteel.admin import long_payload
from firesteel.admin.long_payload import (
    WHOLE_BYTES,
    LongPayload,
    bounded_payload_of,
    joined,
    json_of,
    payload_of,
)
from firesteel.admin.shapes import MessageShape, PayloadShape
from firesteel.admin.shapes.base import Shape

AT = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
LETTERS = 'a\u00e9\u20ac\U0001f600"\\\n\t/\u2028\x7f'


class Leaf(Shape):
    """A shape without parts."""

    text: str
    at: datetime | None = None


class Tree(Shape):
    """A shape with parts of every kind."""

    leaves: list[Leaf]
    names: list[str]
    one: Leaf | None
    payload: PayloadShape
    value: object = None


class OnlyParts(Shape):
    """Nothing stands beside its parts."""

    leaf: Leaf


def written(shape: Shape) -> object:
    return json.loads(b"".join(json_of(shape)))


@given(
    st.lists(st.builds(Leaf, text=st.text(), at=st.sampled_from([None, AT])), max_size=3),
    st.lists(st.text(), max_size=3),
    st.binary(max_size=50),
)
def test_json_in_pieces_is_that_of_the_shape(
    leaves: list[Leaf], names: list[str], data: bytes
) -> None:
    one = leaves[0] if leaves else None
    value = {"a": [1, None], "b": names}
    tree = Tree(leaves=leaves, names=names, one=one, payload=payload_of(data), value=value)
    assert written(tree) == json.loads(tree.model_dump_json())


def test_a_shape_of_parts_alone_is_whole() -> None:
    shape = OnlyParts(leaf=Leaf(text="x"))
    assert written(shape) == {"leaf": {"text": "x", "at": None}}


@pytest.mark.parametrize("cut", range(5))
@pytest.mark.parametrize("text", [LETTERS, "\U0001f600", "\u00e9", "x"])
def test_a_long_text_is_written_whole_wherever_its_pieces_end(text: str, cut: int) -> None:
    whole = "y" * cut + text * (WHOLE_BYTES // len(text.encode()) + 1)
    shape = bounded_payload_of(whole.encode())
    assert isinstance(shape, LongPayload)
    assert shape.text is not None
    assert len(shape.text) > 65_536
    assert whole.startswith(shape.text)
    size_bytes = len(whole.encode())
    assert written(shape) == {"size_bytes": size_bytes, "text": whole, "base64": None}
    assert max(map(len, json_of(shape))) < 4 * 1024 * 1024


@pytest.mark.parametrize("extra", range(4))
@pytest.mark.parametrize("last", [b"\xff", b"\xe2\x82", b"\0", b"\x1b"])
def test_what_is_no_text_to_its_last_byte_is_base64(last: bytes, extra: int) -> None:
    data = b"a" * (WHOLE_BYTES + extra) + last
    shape = bounded_payload_of(data)
    assert isinstance(shape, LongPayload)
    assert shape.base64 is not None
    encoded = base64.b64encode(data).decode()
    assert encoded.startswith(shape.base64)
    assert written(shape) == {"size_bytes": len(data), "text": None, "base64": encoded}
    assert payload_of(last) == PayloadShape(
        size_bytes=len(last), text=None, base64=base64.b64encode(last).decode()
    )


def test_what_is_short_is_whole() -> None:
    data = b"a" * WHOLE_BYTES
    assert bounded_payload_of(data) == payload_of(data)
    assert payload_of(LETTERS.encode()).text == LETTERS
    assert payload_of(b"") == PayloadShape(size_bytes=0, text="", base64=None)


def test_pieces_are_joined_to_fewer() -> None:
    pieces = [b"ab"] * 10
    assert list(joined(pieces, 5)) == [b"ababab", b"ababab", b"ababab", b"ab"]
    assert list(joined([], 5)) == [b""]


def test_a_message_with_a_long_body_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_payload, "WHOLE_BYTES", 100)
    body = bounded_payload_of(b"x" * 101)
    given = {
        "id": "1",
        "sequence": 1,
        "workspace": "w",
        "integration": "i",
        "consumer": None,
        "let_in_by": None,
        "received_at": AT,
        "erased_at": None,
        "executions": [],
    }
    request = {"method": "POST", "path": "/", "query": "", "headers": [("a", "b")], "body": body}
    found = written(MessageShape.model_validate({**given, "request": request}))
    assert isinstance(found, dict)
    assert found["request"]["body"]["text"] == "x" * 101
    assert found["request"]["headers"] == [["a", "b"]]
    assert found["executions"] == []
